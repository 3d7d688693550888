/* SPDX-License-Identifier: Apache-2.0
 *
 * The FCM ringer, see fcm-ringer.h.
 *
 *     events beyond the place -> fleets and devices to ring, each once
 *       -> pages of their devices that have a token -> fcm_ring_all()
 *            taken: counted · unregistered: the token is dropped · not now: wait, then again
 *     -> the place moves on, durably
 *
 * An outage holds the place where it is; when it is over, what is still worth it is rung.
 */
#include "server/fcm-ringer.h"

#include "net/fcm/fcm.h"
#include "server/follow.h"
#include "server/metrics.h"

#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define COUNTER  "fcm"
#define PAGE     100
#define WORTH_MS (24 * 3600 * 1000)

struct target { /* a fleet with everything below it, or one device */
	int64_t org_id, fleet_id, device_id;
};

struct fcm_ringer {
	struct server *server;
	struct follow *follow; /* NULL: never started */
	pthread_mutex_t lock;
	struct fcm *fcm;  /* in use by the thread; NULL: none */
	struct fcm *next; /* takes its place at the next turn */
	atomic_bool
		swap; /* 'next' counts, also when it is NULL: switched off; set under the lock */
	/* the thread's own, of this batch */
	struct target targets[FOLLOW_BATCH];
	size_t n_targets;
};

/* ---- whom ---- */

static int collect_target(void *user, const struct event *e)
{
	struct fcm_ringer *f = user;
	enum event_type type;
	if (!f->fcm)
		return FOLLOW_LATER; /* switched off, perhaps not for long */
	if (e->at_ms < clock_utc_ms() - WORTH_MS || !event_type_parse(e->type, &type) ||
	    !event_rings(type))
		return FOLLOW_NOTHING;
	struct target x = { e->org_id, e->device_id ? 0 : e->fleet_id, e->device_id };
	if (x.fleet_id == 0 && x.device_id == 0)
		return FOLLOW_NOTHING;
	for (size_t i = 0; i < f->n_targets; i++)
		if (f->targets[i].fleet_id == x.fleet_id && f->targets[i].device_id == x.device_id)
			return FOLLOW_ACT;
	f->targets[f->n_targets++] = x;
	return FOLLOW_ACT;
}

struct page {
	struct fcm_ringer *f;
	struct arena arena;
	int64_t ids[PAGE];
	const char *tokens[PAGE];
	struct fcm_answer answers[PAGE];
	size_t n;
	int64_t last_id;
};

static int collect_device(void *user, const struct device *d, enum verdict v, int64_t version)
{
	struct page *p = user;
	(void)v, (void)version;
	p->ids[p->n] = p->last_id = d->id;
	p->tokens[p->n++] = arena_strdup(&p->arena, d->fcm_token);
	return 0;
}

/* ---- dropping tokens that stand for nobody ---- */

struct drop {
	struct store_write write;
	struct page *page;
};

static int drop_apply(struct store_conn *tx, struct store_write *w)
{
	struct page *p = CONTAINER_OF(w, struct drop, write)->page;
	int r = 0;
	for (size_t i = 0; i < p->n && r >= 0; i++) {
		struct device d;
		if (p->answers[i].result != FCM_UNREGISTERED)
			continue;
		r = store_device_get(tx, p->ids[i], &p->arena, &d, &w->err);
		if (r == 0 && strcmp(d.fcm_token, p->tokens[i]) == 0) /* not a newer one */
			r = store_device_facts(tx, d.id, NULL, NULL, NULL, "", &w->err);
	}
	return r < 0 ? r : 0; /* a device that is gone meanwhile needs nothing */
}

/* ---- ringing ---- */

static void take_answer(void *user, size_t i, const struct fcm_answer *answer)
{
	((struct page *)user)->answers[i] = *answer;
}

/* Counts and logs, moves what must be rung again to the front; returns how long to wait first. */
static int64_t sort_out(struct page *p)
{
	struct metrics *m = p->f->server->metrics;
	size_t n_again = 0;
	int64_t wait_ms = 0;
	for (size_t i = 0; i < p->n; i++) {
		const struct fcm_answer *a = &p->answers[i];
		if (a->result == FCM_OK)
			metrics_add(m, METRICS_FCM_SENT, 1);
		else if (a->result == FCM_UNREGISTERED)
			metrics_add(m, METRICS_FCM_UNREGISTERED, 1);
		if (a->result == FCM_FAILED) {
			metrics_add(m, METRICS_FCM_FAILED, 1);
			log_limited(LOG_LEVEL_WARN, "a device could not be rung",
				    F_INT("device", p->ids[i]), F_STR("why", a->detail));
		}
		if (a->result != FCM_RETRY)
			continue;
		wait_ms = a->retry_after_ms > wait_ms ? a->retry_after_ms : wait_ms;
		p->ids[n_again] = p->ids[i];
		p->tokens[n_again++] = p->tokens[i];
	}
	p->n = n_again;
	return wait_ms;
}

/* 0, negative, or ERR_UNAVAILABLE: stopped or switched over in the middle. */
static int ring_page(struct page *p)
{
	struct fcm_ringer *f = p->f;
	while (p->n > 0) {
		struct drop drop = { .write.apply = drop_apply, .page = p };
		bool unregistered = false;
		fcm_ring_all(f->fcm, p->tokens, p->n, clock_utc_ms(), take_answer, p);
		for (size_t i = 0; i < p->n; i++)
			unregistered |= p->answers[i].result == FCM_UNREGISTERED;
		int r = unregistered ? store_write_wait(f->server->store, &drop.write) : 0;
		if (r)
			return r < 0 ? r : -EIO;
		int64_t wait_ms = sort_out(p);
		if (p->n > 0 && (!follow_pause(f->follow, wait_ms) || f->swap))
			return ERR_UNAVAILABLE;
	}
	return 0;
}

static int ring_target(struct fcm_ringer *f, const struct target *t)
{
	struct page *p = calloc(1, sizeof *p);
	size_t n_read;
	int r;
	if (!p)
		abort();
	p->f = f;
	do {
		arena_init(&p->arena);
		p->n = 0;
		r = store_device_fcm(store_reader(f->server->store), t->org_id, t->fleet_id,
				     t->device_id, p->last_id, PAGE, collect_device, p);
		n_read = p->n;
		if (r == 0)
			r = ring_page(p);
		arena_fini(&p->arena);
	} while (r == 0 && n_read == PAGE);
	free(p);
	return r;
}

static int ring_all(void *user)
{
	struct fcm_ringer *f = user;
	int r = 0;
	for (size_t i = 0; i < f->n_targets && r == 0; i++)
		r = ring_target(f, &f->targets[i]);
	f->n_targets = 0; /* also when it failed: they come again */
	return r;
}

/* ---- the credential ---- */

static int take_next(void *user)
{
	struct fcm_ringer *f = user;
	struct fcm *old = NULL;
	f->n_targets = 0;
	pthread_mutex_lock(&f->lock);
	if (f->swap) {
		old = f->fcm;
		f->fcm = f->next;
		f->next = NULL;
		f->swap = false;
	}
	pthread_mutex_unlock(&f->lock);
	fcm_free(old);
	return 0;
}

/* A call to Google that is under way returns. */
static void interrupt(void *user)
{
	struct fcm_ringer *f = user;
	pthread_mutex_lock(&f->lock);
	if (f->fcm)
		fcm_interrupt(f->fcm);
	pthread_mutex_unlock(&f->lock);
}

/* ---- life ---- */

static const struct follow_ops ops = { .what = "ringing phones",
				       .counter = COUNTER,
				       .begin = take_next,
				       .event = collect_target,
				       .act = ring_all,
				       .interrupt = interrupt };

struct fcm_ringer *fcm_ringer_new(struct server *s)
{
	struct fcm_ringer *f = calloc(1, sizeof *f);
	if (!f)
		abort();
	f->server = s;
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

int fcm_ringer_start(struct fcm_ringer *f, struct error *err)
{
	const struct config *c = f->server->config;
	struct fcm_options o = { .credentials = c->fcm_credentials, .endpoint = c->fcm_endpoint };
	struct fcm *fresh = NULL;
	int r = *c->fcm_credentials ? fcm_new(&o, &fresh, err) : 0;
	if (r != 0 || (!fresh && !f->follow))
		return r;
	if (!f->follow)
		f->follow = follow_new(f->server->store, f->server->metrics, &ops, f);
	pthread_mutex_lock(&f->lock);
	fcm_free(f->next);
	f->next = fresh;
	f->swap = true;
	pthread_mutex_unlock(&f->lock);
	follow_interrupt(f->follow);
	return follow_start(f->follow);
}

void fcm_ringer_stop(struct fcm_ringer *f)
{
	if (!f->follow)
		return;
	follow_stop(f->follow);
}

void fcm_ringer_free(struct fcm_ringer *f)
{
	if (!f)
		return;
	follow_free(f->follow);
	fcm_free(f->fcm);
	fcm_free(f->next);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
