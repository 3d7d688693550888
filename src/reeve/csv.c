/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV: see csv.h.
 */
#include "reeve/csv.h"
#include "reeve/text.h"

static void add_cell(struct buf *out, const char *text, bool guard)
{
	size_t n = strlen(text);
	bool formula = guard && n > 0 && strchr("=+-@\t\r", text[0]);
	bool quote = strpbrk(text, ",\"\r\n") || (n > 0 && (text[0] == ' ' || text[n - 1] == ' '));
	buf_add_str(out, quote ? "\"" : "");
	buf_add_str(out, formula ? "'" : "");
	for (; *text; text++)
		if (quote && *text == '"')
			buf_add_str(out, "\"\"");
		else
			buf_add_char(out, *text);
	buf_add_str(out, quote ? "\"" : "");
}

static void add_value(struct buf *out, const json_t *v, bool clean)
{
	if (json_is_string(v)) {
		CLEANUP(buf_fini) struct buf text;
		buf_init(&text, 16u << 20);
		if (clean)
			text_add_clean(&text, json_string_value(v));
		else
			buf_add_str(&text, json_string_value(v));
		add_cell(out, buf_str(&text), true);
	} else if (v && !json_is_null(v)) {
		CLEANUP(free_charp) char *text = json_text(v);
		add_cell(out, text, false); /* -5 is a number, not a formula */
	}
}

void csv_add_row(struct buf *out, const json_t *keys, const json_t *row, bool clean)
{
	size_t i;
	json_t *key;
	json_array_foreach ((json_t *)keys, i, key) {
		buf_add_str(out, i > 0 ? "," : "");
		add_value(out, json_object_get(row, json_string_value(key)), clean);
	}
	buf_add_str(out, "\r\n");
}

void csv_add_head(struct buf *out, const json_t *keys)
{
	size_t i;
	json_t *key;
	json_array_foreach ((json_t *)keys, i, key) {
		buf_add_str(out, i > 0 ? "," : "");
		add_cell(out, json_string_value(key), true);
	}
	buf_add_str(out, "\r\n");
}
