/* SPDX-License-Identifier: Apache-2.0 */
#include "reeve/client.h"
#include "reeve/device-page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err;
	AUTO_JSON j = NULL;
	CLEANUP(buf_fini) struct buf out;
	const struct output o = { .width = 80, .color = true, .now_ms = 1 };
	buf_init(&out, 64u << 20);
	(void)client_problem("http://s", size ? data[0] * 3 : 0, (struct span){ data, size }, &err);
	if (json_parse((struct span){ data, size }, &j, &err) == 0)
		device_page_add(&out, j, &o);
	return 0;
}
