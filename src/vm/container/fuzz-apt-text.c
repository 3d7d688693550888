/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of apt and dpkg, and ids from the host, of any content: what comes out of them is safe to name to a program.
 */
#include "base/arena.h"
#include "vm/container/apt-text.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_fini) struct arena a;
	unsigned percent;
	const char *text;
	char name[300];
	arena_init(&a);
	const char *line = arena_strndup(&a, (const char *)data, size);
	(void)apt_status_parse(line, &percent, &text);
	if (percent > 100 || (apt_name_of_id(line, name, sizeof name) && name[0] == '-') ||
	    (apt_owner_parse(line, name, sizeof name) && !apt_name_ok(name)))
		abort();
	return 0;
}
