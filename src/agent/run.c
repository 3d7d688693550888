/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs: no shell, a clean environment, /dev/null as input, at most so long, at most so much output.
 *
 * The program leads a process group of its own, so that a time limit ends what it started, too; it dies
 * with the worker that waits for it. When the worker is asked to end (job.h), the program gets
 * SIGTERM at once and SIGKILL after KILL_AFTER_MS: less than the grace of the worker itself.
 *
 * Standard error is kept apart, because callers parse the output; a program that fails (status > 0)
 * has it appended, because then they show it.
 */
#include "agent/env.h"
#include "agent/job.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX    (64 * 1024)
#define ERRORS_MAX    (4 * 1024)
#define KILL_AFTER_MS 5000

struct stream { /* what is read from one of the program's outputs */
	int fd; /* -1: closed */
	struct buf *to;
	size_t left; /* bytes that are still kept */
};

struct run {
	pid_t pid;
	int pid_fd;
	struct stream out, err;
	int64_t end_ms;  /* when it is told to end */
	int64_t kill_ms; /* when it is killed; INT64_MAX: not told yet */
	int why;         /* -ETIMEDOUT, -ECANCELED, or 0 */
};

static const char *const environment[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"LC_ALL=C.UTF-8",
	"HOME=/root",
	"DEBIAN_FRONTEND=noninteractive",
	NULL,
};

/* Everything between fork and exec: only what is safe there. Errors go to the parent by errno. */
static void program(const char *root, const char *const *argv, int out_fd, int err_fd, int error_fd)
{
	sigset_t all;
	int null_fd, error;
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	signal(SIGPIPE, SIG_DFL);
	null_fd = open("/dev/null", O_RDONLY);
	if (null_fd >= 0 && dup2(null_fd, 0) >= 0 && dup2(out_fd, 1) >= 0 && dup2(err_fd, 2) >= 0 &&
	    (!root[0] || (chroot(root) == 0 && chdir("/") == 0)))
		execvpe(argv[0], (char *const *)argv, (char *const *)environment);
	error = errno;
	if (write(error_fd, &error, sizeof error) < 0)
		_exit(126);
	_exit(127);
}

/* The errno of a failed exec, or 0: the pipe is closed by exec itself. */
static int exec_error(int fd)
{
	int error = 0;
	ssize_t n;
	while ((n = read(fd, &error, sizeof error)) < 0 && errno == EINTR)
		;
	return n == (ssize_t)sizeof error ? error : 0;
}

static int launch(struct run *r, const char *root, const char *const *argv)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } }; /* output, errors, failed exec */
	int error = 0;
	for (size_t i = 0; i < ARRAY_SIZE(pipes); i++)
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			error = errno;
	if (!error) {
		r->pid = fork();
		if (r->pid == 0)
			program(root, argv, pipes[0][1], pipes[1][1], pipes[2][1]);
		error = r->pid < 0 ? errno : 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(pipes); i++)
		close_fdp(&pipes[i][1]);
	r->out.fd = pipes[0][0];
	r->err.fd = pipes[1][0];
	if (!error && (error = exec_error(pipes[2][0])))
		(void)waitpid(r->pid, NULL, 0);
	close_fdp(&pipes[2][0]);
	return -error;
}

/* What does not fit is read and thrown away: a program must not hang on a full pipe. */
static void take_output(struct stream *s)
{
	char chunk[8192];
	ssize_t n = read(s->fd, chunk, sizeof chunk);
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		close(s->fd);
		s->fd = -1;
		return;
	}
	size_t keep = (size_t)n < s->left ? (size_t)n : s->left;
	if (keep)
		buf_add(s->to, chunk, keep);
	s->left -= keep;
}

static void tell(struct run *r, int why, int64_t now)
{
	if (r->why)
		return;
	r->why = why;
	(void)kill(-r->pid, SIGTERM);
	r->kill_ms = now + KILL_AFTER_MS;
}

static int next_wait(const struct run *r, int64_t now)
{
	int64_t next = r->why ? r->kill_ms : r->end_ms;
	int64_t wait = next > now ? next - now : 100;
	return wait > 60000 ? 60000 : (int)wait;
}

/* Until it has ended and said what it had to say; children that outlive it are not waited for. */
static void wait_for(struct run *r)
{
	for (;;) {
		int64_t now = clock_mono_ms();
		struct pollfd fds[] = { { r->pid_fd, POLLIN, 0 },
					{ r->out.fd, POLLIN, 0 },
					{ r->err.fd, POLLIN, 0 },
					{ r->why ? -1 : job_stop_fd(), POLLIN, 0 } };
		if (now >= r->end_ms)
			tell(r, -ETIMEDOUT, now);
		if (now >= r->kill_ms)
			(void)kill(-r->pid, SIGKILL);
		if (poll(fds, ARRAY_SIZE(fds), next_wait(r, now)) <= 0)
			continue;
		if (fds[1].revents)
			take_output(&r->out);
		if (fds[2].revents)
			take_output(&r->err);
		if (fds[3].revents)
			tell(r, -ECANCELED, now);
		if (fds[0].revents && !(fds[1].revents & POLLIN) && !(fds[2].revents & POLLIN))
			return;
	}
}

static int finish(struct run *r)
{
	int status = 0;
	while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r->why)
		return r->why;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int watch(struct run *r)
{
	(void)setpgid(r->pid, r->pid);
	r->pid_fd = pidfd_open(r->pid, 0);
	if (r->pid_fd < 0) {
		r->why = -errno;
		(void)kill(-r->pid, SIGKILL);
	} else {
		wait_for(r);
		close(r->pid_fd);
	}
	return finish(r);
}

static size_t room(const struct buf *b, size_t most)
{
	size_t left = b->max - b->n;
	return left < most ? left : most;
}

int run_program(const char *root, const char *const *argv, int64_t timeout_ms, struct buf *out)
{
	CLEANUP(buf_fini) struct buf errors;
	buf_init(&errors, ERRORS_MAX);
	struct run r = { .out = { -1, out, out ? room(out, OUTPUT_MAX) : 0 },
			 .err = { -1, &errors, ERRORS_MAX },
			 .end_ms = clock_mono_ms() + timeout_ms,
			 .kill_ms = INT64_MAX };
	if (job_stopping())
		return -ECANCELED;
	int status = launch(&r, root, argv);
	if (status == 0)
		status = watch(&r);
	close_fdp(&r.out.fd);
	close_fdp(&r.err.fd);
	if (out && status > 0)
		buf_add(out, buf_str(&errors), room(out, errors.n));
	return status;
}
