/* SPDX-License-Identifier: Apache-2.0
 *
 * Start-up files of any content: a launch with a program, or a sentence.
 */
#include "vm/guest/launch-text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_fini) struct arena a;
	struct launch l;
	struct error err = { .message = "" };
	arena_init(&a);
	int r = launch_text_parse((struct span){ data, size }, &a, &l, &err);
	if (r ? !err.message[0] : !l.argv[0])
		abort();
	return 0;
}
