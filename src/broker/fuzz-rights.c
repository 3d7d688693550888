/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "broker/rights.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rights r = { "0/agent/A", "0/fleet/5\0", 0 };
	struct arena a;
	arena_init(&a);
	const char *topic = arena_strndup(&a, (const char *)data, size);
	const char *t = topic + (*topic == '/');
	bool own = strncmp(t, "0/agent/A/", 10) == 0, fleet = strncmp(t, "0/fleet/5/", 10) == 0;
	bool manifest = strncmp(t, "FlyvemdmManifest/", 17) == 0;
	(void)rights_root_valid((struct span){ data, size });
	assert(!rights_may(&r, RIGHTS_WRITE, topic) || own);
	assert(!rights_may(&r, RIGHTS_WRITE_RETAINED, topic) ||
	       rights_may(&r, RIGHTS_WRITE, topic));
	assert(!rights_may(&r, RIGHTS_READ, topic) || own || fleet || manifest);
	assert(rights_may(&r, RIGHTS_SUBSCRIBE, topic) == (own || fleet || manifest));
	arena_fini(&a);
	return 0;
}
