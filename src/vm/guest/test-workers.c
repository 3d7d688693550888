/* SPDX-License-Identifier: Apache-2.0
 *
 * workers: jobs that hang hold up no other, too many are refused, and what was taken is done before the end. Runs under
 * ThreadSanitizer, too.
 */
#include "base/macros.h"
#include "vm/guest/workers.h"
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#define HANDS 4  /* threads … */
#define QUEUE 64 /* … and what may wait for them */

static sem_t begun, gate, done;
static atomic_int n_done;
static struct loop *loop; /* on a thread of its own */

static void hang(void *user)
{
	(void)user;
	sem_post(&begun);
	sem_wait(&gate);
}

static void finish(void *user)
{
	(void)user;
	atomic_fetch_add(&n_done, 1);
	sem_post(&done);
}

static int setup(void **state)
{
	sem_init(&begun, 0, 0);
	sem_init(&gate, 0, 0);
	sem_init(&done, 0, 0);
	n_done = 0;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(loop_start(loop), 0);
	*state = workers_new(loop);
	return 0;
}

static int teardown(void **state)
{
	loop_stop(loop);
	loop_free(loop);
	return 0;
}

/* One job at a time, and bursts: a wake that gets lost would be waited for for ever. */
static void test_all_are_done(void **state)
{
	struct workers *w = *state;
	for (int i = 0; i < 5000; i++) {
		int n = i % 7 == 0 ? QUEUE / 2 : 1;
		for (int k = 0; k < n; k++)
			assert_true(workers_do(w, finish, NULL));
		for (int k = 0; k < n; k++)
			sem_wait(&done);
	}
	workers_free(w);
}

static void test_who_hangs_holds_up_nobody(void **state)
{
	struct workers *w = *state;
	for (int i = 0; i < HANDS - 1; i++)
		assert_true(workers_do(w, hang, NULL));
	for (int i = 0; i < HANDS - 1; i++)
		sem_wait(&begun);
	for (int i = 0; i < 1000; i++) {
		assert_true(workers_do(w, finish, NULL));
		sem_wait(&done);
	}
	/* hanging ones in the middle of a burst */
	for (int i = 0; i < HANDS - 1; i++)
		sem_post(&gate);
	for (int i = 0; i < 3 * (HANDS - 1); i++)
		assert_true(workers_do(w, i % 3 ? finish : hang, NULL));
	for (int i = 0; i < 2 * (HANDS - 1); i++)
		sem_wait(&done);
	for (int i = 0; i < HANDS - 1; i++)
		sem_post(&gate);
	workers_free(w);
}

static void test_too_many(void **state)
{
	struct workers *w = *state;
	for (int i = 0; i < HANDS; i++) {
		assert_true(workers_do(w, hang, NULL));
		sem_wait(&begun);
	}
	for (int i = 0; i < QUEUE; i++)
		assert_true(workers_do(w, finish, NULL));
	assert_false(workers_do(w, finish, NULL));
	assert_int_equal(n_done, 0);
	for (int i = 0; i < HANDS; i++)
		sem_post(&gate);
	workers_free(w); /* after all of them */
	assert_int_equal(n_done, QUEUE);
}

static void test_none(void **state)
{
	workers_free(*state);
	workers_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_are_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_hangs_holds_up_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
