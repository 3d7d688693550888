/* SPDX-License-Identifier: Apache-2.0
 *
 * Results of commands: every command's reading of the same bytes.
 */
#include "channel/chrome/command/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct command_outcome o;
	struct arena a;
	Dm__RemoteCommandResult *r = dm__remote_command_result__unpack(NULL, size, data);
	if (!r)
		return 0;
	arena_init(&a);
	for (const struct command_word *w = command_words; w->name; w++) {
		command_outcome(w, r, &a, &o);
		json_decref(o.result);
	}
	arena_fini(&a);
	dm__remote_command_result__free_unpacked(r, NULL);
	return 0;
}
