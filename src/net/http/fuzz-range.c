/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "net/http/range.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	const char *text = arena_strndup(&a, (const char *)data, size);
	uint64_t first, last;
	for (uint64_t n = 0; n < 1000; n += 333)
		if (range_parse(text, n, &first, &last) == RANGE_PART)
			assert(first <= last && last < n);
	(void)etag_in_list(text, "\"a\"");
	(void)etag_if_range(text, "\"a\"");
	return 0;
}
