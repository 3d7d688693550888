/* SPDX-License-Identifier: Apache-2.0
 *
 * Following the event log, see follow.h.
 *
 * The lock guards the flags that others set; the place is the thread's. Batches that did not matter
 * move the place in memory only, and now and then in the store, so that a log full of other
 * people's events is neither written about nor read again from far back.
 */
#include "server/follow.h"

#include "server/metrics.h"

#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define UNWRITTEN_MAX 10000 /* events that a restart reads once more at most */

struct follow {
	struct store *store;
	struct metrics *metrics;
	const struct follow_ops *ops;
	void *user;
	pthread_t thread;
	bool started, listening;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool woken, interrupted; /* under the lock */
	bool heedless;           /* under the lock: commits do not matter */
	atomic_bool stopping;    /* set under the lock */
	/* the thread's own */
	int64_t place, written; /* the last event that was followed; what the counter says */
};

struct batch {
	struct follow *f;
	size_t n;
	int64_t last_id;
	bool matters, ended;
	int r; /* negative: what event() said */
};

/* ---- the place ---- */

struct move {
	struct store_write write;
	const char *counter;
	int64_t place;
};

static int move_apply(struct store_conn *tx, struct store_write *w)
{
	struct move *m = CONTAINER_OF(w, struct move, write);
	return store_counter_set(tx, m->counter, m->place);
}

static int move_to(struct follow *f, int64_t id, bool durably)
{
	if (f->ops->counter && (durably || id - f->written >= UNWRITTEN_MAX)) {
		struct move m = { .write.apply = move_apply,
				  .counter = f->ops->counter,
				  .place = id };
		int r = store_write_wait(f->store, &m.write);
		if (r)
			return r < 0 ? r
				     : -EIO; /* it will do again what it did, which is allowed */
		f->written = id;
	}
	f->place = id;
	return 0;
}

static int first_place(struct follow *f)
{
	struct store_conn *c = store_reader(f->store);
	int64_t kept = 0, last = 0;
	int r = f->ops->counter ? store_counter_get(c, f->ops->counter, &kept) : 0;
	if (r == 0)
		r = store_event_last(c, &last);
	if (r)
		return r;
	f->place = f->written = kept;
	return kept ? 0 : move_to(f, last, true); /* the first time ever, or not kept */
}

/* Where to go on from, when the log was set back or nobody cares; *ret_last: its end. */
static int check_place(struct follow *f, int64_t *ret_last)
{
	bool idle = f->ops->idle && f->ops->idle(f->user);
	int r = store_event_last(store_reader(f->store), ret_last);
	if (r == 0 && f->place > *ret_last) {
		r = move_to(f, *ret_last, true);
		if (r == 0 && f->ops->reset)
			f->ops->reset(f->user);
	}
	if (r == 0 && f->place < *ret_last && idle)
		r = move_to(f, *ret_last, false);
	pthread_mutex_lock(&f->lock);
	f->heedless = idle;
	pthread_mutex_unlock(&f->lock);
	return r;
}

/* ---- a turn ---- */

static int take(void *user, const struct event *e)
{
	struct batch *b = user;
	int r = b->f->ops->event(b->f->user, e);
	if (r < 0)
		b->r = r;
	if (r == FOLLOW_LATER)
		b->ended = true;
	if (r < 0 || r == FOLLOW_LATER)
		return 1; /* no more */
	b->matters |= r == FOLLOW_ACT;
	b->last_id = e->id;
	b->n++;
	return 0;
}

/* 0, negative, or positive: act() does not want to now. */
static int follow_batch(struct follow *f, bool *ret_more)
{
	struct batch b = { .f = f, .last_id = f->place };
	struct event_query q = { .after_id = f->place, .limit = FOLLOW_BATCH };
	int r = store_event_list(store_reader(f->store), &q, take, &b);
	if (r == 0)
		r = b.r;
	if (r == 0 && b.matters)
		r = f->ops->act(f->user);
	if (r == 0 && b.n > 0)
		r = move_to(f, b.last_id, b.matters);
	*ret_more = r == 0 && (b.n == FOLLOW_BATCH || (b.ended && b.n > 0));
	return r;
}

static int turn(struct follow *f)
{
	int64_t last = 0;
	int r = f->ops->begin ? f->ops->begin(f->user) : 0;
	if (r == 0)
		r = check_place(f, &last);
	for (bool more = f->place < last; r == 0 && more && !f->stopping;)
		r = follow_batch(f, &more);
	return r;
}

static void failed(struct follow *f, int r)
{
	if (f->metrics)
		metrics_add(f->metrics, METRICS_FOLLOWER_ERRORS, 1);
	log_limited(LOG_LEVEL_ERROR, "background work failed", F_STR("what", f->ops->what),
		    F_INT("error", r));
}

/* ---- sleeping ---- */

/* Until stopped, interrupted, woken (if that counts), or the time. Under the lock. */
static void sleep_until(struct follow *f, int64_t when_ms, bool by_wake)
{
	struct timespec t = { .tv_sec = when_ms / 1000, .tv_nsec = when_ms % 1000 * 1000000 };
	int r = 0;
	while (!f->stopping && !f->interrupted && !(by_wake && f->woken) && r != ETIMEDOUT)
		r = when_ms == INT64_MAX ? pthread_cond_wait(&f->cond, &f->lock)
					 : pthread_cond_timedwait(&f->cond, &f->lock, &t);
}

/* false: stop. */
static bool sleep_between(struct follow *f, int64_t when_ms, bool by_wake)
{
	pthread_mutex_lock(&f->lock);
	sleep_until(f, when_ms, by_wake);
	f->woken = f->interrupted = false;
	bool go_on = !f->stopping;
	pthread_mutex_unlock(&f->lock);
	return go_on;
}

bool follow_pause(struct follow *f, int64_t ms)
{
	pthread_mutex_lock(&f->lock);
	sleep_until(f, clock_mono_ms() + ms, false);
	bool go_on = !f->stopping && !f->interrupted;
	pthread_mutex_unlock(&f->lock);
	return go_on;
}

static void *follow_main(void *arg)
{
	struct follow *f = arg;
	int64_t due;
	int r;
	do {
		r = turn(f);
		if (r < 0)
			failed(f, r);
		int64_t now = clock_mono_ms();
		due = f->ops->rest ? f->ops->rest(f->user, now) : INT64_MAX;
		if (r != 0 && due > now + FOLLOW_ERROR_WAIT_MS)
			due = now + FOLLOW_ERROR_WAIT_MS;
	} while (sleep_between(f, due, r == 0));
	return NULL;
}

/* ---- from outside ---- */

struct follow *follow_new(struct store *store, struct metrics *metrics,
			  const struct follow_ops *ops, void *user)
{
	struct follow *f = calloc(1, sizeof *f);
	pthread_condattr_t attr;
	if (!f)
		abort();
	f->store = store;
	f->metrics = metrics;
	f->ops = ops;
	f->user = user;
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->cond, &attr);
	pthread_condattr_destroy(&attr);
	return f;
}

static void on_commit(void *user, int64_t last_event_id)
{
	struct follow *f = user;
	(void)last_event_id;
	pthread_mutex_lock(&f->lock);
	if (!f->heedless) {
		f->woken = true;
		pthread_cond_signal(&f->cond);
	}
	pthread_mutex_unlock(&f->lock);
}

int follow_start(struct follow *f)
{
	if (f->started)
		return 0;
	int r = first_place(f); /* here: what is committed once this has returned is followed */
	if (r)
		return r;
	store_on_commit(f->store, on_commit, f);
	f->listening = true;
	r = pthread_create(&f->thread, NULL, follow_main, f);
	f->started = r == 0;
	return -r;
}

void follow_stop(struct follow *f)
{
	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_cond_signal(&f->cond);
	pthread_mutex_unlock(&f->lock);
	if (f->started && f->ops->interrupt)
		f->ops->interrupt(f->user);
	if (f->started)
		pthread_join(f->thread, NULL);
	f->started = false;
	if (f->listening)
		store_off_commit(f->store, f);
	f->listening = false;
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	follow_stop(f);
	pthread_cond_destroy(&f->cond);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static void signal_thread(struct follow *f, bool interrupt)
{
	pthread_mutex_lock(&f->lock);
	f->woken = true;
	f->interrupted |= interrupt;
	pthread_cond_signal(&f->cond);
	pthread_mutex_unlock(&f->lock);
}

void follow_wake(void *follow)
{
	signal_thread(follow, false);
}

void follow_interrupt(struct follow *f)
{
	signal_thread(f, true);
	if (f->ops->interrupt)
		f->ops->interrupt(f->user);
}

bool follow_stopping(const struct follow *f)
{
	return f->stopping;
}

int64_t follow_place(const struct follow *f)
{
	return f->place;
}
