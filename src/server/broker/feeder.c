/* SPDX-License-Identifier: Apache-2.0
 *
 * See feeder.h.
 */
#include "server/broker/feeder.h"

#include "server/broker/account.h"
#include "server/broker/internal.h"

#include "base/log.h"
#include <pthread.h>
#include <stdlib.h>

#define PAGE 256
#define REFRESH_MAX                                                                                \
	4096 /* devices asked for between two turns; beyond it everything is sent again */

struct feeder {
	struct server *server;
	const struct broker_source *source;
	/* the thread's own */
	bool paging;      /* not everything has been sent once */
	int64_t org_id;   /* the one being paged; 0: none yet */
	int64_t after_id; /* the last device sent of it */
	int64_t cursor;   /* the last event that was followed */
	/* any thread's */
	pthread_mutex_t lock;
	int64_t refresh[REFRESH_MAX];
	size_t n_refresh;
	bool refresh_all;
};

struct feeder *feeder_new(struct server *s, const struct broker_source *source)
{
	struct feeder *f = calloc(1, sizeof *f);
	if (!f)
		abort();
	f->server = s;
	f->source = source;
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

void feeder_free(struct feeder *f)
{
	if (!f)
		return;
	pthread_mutex_destroy(&f->lock);
	free(f);
}

void feeder_refresh(struct feeder *f, int64_t device_id)
{
	pthread_mutex_lock(&f->lock);
	if (f->n_refresh < REFRESH_MAX)
		f->refresh[f->n_refresh++] = device_id;
	else
		f->refresh_all = true;
	pthread_mutex_unlock(&f->lock);
}

static struct store_conn *reader(struct feeder *f)
{
	return store_reader(f->server->store);
}

/* ---- everything ---- */

static void begin(struct feeder *f, struct buf *out)
{
	link_add(out, &(struct link_message){ .type = LINK_BEGIN });
	f->paging = true;
	f->org_id = f->after_id = 0;
	f->cursor = -1;
}

void feeder_restart(struct feeder *f, const char *secret, struct buf *out)
{
	uint8_t hash[SHA256_SIZE];
	sha256(span_str(secret), hash);
	link_add(out, &(struct link_message){ .type = LINK_SERVER,
					      .user = span_str(BROKER_SERVER_USER),
					      .hash = { hash, sizeof hash } });
	begin(f, out);
}

struct page {
	struct feeder *feed;
	struct arena arena;
	struct buf *out;
	size_t n;
	int64_t last_id;
};

static int add_device(void *user, const struct device *d, enum verdict v, int64_t version)
{
	struct page *p = user;
	struct broker_account account;
	(void)v, (void)version;
	p->n++;
	p->last_id = d->id;
	int r = account_get(p->feed->source, reader(p->feed), d, &p->arena, &account);
	if (r == 0) {
		struct link_message m = account_message(&account, d->id, &p->arena);
		link_add(p->out, &m);
	}
	return r < 0 ? r : 0;
}

/* The organization after the one that is done; 0: there is none. */
static int next_org(struct feeder *f, struct arena *a, int64_t *ret)
{
	struct organization *orgs = NULL;
	size_t n = 0;
	int r = store_organization_list(reader(f), a, &orgs, &n);
	*ret = 0;
	for (size_t i = 0; i < n && r == 0; i++)
		if (orgs[i].id > f->org_id && (*ret == 0 || orgs[i].id < *ret))
			*ret = orgs[i].id;
	return r;
}

static int turn_page(struct feeder *f, struct page *p)
{
	const struct filter ours = { .type = FILTER_COMPARE,
				     .field = FILTER_CHANNEL,
				     .op = FILTER_EQ,
				     .text = channel_name(f->source->channel) };
	if (f->org_id == 0)
		return 0;
	return store_device_list(reader(f), f->org_id, &ours, f->after_id, PAGE, add_device, p);
}

static int fill_page(struct feeder *f, struct page *p)
{
	int r = f->cursor < 0 ? store_event_last(reader(f), &f->cursor) : 0;
	if (r == 0)
		r = turn_page(f, p);
	if (r)
		return r;
	f->after_id = p->last_id;
	if (p->n == PAGE)
		return 0;
	int64_t next = 0;
	r = next_org(f, &p->arena, &next);
	f->org_id = next;
	f->after_id = 0;
	if (r == 0 && f->org_id == 0) {
		f->paging = false;
		link_add(p->out, &(struct link_message){ .type = LINK_END });
	}
	return r;
}

/* ---- what changes ---- */

struct changes {
	int64_t ids[PAGE];
	size_t n, n_read;
	int64_t last_id;
	bool all;
};

/* What a device may read can hang on its settings, too: a channel may give one that differs from its fleet topics of
 * its own. */
static bool changes_account(enum event_type type)
{
	static const enum event_type types[] = {
		EVENT_DEVICE_ENROLLED,   EVENT_DEVICE_CHANGED, EVENT_DEVICE_MOVED,
		EVENT_DEVICE_UNENROLLED, EVENT_DEVICE_DELETED, EVENT_SETTING_SET,
		EVENT_SETTING_UNSET,
	};
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i] == type)
			return true;
	return false;
}

static int collect(void *user, const struct event *e)
{
	struct changes *c = user;
	enum event_type type;
	c->n_read++;
	c->last_id = e->id;
	if (!event_type_parse(e->type, &type))
		return 0;
	if (type == EVENT_FLEET_DELETED || type == EVENT_FLEET_MOVED ||
	    type == EVENT_SERVER_RESTORED)
		c->all = true;
	if (e->device_id != 0 && changes_account(type))
		c->ids[c->n++] = e->device_id;
	return 0;
}

static int send_device(struct feeder *f, int64_t id, struct page *p)
{
	struct broker_account account;
	struct device d;
	struct error err;
	int r = store_device_get(reader(f), id, &p->arena, &d, &err);
	if (r == 0)
		r = account_get(f->source, reader(f), &d, &p->arena, &account);
	if (r < 0)
		return r;
	struct link_message m = { .type = LINK_REMOVE, .number = (uint64_t)id };
	if (r == 0)
		m = account_message(&account, id, &p->arena);
	link_add(p->out, &m);
	return 0;
}

static int send_devices(struct feeder *f, const int64_t *ids, size_t n, struct page *p)
{
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = send_device(f, ids[i], p);
	return r;
}

/* *ret_all: too many were asked for. */
static int send_refreshed(struct feeder *f, struct page *p, bool *ret_all)
{
	int64_t ids[PAGE];
	pthread_mutex_lock(&f->lock);
	size_t n = f->n_refresh < PAGE ? f->n_refresh : PAGE;
	f->n_refresh -= n;
	memcpy(ids, f->refresh + f->n_refresh, n * sizeof *ids);
	*ret_all = f->refresh_all;
	f->refresh_all = false;
	pthread_mutex_unlock(&f->lock);
	int r = send_devices(f, ids, n, p);
	for (size_t i = 0; r && i < n; i++)
		feeder_refresh(f, ids[i]);
	return r;
}

/* A restore may have set the log back. */
static int log_went_back(struct feeder *f, bool *ret)
{
	int64_t last = 0;
	int r = store_event_last(reader(f), &last);
	*ret = r == 0 && last < f->cursor;
	return r;
}

static int follow(struct feeder *f, struct page *p, bool *ret_more)
{
	struct changes c = { .last_id = f->cursor };
	struct event_query q = { .after_id = f->cursor, .limit = PAGE };
	bool all = false, back = false;
	int r = log_went_back(f, &back);
	if (r == 0)
		r = store_event_list(reader(f), &q, collect, &c);
	if (r == 0)
		r = send_devices(f, c.ids, c.n, p);
	if (r == 0)
		r = send_refreshed(f, p, &all);
	if (r)
		return r;
	f->cursor = c.last_id;
	if (c.all || all || back)
		begin(f, p->out);
	pthread_mutex_lock(&f->lock);
	*ret_more = f->paging || c.n_read == PAGE || f->n_refresh > 0;
	pthread_mutex_unlock(&f->lock);
	return 0;
}

int feeder_fill(struct feeder *f, struct buf *out, bool *ret_more)
{
	struct page p = { .feed = f, .out = out };
	size_t n_before = out->n;
	*ret_more = true;
	arena_init(&p.arena);
	int r = f->paging ? fill_page(f, &p) : follow(f, &p, ret_more);
	arena_fini(&p.arena);
	if (r || out->failed) { /* half a piece is not sent: it comes again */
		out->n = n_before;
		out->failed = false;
	}
	return r;
}
