/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_fini) struct buf bytes, text, again;
	buf_init(&bytes, size);
	buf_init(&text, 2 * size + 4);
	buf_init(&again, size);
	if (!base64_decode((struct span){ data, size }, &bytes))
		return 0;
	base64_add(&text, buf_span(&bytes));
	if (!base64_decode(buf_span(&text), &again) || !span_eq(buf_span(&bytes), buf_span(&again)))
		abort();
	return 0;
}
