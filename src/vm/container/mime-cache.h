/* SPDX-License-Identifier: Apache-2.0
 *
 * mime-cache: the types of files by their extensions, out of mime.cache (shared-mime-info, "The mime.cache files"). Pure.
 *
 * The file is a tree of suffixes, read from their ends: offsets lead anywhere, so every step is checked, and the number of nodes
 * that are looked at has a limit whatever the offsets say. Only suffixes with a dot in front count: "png" of ".png".
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>

#define MIME_FILE_MAX      (10u << 20)
#define MIME_NODES_MAX     30000
#define MIME_EXTENSION_MAX 100 /* bytes */
#define MIME_TYPE_MAX      255 /* bytes */

struct mime_type { /* in the table's arena */
	char *extension, *type;
	unsigned weight, level;
};

struct map;
struct mime_table {
	struct arena arena;
	struct map *by_extension; /* struct mime_type */
};

void mime_table_init(struct mime_table *t);
void mime_table_fini(struct mime_table *t);
/* Adds what the file knows. What a higher level says wins over lower ones; within one the higher weight. ERR_INVALID: it is no such
 * file; what was read until there stays. */
int mime_cache_read(struct span file, unsigned level, struct mime_table *t,
		    struct error *err) WARN_UNUSED;
