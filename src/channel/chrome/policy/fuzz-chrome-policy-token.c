/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_token as a client sends it back: what is read is written the same.
 */
#include "channel/chrome/policy/stamp.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[STAMP_TOKEN_SIZE], again[STAMP_TOKEN_SIZE];
	int64_t version, stamp;
	size_t n = size < sizeof text ? size : sizeof text - 1;
	memcpy(text, data, n);
	text[n] = '\0';
	if (stamp_token_parse(text, &version, &stamp)) {
		stamp_token(version, stamp, (uint32_t)strtoul(strrchr(text, '.') + 1, NULL, 10),
			    again);
		assert(strcmp(text, again) == 0);
	}
	return 0;
}
