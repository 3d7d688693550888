/* SPDX-License-Identifier: Apache-2.0
 *
 * What a token-info endpoint says; and, of the same bytes, a certificate that a device uploads.
 */
#include "channel/chrome/oauth.h"
#include "channel/chrome/uploads.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char email[OAUTH_EMAIL_MAX + 1];
	int64_t until_ms;
	struct span in = { data, n };
	(void)oauth_answer_read(in, 1000, email, &until_ms);
	json_decref(certificate_json(in));
	return 0;
}
