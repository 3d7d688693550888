/* SPDX-License-Identifier: Apache-2.0
 *
 * What devices say, and whether they are there.
 *
 * A message that the broker had retained is no news: old wills ("offline") that agents of D2 leave behind
 * would be told again with each of our connections. They are erased.
 */
#include "channel/flyve/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/metrics.h"
#include "server/seen.h"
#include "server/throttle.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WRITES_PER_MINUTE 1200 /* of one device; as over HTTP */
#define CHORES_MS         1000
#define COUNT_MS          10000
#define FRESH_MS          3000

/* ---- messages ---- */

struct hearing { /* an operation at the writer; becomes a note */
	struct store_write write;
	struct flyve *f;
	struct flyve_news news;
	struct flyve_heard heard;
	bool owed; /* to the broker, which keeps the message until it is written */
};

static int hearing_apply(struct store_conn *tx, struct store_write *w)
{
	struct hearing *h = CONTAINER_OF(w, struct hearing, write);
	return flyve_news_apply(tx, &h->news, &h->heard);
}

static void hearing_done(struct store_write *w, int r)
{
	struct hearing *h = CONTAINER_OF(w, struct hearing, write);
	struct note *n = flyve_note_new(NOTE_HEARD);
	n->number = h->news.device_id;
	if (r == 0)
		n->heard = h->heard;
	else
		log_limited(LOG_LEVEL_ERROR, "what a device said could not be stored",
			    F_INT("device", h->news.device_id), F_INT("error", r));
	metrics_add(h->f->server->metrics, METRICS_FLYVE_ENTRIES_REFUSED, h->news.n_bad);
	if (h->news.n_bad)
		log_limited(LOG_LEVEL_WARN,
			    "a device reported tasks that are not its own or not right",
			    F_INT("device", h->news.device_id),
			    F_INT("entries", (int64_t)h->news.n_bad));
	flyve_news_fini(&h->news);
	if (h->owed)
		mqtt_taken(h->f->mqtt);
	flyve_inbox_add(h->f, n);
	free(h);
}

static void submit(struct flyve *f, struct store_write *w)
{
	pthread_mutex_lock(&f->lock);
	f->n_writing++;
	pthread_mutex_unlock(&f->lock);
	store_submit(f->server->store, w);
}

static void refuse(struct flyve *f, const struct note *n, const char *why)
{
	metrics_add(f->server->metrics, METRICS_FLYVE_REFUSED, 1);
	log_limited(LOG_LEVEL_WARN, "a device's message was refused", F_STR("topic", n->topic),
		    F_STR("why", why));
}

/* The broker lets devices write their own topics only, so the topic says who speaks. */
static int find_device(struct flyve *f, const struct flyve_topic *t, struct arena *a,
		       struct device *ret)
{
	struct error ignored;
	int r = store_device_by_external(store_reader(f->server->store), CHANNEL_FLYVE,
					 arena_strndup(a, (const char *)t->name.p, t->name.n), a,
					 ret, &ignored);
	if (r == 0 && (ret->org_id != t->org_id || ret->unenrolled_ms))
		r = ERR_NOT_FOUND;
	return r;
}

static bool may_write(struct flyve *f, int64_t device_id)
{
	int64_t wait_s;
	return throttle_attempt_id(f->server->device_quota, device_id, WRITES_PER_MINUTE,
				   clock_mono_ms(), &wait_s);
}

static void hear(struct flyve *f, struct note *n, const struct flyve_topic *t,
		 const struct device *d)
{
	struct hearing *h = calloc(1, sizeof *h);
	struct error err = { .message = "" };
	if (!h)
		abort();
	int r = flyve_news_read(t, (struct span){ n->payload, n->n }, &h->news, &err);
	if (r) {
		refuse(f, n, err.message);
		flyve_news_fini(&h->news);
		free(h);
		return;
	}
	metrics_add(f->server->metrics, METRICS_FLYVE_HEARD, 1);
	h->write = (struct store_write){ .apply = hearing_apply, .done = hearing_done };
	h->f = f;
	h->owed = n->owed;
	n->owed = false;
	h->news.device_id = d->id;
	h->news.at_ms = n->at_ms;
	h->news.settled = flyve_settled(f);
	h->news.proves = f->checked;
	seen_device(f->server->seen, d->id, n->at_ms);
	flyve_write_acks(f);
	submit(f, &h->write);
}

static void mark_fresh(struct flyve *f, int64_t device_id, int64_t at_ms)
{
	int64_t *since = map_get(f->fresh, map_key_int(&device_id));
	if (!since)
		since = malloc(sizeof *since);
	if (!since)
		abort();
	*since = at_ms;
	map_put(f->fresh, map_key_int(&device_id), since);
}

void flyve_message(struct flyve *f, struct note *n)
{
	CLEANUP(arena_fini) struct arena a;
	struct flyve_topic t;
	struct device d;
	arena_init(&a);
	if (n->n == 0)
		return; /* erased, by us */
	if (!flyve_topic_parse(span_str(n->topic), &t)) {
		refuse(f, n, "no such topic");
		return;
	}
	if (n->flag) {
		(void)flyve_publish_erasure(f, n->topic);
		return;
	}
	int r = find_device(f, &t, &a, &d);
	if (r) {
		refuse(f, n, r < 0 ? "the store failed" : "no such device");
		return;
	}
	if (!may_write(f, d.id)) {
		refuse(f, n, "too many messages");
		return;
	}
	if (t.status == FLYVE_STATUS_ONLINE) {
		bool online = false;
		struct error ignored;
		int bad = flyve_read_online((struct span){ n->payload, n->n }, &online, &ignored);
		if (bad == 0 && online)
			mark_fresh(f, d.id, n->at_ms);
		if (bad == 0 && !online) /* a will may have stayed behind */
			(void)flyve_publish_erasure(f, n->topic);
	}
	hear(f, n, &t, &d);
}

/* ---- what follows ---- */

static void say_queries_again(struct flyve *f, int64_t device_id)
{
	CLEANUP(arena_fini) struct arena a;
	struct flyve_effects e;
	struct device d;
	struct error ignored;
	arena_init(&a);
	free(map_remove(f->fresh, map_key_int(&device_id)));
	int r = store_device_get(store_reader(f->server->store), device_id, &a, &d, &ignored);
	if (r == 0 && d.unenrolled_ms == 0)
		r = flyve_queries_again(store_reader(f->server->store), &d, flyve_now(), &a, &e);
	else
		return;
	if (r == 0)
		flyve_publish_queries(f, &e);
}

void flyve_heard_note(struct flyve *f, const struct note *n)
{
	int64_t id = n->number;
	if (n->acks)
		flyve_acks_written(f, n->acks);
	f->publish |= n->heard.sync;
	if (n->heard.behind)
		flyve_owe(f, id);
	if (n->heard.evidence && map_get(f->fresh, map_key_int(&id)))
		say_queries_again(f, id);
}

/* ---- presence ---- */

struct presence {
	struct store_write write;
	struct flyve *f;
	int64_t device_id, at_ms;
	bool online;
};

static int presence_apply(struct store_conn *tx, struct store_write *w)
{
	struct presence *p = CONTAINER_OF(w, struct presence, write);
	return flyve_presence(tx, p->device_id, p->online, p->at_ms);
}

static void presence_done(struct store_write *w, int r)
{
	struct presence *p = CONTAINER_OF(w, struct presence, write);
	if (r)
		log_limited(LOG_LEVEL_ERROR, "a presence could not be stored",
			    F_INT("device", p->device_id), F_INT("error", r));
	flyve_inbox_add(p->f, flyve_note_new(NOTE_HEARD));
	free(p);
}

static void set_presence(struct flyve *f, int64_t device_id, bool online, int64_t at_ms)
{
	struct presence *p = calloc(1, sizeof *p);
	if (!p)
		abort();
	*p = (struct presence){ .write = { .apply = presence_apply, .done = presence_done },
				.f = f,
				.device_id = device_id,
				.at_ms = at_ms,
				.online = online };
	submit(f, &p->write);
}

void flyve_presence_note(struct flyve *f, const struct note *n)
{
	if (n->flag)
		mark_fresh(f, n->number, n->at_ms);
	else {
		int64_t id = n->number;
		free(map_remove(f->fresh, map_key_int(&id)));
	}
	set_presence(f, n->number, n->flag, n->at_ms);
}

struct online_page {
	struct flyve *f;
	int64_t last_id;
};

static int was_online(void *user, const struct device *d, enum verdict v, int64_t version)
{
	struct online_page *p = user;
	(void)v, (void)version;
	p->last_id = d->id;
	if (!broker_online(p->f->broker, d->id))
		set_presence(p->f, d->id, false, flyve_now());
	return 0;
}

static int forget_presence_of(struct flyve *f, int64_t org_id)
{
	CLEANUP(arena_fini) struct arena a;
	struct online_page p = { .f = f };
	const struct fleet_tree *tree;
	const struct filter *filter;
	struct error err;
	arena_init(&a);
	int r = store_fleets(store_reader(f->server->store), org_id, &tree);
	if (r == 0)
		r = filter_parse("channel=flyve and attribute.online=true", tree, flyve_now(), &a,
				 &filter, &err);
	return r ? r
		 : store_device_list(store_reader(f->server->store), org_id, filter, 0, SIZE_MAX,
				     was_online, &p);
}

/* Who was there when the last process ended is not known to be there now. */
int flyve_forget_presence(struct flyve *f)
{
	CLEANUP(arena_fini) struct arena a;
	struct organization *orgs = NULL;
	size_t n = 0;
	arena_init(&a);
	int r = store_organization_list(store_reader(f->server->store), &a, &orgs, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = forget_presence_of(f, orgs[i].id);
	return r > 0 ? 0 : r;
}

/* ---- chores ---- */

struct due {
	int64_t before_ms;
	int64_t ids[64];
	size_t n;
};

static void find_due(void *user, struct span key, void *value)
{
	struct due *d = user;
	if (*(int64_t *)value <= d->before_ms && d->n < ARRAY_SIZE(d->ids))
		memcpy(&d->ids[d->n++], key.p, sizeof d->ids[0]);
}

/* Devices that came and have said nothing since. */
static void say_due_queries(struct flyve *f)
{
	struct due d = { .before_ms = flyve_now() - FRESH_MS };
	map_each(f->fresh, find_due, &d);
	for (size_t i = 0; i < d.n; i++) {
		say_queries_again(f, d.ids[i]);
		flyve_owe(f, d.ids[i]); /* it may be one that speaks over HTTP: asked, it answers */
	}
}

static void count_retained(struct flyve *f, int64_t now_mono_ms)
{
	int64_t n = 0;
	if (now_mono_ms < f->count_due_ms)
		return;
	f->count_due_ms = now_mono_ms + COUNT_MS;
	if (store_retained_count(store_reader(f->server->store), &n) == 0)
		metrics_set(f->server->metrics, METRICS_FLYVE_RETAINED, n);
}

void flyve_chores(struct flyve *f, int64_t now_mono_ms)
{
	if (now_mono_ms < f->chores_due_ms)
		return;
	f->chores_due_ms = now_mono_ms + CHORES_MS;
	say_due_queries(f);
	flyve_probe(f, now_mono_ms);
	count_retained(f, now_mono_ms);
}
