/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve event: the audit log, as a list or as it happens.
 */
#include "reeve/cli.h"
#include "reeve/nouns.h"
#include "reeve/sse.h"
#include "reeve/text.h"
#include <errno.h>
#include <poll.h>

#define AGAIN_FIRST_MS 500
#define AGAIN_MOST_MS  10000

#define CHANGE_WIDTH 100 /* columns; the whole is in -o json */

static void add_separator(struct buf *out)
{
	buf_add_str(out, out->n > 0 ? ", " : "");
}

/* "key old → new" of the keys that differ, then the new ones that say something. */
static void add_difference(struct buf *out, const json_t *before, const json_t *after)
{
	const char *key;
	json_t *v;
	json_object_foreach ((json_t *)after, key, v) {
		const json_t *old = json_object_get(before, key);
		CLEANUP(free_charp) char *old_text = json_text(old);
		CLEANUP(free_charp) char *new_text = json_text(v);
		if (!old || strcmp(old_text, new_text) == 0)
			continue;
		add_separator(out);
		buf_addf(out, "%s %s → %s", key, old_text, new_text);
	}
	json_object_foreach ((json_t *)after, key, v) {
		CLEANUP(free_charp) char *text = json_text(v);
		if (json_object_get(before, key) || json_is_null(v) || strcmp(text, "\"\"") == 0)
			continue;
		add_separator(out);
		buf_addf(out, "%s %s", key, text);
	}
}

/* What is there of before and after; only the difference when both are. */
static void cell_change(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	const json_t *before = json_object_get(row, "before"),
		     *after = json_object_get(row, "after");
	bool has_old = before && !json_is_null(before), has_new = after && !json_is_null(after);
	CLEANUP(buf_fini) struct buf all, clean;
	buf_init(&all, 1u << 20);
	buf_init(&clean, 1u << 20);
	if (json_is_object(before) && json_is_object(after)) {
		add_difference(&all, before, after);
	} else {
		CLEANUP(free_charp) char *old = json_text(before);
		CLEANUP(free_charp) char *new = json_text(after);
		buf_addf(&all, "%s%s%s", has_old ? old : "", has_old && has_new ? " → " : "",
			 has_new ? new : "");
	}
	text_add_clean(&clean, buf_str(&all));
	text_add_cut(&ret->text, buf_str(&clean), CHANGE_WIDTH);
	ret->color = COLOR_DIM;
}

static const struct column columns[] = {
	{ "ID", "id", NULL, COLUMN_NUMBER },
	{ "TIME (UTC)", "at", cell_time, COLUMN_WHOLE },
	{ "TYPE", "type", NULL, COLUMN_TEXT },
	{ "BY", "actor", NULL, COLUMN_TEXT },
	{ "WHAT", "object", NULL, COLUMN_ELASTIC },
	{ "CHANGE", "after", cell_change, COLUMN_ELASTIC },
	{ .title = NULL },
};
static const struct view view = { "events", columns };

/* ---- the list ---- */

static int prepend_all(struct cli *c, const json_t *items, void *user)
{
	size_t i;
	json_t *item;
	json_array_foreach ((json_t *)items, i, item)
		if (json_array_insert(user, 0, item) < 0)
			return -ENOMEM;
	return 0;
}

static void make_url(struct url *u, const char *pattern)
{
	url_init(u, pattern);
	url_param(u, "device", opt.device);
}

static int print_page(struct cli *c, const json_t *items, void *user)
{
	return output_list_items(&c->out, items);
}

/* From 'since' on, in order. */
static int print_since(struct cli *c, int64_t since, struct error *err)
{
	struct url u;
	make_url(&u, "/events");
	url_param_int(&u, "since", since);
	int r = cli_pages(c, &u, opt.limit, print_page, NULL, err);
	url_fini(&u);
	return r;
}

/* The newest ones; the server gives them newest first, people read the last line last. */
static int print_newest(struct cli *c, struct error *err)
{
	AUTO_JSON items = json_array();
	struct url u;
	make_url(&u, "/events");
	url_param(&u, "newest", "true");
	int r = cli_pages(c, &u, opt.limit, prepend_all, items, err);
	url_fini(&u);
	return r ? r : print_page(c, items, NULL);
}

/* ---- as it happens ---- */

struct follow {
	struct cli *c;
	struct sse sse;
	char last[24]; /* id of the last event */
	int failed;    /* of writing */
};

/* One line, with columns that hold most of what comes. */
static void add_line(struct buf *out, const json_t *event, const struct output *o)
{
	static const int widths[] = { 6, 19, 22, 16, 16, 0 };
	for (size_t i = 0; columns[i].title; i++) {
		struct cell cell;
		CLEANUP(buf_fini) struct buf text;
		buf_init(&text, 64u << 10);
		cell_make(&cell, &columns[i], event, o->now_ms);
		text_add_clean(&text, buf_str(&cell.text));
		size_t w = text_width(buf_str(&text));
		int pad = widths[i] > (int)w ? widths[i] - (int)w : 0;
		buf_addf(out, "%s%*s", i > 0 ? "  " : "",
			 columns[i].kind == COLUMN_NUMBER ? pad : 0, "");
		color_add(out, o->color, cell.color, buf_str(&text));
		buf_addf(out, "%*s", columns[i].kind == COLUMN_NUMBER ? 0 : pad, "");
		buf_fini(&cell.text);
	}
	while (out->n > 0 && out->p[out->n - 1] == ' ')
		out->p[--out->n] = '\0';
	buf_add_char(out, '\n');
}

static int print_event(struct cli *c, const json_t *event)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 16u << 20);
	if (c->out.format == FORMAT_TABLE) {
		add_line(&out, event, &c->out);
	} else if (c->out.format ==
		   FORMAT_JSON) { /* a line each: a list without end has no brackets */
		CLEANUP(free_charp) char *text = json_text(event);
		buf_addf(&out, "%s\n", text);
	} else {
		AUTO_JSON one = json_pack("[O]", event);
		return output_list_items(&c->out, one);
	}
	return output_write(&c->out, &out);
}

static bool on_event(void *user, const char *id, const char *type, const char *data)
{
	struct follow *f = user;
	AUTO_JSON event = NULL;
	if (json_parse(span_str(data), &event, NULL) != 0 || !json_is_object(event))
		return true; /* not ours to judge: the next one may be better */
	if (*id)
		snprintf(f->last, sizeof f->last, "%s", id);
	f->failed = print_event(f->c, event);
	return f->failed == 0;
}

static bool on_piece(void *user, struct span piece)
{
	struct follow *f = user;
	int r = sse_feed(&f->sse, piece);
	if (r < 0 && f->failed == 0)
		f->failed = r;
	return r == 0;
}

/* One connection, until it ends. *ret_fresh: something came. */
static int follow_once(struct follow *f, bool *ret_fresh, struct error *err)
{
	struct client *client;
	struct url u;
	CLEANUP(free_charp) char *before = strdup(f->last);
	int r = cli_client(f->c, &client, err);
	if (r != 0)
		return r;
	make_url(&u, "/events/stream");
	url_param(&u, "since", f->last);
	struct request q = REQUEST_INIT("GET", buf_str(&u.text));
	q.on_piece = on_piece;
	q.user = f;
	sse_init(&f->sse, on_event, f);
	r = client_send(client, &q, NULL, err);
	sse_fini(&f->sse);
	url_fini(&u);
	*ret_fresh = before && strcmp(before, f->last) != 0;
	return f->failed ? f->failed : r;
}

/* Takes the stream up again where it broke off; gives up only when the server refuses. */
static int follow(struct cli *c, int64_t since, struct error *err)
{
	struct follow f = { .c = c };
	int pause_ms = AGAIN_FIRST_MS;
	snprintf(f.last, sizeof f.last, "%lld", (long long)since);
	for (bool connected = false;;) {
		bool fresh = false;
		int r = follow_once(&f, &fresh, err);
		if (r < 0 || (r > 0 && (r != ERR_UNAVAILABLE || !connected)))
			return r;
		if (r > 0 && pause_ms == AGAIN_FIRST_MS)
			fprintf(stderr, "reeve: the server is gone; waiting for it to come back\n");
		connected = true;
		pause_ms = fresh || r == 0 ? AGAIN_FIRST_MS : pause_ms * 2;
		if (pause_ms > AGAIN_MOST_MS)
			pause_ms = AGAIN_MOST_MS;
		(void)poll(NULL, 0, pause_ms);
	}
}

/* The last event there is, to follow from. */
static int newest_id(struct cli *c, int64_t *ret, struct error *err)
{
	AUTO_JSON answer = NULL;
	struct url u;
	url_init(&u, "/events");
	url_param(&u, "newest", "true");
	url_param_int(&u, "limit", 1);
	int r = cli_get(c, &u, &answer, err);
	url_fini(&u);
	return r ? r : json_read_int(answer, "last", false, ret, err);
}

static int list(struct cli *c, struct error *err)
{
	bool has_since = opt.since >= 0;
	int64_t since = has_since ? opt.since : 0;
	int r = output_list_begin(&c->out, &view);
	if (r == 0 && opt.follow && !has_since)
		r = newest_id(c, &since, err);
	if (r == 0 && opt.follow)
		return follow(c, since, err);
	if (r == 0)
		r = !has_since && opt.limit > 0 ? print_newest(c, err) : print_since(c, since, err);
	return r ? r : output_list_end(&c->out);
}

static const struct option options[] = {
	{ 0, "since", OPTION_INT, "N", "only those after event N", &opt.since, NULL },
	OPTION_ROW_DEVICE("only those of this device"),
	{ 0, "limit", OPTION_INT, "N", "the newest N; with --since, the next N", &opt.limit, NULL },
	{ 'f', "follow", OPTION_FLAG, NULL, "go on, with each event as it happens", &opt.follow,
	  NULL },
	OPTIONS_END,
};

static const struct command commands[] = {
	{ "list", NULL, options, "GET /events", "events:read", list, "List what has happened",
	  "With --follow, what happens from now on (or after --since) is printed as it happens, with -o json as one object a "
	  "line; Ctrl-C ends it." },
	{ .doc = NULL },
};

const struct noun noun_event = {
	"event",
	"The log of everything that changed, and who did it",
	commands,
	"  reeve event list --limit 20\n"
	"  reeve event list --follow -o json\n",
};
