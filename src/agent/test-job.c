/* SPDX-License-Identifier: Apache-2.0
 *
 * Worker processes: results, crashes, floods, time limits, stopping, descriptors, nesting.
 */
#include "agent/job.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static json_t *give_text(void *user)
{
	return json_string(user);
}

static json_t *give_nothing(void *user)
{
	return NULL;
}

static json_t *give_much(void *user)
{
	size_t n = *(size_t *)user;
	char *text = malloc(n + 1);
	memset(text, 'x', n);
	text[n] = '\0';
	return json_string(text);
}

static json_t *crash(void *user)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	abort();
}

static json_t *wait_politely(void *user)
{
	while (!job_stopping())
		usleep(1000);
	return json_string("ended in order");
}

static json_t *wait_rudely(void *user)
{
	while (pause() < 0)
		;
	return NULL;
}

static json_t *list_descriptors(void *user)
{
	json_t *open_ones = json_array();
	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			json_array_append_new(open_ones, json_integer(fd));
	return open_ones;
}

static json_t *nest(void *user)
{
	struct job *inner;
	char why[100];
	if (job_start(user ? wait_politely : give_text, (void *)"inner", INT64_MAX, &inner))
		return NULL;
	job_wait(inner);
	json_t *result = job_result(inner, why, sizeof why);
	job_free(inner);
	return result ? result : json_string(why);
}

static json_t *finish(struct job *j, char *why)
{
	job_wait(j);
	json_t *result = job_result(j, why, 100);
	job_free(j);
	return result;
}

static void test_results(void **state)
{
	struct job *j;
	char why[100];
	assert_int_equal(job_start(give_text, (void *)"hello", INT64_MAX, &j), 0);
	AUTO_JSON r = finish(j, why);
	assert_string_equal(json_string_value(r), "hello");
	assert_int_equal(job_start(give_nothing, NULL, INT64_MAX, &j), 0);
	assert_null(finish(j, why));
	assert_string_equal(why, "it ended without a result");
	assert_int_equal(job_start(crash, NULL, INT64_MAX, &j), 0);
	assert_null(finish(j, why));
	assert_non_null(strstr(why, "crashed"));
	assert_false(job_stopping()); /* we are no worker */
	assert_int_equal(job_stop_fd(), -1);
}

static void test_large_results(void **state)
{
	struct job *j;
	char why[100];
	size_t n = JOB_RESULT_MAX - 10;
	assert_int_equal(job_start(give_much, &n, INT64_MAX, &j), 0);
	AUTO_JSON r = finish(j, why);
	assert_int_equal(json_string_length(r), n);
	n = JOB_RESULT_MAX;
	assert_int_equal(job_start(give_much, &n, INT64_MAX, &j), 0);
	assert_null(finish(j, why));
	assert_string_equal(why, "its result is too large");
}

static void test_stopping(void **state)
{
	struct job *j;
	char why[100];
	int64_t now = clock_mono_ms();
	assert_int_equal(job_start(wait_politely, NULL, INT64_MAX, &j), 0);
	assert_int_equal(job_tick(j, now), INT64_MAX);
	job_stop(j, now);
	assert_int_equal(job_tick(j, now), now + JOB_GRACE_MS);
	assert_null(finish(j, why)); /* what a stopped worker says is not a result */
	assert_string_equal(why, "it was stopped");
	assert_true(clock_mono_ms() - now < JOB_GRACE_MS);
}

static void test_limits(void **state)
{
	struct job *j;
	char why[100];
	int64_t now = clock_mono_ms();
	assert_int_equal(job_start(wait_rudely, NULL, now + 50, &j), 0);
	assert_int_equal(job_tick(j, now), now + 50);
	assert_int_equal(job_tick(j, now + 50), now + 50 + JOB_GRACE_MS);
	(void)job_tick(j, now + 50 + JOB_GRACE_MS); /* the clock is the caller's */
	assert_null(finish(j, why));
	assert_string_equal(why, "it took too long");
	assert_int_equal(job_start(wait_rudely, NULL, INT64_MAX, &j), 0);
	job_free(j); /* kills it */
	job_free(NULL);
}

static void test_workers_have_nothing_of_ours_open(void **state)
{
	struct job *j;
	char why[100];
	int fd = fcntl(0, F_DUPFD, 50);
	assert_true(fd >= 50);
	assert_int_equal(job_start(list_descriptors, NULL, INT64_MAX, &j), 0);
	AUTO_JSON r = finish(j, why);
	assert_int_equal(json_array_size(r), 2); /* the pipe and the signals */
	close(fd);
}

static void test_workers_of_workers(void **state)
{
	struct job *j;
	char why[100];
	assert_int_equal(job_start(nest, NULL, INT64_MAX, &j), 0);
	AUTO_JSON r = finish(j, why);
	assert_string_equal(json_string_value(r), "inner");
	int64_t now = clock_mono_ms();
	assert_int_equal(job_start(nest, why, INT64_MAX, &j), 0);
	job_stop(j, now); /* is passed on */
	job_wait(j);
	job_free(j);
	assert_true(clock_mono_ms() - now < JOB_GRACE_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_large_results),
		cmocka_unit_test(test_stopping),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_workers_have_nothing_of_ours_open),
		cmocka_unit_test(test_workers_of_workers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
