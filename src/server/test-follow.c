/* SPDX-License-Identifier: Apache-2.0
 *
 * follow: nothing is missed, lost or skipped: batches, failures, a kept place, idling, pauses and
 * stops, with writers beside it.
 */
#include "base/macros.h"
#include "server/follow.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h> /* needs the four above */

struct fixture {
	struct store *store;
	struct follow *follow;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	/* what the callbacks saw; under the lock */
	int64_t last_id, n_events, n_acts, n_batch, n_resets, n_interrupts, n_turns;
	bool pausing, paused_to_end;
	/* how they are to behave; under the lock */
	int fail_acts, fail_events; /* so many times */
	bool idle, later, pause;
	int64_t due_ms; /* from now; 0: never */
};

/* ---- callbacks ---- */

static int begin(void *user)
{
	struct fixture *f = user;
	pthread_mutex_lock(&f->lock);
	f->n_turns++;
	f->n_batch = 0;
	pthread_mutex_unlock(&f->lock);
	return 0;
}

static bool idle(void *user)
{
	struct fixture *f = user;
	pthread_mutex_lock(&f->lock);
	bool r = f->idle;
	pthread_mutex_unlock(&f->lock);
	return r;
}

static int take(void *user, const struct event *e)
{
	struct fixture *f = user;
	int r = FOLLOW_ACT;
	pthread_mutex_lock(&f->lock);
	if (f->later)
		r = FOLLOW_LATER;
	else if (f->fail_events > 0 && f->fail_events--)
		r = -EIO;
	else
		f->n_batch++;
	if (strcmp(e->actor, "nobody") == 0 && r == FOLLOW_ACT)
		r = FOLLOW_NOTHING;
	pthread_mutex_unlock(&f->lock);
	return r;
}

static int act(void *user)
{
	struct fixture *f = user;
	int r = 0;
	pthread_mutex_lock(&f->lock);
	f->n_acts++;
	if (f->fail_acts > 0 && f->fail_acts--)
		r = f->fail_acts % 2 ? -EIO : 1;
	else
		f->n_events += f->n_batch;
	f->n_batch = 0;
	if (f->pause) {
		f->pausing = true;
		pthread_cond_broadcast(&f->cond);
		pthread_mutex_unlock(&f->lock);
		bool to_end = follow_pause(f->follow, 3600 * 1000);
		pthread_mutex_lock(&f->lock);
		f->paused_to_end |= to_end;
		f->pause = f->pausing = false;
		r = 1;
	}
	pthread_cond_broadcast(&f->cond);
	pthread_mutex_unlock(&f->lock);
	return r;
}

static int64_t rest(void *user, int64_t now_mono_ms)
{
	struct fixture *f = user;
	pthread_mutex_lock(&f->lock);
	f->last_id = follow_place(f->follow);
	int64_t due = f->due_ms ? now_mono_ms + f->due_ms : INT64_MAX;
	pthread_cond_broadcast(&f->cond);
	pthread_mutex_unlock(&f->lock);
	return due;
}

static void reset(void *user)
{
	struct fixture *f = user;
	pthread_mutex_lock(&f->lock);
	f->n_resets++;
	pthread_mutex_unlock(&f->lock);
}

static void interrupt(void *user)
{
	struct fixture *f = user;
	pthread_mutex_lock(&f->lock);
	f->n_interrupts++;
	pthread_mutex_unlock(&f->lock);
}

static const struct follow_ops all = { .what = "testing",
				       .begin = begin,
				       .idle = idle,
				       .event = take,
				       .act = act,
				       .reset = reset,
				       .rest = rest,
				       .interrupt = interrupt };
static const struct follow_ops kept = {
	.what = "testing", .counter = "test", .event = take, .act = act, .rest = rest
};

/* ---- fixture ---- */

static int setup(void **state)
{
	struct store_options o = { .backend = "memory" };
	struct fixture *f = calloc(1, sizeof *f);
	struct error err;
	*state = f;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->cond, NULL);
	return store_open(&o, &f->store, &err);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	follow_free(f->follow);
	store_close(f->store);
	pthread_cond_destroy(&f->cond);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

static void start(struct fixture *f, const struct follow_ops *ops)
{
	f->follow = follow_new(f->store, NULL, ops, f);
	assert_int_equal(0, follow_start(f->follow));
	assert_int_equal(0, follow_start(f->follow));
}

static void stop(struct fixture *f)
{
	follow_free(f->follow);
	f->follow = NULL;
}

struct append {
	struct store_write write;
	int n;
	const char *actor;
};

static int append_apply(struct store_conn *tx, struct store_write *w)
{
	struct append *a = CONTAINER_OF(w, struct append, write);
	int r = 0;
	for (int i = 0; i < a->n && r == 0; i++) {
		struct event e = { .at_ms = 1000, .type = "server.started", .actor = a->actor };
		r = store_event_append(tx, &e);
	}
	return r;
}

static void append(struct fixture *f, int n, const char *actor)
{
	struct append a = { .write.apply = append_apply, .n = n, .actor = actor };
	assert_int_equal(0, store_write_wait(f->store, &a.write));
}

/* Until the condition, which a broadcast announces; a test that hangs is ended by its time limit. */
#define WAIT(f, condition)                                                                         \
	do {                                                                                       \
		pthread_mutex_lock(&(f)->lock);                                                    \
		while (!(condition))                                                               \
			pthread_cond_wait(&(f)->cond, &(f)->lock);                                 \
		pthread_mutex_unlock(&(f)->lock);                                                  \
	} while (0)

/* ---- cases ---- */

static void test_every_event(void **state)
{
	static const int sizes[] = { 1, FOLLOW_BATCH - 1, FOLLOW_BATCH, FOLLOW_BATCH + 1, 1000 };
	struct fixture *f = *state;
	int64_t n = 0;
	append(f, 5, "before"); /* not followed */
	start(f, &all);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		append(f, sizes[i], "x");
		n += sizes[i];
		WAIT(f, f->n_events == n);
	}
	append(f, 1, "nobody");
	WAIT(f, f->last_id == n + 6);
	assert_int_equal(f->n_resets, 0);
}

static void test_failures_come_again(void **state)
{
	struct fixture *f = *state;
	start(f, &all);
	f->fail_acts = 2; /* a negative one, and a positive one */
	append(f, 3, "x");
	for (int n = 1; n <= 2; n++) {
		WAIT(f, f->n_acts == n);
		follow_interrupt(f->follow); /* and does not wait as long as it might */
	}
	WAIT(f, f->n_events == 3);
	assert_int_equal(f->n_acts, 3);
	pthread_mutex_lock(&f->lock);
	f->fail_events = 1;
	pthread_mutex_unlock(&f->lock);
	append(f, 3, "x");
	WAIT(f, f->fail_events == 0);
	follow_interrupt(f->follow);
	WAIT(f, f->n_events == 6);
	assert_int_equal(f->n_acts, 4);
}

static void test_later(void **state)
{
	struct fixture *f = *state;
	f->later = true;
	start(f, &all);
	append(f, 2, "x");
	WAIT(f, f->n_turns > 1);
	assert_int_equal(f->n_acts, 0);
	pthread_mutex_lock(&f->lock);
	f->later = false;
	pthread_mutex_unlock(&f->lock);
	follow_wake(f->follow);
	WAIT(f, f->n_events == 2);
}

static int64_t counter(struct fixture *f)
{
	int64_t value = 0;
	assert_int_equal(0, store_counter_get(store_reader(f->store), "test", &value));
	return value;
}

static void test_kept_place(void **state)
{
	struct fixture *f = *state;
	append(f, 2, "before");
	start(f, &kept);
	append(f, 3, "x");
	WAIT(f, f->last_id == 5);
	stop(f);
	assert_int_equal(counter(f), 5);
	append(f, 4, "while away");
	start(f, &kept);
	WAIT(f, f->n_events == 3 + 4);
	append(f, 5, "nobody"); /* nothing is written for these */
	WAIT(f, f->last_id == 14);
	assert_int_equal(counter(f), 9);
	append(f, 10000, "nobody"); /* but not for ever */
	WAIT(f, f->last_id == 10014);
	assert_true(counter(f) > 9);
}

static void test_idle(void **state)
{
	struct fixture *f = *state;
	f->idle = true;
	start(f, &all);
	append(f, 3, "x");
	follow_wake(f->follow);
	WAIT(f, f->last_id == 3);
	assert_int_equal(f->n_acts, 0);
	pthread_mutex_lock(&f->lock);
	f->idle = false;
	int64_t turns = f->n_turns;
	pthread_mutex_unlock(&f->lock);
	follow_wake(f->follow);
	WAIT(f, f->n_turns > turns);
	append(f, 2, "x");
	WAIT(f, f->n_events == 2);
}

static void test_interrupt(void **state)
{
	struct fixture *f = *state;
	f->pause = true;
	start(f, &all);
	append(f, 1, "x");
	WAIT(f, f->pausing);
	follow_interrupt(f->follow);
	WAIT(f, f->n_acts == 2); /* the same again, at once */
	pthread_mutex_lock(&f->lock);
	f->pause = true;
	pthread_mutex_unlock(&f->lock);
	append(f, 1, "x");
	WAIT(f, f->pausing);
	follow_stop(f->follow);
	assert_false(f->paused_to_end);
	assert_int_equal(f->n_interrupts, 2);
	append(f, 1, "x"); /* nobody listens any more */
	follow_stop(f->follow);
}

static void test_due(void **state)
{
	struct fixture *f = *state;
	f->due_ms = 1;
	start(f, &all);
	WAIT(f, f->n_turns >= 5);
}

static void *appender(void *arg)
{
	for (int i = 0; i < 100; i++)
		append(arg, 3, "x");
	return NULL;
}

static void test_writers_beside(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[3];
	start(f, &all);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(0, pthread_create(&threads[i], NULL, appender, f));
	WAIT(f, f->n_events == 900);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_event), TEST(test_failures_come_again),
		TEST(test_later),       TEST(test_kept_place),
		TEST(test_idle),        TEST(test_interrupt),
		TEST(test_due),         TEST(test_writers_beside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
