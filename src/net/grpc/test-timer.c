/* SPDX-License-Identifier: Apache-2.0
 *
 * timers: order, stopping anywhere in the heap, callbacks that change the heap.
 */
#include "base/macros.h"
#include "net/grpc/timer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define N 64

static struct timers timers;
static struct timer all[N];
static int64_t fired[4 * N];
static size_t n_fired;

static void note(void *user)
{
	struct timer *t = user;
	assert_int_equal(t->place, 0);
	fired[n_fired++] = t->at_ms;
}

static void set_up(void)
{
	n_fired = 0;
	for (size_t i = 0; i < N; i++)
		all[i] = (struct timer){ .fn = note, .user = &all[i] };
}

static void test_order(void **state)
{
	set_up();
	assert_true(timers_next_ms(&timers) == INT64_MAX);
	for (size_t i = 0; i < N; i++)
		timer_start(&timers, &all[i], (int64_t)(i * 37 % N));
	assert_int_equal(timers_next_ms(&timers), 0);
	timers_run(&timers, N / 2);
	assert_int_equal(n_fired, N / 2 + 1);
	timers_run(&timers, N);
	assert_int_equal(n_fired, N);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(fired[i], i);
	timers_fini(&timers);
}

static void test_stop_each(void **state)
{
	for (size_t stopped = 0; stopped < N; stopped++) {
		set_up();
		for (size_t i = 0; i < N; i++)
			timer_start(&timers, &all[i], (int64_t)(i * 29 % N));
		timer_stop(&timers, &all[stopped]);
		timer_stop(&timers, &all[stopped]);
		timers_run(&timers, N);
		assert_int_equal(n_fired, N - 1);
		for (size_t i = 1; i < n_fired; i++)
			assert_true(fired[i - 1] < fired[i]);
	}
	timers_fini(&timers);
}

static void test_moves(void **state)
{
	set_up();
	for (size_t i = 0; i < N; i++)
		timer_start(&timers, &all[i], (int64_t)i);
	timer_start(&timers, &all[0], 1000);
	timer_start(&timers, &all[N - 1], -1);
	assert_int_equal(timers_next_ms(&timers), -1);
	timers_run(&timers, 999);
	assert_int_equal(n_fired, N - 1);
	timer_stop(&timers, &all[0]);
	assert_true(timers_next_ms(&timers) == INT64_MAX);
	timers_fini(&timers);
}

static void again(void *user)
{
	n_fired++;
	timer_start(&timers, user, 0);
}

static void stop_other(void *user)
{
	n_fired++;
	timer_stop(&timers, &all[1]);
}

static void test_callbacks_change_it(void **state)
{
	set_up();
	all[0].fn = again;
	timer_start(&timers, &all[0], 0);
	timers_run(&timers, 10); /* returns */
	assert_int_equal(n_fired, 1);
	timer_stop(&timers, &all[0]);
	all[0].fn = stop_other;
	timer_start(&timers, &all[0], 1);
	timer_start(&timers, &all[1], 2);
	timers_run(&timers, 10);
	assert_int_equal(n_fired, 2);
	timer_start(&timers, &all[2], 5);
	timers_fini(&timers);
	assert_int_equal(all[2].place, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_stop_each),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_callbacks_change_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
