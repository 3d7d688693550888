/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs: status, output and its bounds, time limits, what they get to see.
 */
#include "agent/env.h"
#include "agent/job.h"
#include "base/clock.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int sh(const char *script, int64_t timeout_ms, struct buf *out)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	return run_program("", argv, timeout_ms, out);
}

static void test_status_and_output(void **state)
{
	static const struct {
		const char *script;
		int status;
		const char *out;
	} cases[] = {
		{ "exit 0", 0, "" },
		{ "exit 3", 3, "" },
		{ "kill -9 $$", 128 + SIGKILL, "" },
		{ "echo a; echo b >&2", 0, "a\n" },
		{ "echo a; echo b >&2; exit 1", 1, "a\nb\n" },
		{ "cat", 0, "" }, /* no input */
		{ "echo $HOME $LC_ALL $SECRET", 0, "/root C.UTF-8\n" },
		{ "ulimit -c; ls /proc/self/fd | wc -l", 0, NULL },
	};
	setenv("SECRET", "x", 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_fini) struct buf out;
		buf_init(&out, 1000);
		assert_int_equal(sh(cases[i].script, 10000, &out), cases[i].status);
		if (cases[i].out)
			assert_string_equal(buf_str(&out), cases[i].out);
	}
	assert_int_equal(sh("echo nobody listens", 10000, NULL), 0);
}

static void test_what_cannot_be_run(void **state)
{
	const char *const nowhere[] = { "/no/such/program", NULL };
	const char *const folder[] = { "/tmp", NULL };
	assert_int_equal(run_program("", nowhere, 1000, NULL), -ENOENT);
	assert_int_equal(run_program("", folder, 1000, NULL), -EACCES);
}

static void test_output_is_bounded(void **state)
{
	CLEANUP(buf_fini) struct buf out, small;
	buf_init(&out, 1 << 20);
	buf_init(&small, 10);
	assert_int_equal(sh("head -c 300000 /dev/zero", 10000, &out), 0);
	assert_int_equal(out.n, 64 * 1024);
	assert_int_equal(sh("echo 0123456789abcdef; exit 1", 10000, &small), 1);
	assert_string_equal(buf_str(&small), "0123456789");
	assert_false(small.failed);
}

static void test_time_limit(void **state)
{
	int64_t start = clock_mono_ms();
	assert_int_equal(sh("sleep 60 & sleep 60; echo never", 100, NULL), -ETIMEDOUT);
	assert_true(clock_mono_ms() - start < 4000);
}

/* What it leaves behind may keep the pipe open; nobody waits for that. */
static void test_children_that_outlive_it(void **state)
{
	CLEANUP(buf_fini) struct buf out;
	int64_t start = clock_mono_ms();
	buf_init(&out, 100);
	assert_int_equal(sh("sleep 20 & echo $!", 10000, &out), 0);
	assert_true(clock_mono_ms() - start < 5000);
	kill((pid_t)strtol(buf_str(&out), NULL, 10), SIGKILL);
}

/* With a root nothing outside is run; an empty one has no programs at all. */
static void test_below_a_root(void **state)
{
	char root[] = "/tmp/test-run-XXXXXX";
	const char *const argv[] = { "sh", "-c", "exit 0", NULL };
	assert_non_null(mkdtemp(root));
	int r = run_program(root, argv, 1000, NULL);
	assert_true(r == -ENOENT || r == -EPERM); /* EPERM: the tests do not run as root */
	rmdir(root);
}

static json_t *run_long(void *user)
{
	int64_t start = clock_mono_ms();
	int r = sh("trap '' TERM; while :; do sleep 0.1; done", 60000, NULL);
	int again = sh("exit 0", 1000, NULL);
	return json_pack("[i, i, b]", r, again, clock_mono_ms() - start < 9000);
}

static void test_a_worker_that_is_stopped_ends_its_program(void **state)
{
	struct job *j;
	char why[100];
	int64_t start = clock_mono_ms();
	assert_int_equal(job_start(run_long, NULL, INT64_MAX, &j), 0);
	job_stop(j, clock_mono_ms());
	job_wait(j);
	assert_null(job_result(j, why, sizeof why));
	job_free(j);
	assert_true(clock_mono_ms() - start < JOB_GRACE_MS); /* it was not killed */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_and_output),
		cmocka_unit_test(test_what_cannot_be_run),
		cmocka_unit_test(test_output_is_bounded),
		cmocka_unit_test(test_time_limit),
		cmocka_unit_test(test_children_that_outlive_it),
		cmocka_unit_test(test_below_a_root),
		cmocka_unit_test(test_a_worker_that_is_stopped_ends_its_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
