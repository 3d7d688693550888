/* SPDX-License-Identifier: Apache-2.0
 *
 * Bump allocation in blocks. What is larger than half a block gets one of its own, linked behind
 * the head, so that the head's free space stays in use.
 */
#include "base/arena.h"
#include <stdalign.h>
#include <stdarg.h>

#define BLOCK_SIZE 4032 /* with the head and malloc's own word: under one page */

struct arena_block {
	struct arena_block *next;
	size_t size;
	alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

void arena_fini(struct arena *a)
{
	for (struct arena_block *b = a->head, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	arena_init(a);
}

static struct arena_block *block_new(size_t size)
{
	if (size > SIZE_MAX / 2)
		abort();
	struct arena_block *b = malloc(sizeof *b + size);
	if (!b)
		abort();
	b->size = size;
	return b;
}

static void *alloc_own_block(struct arena *a, size_t n)
{
	struct arena_block *b = block_new(n);
	if (a->head) {
		b->next = a->head->next;
		a->head->next = b;
	} else {
		b->next = NULL;
		a->head = b;
		a->used = n;
	}
	return b->data;
}

static void *alloc_in_head(struct arena *a, size_t n)
{
	if (!a->head || n > a->head->size - a->used) {
		struct arena_block *b = block_new(BLOCK_SIZE);
		b->next = a->head;
		a->head = b;
		a->used = 0;
	}
	void *p = a->head->data + a->used;
	a->used += n;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);
	if (n > SIZE_MAX / 2)
		abort();
	size_t rounded = ((n ? n : 1) + align - 1) & ~(align - 1);
	void *p =
		rounded > BLOCK_SIZE / 2 ? alloc_own_block(a, rounded) : alloc_in_head(a, rounded);
	return memset(p, 0, n);
}

void *arena_alloc_n(struct arena *a, size_t size, size_t n)
{
	if (size > 0 && n > SIZE_MAX / size)
		abort();
	return arena_alloc(a, size * n);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = arena_alloc(a, len + 1);
	memcpy(p, s, len);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

struct span arena_dup(struct arena *a, struct span s)
{
	uint8_t *p = arena_alloc(a, s.n + 1); /* the NUL costs nothing and helps in a debugger */
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (struct span){ p, s.n };
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	char *p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}
