/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err;
	AUTO_JSON j = NULL;
	AUTO_JSON again = NULL;
	if (json_parse((struct span){ data, size }, &j, &err) != 0)
		return 0;
	CLEANUP(free_charp) char *text = json_text(j);
	if (json_parse(span_str(text), &again, &err) != 0 || !json_equal(j, again))
		abort();
	return 0;
}
