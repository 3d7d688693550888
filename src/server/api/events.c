/* SPDX-License-Identifier: Apache-2.0
 *
 * Events: the audit log as a list, and as a stream of server-sent events (feed.c).
 *
 * Without ?org= a principal that is bound to no organization sees every organization's events and
 * the server's own (log-ins, tokens, restores), which belong to none.
 */
#include "server/api/events.h"
#include "base/clock.h"
#include "server/api/feed.h"
#include "server/api/state.h"
#include <string.h>

static const struct field event_fields[] = {
	FIELD_AT(struct event_view, e.id, "id", AS_INT, 0, "Sequence number"),
	FIELD_AT(struct event_view, e.at_ms, "at", AS_TIME, 0, NULL),
	FIELD_AT(struct event_view, e.type, "type", AS_TEXT, 0, "noun.verb"),
	FIELD_AT(struct event_view, e.actor, "actor", AS_TEXT, 0,
		 "admin:NAME, token:NAME, device:ID or reeved"),
	FIELD_AT(struct event_view, organization, "organization", AS_TEXT, FIELD_NULL,
		 "Name; null: the server itself"),
	FIELD_AT(struct event_view, e.fleet_id, "fleet", AS_INT, FIELD_NULL, NULL),
	FIELD_AT(struct event_view, e.device_id, "device", AS_INT, FIELD_NULL, NULL),
	FIELD_AT(struct event_view, e.object, "object", AS_TEXT, 0, "Name or id of what changed"),
	FIELD_AT(struct event_view, e.before_json, "before", AS_JSON, 0, NULL),
	FIELD_AT(struct event_view, e.after_json, "after", AS_JSON, 0, NULL),
	{ 0 },
};
static const struct field event_list_fields[] = {
	FIELD_OF("last", AS_INT, 0, "Id of the newest event of all"),
	{ 0 },
};
const struct schema event_schema = {
	.name = "Event", .fields = event_fields, .list = true, .list_also = event_list_fields
};

json_t *event_to_json(const struct event *e, const char *organization)
{
	const struct event_view v = { *e, organization };
	return fields_to_json(event_fields, &v);
}

const char *org_name(struct org_names *names, int64_t id)
{
	struct organization o;
	struct error err;
	if (id == 0)
		return "";
	if (id == names->last_id)
		return names->last;
	if (store_organization_get(names->conn, id, names->arena, &o, &err) != 0)
		return ""; /* the event is worth more than the name */
	names->last_id = id;
	names->last = o.name;
	return o.name;
}

/* ---- list ---- */

struct event_scan {
	int64_t org_id, device_id, since;
	bool newest;
};

struct event_page {
	struct list_page *page;
	struct org_names names;
	bool newest;
};

static int event_row(void *user, const struct event *e)
{
	struct event_page *p = user;
	const struct event_view v = { *e, org_name(&p->names, e->org_id) };
	return p->newest ? list_row_ordered(p->page, e->id, &v) : list_row(p->page, e->id, &v);
}

static int event_scan(struct list_page *p, struct error *err)
{
	const struct event_scan *scan = p->arg;
	struct event_page page = {
		.page = p,
		.names = { .conn = p->conn, .arena = p->arena },
		.newest = scan->newest,
	};
	if (!*p->after && !scan->newest)
		p->after_id = scan->since;
	struct event_query q = {
		.org_id = scan->org_id,
		.device_id = scan->device_id,
		.after_id = p->after_id,
		.newest = scan->newest,
		.limit = p->limit + 1,
	};
	return store_event_list(p->conn, &q, event_row, &page);
}

static int event_finish(struct list_page *p, json_t *answer)
{
	int64_t last = 0;
	int r = store_event_last(p->conn, &last);
	if (r == 0)
		json_object_set_new(answer, "last", json_integer(last));
	return r;
}

/* 0: every organization's, for who may. */
static int event_org(struct http_request *req, int64_t *ret, struct error *err)
{
	struct organization org = { 0 };
	*ret = principal_of(req)->org_id;
	if (!http_query(req, "org"))
		return 0;
	int r = api_org(req, api_conn(req), &org, err);
	if (r == 0)
		*ret = org.id;
	return r;
}

static int query_bool(struct http_request *req, const char *name, bool *ret, struct error *err)
{
	const char *text = http_query(req, name);
	if (!text)
		return 0;
	*ret = strcmp(text, "true") == 0;
	if (*ret || strcmp(text, "false") == 0)
		return 0;
	return error_set(err, ERR_INVALID, "%s: \"%.40s\" is neither true nor false", name, text);
}

API_HANDLER(event_list)
{
	static const struct list list = {
		.name = "events", .fields = event_fields, .scan = event_scan, .finish = event_finish
	};
	struct event_scan *scan = arena_new(http_arena(req), struct event_scan);
	int r = event_org(req, &scan->org_id, err);
	if (r == 0)
		r = http_query_int(req, "since", 0, INT64_MAX, &scan->since, err);
	if (r == 0)
		r = http_query_int(req, "device", 1, INT64_MAX, &scan->device_id, err);
	if (r == 0)
		r = query_bool(req, "newest", &scan->newest, err);
	return r ? r : list_reply(req, &list, scan, err);
}

/* ---- stream ---- */

#define STREAM_LIFE_MS (10 * 60 * 1000)

/* Where to go on: the browser's Last-Event-ID, or ?since=, or from now on. */
static int stream_start(struct http_request *req, int64_t *ret, struct error *err)
{
	const char *last = http_header(req, "Last-Event-ID");
	int r = store_event_last(api_conn(req), ret);
	if (r == 0)
		r = http_query_int(req, "since", 0, INT64_MAX, ret, err);
	if (r != 0 || !last || !*last)
		return r;
	char *end;
	int64_t n = strtoll(last, &end, 10);
	if (*end || n < 0)
		return error_set(err, ERR_INVALID, "Last-Event-ID: \"%.40s\" is no id of an event",
				 last);
	*ret = n;
	return 0;
}

API_HANDLER(event_stream)
{
	const struct principal *p = principal_of(req);
	int64_t life_ms = STREAM_LIFE_MS;
	struct feed_wish wish = { 0 };
	int r = event_org(req, &wish.org_id, err);
	if (r == 0)
		r = http_query_int(req, "device", 1, INT64_MAX, &wish.device_id, err);
	if (r == 0)
		r = stream_start(req, &wish.after_id, err);
	if (r != 0)
		return r;
	int64_t session_ms = p->session.expires_ms - clock_utc_ms();
	if (p->type == PRINCIPAL_ADMINISTRATOR && session_ms < life_ms)
		life_ms = session_ms;
	wish.end_mono_ms = clock_mono_ms() + life_ms;
	return feed_add(api_of(req)->feed, req, &wish, err);
}
