/* SPDX-License-Identifier: Apache-2.0
 *
 * An aligned table: cells are added row by row, widths are known at the end. Columns are two
 * blanks apart; where the terminal is narrower than the table, elastic columns are cut first, then
 * whatever is widest.
 * Owner: the local that embeds it; texts live in its arena.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum color { COLOR_NONE, COLOR_BOLD, COLOR_DIM, COLOR_GREEN, COLOR_RED, COLOR_YELLOW, COLOR_CYAN };

enum column_kind {
	COLUMN_TEXT,
	COLUMN_NUMBER,  /* at the right side of its column */
	COLUMN_ELASTIC, /* text that is cut first */
	COLUMN_WHOLE, /* text that says nothing when it is cut, such as a time: cut last, as numbers are */
};

#define TABLE_COLUMNS_MAX 16

struct table_cell {
	const char *text; /* clean */
	enum color color;
};

struct table {
	int n_columns;
	struct {
		const char *title; /* NULL in a table without head line */
		enum column_kind kind;
	} columns[TABLE_COLUMNS_MAX];
	struct arena arena;
	struct table_cell *cells; /* row by row; heap */
	size_t n_cells, cap;
};

void table_init(struct table *t);
void table_fini(struct table *t);
void table_column(struct table *t, const char *title, enum column_kind kind);
void table_cell(struct table *t, const char *text, enum color color); /* cleans and copies */
size_t table_n_rows(const struct table *t);
/* 'width': columns of the terminal, 0: as wide as it needs. 'indent': blanks before each line. */
void table_render(const struct table *t, size_t width, size_t indent, bool color, struct buf *out);
/* Text in a colour, when 'color' is on. */
void color_add(struct buf *out, bool color, enum color which, const char *text);
