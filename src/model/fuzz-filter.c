/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as a filter: it is parsed or refused, and what was parsed can be asked.
 */
#include "model/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fleet rows[] = { { .id = 1, .name = "default" },
					     { .id = 2, .parent_id = 1, .name = "Sales" } };
	const struct filter *f;
	struct fleet_tree *tree;
	struct arena a;
	if (fleet_tree_new(rows, 2, &tree) != 0)
		abort();
	arena_init(&a);
	if (filter_parse(arena_strndup(&a, (const char *)data, size), tree, 0, &a, &f, NULL) == 0)
		(void)filter_match(f, &(struct device){ .fleet_id = 2 }, tree, NULL, NULL);
	arena_fini(&a);
	fleet_tree_free(tree);
	return 0;
}
