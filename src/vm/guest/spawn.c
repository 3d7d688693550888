/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting a child, see spawn.h. Between fork() and exec() only what is safe after a fork from a
 * process with threads: no memory is allocated, everything was prepared before.
 */
#include "vm/guest/spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KERNEL_SIGNALS = 64 };

enum step { STEP_SESSION, STEP_OPEN, STEP_DUP, STEP_EXEC };

static const char *const step_names[] = {
	[STEP_SESSION] = "setsid",
	[STEP_OPEN] = "opening its standard files",
	[STEP_DUP] = "dup2",
	[STEP_EXEC] = "exec",
};

const char *spawn_step_name(int step)
{
	return (unsigned)step < ARRAY_SIZE(step_names) ? step_names[step] : "?";
}

/* The kernel's own calls: the C library refuses to touch its two signals (32 and 33), which then stay ignored or blocked as whoever
 * started us had them. All zeroes is SIG_DFL without flags and the empty set, however the kernel's struct is ordered. */
static void reset_signals(void)
{
	const uint64_t standard[4] = { 0 };
	const uint64_t none = 0;
	for (int i = 1; i <= KERNEL_SIGNALS; i++)
		(void)syscall(SYS_rt_sigaction, i, standard, NULL,
			      sizeof none); /* KILL and STOP refuse, rightly */
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

/* Returns the step that failed; errno says why. */
static enum step become(char *const argv[], char *const env[], bool console)
{
	if (setsid() < 0)
		return STEP_SESSION;
	int fd = open(console ? "/dev/console" : "/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return STEP_OPEN;
	for (int i = 0; i < 3; i++)
		if (dup2(fd, i) < 0)
			return STEP_DUP;
	(void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	umask(022);
	environ = (char **)(uintptr_t)env; /* execvp() searches its PATH */
	reset_signals();
	execvp(argv[0], argv);
	return STEP_EXEC;
}

/* Only for fork() and what follows: no handler of ours may run in the child. */
static void block_signals(sigset_t *before)
{
	sigset_t all;
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, before);
}

int spawn(char *const argv[], char *const env[], bool console, pid_t *ret_pid, int *ret_status_fd)
{
	int fds[2];
	sigset_t before;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	block_signals(&before);
	pid_t pid = fork();
	int error = errno;
	if (pid == 0) {
		/* out of the way of 0, 1 and 2, which may have been closed in us */
		int status_fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 10);
		struct spawn_failure f = { .step = (int)become(argv, env, console),
					   .error = errno };
		(void)!write(status_fd, &f, sizeof f);
		_exit(127);
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(fds[1]);
	if (pid < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
		close(fds[0]);
		return -error;
	}
	*ret_pid = pid;
	*ret_status_fd = fds[0];
	return 0;
}
