/* SPDX-License-Identifier: Apache-2.0
 *
 * Bounded readers over borrowed bytes; span.h has the contract. Every check compares what is
 * wanted with what is left, so no sum of peer numbers can wrap.
 */
#include "base/span.h"

struct span span_str(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool span_eq_str(struct span a, const char *s)
{
	return span_eq(a, span_str(s));
}

static uint8_t ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool span_ieq_str(struct span a, const char *s)
{
	struct span b = span_str(s);
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

static void skip(struct span *s, size_t n)
{
	s->p += n;
	s->n -= n;
}

/* Big-endian number of n <= 4 bytes. */
static bool get_be(struct span *s, size_t n, uint32_t *ret)
{
	if (n > s->n)
		return false;
	uint32_t v = 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | s->p[i];
	skip(s, n);
	*ret = v;
	return true;
}

bool span_get_u8(struct span *s, uint8_t *ret)
{
	uint32_t v;
	if (!get_be(s, 1, &v))
		return false;
	*ret = (uint8_t)v;
	return true;
}

int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool span_get_escape(struct span *s, uint8_t *ret)
{
	if (s->n < 3 || s->p[0] != '%')
		return false;
	int high = hex_value((char)s->p[1]), low = hex_value((char)s->p[2]);
	if (high < 0 || low < 0)
		return false;
	*ret = (uint8_t)(high << 4 | low);
	s->p += 3;
	s->n -= 3;
	return true;
}

bool span_get_be16(struct span *s, uint16_t *ret)
{
	uint32_t v;
	if (!get_be(s, 2, &v))
		return false;
	*ret = (uint16_t)v;
	return true;
}

bool span_get_be24(struct span *s, uint32_t *ret)
{
	return get_be(s, 3, ret);
}

bool span_get_be32(struct span *s, uint32_t *ret)
{
	return get_be(s, 4, ret);
}

bool span_get_varint(struct span *s, uint64_t *ret)
{
	uint64_t v = 0;
	for (size_t i = 0; i < 10 && i < s->n; i++) {
		uint8_t b = s->p[i];
		if (i == 9 && b > 1) /* bits past the 64th */
			return false;
		v |= (uint64_t)(b & 0x7f) << (7 * i);
		if (b & 0x80)
			continue;
		skip(s, i + 1);
		*ret = v;
		return true;
	}
	return false;
}

bool span_get_bytes(struct span *s, size_t n, struct span *ret)
{
	if (n > s->n)
		return false;
	*ret = (struct span){ s->p, n };
	if (n > 0) /* a null pointer plus nothing is still undefined */
		skip(s, n);
	return true;
}

bool span_get_until(struct span *s, char c, struct span *ret)
{
	const uint8_t *at = s->n ? memchr(s->p, c, s->n) : NULL;
	if (!at)
		return false;
	*ret = (struct span){ s->p, (size_t)(at - s->p) };
	skip(s, ret->n + 1);
	return true;
}
