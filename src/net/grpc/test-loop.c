/* SPDX-License-Identifier: Apache-2.0
 *
 * loop: events that were removed do not come, tasks run once and later, other threads wake it.
 */
#include "base/clock.h"
#include "net/grpc/loop.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *loop;

static struct loop *fresh(void)
{
	assert_int_equal(loop_new(&loop), 0);
	return loop;
}

/* ---- two descriptors, each removes the other ---- */

static struct loop_io ios[2];
static int n_events;

static void remove_both(void *user, uint32_t events)
{
	n_events++;
	loop_remove(loop, &ios[0]);
	loop_remove(loop, &ios[1]);
	loop_quit(loop);
}

static void test_removed_is_silent(void **state)
{
	int a[2], b[2];
	fresh();
	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	ios[0] = (struct loop_io){ .fd = a[0], .fn = remove_both };
	ios[1] = (struct loop_io){ .fd = b[0], .fn = remove_both };
	assert_int_equal(loop_add(loop, &ios[0], EPOLLIN), 0);
	assert_int_equal(loop_add(loop, &ios[1], EPOLLIN), 0);
	assert_int_equal(write(a[1], "x", 1), 1);
	assert_int_equal(write(b[1], "x", 1), 1);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(n_events, 1);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	loop_free(loop);
}

/* ---- tasks ---- */

static int n_runs;
static struct loop_task tasks[3];

static void count_run(void *user)
{
	n_runs++;
	if (user)
		loop_post(loop, user);
	else
		loop_quit(loop);
}

static void test_tasks(void **state)
{
	fresh();
	for (int i = 0; i < 3; i++)
		tasks[i] =
			(struct loop_task){ .fn = count_run, .user = i < 2 ? &tasks[i + 1] : NULL };
	loop_post(loop, &tasks[0]);
	loop_post(loop, &tasks[0]); /* once all the same */
	assert_int_equal(n_runs, 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(n_runs, 3);

	loop_post(loop, &tasks[0]);
	loop_post(loop, &tasks[2]);
	loop_unpost(loop, &tasks[0]);
	loop_unpost(loop, &tasks[1]); /* is not there */
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(n_runs, 4);
	loop_post(loop, &tasks[1]);
	loop_unpost(loop, &tasks[1]);
	loop_post(loop, &tasks[2]); /* the list is still in order */
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(n_runs, 5);
	loop_free(loop);
}

static void spin(void *user)
{
	loop_post(loop, user);
}

static void quit(void *user)
{
	loop_quit(loop);
}

/* A task that posts itself for ever does not keep timers from running. */
static void test_no_starving(void **state)
{
	struct loop_task task = { .fn = spin };
	struct timer timer = { .fn = quit };
	fresh();
	task.user = &task;
	loop_post(loop, &task);
	timer_start(loop_timers(loop), &timer, clock_mono_ms() + 5);
	assert_int_equal(loop_run(loop), 0);
	loop_free(loop);
}

/* ---- other threads ---- */

static atomic_int n_calls;

static void called(void *user)
{
	assert_true(loop_inside(loop));
	atomic_fetch_add(&n_calls, 1);
}

static void *caller(void *user)
{
	for (int i = 0; i < 500; i++)
		loop_call(loop, called, NULL);
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	fresh();
	assert_int_equal(loop_start(loop), 0);
	assert_false(loop_inside(loop));
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, caller, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(n_calls, 2000);
	loop_stop(loop);
	loop_stop(loop);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_removed_is_silent),
		cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_no_starving),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
