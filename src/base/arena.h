/* SPDX-License-Identifier: Apache-2.0
 *
 * arena: memory of one request or one transaction, freed all at once.
 *
 * arena_alloc never returns NULL: it is for small things of our own making and aborts when memory
 * is out. What a peer sizes is bounded before it gets here.
 */
#pragma once

#include "base/macros.h"
#include "base/span.h"

struct arena_block;
struct arena {
	struct arena_block *head; /* newest block first */
	size_t used;              /* bytes used in head */
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a);
void *arena_alloc(struct arena *a, size_t n);                /* zeroed, aligned for anything */
void *arena_alloc_n(struct arena *a, size_t size, size_t n); /* size * n, checked */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
struct span arena_dup(struct arena *a, struct span s);
char *arena_printf(struct arena *a, const char *fmt, ...) FORMAT_PRINTF(2, 3);
#define arena_new(a, type)      ((type *)arena_alloc((a), sizeof(type)))
#define arena_new_n(a, type, n) ((type *)arena_alloc_n((a), sizeof(type), (size_t)(n)))
