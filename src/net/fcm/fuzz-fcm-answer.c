/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the body of an answer.
 */
#include "net/fcm/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const long statuses[] = { 200, 400, 404, 500 };
	char reason[REASON_SIZE], token[ACCESS_TOKEN_MAX];
	int64_t life_ms;
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		(void)answer_read(statuses[i], (struct span){ data, size }, reason);
		answer_access_reason(statuses[i], (struct span){ data, size }, reason);
	}
	(void)answer_read_access((struct span){ data, size }, token, &life_ms);
	return 0;
}
