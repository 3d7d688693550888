/* SPDX-License-Identifier: Apache-2.0
 *
 * Children: what they inherit, who they are, what becomes of them.
 */
#include "server/broker/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 60000

/* Runs a shell line; what it wrote to stderr goes to 'out'. Returns the exit code. */
static int shell(const char *line, const int *fds, size_t n_fds, struct spawn_user user, char *out,
		 size_t n_out)
{
	const char *const args[] = { "sh", "-c", line, NULL };
	struct spawn s = { .program = "/bin/sh",
			   .args = args,
			   .dir_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			   .fds = fds,
			   .n_fds = n_fds,
			   .user = user };
	struct child c;
	size_t n = 0;
	ssize_t got;
	int status;
	assert_int_equal(spawn_child(&s, &c), 0);
	struct pollfd p = { .fd = c.pid_fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	while (n < n_out - 1 && (got = read(c.stderr_fd, out + n, n_out - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	close(c.pid_fd);
	close(c.stderr_fd);
	close(s.dir_fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const struct spawn_user as_we_are = { .drop = false };

static void test_inherits_only_what_it_is_given(void **state)
{
	char out[1000], line[100];
	int given = open("/dev/zero", O_RDONLY | O_CLOEXEC), kept = open("/dev/zero", O_RDONLY);
	(void)state;
	snprintf(line, sizeof line, "test -e /proc/self/fd/%d && ! test -e /proc/self/fd/%d", given,
		 kept);
	assert_int_equal(shell(line, &given, 1, as_we_are, out, sizeof out), 0);
	assert_int_equal(shell("env | sort >&2; pwd >&2", NULL, 0, as_we_are, out, sizeof out), 0);
	assert_null(strstr(out, "HOME="));
	assert_non_null(strstr(out, "PATH=/usr/bin:/bin\n"));
	assert_non_null(strstr(out, "\n/\n"));
	close(given);
	close(kept);
}

static void test_is_nobody_special(void **state)
{
	struct spawn_user user;
	struct error err;
	char out[100];
	(void)state;
	assert_int_equal(spawn_find_user(&user, &err), 0);
	assert_int_equal(user.drop, geteuid() == 0);
	assert_int_equal(shell("id -u >&2; id -G >&2", NULL, 0, user, out, sizeof out), 0);
	assert_int_not_equal(*out, '0');
	assert_int_equal(shell("kill -TERM $$", NULL, 0, user, out, sizeof out), 128 + SIGTERM);
}

static void test_failures(void **state)
{
	struct spawn s = { .program = "/nonexistent/x",
			   .args = (const char *const[]){ "x", NULL },
			   .dir_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	struct child c;
	struct error err;
	char out[100];
	int status;
	(void)state;
	assert_int_equal(spawn_child(&s, &c), 0);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_int_equal(WEXITSTATUS(status), 127);
	assert_true(read(c.stderr_fd, out, sizeof out) > 0);
	close(c.pid_fd);
	close(c.stderr_fd);
	close(s.dir_fd);
	assert_int_equal(spawn_find_program("no-such-program", out, sizeof out, &err),
			 ERR_UNAVAILABLE);
	assert_int_equal(spawn_find_program("sh", out, sizeof out, &err), 0);
}

/* The thread that spawned it ends: so does the child. */
static void *spawn_and_end(void *arg)
{
	struct child *c = arg;
	const char *const args[] = { "sh", "-c", "echo up >&2; exec sleep 1000", NULL };
	struct spawn s = { .program = "/bin/sh",
			   .args = args,
			   .dir_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	if (spawn_child(&s, c) != 0)
		abort();
	struct pollfd p = { .fd = c->stderr_fd, .events = POLLIN };
	if (poll(&p, 1, PATIENCE_MS) != 1)
		abort();
	close(s.dir_fd);
	return NULL;
}

static void test_does_not_outlive_its_thread(void **state)
{
	struct child c;
	pthread_t thread;
	int status;
	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, spawn_and_end, &c), 0);
	pthread_join(thread, NULL);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	close(c.pid_fd);
	close(c.stderr_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inherits_only_what_it_is_given),
		cmocka_unit_test(test_is_nobody_special),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_does_not_outlive_its_thread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
