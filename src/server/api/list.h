/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists: paging by key, as JSON or CSV, from one scan function a noun.
 *
 * A page is asked for by the key of the last row seen (an id or a name), never by position, so
 * rows that come or go in between neither repeat nor hide others. The cursor is that key in an
 * opaque wrapper that names its list.
 *
 *   JSON               {"items": […], "next": "<cursor>"}, at most 'limit' rows (default 100)
 *   CSV with a limit   the same rows
 *   CSV without        every row, page by page through a spool (memory stays one page)
 *
 * A page ends early when its rows are large, so that no limit makes an answer of gigabytes.
 */
#pragma once

#include "server/api/request.h"

#define LIST_LIMIT_DEFAULT 100
#define LIST_LIMIT_MAX     1000

struct list_page { /* one call of scan() */
	struct http_request *req;
	struct store_conn *conn;
	struct arena *arena; /* of this page */
	void *arg;           /* the handler's */
	int64_t after_id;    /* rows beyond this one; 0: from the start */
	const char *after;   /* the same for lists by name; "": from the start */
	size_t limit;        /* rows wanted */

	/* list.c's own */
	const struct list *list;
	struct buf *out; /* the rows so far, as text */
	bool csv;
	size_t n;       /* rows so far */
	bool more;      /* there was one too many */
	char last[160]; /* key of the last row */
};

struct list {
	const char *name; /* in cursors and file names: "devices" */
	const struct field *fields;
	/* Hands rows to list_row() in order, beyond the page's 'after', until that returns 1
	 * ("enough"); so it reads limit + 1 rows. */
	int (*scan)(struct list_page *p, struct error *err);
	bool by_name; /* keys are names, not ids */
	bool slow;    /* may read a whole table: done on a job */
	/* JSON: members beside items and next. May be NULL. */
	int (*finish)(struct list_page *p, json_t *answer);
};

/* 0, or 1: enough. For lists in memory, rows up to the page's 'after' are passed over. */
int list_row(struct list_page *p, int64_t id, const void *row);
int list_row_named(struct list_page *p, const char *name, const void *row);
/* For lists in descending order: the same, nothing is passed over. */
int list_row_ordered(struct list_page *p, int64_t id, const void *row);

/* The whole handler. 'arg' lives in the request's arena. */
int list_reply(struct http_request *req, const struct list *l, void *arg,
	       struct error *err) WARN_UNUSED;

/* ---- parts, for tests ---- */

char *cursor_make(struct arena *a, const char *list, const char *key);
/* ERR_INVALID: not a cursor, or one of another list. The key in the arena. */
int cursor_read(const char *cursor, const char *list, struct arena *a, const char **ret_key,
		struct error *err) WARN_UNUSED;
