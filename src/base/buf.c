/* SPDX-License-Identifier: Apache-2.0
 *
 * Growing bytes with a maximum; buf.h has the contract. An append happens wholly or not at all.
 */
#include "base/buf.h"

#define FIRST_CAP 128

void buf_init(struct buf *b, size_t max)
{
	/* Leaves room for the NUL and for doubling without wrapping. */
	*b = (struct buf){ .max = max < SIZE_MAX / 4 ? max : SIZE_MAX / 4 };
}

void buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = false;
	if (b->p)
		b->p[0] = '\0';
}

/* Room for n more bytes and the NUL, or failed. */
static bool reserve(struct buf *b, size_t n)
{
	if (b->failed || n > b->max - b->n)
		return !(b->failed = true);
	size_t need = b->n + n + 1;
	if (need <= b->cap)
		return true;
	size_t cap = b->cap ? b->cap * 2 : FIRST_CAP;
	if (cap < need)
		cap = need;
	if (cap > b->max + 1)
		cap = b->max + 1;
	char *p = realloc(b->p, cap);
	if (!p)
		return !(b->failed = true);
	b->p = p;
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0 || !reserve(b, n))
		return;
	memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	if (b->failed)
		return;
	va_list again;
	va_copy(again, ap);
	size_t room = b->cap - b->n; /* of text and NUL; 0 while nothing is allocated */
	int n = vsnprintf(room ? b->p + b->n : NULL, room, fmt, ap);
	if (n < 0) {
		b->failed = true;
	} else if ((size_t)n < room && (size_t)n <= b->max - b->n) {
		b->n += (size_t)n;
	} else if (reserve(b, (size_t)n)) {
		vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	if (b->p)
		b->p[b->n] = '\0'; /* also cuts what a failed try left behind */
	va_end(again);
}

void buf_add_percent(struct buf *b, const char *text, const char *plain)
{
	static const char always[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	for (; *text; text++)
		if (strchr(always, *text) || strchr(plain, *text))
			buf_add_char(b, *text);
		else
			buf_addf(b, "%%%02X", (unsigned char)*text);
}

struct span buf_span(const struct buf *b)
{
	return (struct span){ (const uint8_t *)b->p, b->n };
}

const char *buf_str(const struct buf *b)
{
	return b->p ? b->p : "";
}

char *buf_take(struct buf *b)
{
	if (b->failed)
		return NULL;
	char *p = b->p ? b->p : calloc(1, 1);
	if (!p)
		abort();
	*b = (struct buf){ .max = b->max };
	return p;
}
