/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists: see list.h.
 */
#include "server/api/list.h"
#include "base/crypto.h"
#include "server/api/spool.h"
#include <string.h>

#define CSV_TYPE  "text/csv; charset=utf-8"
#define PAGE_FULL (8u << 20)  /* a page with so many bytes takes no more rows */
#define PAGE_MAX  (64u << 20) /* and one row may be so large */

/* ---- cursors ---- */

char *cursor_make(struct arena *a, const char *list, const char *key)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1024);
	base64url_add(&out, span_str(arena_printf(a, "%s:%s", list, key)));
	return arena_strdup(a, buf_str(&out));
}

int cursor_read(const char *cursor, const char *list, struct arena *a, const char **ret_key,
		struct error *err)
{
	CLEANUP(buf_fini) struct buf text;
	size_t n = strlen(list);
	buf_init(&text, 512);
	if (base64_decode(span_str(cursor), &text) && strlen(buf_str(&text)) == text.n &&
	    strncmp(buf_str(&text), list, n) == 0 && buf_str(&text)[n] == ':') {
		*ret_key = arena_strdup(a, buf_str(&text) + n + 1);
		return 0;
	}
	return error_set(err, ERR_INVALID, "cursor: not one that this list gave out");
}

/* ---- rows ---- */

static void row_add_json(struct list_page *p, const void *row)
{
	AUTO_JSON object = fields_to_json(p->list->fields, row);
	CLEANUP(free_charp) char *text = json_text(object);
	if (p->n > 1)
		buf_add_char(p->out, ',');
	buf_add_str(p->out, text);
}

static int row_add(struct list_page *p, const void *row)
{
	if (p->n == p->limit || (p->n > 0 && p->out->n >= PAGE_FULL)) {
		p->more = true;
		return 1;
	}
	p->n++;
	if (p->csv)
		fields_csv_row(p->list->fields, row, p->out);
	else
		row_add_json(p, row);
	return 0;
}

int list_row_ordered(struct list_page *p, int64_t id, const void *row)
{
	int r = row_add(p, row);
	if (r == 0)
		snprintf(p->last, sizeof p->last, "%lld", (long long)id);
	return r;
}

int list_row(struct list_page *p, int64_t id, const void *row)
{
	return id <= p->after_id ? 0 : list_row_ordered(p, id, row);
}

int list_row_named(struct list_page *p, const char *name, const void *row)
{
	if (strcmp(name, p->after) <= 0)
		return 0;
	int r = row_add(p, row);
	if (r == 0)
		snprintf(p->last, sizeof p->last, "%s", name);
	return r;
}

/* ---- what is asked for ---- */

struct asked {
	int64_t limit;     /* 0: none given */
	const char *after; /* the cursor's key, or "" */
	bool csv;
};

static int asked_format(struct http_request *req, bool *ret_csv, struct error *err)
{
	const char *format = http_query(req, "format");
	const char *accept = http_header(req, "Accept");
	if (!format)
		*ret_csv = accept && strstr(accept, "text/csv");
	else if (strcmp(format, "csv") == 0 || strcmp(format, "json") == 0)
		*ret_csv = format[0] == 'c';
	else
		return error_set(err, ERR_INVALID, "format: \"%.40s\" is neither json nor csv",
				 format);
	return 0;
}

static int asked_read(struct http_request *req, const struct list *l, struct asked *ret,
		      struct error *err)
{
	const char *cursor = http_query(req, "cursor");
	*ret = (struct asked){ .after = "" };
	int r = asked_format(req, &ret->csv, err);
	if (r == 0)
		r = http_query_int(req, "limit", 1, LIST_LIMIT_MAX, &ret->limit, err);
	if (r == 0 && cursor)
		r = cursor_read(cursor, l->name, http_arena(req), &ret->after, err);
	return r;
}

static int scan_page(struct list_page *p, struct error *err)
{
	char *end = NULL;
	p->after_id = 0;
	if (!p->list->by_name && *p->after) {
		p->after_id = strtoll(p->after, &end, 10);
		if (*end || p->after_id < 0)
			return error_set(err, ERR_INVALID, "cursor: not one of this list");
	}
	int r = store_read_begin(p->conn);
	if (r != 0)
		return r;
	r = p->list->scan(p, err);
	store_read_end(p->conn);
	if (r == 0 && p->out->failed)
		r = error_set(err, ERR_TOO_LARGE, "a row of the list is too large");
	return r;
}

/* ---- answers ---- */

static void reply_text(struct list_page *p, struct buf *text, const char *content_type)
{
	struct span body = buf_span(text);
	char *owned = buf_take(text);
	if (!owned)
		abort(); /* checked before */
	body.p = (const uint8_t *)owned;
	http_reply_static(p->req, 200, content_type, body, free, owned);
}

/* The members beside items: ,"last":5,"next":"…"} */
static int add_rest(struct list_page *p, struct buf *out)
{
	AUTO_JSON rest = json_object();
	int r = p->list->finish ? p->list->finish(p, rest) : 0;
	if (r != 0)
		return r;
	if (p->more)
		json_object_set_new(rest, "next",
				    json_string(cursor_make(p->arena, p->list->name, p->last)));
	CLEANUP(free_charp) char *text = json_text(rest);
	buf_add_char(out, ']');
	if (json_object_size(rest) > 0)
		buf_add_char(out, ',');
	buf_add_str(out, text + 1); /* without its { */
	return 0;
}

static int reply_json(struct list_page *p, struct error *err)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, PAGE_MAX);
	p->out = &out;
	buf_add_str(&out, "{\"items\":[");
	int r = scan_page(p, err);
	if (r == 0)
		r = add_rest(p, &out);
	if (r != 0)
		return r;
	if (out.failed)
		return error_set(err, ERR_TOO_LARGE, "the page is too large");
	reply_text(p, &out, "application/json");
	return 0;
}

static void csv_headers(struct list_page *p)
{
	http_reply_header(
		p->req, "Content-Disposition",
		arena_printf(http_arena(p->req), "attachment; filename=\"%s.csv\"", p->list->name));
}

/* CSV has no cursor, so it is all that was asked for, or an error. */
static int reply_csv_page(struct list_page *p, struct error *err)
{
	CLEANUP(buf_fini) struct buf csv;
	buf_init(&csv, PAGE_MAX);
	p->out = &csv;
	fields_csv_header(p->list->fields, &csv);
	int r = scan_page(p, err);
	if (r != 0)
		return r;
	if (p->more && p->n < p->limit)
		return error_set(err, ERR_TOO_LARGE, "the page is too large; ask for fewer rows");
	csv_headers(p);
	reply_text(p, &csv, CSV_TYPE);
	return 0;
}

/* One page of the whole list into the spool. */
static int spool_page(struct list_page *p, struct spool *spool, struct buf *csv, struct error *err)
{
	struct arena arena;
	p->arena = &arena;
	p->n = 0;
	p->more = false;
	arena_init(&arena);
	int r = scan_page(p, err);
	arena_fini(&arena);
	spool_add(spool, buf_span(csv));
	buf_reset(csv);
	return r;
}

static int reply_csv_all(struct http_request *req, void *arg, struct error *err)
{
	struct list_page *p = arg;
	char after[sizeof p->last];
	CLEANUP(buf_fini) struct buf csv;
	CLEANUP(spool_freep) struct spool *spool = NULL;
	int r = spool_new(server_of(req)->config->data, &spool);
	buf_init(&csv, PAGE_MAX);
	p->out = &csv;
	p->conn = api_conn(req);
	fields_csv_header(p->list->fields, &csv);
	for (p->more = true; r == 0 && p->more;) {
		r = spool_page(p, spool, &csv, err);
		snprintf(after, sizeof after, "%s", p->last);
		p->after = after;
	}
	if (r != 0)
		return r;
	csv_headers(p);
	return spool_reply(spool, req, 200, CSV_TYPE);
}

/* One page, from the thread that reads it. */
static int reply_page(struct http_request *req, void *arg, struct error *err)
{
	struct list_page *p = arg;
	p->conn = api_conn(req);
	return p->csv ? reply_csv_page(p, err) : reply_json(p, err);
}

int list_reply(struct http_request *req, const struct list *l, void *arg, struct error *err)
{
	struct asked asked;
	int r = asked_read(req, l, &asked, err);
	if (r != 0)
		return r;
	struct list_page *p = arena_new(http_arena(req), struct list_page);
	*p = (struct list_page){
		.req = req,
		.arena = http_arena(req),
		.arg = arg,
		.after = asked.after,
		.limit = asked.limit ? (size_t)asked.limit : LIST_LIMIT_DEFAULT,
		.list = l,
		.csv = asked.csv,
	};
	if (asked.csv && asked.limit == 0) {
		p->limit = LIST_LIMIT_MAX;
		api_later(req, LATER_WORK, reply_csv_all, p);
	} else if (l->slow) {
		api_later(req, LATER_WORK, reply_page, p);
	} else {
		return reply_page(req, p, err);
	}
	return 0;
}
