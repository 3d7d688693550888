/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV: see csv.h.
 */
#include "server/api/csv.h"
#include <string.h>

static bool looks_like_formula(struct span text)
{
	return text.n > 0 && memchr("=+-@\t\r", text.p[0], 6);
}

static bool must_quote(struct span text)
{
	if (text.n == 0)
		return false;
	if (text.p[0] == ' ' || text.p[text.n - 1] == ' ')
		return true;
	for (size_t i = 0; i < text.n; i++)
		if (memchr(",\"\r\n", text.p[i], 4))
			return true;
	return false;
}

void csv_add_cell(struct buf *out, bool first, struct span text, bool guard)
{
	bool quote = must_quote(text);
	if (!first)
		buf_add_char(out, ',');
	if (quote)
		buf_add_char(out, '"');
	if (guard && looks_like_formula(text))
		buf_add_char(out, '\'');
	for (struct span part; quote && span_get_until(&text, '"', &part);) {
		buf_add(out, part.p, part.n);
		buf_add_str(out, "\"\"");
	}
	buf_add(out, text.p, text.n);
	if (quote)
		buf_add_char(out, '"');
}

void csv_end_row(struct buf *out)
{
	buf_add_str(out, "\r\n");
}
