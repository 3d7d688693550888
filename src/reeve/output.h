/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command prints, in the format of -o: lists as they come in pages, single things, and
 * sentences for people.
 *
 * A list is begun, fed and ended. json, yaml and csv are written as pages arrive; a table waits for
 * the end, because it must know its widths. Every write is checked: a full disk is an error.
 */
#pragma once

#include "base/err.h"
#include "reeve/cell.h"

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_YAML, FORMAT_CSV };

struct output {
	enum format format;
	int fd;   /* where to; STDOUT_FILENO */
	bool tty; /* it is a terminal */
	bool color;
	size_t width;   /* of the terminal; 0: do not cut */
	int64_t now_ms; /* for ages */
	/* of the list under way */
	const struct view *view;
	struct table table;
	json_t *csv_keys; /* array of names: the columns; NULL before the first row */
	size_t n_items;
};

int format_parse(const char *name, enum format *ret, struct error *err) WARN_UNUSED;
void output_init(struct output *o, enum format format, int fd);
void output_fini(struct output *o);

/* 0 or -errno. */
int output_write(struct output *o, const struct buf *text) WARN_UNUSED;
int output_list_begin(struct output *o, const struct view *view) WARN_UNUSED;
int output_list_items(struct output *o, const json_t *items) WARN_UNUSED;
int output_list_end(struct output *o) WARN_UNUSED;
int output_list(struct output *o, const struct view *view, const json_t *items) WARN_UNUSED;
/* One thing; as a table: a line for each column of the view. */
int output_object(struct output *o, const struct view *view, const json_t *thing) WARN_UNUSED;
/* A sentence when the format is table; 'thing' (NULL: {}) otherwise. */
int output_done(struct output *o, const json_t *thing, const char *fmt, ...)
	FORMAT_PRINTF(3, 4) WARN_UNUSED;
