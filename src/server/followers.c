/* SPDX-License-Identifier: Apache-2.0
 *
 * The background thread, see followers.h. A turn: ring for what was committed, answer what is over
 * time, do the chores whose time has come.
 *
 * Chores are rows of a table: every so often, a bounded piece of work. A chore that fails is logged
 * and tried again when its time comes next; none may stop the doorbells.
 */
#include "server/followers.h"

#include "server/doorbell.h"
#include "server/follow.h"
#include "server/jobs.h"
#include "server/keys.h"
#include "server/metrics.h"
#include "server/seen.h"
#include "store/children.h"
#include "store/sample.h"

#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <stdlib.h>

#define CHORE_BATCH     500 /* rows a write */
#define KEPT_ANSWERS_MS (24 * 3600 * 1000)

struct chore {
	const char *name;
	int64_t every_ms;
	int (*run)(struct followers *f, int64_t now_ms);
};

#define CHORES_MAX 8

struct news { /* what is needed of an event */
	int64_t org_id, fleet_id, device_id;
	int64_t parent_id; /* of a device that was deleted: its row cannot be asked any more; 0: none */
	enum event_type type;
};

struct followers {
	struct server *server;
	struct follow *follow;
	/* the thread's own */
	struct news news[FOLLOW_BATCH]; /* of this batch */
	size_t n_news;
	int64_t due_ms[CHORES_MAX]; /* monotonic, by chore */
};

/* ---- ringing ---- */

/* A fleet of that organization, and everything below it. What hung below a deleted fleet hangs
 * somewhere else by now, so then everybody of the organization is rung. */
static int ring_fleet(struct server *s, const struct news *e)
{
	const struct fleet_tree *tree = NULL;
	int r = store_fleets(store_reader(s->store), e->org_id, &tree);
	if (r)
		return r;
	const struct fleet *root = fleet_tree_root(tree);
	int64_t top = e->fleet_id, *ids = NULL;
	if (e->type == EVENT_FLEET_DELETED || !fleet_tree_get(tree, top))
		top = root ? root->id : 0;
	struct arena a;
	arena_init(&a);
	size_t n = fleet_tree_subtree(tree, top, &a, &ids);
	doorbell_ring(s->doorbells, 0, ids, n);
	doorbell_ring(s->doorbells, 0, &e->fleet_id, 1);
	arena_fini(&a);
	return 0;
}

/* A device, and the hosts that speak for it. */
static int ring_device(struct server *s, const struct news *e)
{
	int64_t above[CHILD_DEPTH_MAX - 1];
	size_t n = 0;
	doorbell_ring(s->doorbells, e->device_id, NULL, 0);
	if (e->parent_id != 0)
		doorbell_ring(s->doorbells, e->parent_id, NULL, 0);
	int r = store_device_above(store_reader(s->store),
				   e->parent_id ? e->parent_id : e->device_id, above, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		doorbell_ring(s->doorbells, above[i], NULL, 0);
	return r;
}

static int ring(struct server *s, const struct news *e)
{
	metrics_add(s->metrics, METRICS_DOORBELLS_RUNG, 1);
	if (e->device_id != 0)
		return ring_device(s, e);
	if (e->org_id == 0)
		doorbell_ring_all(s->doorbells);
	else
		return ring_fleet(s, e);
	return 0;
}

static void ensure_keys(void *server)
{
	struct server *s = server;
	int r = keyring_ensure(s->keys, s->store, clock_utc_ms());
	if (r != 0 && r != -ECANCELED)
		log_error("signing keys could not be made", F_INT("error", r));
}

static bool makes_keys(enum event_type t)
{
	return t == EVENT_ORGANIZATION_CREATED || t == EVENT_SERVER_RESTORED;
}

static int64_t parent_of_deleted(const struct event *e)
{
	AUTO_JSON before = NULL;
	if (json_parse(span_str(e->before_json ? e->before_json : ""), &before, NULL) != 0)
		return 0;
	return json_integer_value(json_object_get(before, "parent_id"));
}

static int collect(void *user, const struct event *e)
{
	struct followers *f = user;
	enum event_type type;
	if (!event_type_parse(e->type, &type) ||
	    !(event_rings(type) || type == EVENT_FLEET_DELETED || makes_keys(type)))
		return FOLLOW_NOTHING;
	f->news[f->n_news++] =
		(struct news){ .org_id = e->org_id,
			       .fleet_id = e->fleet_id,
			       .device_id = e->device_id,
			       .parent_id = type == EVENT_DEVICE_DELETED ? parent_of_deleted(e) : 0,
			       .type = type };
	return FOLLOW_ACT;
}

static int act(void *user)
{
	struct followers *f = user;
	struct server *s = f->server;
	struct error err;
	int r = 0;
	for (size_t i = 0; i < f->n_news && r == 0; i++) {
		const struct news *e = &f->news[i];
		if (event_rings(e->type) || e->type == EVENT_FLEET_DELETED)
			r = ring(s, e);
		if (makes_keys(e->type) && jobs_submit(s->jobs, ensure_keys, s, &err) != 0)
			log_warn("signing keys are made at the next start",
				 F_STR("why", err.message));
	}
	f->n_news = 0; /* also when it failed: they come again */
	return r;
}

static int begin(void *user)
{
	struct followers *f = user;
	f->n_news = 0;
	return 0;
}

/* Nobody knows what is different now. */
static void reset(void *user)
{
	struct followers *f = user;
	doorbell_ring_all(f->server->doorbells);
}

/* ---- chores ---- */

struct write { /* one bounded write of a chore */
	struct store_write write;
	int (*fn)(struct store_conn *tx, int64_t when_ms, size_t max, size_t *ret_n);
	int64_t when_ms;
	size_t n;
};

static int write_apply(struct store_conn *tx, struct store_write *w)
{
	struct write *x = CONTAINER_OF(w, struct write, write);
	x->n = 0;
	return x->fn(tx, x->when_ms, CHORE_BATCH, &x->n);
}

/* Again and again while there is a full piece of work, each in a transaction of its own. */
static int write_all(struct followers *f, struct write *x, enum metrics_counter counter)
{
	int r;
	x->write = (struct store_write){ .apply = write_apply };
	do {
		r = store_write_wait(f->server->store, &x->write);
		if (r == 0)
			metrics_add(f->server->metrics, counter, x->n);
	} while (r == 0 && x->n == CHORE_BATCH && !follow_stopping(f->follow));
	return r;
}

static int chore_seen(struct followers *f, int64_t now_ms)
{
	(void)now_ms;
	return seen_flush(f->server->seen, f->server->store);
}

static int chore_commands(struct followers *f, int64_t now_ms)
{
	struct write x = { .fn = store_command_expire, .when_ms = now_ms };
	bool due = false;
	int r = store_command_over(store_reader(f->server->store), now_ms, &due);
	return r || !due ? r : write_all(f, &x, METRICS_COMMANDS_EXPIRED);
}

static int chore_events(struct followers *f, int64_t now_ms)
{
	const struct config *c = f->server->config;
	struct write x = { .fn = store_event_prune, .when_ms = now_ms - c->retention_events };
	return write_all(f, &x, METRICS_EVENTS_PRUNED);
}

static int chore_samples(struct followers *f, int64_t now_ms)
{
	const struct config *c = f->server->config;
	struct write x = { .fn = store_sample_prune, .when_ms = now_ms - c->retention_samples };
	return write_all(f, &x, METRICS_SAMPLES_PRUNED);
}

static int expire_sessions(struct store_conn *tx, int64_t when_ms, size_t max, size_t *ret_n)
{
	(void)max;
	*ret_n = 0;
	return store_session_expire(tx, when_ms);
}

static int expire_answers(struct store_conn *tx, int64_t when_ms, size_t max, size_t *ret_n)
{
	(void)max;
	*ret_n = 0;
	return store_idempotency_expire(tx, when_ms);
}

static int chore_sessions(struct followers *f, int64_t now_ms)
{
	struct write x = { .write.apply = write_apply, .fn = expire_sessions, .when_ms = now_ms };
	return store_write_wait(f->server->store, &x.write);
}

static int chore_answers(struct followers *f, int64_t now_ms)
{
	struct write x = { .write.apply = write_apply,
			   .fn = expire_answers,
			   .when_ms = now_ms - KEPT_ANSWERS_MS };
	return store_write_wait(f->server->store, &x.write);
}

static int chore_count(struct followers *f, int64_t now_ms)
{
	struct store_conn *c = store_reader(f->server->store);
	struct organization *orgs = NULL;
	struct arena a;
	size_t n_orgs = 0;
	int64_t total = 0, n = 0;
	(void)now_ms;
	arena_init(&a);
	int r = store_organization_list(c, &a, &orgs, &n_orgs);
	for (size_t i = 0; i < n_orgs && r == 0; i++) {
		r = store_command_open(c, orgs[i].id, &n);
		total += n;
	}
	arena_fini(&a);
	if (r == 0)
		metrics_set(f->server->metrics, METRICS_COMMANDS_OPEN, total);
	return r;
}

static const struct chore chores[] = {
	{ "last contacts", 5 * 1000, chore_seen },
	{ "expired commands", 1000,
	  chore_commands }, /* an order waits at the MQTT broker until then */
	{ "open commands", 30 * 1000, chore_count },
	{ "old events", 600 * 1000, chore_events },
	{ "old samples", 600 * 1000, chore_samples },
	{ "sessions that are over", 300 * 1000, chore_sessions },
	{ "kept answers", 600 * 1000, chore_answers },
};
_Static_assert(ARRAY_SIZE(chores) <= CHORES_MAX, "due_ms is too small");

static void failed(struct followers *f, const char *what, int r)
{
	metrics_add(f->server->metrics, METRICS_FOLLOWER_ERRORS, 1);
	log_limited(LOG_LEVEL_ERROR, "background work failed", F_STR("what", what),
		    F_INT("error", r));
}

/* Returns when the next one is due. */
static int64_t do_chores(struct followers *f, int64_t now_mono_ms)
{
	int64_t next = INT64_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(chores); i++) {
		if (f->due_ms[i] <= now_mono_ms) {
			int r = chores[i].run(f, clock_utc_ms());
			if (r)
				failed(f, chores[i].name, r);
			f->due_ms[i] = now_mono_ms + chores[i].every_ms;
		}
		next = f->due_ms[i] < next ? f->due_ms[i] : next;
	}
	return next;
}

static int64_t rest(void *user, int64_t now_mono_ms)
{
	struct followers *f = user;
	int64_t rung = doorbell_expire(f->server->doorbells, now_mono_ms);
	int64_t next = do_chores(f, now_mono_ms);
	return rung < next ? rung : next;
}

/* ---- life ---- */

static const struct follow_ops ops = { .what = "ringing doorbells",
				       .begin = begin,
				       .event = collect,
				       .act = act,
				       .reset = reset,
				       .rest = rest };

struct followers *followers_new(struct server *s)
{
	struct followers *f = calloc(1, sizeof *f);
	if (!f)
		abort();
	f->server = s;
	return f;
}

int followers_start(struct followers *f)
{
	int64_t now = clock_mono_ms();
	for (size_t i = 0; i < ARRAY_SIZE(chores); i++)
		f->due_ms[i] = now; /* also what was left over from the last life */
	f->follow = follow_new(f->server->store, f->server->metrics, &ops, f);
	doorbells_on_due(f->server->doorbells, follow_wake, f->follow);
	return follow_start(f->follow);
}

void followers_stop(struct followers *f)
{
	if (!f->follow)
		return;
	follow_stop(f->follow);
	int r = seen_flush(f->server->seen, f->server->store);
	if (r)
		failed(f, "last contacts", r);
}

void followers_free(struct followers *f)
{
	if (!f)
		return;
	follow_free(f->follow);
	free(f);
}
