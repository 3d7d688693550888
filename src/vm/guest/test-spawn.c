/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn: what a child starts with, whatever the program that started it had ignored or blocked, the C library's own two signals included.
 */
#include "vm/guest/spawn.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { KERNEL_SIGNALS = 64 };

static void ignore_and_block_everything(void)
{
	const uint64_t ignored[4] = { 1 }; /* the handler is SIG_IGN */
	const uint64_t all = UINT64_MAX;
	for (int i = 1; i <= KERNEL_SIGNALS; i++)
		if (i != SIGCHLD)
			(void)syscall(SYS_rt_sigaction, i, ignored, NULL, sizeof all);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
}

static void test_signals_are_standard(void **state)
{
	(void)state;
	char *argv[] = { (char[]){ "grep" }, (char[]){ "-qzP" },
			 (char[]){ "SigBlk:\\s0{16}\\nSigIgn:\\s0{16}\\n" },
			 (char[]){ "/proc/self/status" }, NULL };
	char *env[] = { (char[]){ "PATH=" SPAWN_PATH }, NULL };
	pid_t pid = -1;
	int status_fd = -1, status = -1;
	ignore_and_block_everything();
	assert_int_equal(spawn(argv, env, false, &pid, &status_fd), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(status_fd);
}

static void test_what_does_not_start(void **state)
{
	(void)state;
	char *argv[] = { (char[]){ "no-such-program" }, NULL };
	char *env[] = { (char[]){ "PATH=" SPAWN_PATH }, NULL };
	struct spawn_failure f;
	pid_t pid = -1;
	int status_fd = -1;
	assert_int_equal(spawn(argv, env, false, &pid, &status_fd), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(read(status_fd, &f, sizeof f), sizeof f);
	assert_string_equal(spawn_step_name(f.step), "exec");
	assert_int_equal(f.error, ENOENT);
	close(status_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_does_not_start),
		cmocka_unit_test(test_signals_are_standard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
