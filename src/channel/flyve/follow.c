/* SPDX-License-Identifier: Apache-2.0
 *
 * From the event log to rows: whom an event concerns, and syncing them, each in a transaction of its own.
 * Doing one again changes nothing, so the place is kept only after a whole batch.
 */
#include "channel/flyve/rest.h"
#include "channel/flyve/session.h"

#include "base/log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 200

enum whom { WHOM_NOBODY, WHOM_DEVICE, WHOM_SUBTREE, WHOM_GONE_FLEET, WHOM_ALL };

static const enum whom whom_of[EVENT_N] = {
	[EVENT_SETTING_SET] = WHOM_SUBTREE, /* or the device */
	[EVENT_SETTING_UNSET] = WHOM_SUBTREE,    [EVENT_FLEET_MOVED] = WHOM_SUBTREE,
	[EVENT_FLEET_DELETED] = WHOM_GONE_FLEET, [EVENT_SERVER_RESTORED] = WHOM_ALL,
	[EVENT_DEVICE_ENROLLED] = WHOM_DEVICE,   [EVENT_DEVICE_MOVED] = WHOM_DEVICE,
	[EVENT_DEVICE_UNENROLLED] = WHOM_DEVICE, [EVENT_DEVICE_DELETED] = WHOM_DEVICE,
	[EVENT_COMMAND_QUEUED] = WHOM_DEVICE,    [EVENT_COMMAND_EXPIRED] = WHOM_DEVICE,
	[EVENT_COMMAND_CANCELLED] = WHOM_DEVICE, [EVENT_COMMAND_FAILED] = WHOM_DEVICE,
	[EVENT_COMMAND_DONE] = WHOM_DEVICE,
};

struct target {
	enum whom whom;
	int64_t org_id, id;
};

struct targets { /* each once */
	struct target items[FOLLOW_BATCH];
	size_t n;
};

/* ---- whom an event concerns ---- */

struct targets *flyve_targets_new(void)
{
	struct targets *t = calloc(1, sizeof *t);
	if (!t)
		abort();
	return t;
}

int flyve_event(void *user, const struct event *e)
{
	struct targets *b = ((struct flyve *)user)->targets;
	enum event_type type;
	if (!event_type_parse(e->type, &type) || whom_of[type] == WHOM_NOBODY)
		return FOLLOW_NOTHING;
	enum whom whom = whom_of[type];
	if (whom == WHOM_SUBTREE && e->device_id)
		whom = WHOM_DEVICE;
	struct target t = { whom, e->org_id, whom == WHOM_DEVICE ? e->device_id : e->fleet_id };
	for (size_t i = 0; i < b->n; i++)
		if (b->items[i].whom == t.whom && b->items[i].id == t.id)
			return FOLLOW_ACT;
	if (b->n == FOLLOW_BATCH)
		return FOLLOW_LATER;
	b->items[b->n++] = t;
	return FOLLOW_ACT;
}

/* The log is another one: everything may be another one. */
void flyve_reset(void *user)
{
	struct flyve *f = user;
	f->targets->n = 0;
	f->targets->items[f->targets->n++] = (struct target){ .whom = WHOM_ALL };
}

bool flyve_is_behind(const struct flyve *f)
{
	int64_t last = 0;
	int r = store_event_last(store_reader(f->server->store), &last);
	return r != 0 || last > follow_place(f->follow);
}

/* ---- one sync, as a write that is waited for ---- */

struct sync {
	struct store_write write;
	struct arena arena;
	bool fleet;
	int64_t org_id, id;
	struct flyve_effects effects;
};

static int sync_apply(struct store_conn *tx, struct store_write *w)
{
	struct sync *s = CONTAINER_OF(w, struct sync, write);
	int64_t now = flyve_now();
	return s->fleet ? flyve_sync_fleet(tx, s->org_id, s->id, now, &s->arena, &s->effects)
			: flyve_sync_device(tx, s->id, now, &s->arena, &s->effects);
}

static void on_in_force(void *user, bool in_force)
{
	struct flyve *f = user;
	(void)in_force;
	pthread_mutex_lock(&f->lock);
	f->in_force = true;
	pthread_cond_broadcast(&f->cond);
	pthread_mutex_unlock(&f->lock);
}

/* A device that is told of a fleet before it may read it would subscribe in vain, and never again. */
static void wait_until_in_force(struct flyve *f, int64_t device_id)
{
	f->in_force = false;
	broker_refresh(f->broker, device_id);
	broker_when_in_force(f->broker, on_in_force, f);
	pthread_mutex_lock(&f->lock);
	while (!f->in_force)
		pthread_cond_wait(&f->cond, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

static int sync_fleet(struct flyve *f, int64_t org_id, int64_t fleet_id, bool *ret_root_managed);
static int sync_members(struct flyve *f, int64_t org_id, int64_t fleet_id);

static int take_effects(struct flyve *f, const struct sync *s)
{
	int r = 0;
	f->publish |= s->effects.publish;
	if (s->effects.account)
		wait_until_in_force(f, s->id);
	flyve_publish_queries(f, &s->effects);
	if (s->effects.n_left_out)
		log_limited(LOG_LEVEL_WARN, "a deployable cannot be said in the Flyve protocol",
			    F_STR("scope", s->fleet ? "fleet" : "device"), F_INT("id", s->id),
			    F_INT("elements", (int64_t)s->effects.n_left_out));
	for (size_t i = 0; i < ARRAY_SIZE(s->effects.fleets) && r == 0; i++)
		if (s->effects.fleets[i])
			r = sync_fleet(f, s->org_id, s->effects.fleets[i], NULL);
	return r == 0 && s->effects.dialect_changed ? sync_members(f, s->org_id, s->id) : r;
}

static int64_t org_of_device(struct flyve *f, int64_t device_id, struct arena *a)
{
	struct device d;
	struct error ignored;
	int r = store_device_get(store_reader(f->server->store), device_id, a, &d, &ignored);
	return r == 0 ? d.org_id : 0;
}

static int run(struct flyve *f, struct sync *s, bool *ret_root_managed)
{
	s->write.apply = sync_apply;
	int r = store_write_wait(f->server->store, &s->write);
	if (ret_root_managed)
		*ret_root_managed = r == 0 && s->effects.root_managed;
	if (r == 0)
		r = take_effects(f, s);
	return r > 0 ? -EIO : r;
}

static int sync_fleet(struct flyve *f, int64_t org_id, int64_t fleet_id, bool *ret_root_managed)
{
	struct sync s = { .fleet = true, .org_id = org_id, .id = fleet_id };
	arena_init(&s.arena);
	int r = run(f, &s, ret_root_managed);
	arena_fini(&s.arena);
	return r;
}

static int sync_device(struct flyve *f, int64_t device_id)
{
	struct sync s = { .id = device_id };
	arena_init(&s.arena);
	s.org_id = org_of_device(f, device_id, &s.arena);
	int r = run(f, &s, NULL);
	arena_fini(&s.arena);
	return r;
}

/* ---- many ---- */

struct which { /* of the agents that read the same messages */
	int64_t org_id;
	const int64_t *fleets; /* those in one of these; NULL: wherever they are */
	size_t n_fleets;
};

static bool is_wanted(const struct which *w, const struct device *d)
{
	if (d->org_id != w->org_id)
		return false;
	for (size_t i = 0; i < w->n_fleets; i++)
		if (w->fleets[i] == d->fleet_id)
			return true;
	return w->fleets == NULL;
}

static int sync_if_wanted(struct flyve *f, int64_t device_id, const struct which *w,
			  struct arena *a)
{
	struct device d;
	struct error ignored;
	int r = store_device_get(store_reader(f->server->store), device_id, a, &d, &ignored);
	if (r == 0 && is_wanted(w, &d))
		r = sync_device(f, device_id);
	return r > 0 ? 0 : r;
}

static int sync_page(struct flyve *f, int64_t reads, enum flyve_dialect dialect, int64_t *after,
		     const struct which *w, size_t *ret_n)
{
	CLEANUP(arena_fini) struct arena a;
	struct flyve_agent *agents;
	arena_init(&a);
	*ret_n = 0;
	int r = store_flyve_agent_list(store_reader(f->server->store), reads, dialect, *after, PAGE,
				       &a, &agents, ret_n);
	for (size_t i = 0; i < *ret_n && r == 0; i++) {
		*after = agents[i].device_id;
		r = sync_if_wanted(f, *after, w, &a);
	}
	return r;
}

/* The agents that read this fleet's messages (0: none's; negative: their own). */
static int sync_agents(struct flyve *f, int64_t reads, const struct which *w)
{
	static const enum flyve_dialect dialects[] = { FLYVE_D1, FLYVE_D2 };
	int r = 0;
	for (size_t k = 0; k < ARRAY_SIZE(dialects) && r == 0; k++) {
		int64_t after = 0;
		size_t n;
		do
			r = sync_page(f, reads, dialects[k], &after, w, &n);
		while (r == 0 && n == PAGE && !follow_stopping(f->follow));
	}
	return r;
}

/* Each device of the fleet that reads its messages, or none's; those that differ are for who calls. */
static int sync_members(struct flyve *f, int64_t org_id, int64_t fleet_id)
{
	const struct which within = { org_id, &fleet_id, 1 };
	int r = sync_agents(f, fleet_id, &within);
	return r ? r : sync_agents(f, 0, &within);
}

/* The fleet and all below it; devices in them that differ; devices of a root that is managed now. */
static int sync_subtree(struct flyve *f, int64_t org_id, int64_t fleet_id)
{
	CLEANUP(arena_fini) struct arena a;
	const struct fleet_tree *tree;
	bool root_managed = false;
	arena_init(&a);
	int64_t *ids = NULL;
	int r = store_fleets(store_reader(f->server->store), org_id, &tree);
	if (r)
		return r;
	size_t n = fleet_tree_subtree(tree, fleet_id, &a, &ids);
	for (size_t i = 0; i < n && r == 0; i++) {
		bool managed = false;
		r = sync_fleet(f, org_id, ids[i], &managed);
		root_managed |= managed;
	}
	if (r == 0 && root_managed)
		r = sync_agents(f, 0, &(struct which){ .org_id = org_id });
	struct which within = { org_id, ids, n };
	return r == 0 && n > 0 ? sync_agents(f, flyve_own(org_id), &within) : r;
}

static int sync_gone_fleet(struct flyve *f, int64_t org_id, int64_t fleet_id)
{
	const struct which all = { .org_id = org_id };
	int r = sync_agents(f, fleet_id, &all);
	if (r == 0) /* their place is another one, and so may be their settings */
		r = sync_agents(f, flyve_own(org_id), &all);
	return r ? r : sync_fleet(f, org_id, fleet_id, NULL);
}

struct ids {
	int64_t *items;
	size_t n, room;
	int64_t after;
};

static int collect_device(void *user, const struct device *d, enum verdict v, int64_t version)
{
	struct ids *x = user;
	(void)v, (void)version;
	x->after = d->id;
	if (strcmp(d->channel, channel_name(CHANNEL_FLYVE)) == 0)
		x->items[x->n++] = d->id;
	return 0;
}

static int sync_organization(struct flyve *f, int64_t org_id)
{
	struct store_conn *c = store_reader(f->server->store);
	struct ids x = { .items = calloc(PAGE, sizeof *x.items) };
	const struct fleet_tree *tree;
	int64_t before;
	if (!x.items)
		abort();
	int r;
	do {
		before = x.after;
		x.n = 0;
		r = store_device_list(c, org_id, NULL, x.after, PAGE, collect_device, &x);
		for (size_t i = 0; i < x.n && r == 0; i++)
			r = sync_device(f, x.items[i]);
	} while (r == 0 && x.after != before && !follow_stopping(f->follow));
	free(x.items);
	if (r == 0)
		r = store_fleets(c, org_id, &tree);
	return r ? r
		 : sync_subtree(f, org_id, fleet_tree_root(tree) ? fleet_tree_root(tree)->id : 0);
}

/* After a restore everything may be another one; rows of what is not there any more go with check.c. */
static int sync_all(struct flyve *f)
{
	CLEANUP(arena_fini) struct arena a;
	struct organization *orgs = NULL;
	size_t n = 0;
	arena_init(&a);
	int r = store_organization_list(store_reader(f->server->store), &a, &orgs, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = sync_organization(f, orgs[i].id);
	if (r == 0 && f->connected)
		flyve_check_begin(f);
	return r;
}

static int act(struct flyve *f, const struct target *t)
{
	switch (t->whom) {
	case WHOM_DEVICE:
		return sync_device(f, t->id);
	case WHOM_SUBTREE:
		return sync_subtree(f, t->org_id, t->id);
	case WHOM_GONE_FLEET:
		return sync_gone_fleet(f, t->org_id, t->id);
	case WHOM_ALL:
		return sync_all(f);
	case WHOM_NOBODY:
		break;
	}
	return 0;
}

int flyve_act(void *user)
{
	struct flyve *f = user;
	int r = 0;
	for (size_t i = 0; i < f->targets->n && r == 0; i++)
		r = act(f, &f->targets->items[i]);
	f->targets->n = 0;
	return r == 0 && follow_stopping(f->follow) ? 1 : r;
}

/* ---- the manifest ---- */

struct wanting_manifest {
	struct store_write write;
	struct flyve *f;
};

static int manifest_apply(struct store_conn *tx, struct store_write *w)
{
	struct flyve *f = CONTAINER_OF(w, struct wanting_manifest, write)->f;
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	const struct {
		const char *topic, *payload;
	} all[] = { { FLYVE_MANIFEST_TOPIC, flyve_manifest_payload(&a) },
		    { "/" FLYVE_MANIFEST_TOPIC, flyve_manifest_payload(&a) },
		    { FLYVE_BROKER_TOPIC, flyve_broker_payload(f->broker, &a) } };
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(all) && r == 0; i++) {
		struct retained row = { .topic = all[i].topic,
					.qos = 1,
					.payload = all[i].payload };
		bool changed;
		r = store_retained_want(tx, &row, flyve_now(), &changed);
	}
	return r;
}

int flyve_want_manifest(struct flyve *f)
{
	struct wanting_manifest w = { .write.apply = manifest_apply, .f = f };
	return store_write_wait(f->server->store, &w.write);
}
