/* SPDX-License-Identifier: Apache-2.0 */
#include "reeve/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool touch(void *user, const char *id, const char *type, const char *data)
{
	return strlen(id) + strlen(type) + strlen(data) < SSE_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sse s;
	sse_init(&s, touch, NULL);
	(void)!sse_feed(&s, (struct span){ data, size });
	sse_fini(&s);
	return 0;
}
