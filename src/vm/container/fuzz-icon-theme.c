/* SPDX-License-Identifier: Apache-2.0
 *
 * An index.theme of any content: folders that stay below the theme's own.
 */
#include "vm/container/icon-theme.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_fini) struct arena a;
	struct icon_theme t;
	arena_init(&a);
	icon_theme_parse((struct span){ data, size }, &a, &t);
	for (size_t i = 0; i < t.n_dirs; i++)
		if (!icon_path_ok(t.dirs[i].path) ||
		    icon_dir_distance(&t.dirs[i], 48, 2) > 1u << 26)
			abort();
	return 0;
}
