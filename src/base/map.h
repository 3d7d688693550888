/* SPDX-License-Identifier: Apache-2.0
 *
 * map: hash table from int64 or bytes to a pointer. Open addressing, seeded hash (peers choose
 * keys). Values are borrowed; byte keys are copied.
 */
#pragma once

#include "base/span.h"

struct map; /* heap, one owner */

struct map *map_new(void);
void map_free(struct map *m);
size_t map_n(const struct map *m);
void *map_get(const struct map *m, struct span key); /* NULL: not there */
void *map_put(struct map *m, struct span key,
	      void *value);                       /* value not NULL; returns what was replaced */
void *map_remove(struct map *m, struct span key); /* returns what was removed */
/* Visits in no order; 'fn' must not change the map. */
void map_each(const struct map *m, void (*fn)(void *user, struct span key, void *value),
	      void *user);

static inline struct span map_key_int(const int64_t *v)
{
	return (struct span){ (const uint8_t *)v, sizeof *v };
}
