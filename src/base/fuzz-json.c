/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json-plain.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err;
	AUTO_JSON j = NULL;
	AUTO_JSON again = NULL;
	AUTO_JSON plain = json_plain((struct span){ data, size }, 128);
	AUTO_JSON jansson = plain ? json_loadb((const char *)data, size,
					       JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL)
				  : NULL;
	if (plain && (!jansson || !json_equal(plain, jansson)))
		abort();
	if (json_parse((struct span){ data, size }, &j, &err) != 0)
		return 0;
	CLEANUP(free_charp) char *text = json_text(j);
	if (json_parse(span_str(text), &again, &err) != 0 || !json_equal(j, again))
		abort();
	return 0;
}
