/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err;
	AUTO_JSON j = NULL;
	AUTO_JSON again = NULL;
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 64u << 20);
	if (yaml_parse("fuzz", (struct span){ data, size }, &j, &err) != 0 ||
	    json_array_size(j) == 0)
		return 0;
	yaml_add(&out, json_array_get(j, 0));
	if (yaml_parse("again", buf_span(&out), &again, &err) != 0 ||
	    !json_equal(json_array_get(j, 0), json_array_get(again, 0)))
		abort();
	return 0;
}
