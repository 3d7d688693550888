/* SPDX-License-Identifier: Apache-2.0
 *
 * Worker processes; job.h has the contract.
 */
#include "agent/job.h"
#include "base/buf.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct job {
	pid_t pid; /* 0: reaped */
	int fd;    /* the read end of the pipe */
	struct buf text;
	bool ended;
	int status; /* of waitpid() */
	int64_t deadline_ms;
	int64_t kill_ms; /* INT64_MAX: nobody asked it to stop */
	bool timed_out;
};

static int stop_fd = -1; /* of this process, when it is a worker */

int job_stop_fd(void)
{
	return stop_fd;
}

bool job_stopping(void)
{
	struct pollfd p = { stop_fd, POLLIN, 0 };
	return stop_fd >= 0 && poll(&p, 1, 0) > 0;
}

/* ---- in the worker ---- */

static void write_result(int fd, const json_t *result)
{
	CLEANUP(free_charp) char *text = json_text(result);
	size_t n = strlen(text);
	for (size_t done = 0; done < n;) {
		ssize_t w = write(fd, text + done, n - done);
		if (w < 0 && errno != EINTR)
			return;
		done += w > 0 ? (size_t)w : 0;
	}
}

static void worker(int fd, pid_t agent, job_fn *fn, void *user)
{
	sigset_t term, others;
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != agent) /* it ended before we could ask for the signal */
		_exit(1);
	if (dup2(fd, 3) < 0)
		_exit(1);
	closefrom(4);
	(void)fcntl(3, F_SETFD, FD_CLOEXEC);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigfillset(&others);
	sigdelset(&others, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	sigprocmask(SIG_UNBLOCK, &others, NULL);
	stop_fd = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK);
	AUTO_JSON result = fn(user);
	if (result)
		write_result(3, result);
	_exit(result ? 0 : 1);
}

/* ---- in the agent ---- */

int job_start(job_fn *fn, void *user, int64_t deadline_ms, struct job **ret)
{
	int fds[2];
	pid_t agent = getpid();
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL); /* or it would be written twice */
	pid_t pid = fork();
	if (pid == 0)
		worker(fds[1], agent, fn, user);
	int r = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		return r;
	}
	(void)setpgid(pid, pid); /* whoever is first */
	struct job *j = calloc(1, sizeof *j);
	if (!j || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		abort();
	*j = (struct job){ .pid = pid, .fd = fds[0], .deadline_ms = deadline_ms };
	j->kill_ms = INT64_MAX;
	buf_init(&j->text, JOB_RESULT_MAX);
	*ret = j;
	return 0;
}

int job_fd(const struct job *j)
{
	return j->fd;
}

static void reap(struct job *j)
{
	while (waitpid(j->pid, &j->status, 0) < 0 && errno == EINTR)
		;
	(void)kill(-j->pid, SIGKILL); /* what it may have left running in its group */
	j->pid = 0;
	j->ended = true;
}

bool job_read(struct job *j)
{
	char chunk[16384];
	ssize_t n = 0;
	while (!j->ended) {
		n = read(j->fd, chunk, sizeof chunk);
		if (n > 0)
			buf_add(&j->text, chunk, (size_t)n);
		else if (n == 0 || (errno != EINTR && errno != EAGAIN))
			reap(j);
		else if (errno == EAGAIN)
			break;
	}
	return j->ended;
}

json_t *job_result(struct job *j, char *why, size_t size)
{
	struct error err;
	json_t *result = NULL;
	if (j->timed_out)
		snprintf(why, size, "it took too long");
	else if (j->kill_ms != INT64_MAX)
		snprintf(why, size, "it was stopped");
	else if (WIFSIGNALED(j->status))
		snprintf(why, size, "it crashed: %s", strsignal(WTERMSIG(j->status)));
	else if (j->text.failed)
		snprintf(why, size, "its result is too large");
	else if (WEXITSTATUS(j->status) != 0 || j->text.n == 0)
		snprintf(why, size, "it ended without a result");
	else if (json_parse(buf_span(&j->text), &result, &err))
		snprintf(why, size, "%s", err.message);
	return result;
}

void job_stop(struct job *j, int64_t now_ms)
{
	if (j->ended || j->kill_ms != INT64_MAX)
		return;
	(void)kill(j->pid, SIGTERM);
	j->kill_ms = now_ms + JOB_GRACE_MS;
}

int64_t job_tick(struct job *j, int64_t now_ms)
{
	if (j->ended)
		return INT64_MAX;
	if (j->kill_ms == INT64_MAX && now_ms >= j->deadline_ms) {
		j->timed_out = true;
		job_stop(j, now_ms);
	}
	if (now_ms >= j->kill_ms)
		(void)kill(-j->pid, SIGKILL);
	return j->kill_ms == INT64_MAX ? j->deadline_ms
	       : now_ms < j->kill_ms   ? j->kill_ms
				       : now_ms + 1000;
}

void job_wait(struct job *j)
{
	while (!job_read(j)) {
		int64_t now = clock_mono_ms();
		if (job_stopping())
			job_stop(j, now);
		int64_t wait = job_tick(j, now) - now;
		struct pollfd p[] = { { j->fd, POLLIN, 0 },
				      { j->kill_ms == INT64_MAX ? stop_fd : -1, POLLIN, 0 } };
		(void)poll(p, ARRAY_SIZE(p), wait < 60000 ? (int)wait : 60000);
	}
}

void job_free(struct job *j)
{
	if (!j)
		return;
	if (!j->ended) {
		(void)kill(-j->pid, SIGKILL);
		reap(j);
	}
	close(j->fd);
	buf_fini(&j->text);
	free(j);
}
