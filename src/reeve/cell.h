/* SPDX-License-Identifier: Apache-2.0
 *
 * How the values of the admin API read in a table: one function a kind of value, and views, the
 * tables of columns that say which keys a list shows.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"
#include "reeve/table.h"

struct cell {
	struct buf text;
	enum color color;
};

/* 'v' is row[key], never NULL (null when the row has none). */
typedef void cell_fn(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms);

cell_fn cell_text;    /* strings as they are, anything else as JSON; null is "-" */
cell_fn cell_age;     /* "3m ago", "in 5h"; null is "-" */
cell_fn cell_seen;    /* the same; null is "never" */
cell_fn cell_time;    /* "2026-11-25 14:06:06" */
cell_fn cell_verdict; /* coloured */
cell_fn cell_state;   /* of a setting or a command: coloured */
cell_fn cell_size;    /* "1.4 MiB" */
cell_fn cell_list;    /* "a, b" */
cell_fn cell_params;  /* of a type of command: "volume [payload]" */
cell_fn cell_json;    /* compact JSON, strings too */
cell_fn cell_version; /* of a device: "7", or "5 → 7" while it is behind */
cell_fn cell_dim;     /* text of less importance */
cell_fn cell_yes;     /* "yes" or "no" */

struct column {
	const char *title;
	const char *key;
	cell_fn *cell;
	enum column_kind kind;
};

struct view {
	const char *things;           /* "devices": "No devices." */
	const struct column *columns; /* end with a NULL title */
};

/* "3m ago" and the like for a moment. */
void age_add(struct buf *out, int64_t at_ms, int64_t now_ms);
/* The cell of a column in a row; the caller frees the text. */
void cell_make(struct cell *ret, const struct column *c, const json_t *row, int64_t now_ms);
/* The text of any JSON value, as cell_text has it. */
void value_add(struct buf *out, const json_t *v);
