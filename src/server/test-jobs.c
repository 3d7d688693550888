/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs: all run once, freeing runs what waits, a full queue refuses.
 */
#include "base/macros.h"
#include "server/jobs.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static atomic_int n_run;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void run(void *arg)
{
	(void)arg;
	n_run++;
}

static void wait_at_gate(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	n_run++;
}

static void test_free_runs_what_waits(void **state)
{
	struct error err;
	struct jobs *j = jobs_new();
	n_run = 0;
	for (int i = 0; i < 100; i++)
		assert_int_equal(jobs_submit(j, run, NULL, &err), 0);
	jobs_free(j);
	jobs_free(NULL);
	assert_int_equal(n_run, 100);
}

static void test_full(void **state)
{
	struct error err;
	struct jobs *j = jobs_new();
	int n = 0, r;
	n_run = 0;
	pthread_mutex_lock(&gate);
	while ((r = jobs_submit(j, wait_at_gate, NULL, &err)) == 0)
		assert_true(++n < 10000);
	assert_int_equal(r, ERR_UNAVAILABLE);
	pthread_mutex_unlock(&gate);
	jobs_free(j);
	assert_int_equal(n_run, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_free_runs_what_waits),
		cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
