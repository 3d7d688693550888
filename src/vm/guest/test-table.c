/* SPDX-License-Identifier: Apache-2.0
 *
 * table: outcomes of real children, of which each is harmless; orphans; forgetting.
 */
#include "vm/guest/table.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *loop;
static struct table *table;
static struct loop_io signals;
static struct outcome last;
static int n_done, n_wanted;

static void on_child(void *user, uint32_t events)
{
	struct signalfd_siginfo info;
	while (read(signals.fd, &info, sizeof info) == sizeof info)
		(void)table_reap(table);
	if (n_done >= n_wanted && table_n(table) == 0)
		loop_quit(loop);
}

static int set_up(void **state)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	assert_int_equal(loop_new(&loop), 0);
	table = table_new(loop);
	signals = (struct loop_io){ .fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC),
				    .fn = on_child };
	assert_int_equal(loop_add(loop, &signals, EPOLLIN), 0);
	n_done = 0;
	return 0;
}

static int tear_down(void **state)
{
	table_free(table);
	loop_remove(loop, &signals);
	close(signals.fd);
	loop_free(loop);
	return 0;
}

static void done(const struct outcome *o, void *user)
{
	last = *o;
	n_done++;
}

static uint64_t launch(const char *const *argv, const char *const *env, bool wait)
{
	static const char *const none[] = { NULL };
	const struct launch what = { .argv = argv, .env = env ? env : none, .wait = wait };
	return table_launch(table, &what, done, NULL);
}

/* Until everything has ended and everybody was told. */
static void run(int wanted)
{
	n_wanted = wanted;
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(n_done, wanted);
	assert_int_equal(table_n(table), 0);
}

static void test_outcomes(void **state)
{
	static const struct {
		const char *argv[4], *env[3];
		bool wait;
		enum table_status status;
		int code;
	} cases[] = {
		{ { "true" }, { NULL }, true, PROCESS_EXITED, 0 },
		{ { "sh", "-c", "exit 3" }, { NULL }, true, PROCESS_EXITED, 3 },
		{ { "sh", "-c", "kill -9 $$" }, { NULL }, true, PROCESS_SIGNALED, 9 },
		{ { "true" }, { NULL }, false, PROCESS_LAUNCHED, 0 },
		{ { "sh", "-c", "exit 3" }, { NULL }, false, PROCESS_LAUNCHED, 0 },
		{ { "no-such-program" }, { NULL }, true, PROCESS_FAILED, 0 },
		{ { "no-such-program" }, { NULL }, false, PROCESS_FAILED, 0 },
		{ { "/" }, { NULL }, true, PROCESS_FAILED, 0 },
		{ { "" }, { NULL }, true, PROCESS_FAILED, 0 },
		{ { "true" }, { "PATH=/nowhere" }, true, PROCESS_FAILED, 0 },
		{ { "/bin/true" }, { "PATH=/nowhere" }, true, PROCESS_EXITED, 0 },
		{ { "sh", "-c", "test \"$A$B\" = bc && test -z \"$HOME\"" },
		  { "A=b", "B=c" },
		  true,
		  PROCESS_EXITED,
		  0 },
		{ { "sh", "-c", "test $(umask) = 0022 && test -c /proc/self/fd/0" },
		  { NULL },
		  true,
		  PROCESS_EXITED,
		  0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		n_done = 0;
		launch(cases[i].argv, cases[i].env, cases[i].wait);
		assert_int_equal(n_done, 0); /* not before it returns */
		run(1);
		assert_int_equal(last.status, cases[i].status);
		assert_int_equal(last.code, cases[i].code);
	}
}

static void test_many(void **state)
{
	static const char *const argv[] = { "sh", "-c", "exit 7", NULL };
	for (int i = 0; i < 50; i++)
		launch(argv, NULL, i % 2);
	run(50);
}

static void test_forgotten(void **state)
{
	static const char *const argv[] = { "true", NULL };
	table_forget(table, launch(argv, NULL, true));
	table_forget(table, 12345);
	run(0);
}

/* An orphan's end is nobody's: the exit code that is asked for is the right one. */
static void test_orphans(void **state)
{
	static const char *const argv[] = { "sh", "-c",
					    "for i in 1 2 3 4 5; do (exit $i) & done; exit 9",
					    NULL };
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	launch(argv, NULL, true);
	run(1);
	assert_int_equal(last.status, PROCESS_EXITED);
	assert_int_equal(last.code, 9);
}

static void test_respawn(void **state)
{
	char path[] = "/tmp/test-table-XXXXXX", script[64];
	const char *const argv[] = { "sh", "-c", script, NULL }, *const none[] = { NULL };
	const struct launch what = { .argv = argv, .env = none, .respawn = true };
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	snprintf(script, sizeof script, "echo x >> %s; exit 1", path);
	table_launch(table, &what, done, NULL);
	run(1);
	assert_int_equal(last.status, PROCESS_LAUNCHED);
	assert_int_equal(lseek(fd, 0, SEEK_END), 20); /* ten lines */
	close(fd);
	unlink(path);
}

static void test_no_more(void **state)
{
	static const char *const argv[] = { "true", NULL }, *const none[] = { NULL };
	const struct launch what = { .argv = argv, .env = none, .respawn = true };
	table_launch(table, &what, done, NULL);
	table_no_more(table);
	run(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		TEST(test_outcomes), TEST(test_many),    TEST(test_forgotten),
		TEST(test_orphans),  TEST(test_respawn), TEST(test_no_more),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
