/* SPDX-License-Identifier: Apache-2.0 */
#include "reeve-bench/answer.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answer a;
	size_t n = 0;
	if (answer_read((struct span){ data, size }, &a, &n) == ANSWER_WHOLE)
		assert(n <= size && a.body.n <= n);
	return 0;
}
