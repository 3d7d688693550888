/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of texts, see line.h.
 */
#include "vm/machine/line.h"
#include "base/utf8.h"
#include <string.h>

#define TEXT_MAX ((size_t)1 << 20)

static void clean(struct span text, struct buf *out)
{
	uint32_t c;
	bool blank = false;
	while (span_get_utf8_lossy(&text, &c)) {
		if (c == ' ' || utf8_is_control(c)) {
			blank = out->n > 0;
			continue;
		}
		if (blank)
			buf_add_char(out, ' ');
		blank = false;
		utf8_add(out, c);
	}
}

static bool is_inside_of_a_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static void copy(struct span s, char *out)
{
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

void line_beginning(struct span text, char *out, size_t size)
{
	CLEANUP(buf_fini) struct buf line;
	buf_init(&line, TEXT_MAX);
	clean(text, &line);
	size_t n = line.n < size ? line.n : size - 1;
	while (n < line.n && n > 0 && is_inside_of_a_character(line.p[n]))
		n--;
	copy((struct span){ (uint8_t *)line.p, n }, out);
}

void line_end(struct span text, char *out, size_t size)
{
	CLEANUP(buf_fini) struct buf line;
	buf_init(&line, TEXT_MAX);
	clean(text, &line);
	size_t at = line.n < size ? 0 : line.n - (size - 1);
	while (at < line.n && is_inside_of_a_character(line.p[at]))
		at++;
	copy(span_str(line.n ? line.p + at : ""), out);
}
