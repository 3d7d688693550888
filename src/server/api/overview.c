/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts of devices, and GET /overview: see overview.h.
 *
 * An entry an organization, all under one mutex that is never held while counting. An entry is
 * fresh while neither the store's generation nor its last event has moved since before it was
 * counted (verdicts change with reports, which are events).
 */
#include "server/api/overview.h"
#include "base/clock.h"
#include "base/map.h"
#include "server/api/nouns.h"
#include "server/api/state.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

#define CHEAP_DEVICES 10000 /* up to so many are counted again after every change */
#define COST_SHARE    4     /* counting more happens at most 1/COST_SHARE of the time */
#define COUNT_AT_ONCE 50000

struct entry {
	struct entry *next;
	int64_t org_id;
	uint64_t generation;
	int64_t event_id;
	int64_t cost_ms, at_mono_ms;
	bool refreshing;
	struct overview_counts counts; /* fleets: heap */
};

struct overview {
	struct store *store;
	struct jobs *jobs;
	pthread_mutex_t lock;
	struct entry *entries;
};

struct overview *overview_new(struct store *store, struct jobs *jobs)
{
	struct overview *o = calloc(1, sizeof *o);
	if (!o)
		abort();
	o->store = store;
	o->jobs = jobs;
	pthread_mutex_init(&o->lock, NULL);
	return o;
}

void overview_free(struct overview *o)
{
	if (!o)
		return;
	for (struct entry *e = o->entries, *next; e; e = next) {
		next = e->next;
		free(e->counts.fleets);
		free(e);
	}
	pthread_mutex_destroy(&o->lock);
	free(o);
}

/* ---- counting ---- */

struct tally {
	struct overview_counts *counts;
	struct arena *arena;
	struct map *fleets;       /* fleet id -> struct fleet_count */
	struct fleet_count *last; /* neighbours are often in the same fleet */
	int64_t last_id;
	size_t n;
};

static struct fleet_count *tally_fleet(struct tally *t, int64_t fleet_id)
{
	if (t->last && t->last->fleet_id == fleet_id)
		return t->last;
	t->last = map_get(t->fleets, map_key_int(&fleet_id));
	if (!t->last) {
		t->last = arena_new(t->arena, struct fleet_count);
		t->last->fleet_id = fleet_id;
		map_put(t->fleets, map_key_int(&fleet_id), t->last);
	}
	return t->last;
}

static int tally_device(void *user, const struct device *d, enum verdict v, int64_t version)
{
	struct tally *t = user;
	enum kind kind;
	enum channel channel;
	t->counts->total++;
	t->counts->by_verdict[v]++;
	if (kind_parse(d->kind, &kind))
		t->counts->by_kind[kind]++;
	if (channel_parse(d->channel, &channel))
		t->counts->by_channel[channel]++;
	tally_fleet(t, d->fleet_id)->n++;
	t->last_id = d->id;
	t->n++;
	return 0;
}

static void collect_fleet(void *user, struct span key, void *value)
{
	struct overview_counts *counts = user;
	counts->fleets[counts->n_fleets++] = *(const struct fleet_count *)value;
}

static int compare_fleets(const void *a, const void *b)
{
	const struct fleet_count *x = a, *y = b;
	return (x->fleet_id > y->fleet_id) - (x->fleet_id < y->fleet_id);
}

static int count(struct store_conn *c, int64_t org_id, struct arena *a, struct overview_counts *ret)
{
	struct tally t = { .counts = ret, .arena = a, .fleets = map_new() };
	int r = 0;
	*ret = (struct overview_counts){ .counted_ms = clock_utc_ms() };
	do {
		t.n = 0;
		r = store_device_list(c, org_id, NULL, t.last_id, COUNT_AT_ONCE, tally_device, &t);
	} while (r == 0 && t.n == COUNT_AT_ONCE);
	ret->fleets = arena_new_n(a, struct fleet_count, map_n(t.fleets) + 1);
	map_each(t.fleets, collect_fleet, ret);
	qsort(ret->fleets, ret->n_fleets, sizeof *ret->fleets, compare_fleets);
	map_free(t.fleets);
	return r;
}

/* ---- keeping ---- */

static struct entry *entry_of(struct overview *o, int64_t org_id)
{
	struct entry *e = o->entries;
	while (e && e->org_id != org_id)
		e = e->next;
	return e;
}

/* What the counts depend on, taken before counting. */
struct stand {
	uint64_t generation;
	int64_t event_id, mono_ms;
};

static int stand_now(struct overview *o, struct store_conn *c, struct stand *ret)
{
	ret->generation = store_generation(o->store);
	ret->mono_ms = clock_mono_ms();
	return store_event_last(c, &ret->event_id);
}

static void copy_counts(const struct overview_counts *from, struct overview_counts *to,
			struct fleet_count *fleets)
{
	*to = *from;
	to->fleets = fleets;
	if (from->n_fleets > 0)
		memcpy(fleets, from->fleets, from->n_fleets * sizeof *fleets);
}

/* A failed allocation only means that the next request counts again. */
static void keep(struct overview *o, int64_t org_id, const struct stand *before,
		 const struct overview_counts *counts)
{
	struct fleet_count *fleets = calloc(counts->n_fleets + 1, sizeof *fleets);
	if (!fleets)
		return;
	pthread_mutex_lock(&o->lock);
	struct entry *e = entry_of(o, org_id);
	if (!e && (e = calloc(1, sizeof *e))) {
		e->org_id = org_id;
		e->next = o->entries;
		o->entries = e;
	}
	if (e) {
		free(e->counts.fleets);
		copy_counts(counts, &e->counts, TAKE(fleets));
		e->generation = before->generation;
		e->event_id = before->event_id;
		e->at_mono_ms = clock_mono_ms();
		e->cost_ms = e->at_mono_ms - before->mono_ms;
	}
	pthread_mutex_unlock(&o->lock);
	free(fleets);
}

static int count_and_keep(struct overview *o, struct store_conn *c, int64_t org_id, struct arena *a,
			  struct overview_counts *ret)
{
	struct stand before;
	int r = stand_now(o, c, &before);
	if (r == 0)
		r = count(c, org_id, a, ret);
	if (r == 0)
		keep(o, org_id, &before, ret);
	return r;
}

/* ---- refreshing on a job ---- */

struct refresh {
	struct overview *o;
	int64_t org_id;
};

static void refresh_run(void *arg)
{
	struct refresh *refresh = arg;
	struct overview *o = refresh->o;
	struct overview_counts counts;
	struct arena arena;
	arena_init(&arena);
	/* a failure leaves the old counts; the next request tries again */
	(void)!count_and_keep(o, store_reader(o->store), refresh->org_id, &arena, &counts);
	arena_fini(&arena);
	pthread_mutex_lock(&o->lock);
	struct entry *e = entry_of(o, refresh->org_id);
	if (e)
		e->refreshing = false;
	pthread_mutex_unlock(&o->lock);
	free(refresh);
}

static bool refresh_start(struct overview *o, int64_t org_id)
{
	struct error err;
	struct refresh *refresh = malloc(sizeof *refresh);
	if (!refresh)
		return false;
	*refresh = (struct refresh){ o, org_id };
	if (jobs_submit(o->jobs, refresh_run, refresh, &err) == 0)
		return true;
	free(refresh);
	return false;
}

static void warm_run(void *arg)
{
	struct overview *o = arg;
	struct store_conn *c = store_reader(o->store);
	struct organization *rows = NULL;
	struct overview_counts counts;
	struct arena arena;
	size_t n = 0;
	arena_init(&arena);
	int r = store_organization_list(c, &arena, &rows, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = count_and_keep(o, c, rows[i].id, &arena, &counts);
	arena_fini(&arena);
}

void overview_warm(struct overview *o)
{
	struct error err;
	(void)!jobs_submit(o->jobs, warm_run, o, &err); /* else the first request counts */
}

/* ---- asking ---- */

/* Copies what is kept when it may be used; says in *ret_refresh when it should be made again. */
static bool kept(struct overview *o, int64_t org_id, const struct stand *now, struct arena *a,
		 struct overview_counts *ret, bool *ret_refresh)
{
	*ret_refresh = false;
	pthread_mutex_lock(&o->lock);
	struct entry *e = entry_of(o, org_id);
	bool fresh = e && e->generation == now->generation && e->event_id == now->event_id;
	bool usable = fresh || (e && e->counts.total > CHEAP_DEVICES);
	if (usable)
		copy_counts(&e->counts, ret,
			    arena_new_n(a, struct fleet_count, e->counts.n_fleets + 1));
	if (usable && !fresh && !e->refreshing &&
	    now->mono_ms - e->at_mono_ms >= COST_SHARE * e->cost_ms)
		*ret_refresh = e->refreshing = true;
	pthread_mutex_unlock(&o->lock);
	return usable;
}

int overview_counts(struct overview *o, struct store_conn *c, int64_t org_id, struct arena *a,
		    struct overview_counts *ret)
{
	struct stand now;
	bool refresh;
	int r = stand_now(o, c, &now);
	if (r != 0)
		return r;
	if (!kept(o, org_id, &now, a, ret, &refresh))
		return count_and_keep(o, c, org_id, a, ret);
	if (refresh && !refresh_start(o, org_id)) {
		pthread_mutex_lock(&o->lock);
		entry_of(o, org_id)->refreshing = false; /* entries never go */
		pthread_mutex_unlock(&o->lock);
	}
	return 0;
}

int64_t overview_fleet(const struct overview_counts *counts, int64_t fleet_id)
{
	const struct fleet_count key = { .fleet_id = fleet_id };
	const struct fleet_count *found = counts->n_fleets == 0
						  ? NULL
						  : bsearch(&key, counts->fleets, counts->n_fleets,
							    sizeof key, compare_fleets);
	return found ? found->n : 0;
}

/* ---- GET /overview ---- */

static const struct field overview_devices_fields[] = {
	FIELD_OF("total", AS_INT, 0, "Managed devices"),
	FIELD_OF("by_verdict", AS_COUNTS, 0, NULL),
	FIELD_OF("by_kind", AS_COUNTS, 0, NULL),
	FIELD_OF("by_channel", AS_COUNTS, 0, NULL),
	{ 0 },
};
const struct schema overview_devices_schema = { .name = "OverviewDevices",
						.fields = overview_devices_fields };

static const struct field overview_fields[] = {
	FIELD_REF("devices", AS_OBJECT, 0, "OverviewDevices", NULL),
	FIELD_OF("counted", AS_TIME, 0, "When the devices were counted"),
	FIELD_OF("commands_open", AS_INT, 0, "Commands that are not finished"),
	FIELD_OF("version", AS_TEXT, 0, "Of the server"),
	FIELD_OF("started", AS_TIME, 0, "When the server started"),
	{ 0 },
};
const struct schema overview_schema = { .name = "Overview", .fields = overview_fields };

static json_t *counts_to_json(const struct overview_counts *counts)
{
	json_t *verdicts = json_object(), *kinds = json_object(), *channels = json_object();
	for (int i = 0; i < VERDICT_N; i++)
		json_object_set_new(verdicts, verdict_name((enum verdict)i),
				    json_integer(counts->by_verdict[i]));
	for (int i = 0; i < KIND_N; i++)
		if (counts->by_kind[i])
			json_object_set_new(kinds, kind_name((enum kind)i),
					    json_integer(counts->by_kind[i]));
	for (int i = 0; i < CHANNEL_N; i++)
		if (counts->by_channel[i])
			json_object_set_new(channels, channel_name((enum channel)i),
					    json_integer(counts->by_channel[i]));
	return json_pack("{s:I, s:o, s:o, s:o}", "total", (json_int_t)counts->total, "by_verdict",
			 verdicts, "by_kind", kinds, "by_channel", channels);
}

API_HANDLER(overview_show)
{
	struct overview_counts counts;
	struct organization org = { 0 };
	char counted[CLOCK_TEXT_SIZE], started[CLOCK_TEXT_SIZE];
	int64_t n_open = 0;
	struct store_conn *c = api_conn(req);
	int r = api_org(req, c, &org, err);
	if (r == 0)
		r = overview_counts(api_of(req)->overview, c, org.id, http_arena(req), &counts);
	if (r == 0)
		r = store_command_open(c, org.id, &n_open);
	if (r != 0)
		return r;
	http_reply_json(req, 200,
			json_pack("{s:o, s:s, s:I, s:s, s:s}", "devices", counts_to_json(&counts),
				  "counted", clock_format(counts.counted_ms, counted),
				  "commands_open", (json_int_t)n_open, "version", REEVE_VERSION,
				  "started", clock_format(server_of(req)->started_ms, started)));
	return 0;
}
