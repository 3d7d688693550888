/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8 decoding and encoding (RFC 3629); used wherever text of others meets a log, a terminal
 * or JSON.
 */
#include "base/utf8.h"

static const struct utf8_form {
	uint8_t mask, lead; /* of the first byte */
	uint8_t n;          /* bytes in all */
	uint32_t min;       /* less is an overlong form */
} forms[] = {
	{ 0x80, 0x00, 1, 0 },
	{ 0xe0, 0xc0, 2, 0x80 },
	{ 0xf0, 0xe0, 3, 0x800 },
	{ 0xf8, 0xf0, 4, 0x10000 },
};

static const struct utf8_form *form_of(uint8_t lead)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if ((lead & forms[i].mask) == forms[i].lead)
			return &forms[i];
	return NULL;
}

bool span_get_utf8(struct span *s, uint32_t *ret)
{
	const struct utf8_form *f = s->n > 0 ? form_of(s->p[0]) : NULL;
	if (!f || f->n > s->n)
		return false;
	uint32_t v = s->p[0] & (uint8_t)~f->mask;
	for (size_t i = 1; i < f->n; i++) {
		if ((s->p[i] & 0xc0) != 0x80)
			return false;
		v = v << 6 | (s->p[i] & 0x3f);
	}
	if (v < f->min || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return false;
	s->p += f->n;
	s->n -= f->n;
	*ret = v;
	return true;
}

bool span_get_utf8_lossy(struct span *s, uint32_t *ret)
{
	if (s->n == 0)
		return false;
	if (span_get_utf8(s, ret))
		return true;
	s->p++;
	s->n--;
	*ret = UTF8_REPLACEMENT;
	return true;
}

bool utf8_valid(struct span s)
{
	uint32_t v;
	while (span_get_utf8(&s, &v))
		;
	return s.n == 0;
}

void utf8_add(struct buf *out, uint32_t v)
{
	char c[4];
	if (v < 0x80) {
		buf_add_char(out, (char)v);
		return;
	}
	size_t n = v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, v >>= 6)
		c[i] = (char)(0x80 | (v & 0x3f));
	c[0] = (char)(forms[n - 1].lead | v);
	buf_add(out, c, n);
}

bool utf8_is_control(uint32_t v)
{
	return v < 0x20 || (v >= 0x7f && v <= 0x9f) ||      /* C0, DEL, C1 */
	       v == 0x061c || v == 0x200e || v == 0x200f || /* bidi marks */
	       (v >= 0x2028 && v <= 0x202e) ||              /* line separators, bidi embeddings */
	       (v >= 0x2066 && v <= 0x2069) || v == 0xfeff; /* bidi isolates, BOM */
}

bool utf8_has_control(struct span s)
{
	uint32_t v;
	while (span_get_utf8(&s, &v))
		if (utf8_is_control(v))
			return true;
	return false;
}
