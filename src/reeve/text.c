/* SPDX-License-Identifier: Apache-2.0
 *
 * Cleaning and measuring of text.h. Expects UTF-8; a character of unknown width counts as one.
 */
#include "reeve/text.h"
#include "base/utf8.h"
#include <locale.h>
#include <wchar.h>

void text_init(void)
{
	setlocale(LC_CTYPE, "C.UTF-8"); /* without it only the alignment of wide letters suffers */
}

static void add_clean(struct buf *out, const char *s, bool lines)
{
	struct span left = span_str(s);
	for (uint32_t c; span_get_utf8_lossy(&left, &c);) {
		bool blank = c == '\n' || c == '\t' || c == '\r';
		if (blank && !(lines && c != '\r'))
			c = ' ';
		else if (!blank && utf8_is_control(c))
			c = UTF8_REPLACEMENT;
		utf8_add(out, c);
	}
}

void text_add_clean(struct buf *out, const char *s)
{
	add_clean(out, s, false);
}

void text_add_clean_lines(struct buf *out, const char *s)
{
	add_clean(out, s, true);
}

static size_t char_width(uint32_t c)
{
	int w = wcwidth((wchar_t)c);
	return w < 0 ? 1 : (size_t)w;
}

size_t text_width(const char *s)
{
	size_t width = 0;
	struct span left = span_str(s);
	for (uint32_t c; span_get_utf8_lossy(&left, &c);)
		width += char_width(c);
	return width;
}

void text_add_cut(struct buf *out, const char *s, size_t width)
{
	if (text_width(s) <= width) {
		buf_add_str(out, s);
		return;
	}
	struct span left = span_str(s);
	size_t used = 1; /* the ellipsis */
	for (uint32_t c; span_get_utf8_lossy(&left, &c);) {
		used += char_width(c);
		if (used > width)
			break;
		utf8_add(out, c);
	}
	if (width > 0)
		buf_add_str(out, "…");
}

void text_add_wrapped(struct buf *out, const char *s, size_t width, size_t indent)
{
	size_t used = 0;
	for (size_t n; *s; s += n) {
		s += strspn(s, " ");
		n = strcspn(s, " \n");
		if (n == 0) { /* a line that ends here on purpose */
			n = *s == '\n';
			buf_add(out, s, n);
			used = 0;
			continue;
		}
		CLEANUP(free_charp) char *word = strndup(s, n);
		if (!word)
			abort();
		size_t w = text_width(word);
		if (used > 0 && used + 1 + w > width) {
			buf_add_char(out, '\n');
			used = 0;
		}
		buf_addf(out, "%*s%s", used > 0 ? 1 : (int)indent, "", word);
		used += (used > 0 ? 1 : indent) + w;
	}
	buf_add_char(out, '\n');
}
