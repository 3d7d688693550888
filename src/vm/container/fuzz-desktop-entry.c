/* SPDX-License-Identifier: Apache-2.0
 *
 * Desktop entries of any content: read, and their commands made.
 */
#include "vm/container/entry.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_fini) struct arena a;
	char *files[] = { (char[]){ "a b" }, (char[]){ "\"" } }, **argv;
	struct entry e;
	struct error err;
	arena_init(&a);
	if (entry_parse((struct span){ data, size }, &a, &e, &err) == 0 && entry_is_shown(&e) &&
	    entry_argv(&e, "/f", files, 2, &a, &argv, &err) == 0 && !argv[0])
		abort();
	return 0;
}
