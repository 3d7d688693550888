/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables: see table.h.
 */
#include "reeve/table.h"
#include "reeve/text.h"
#include <assert.h>

#define GAP          2
#define CUT_TO_LEAST 8 /* columns; a narrower cut says nothing any more */

static const char *const color_codes[] = {
	[COLOR_NONE] = "",          [COLOR_BOLD] = "\x1b[1m", [COLOR_DIM] = "\x1b[2m",
	[COLOR_GREEN] = "\x1b[32m", [COLOR_RED] = "\x1b[31m", [COLOR_YELLOW] = "\x1b[33m",
	[COLOR_CYAN] = "\x1b[36m",
};

void color_add(struct buf *out, bool color, enum color which, const char *text)
{
	bool on = color && which != COLOR_NONE && *text;
	buf_add_str(out, on ? color_codes[which] : "");
	buf_add_str(out, text);
	buf_add_str(out, on ? "\x1b[0m" : "");
}

void table_init(struct table *t)
{
	*t = (struct table){ 0 };
	arena_init(&t->arena);
}

void table_fini(struct table *t)
{
	free(t->cells);
	arena_fini(&t->arena);
}

void table_column(struct table *t, const char *title, enum column_kind kind)
{
	assert(t->n_columns < TABLE_COLUMNS_MAX && t->n_cells == 0);
	t->columns[t->n_columns].title = title;
	t->columns[t->n_columns].kind = kind;
	t->n_columns++;
}

void table_cell(struct table *t, const char *text, enum color color)
{
	CLEANUP(buf_fini) struct buf clean;
	buf_init(&clean, 1u << 20);
	text_add_clean(&clean, text);
	if (t->n_cells == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->cells = reallocarray(t->cells, t->cap, sizeof *t->cells);
		if (!t->cells)
			abort();
	}
	t->cells[t->n_cells++] =
		(struct table_cell){ arena_strdup(&t->arena, buf_str(&clean)), color };
}

size_t table_n_rows(const struct table *t)
{
	return t->n_columns ? t->n_cells / (size_t)t->n_columns : 0;
}

/* Widths that every cell fits; returns the whole line's. */
static size_t measure(const struct table *t, size_t widths[])
{
	size_t total = 0;
	for (int c = 0; c < t->n_columns; c++)
		widths[c] = t->columns[c].title ? text_width(t->columns[c].title) : 0;
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t w = text_width(t->cells[i].text), c = i % (size_t)t->n_columns;
		if (w > widths[c])
			widths[c] = w;
	}
	for (int c = 0; c < t->n_columns; c++)
		total += widths[c] + (c > 0 ? GAP : 0);
	return total;
}

/* Takes from the widest of those kinds until the line fits or nothing is left to take; returns the line's
 * width then. */
static size_t shrink(const struct table *t, unsigned kinds, size_t widths[], size_t total,
		     size_t width)
{
	for (; total > width; total--) {
		int widest = -1;
		for (int c = 0; c < t->n_columns; c++)
			if ((kinds & 1u << t->columns[c].kind) &&
			    (widest < 0 || widths[c] > widths[widest]))
				widest = c;
		if (widest < 0 || widths[widest] <= CUT_TO_LEAST)
			break;
		widths[widest]--;
	}
	return total;
}

static void add_blanks(struct buf *out, size_t n)
{
	buf_addf(out, "%*s", (int)n, "");
}

/* 'last': nothing follows, so no blanks at the end of the line. */
static void add_cell(struct table_cell cell, size_t width, bool right, bool last, bool color,
		     struct buf *out)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 1u << 20);
	text_add_cut(&text, cell.text, width);
	size_t pad = width - text_width(buf_str(&text));
	add_blanks(out, right ? pad : 0);
	color_add(out, color, cell.color, buf_str(&text));
	add_blanks(out, right || last ? 0 : pad);
}

/* The last cells of a row that have a text at all. */
static int used_columns(const struct table *t, const struct table_cell *row)
{
	int n = t->n_columns;
	while (n > 1 && !*row[n - 1].text)
		n--;
	return n;
}

static void add_row(const struct table *t, const struct table_cell *row, const size_t widths[],
		    bool color, struct buf *out)
{
	int n = used_columns(t, row);
	for (int c = 0; c < n; c++) {
		add_blanks(out, c > 0 ? GAP : 0);
		add_cell(row[c], widths[c], t->columns[c].kind == COLUMN_NUMBER, c + 1 == n, color,
			 out);
	}
	buf_add_char(out, '\n');
}

void table_render(const struct table *t, size_t width, size_t indent, bool color, struct buf *out)
{
	size_t widths[TABLE_COLUMNS_MAX], total = measure(t, widths);
	if (width > indent) {
		total = shrink(t, 1u << COLUMN_ELASTIC, widths, total, width - indent);
		total = shrink(t, 1u << COLUMN_ELASTIC | 1u << COLUMN_TEXT, widths, total,
			       width - indent);
		(void)shrink(t, ~0u, widths, total, width - indent);
	}
	if (t->n_columns > 0 && t->columns[0].title) {
		struct table_cell head[TABLE_COLUMNS_MAX];
		for (int c = 0; c < t->n_columns; c++)
			head[c] = (struct table_cell){ t->columns[c].title, COLOR_BOLD };
		add_blanks(out, indent);
		add_row(t, head, widths, color, out);
	}
	for (size_t i = 0; i < t->n_cells; i += (size_t)t->n_columns) {
		add_blanks(out, indent);
		add_row(t, &t->cells[i], widths, color, out);
	}
}
