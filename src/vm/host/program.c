/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting programs and waiting for them without a thread, see program.h. Its end shows on a pidfd; a pipe alone would stay open
 * as long as anything that it started.
 */
#include "vm/host/program.h"
#include "base/buf.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct program {
	struct programs *all;
	struct program *next;
	struct loop *loop;
	bool limited;
	pid_t pid;
	struct loop_io ended, output; /* descriptors are ours; the second is -1 when closed */
	struct timer limit;
	struct buf text;
	bool timed_out;
	void (*done)(const struct program_end *end, void *user);
	void *user;
};

static void close_io(struct program *p, struct loop_io *io)
{
	if (io->fd < 0)
		return;
	loop_remove(p->loop, io);
	close(io->fd);
	io->fd = -1;
}

static void program_free(struct program *p)
{
	struct program **at = &p->all->first;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->all->n--;
	timer_stop(loop_timers(p->loop), &p->limit);
	close_io(p, &p->ended);
	close_io(p, &p->output);
	buf_fini(&p->text);
	free(p);
}

/* ---- what it prints ---- */

/* false: there will be no more. */
static bool take_output(struct program *p)
{
	uint8_t *chunk = loop_scratch(p->loop);
	ssize_t n;
	while ((n = read(p->output.fd, chunk, LOOP_SCRATCH_SIZE)) > 0) {
		size_t left = PROGRAM_OUTPUT_MAX - p->text.n;
		buf_add(&p->text, chunk, (size_t)n < left ? (size_t)n : left);
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void on_output(void *user, uint32_t events)
{
	struct program *p = user;
	(void)events;
	if (!take_output(p))
		close_io(p, &p->output);
}

/* ---- its end ---- */

static void on_end(void *user, uint32_t events)
{
	struct program *p = user;
	int status = 0;
	(void)events;
	if (waitpid(p->pid, &status, WNOHANG) == 0)
		return;
	if (p->output.fd >= 0)
		(void)take_output(p);
	struct program_end end = { .status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
								 : WEXITSTATUS(status),
				   .timed_out = p->timed_out,
				   .output = buf_span(&p->text) };
	if (p->done)
		p->done(&end, p->user);
	program_free(p);
}

static void on_limit(void *user)
{
	struct program *p = user;
	p->timed_out = true;
	kill(-p->pid, SIGKILL);
}

static void reap(pid_t pid)
{
	kill(-pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void program_cancel(struct program *p)
{
	reap(p->pid);
	program_free(p);
}

void programs_end(struct programs *all)
{
	const struct program_end killed = { .status = 128 + SIGKILL };
	for (struct program *p; (p = all->first);) {
		void (*done)(const struct program_end *, void *) = p->limited ? p->done : NULL;
		void *user = p->user;
		if (p->limited)
			reap(p->pid);
		program_free(p);
		if (done)
			done(&killed, user);
	}
}

/* ---- its beginning ---- */

static size_t count(char *const list[])
{
	size_t n = 0;
	while (list && list[n])
		n++;
	return n;
}

/* Ours, and 'more'; the list is the caller's, the strings are not. */
static char **join_env(char *const more[])
{
	size_t n = count(environ), n_more = count(more);
	char **env = calloc(n + n_more + 1, sizeof *env);
	if (!env)
		abort();
	memcpy(env, environ, n * sizeof *env);
	if (n_more > 0)
		memcpy(env + n, more, n_more * sizeof *env);
	return env;
}

/* 0 or an errno, execve()'s too. */
static int launch(char *const argv[], char *const more_env[], int out_fd, bool errors, pid_t *ret)
{
	posix_spawnattr_t attr;
	posix_spawn_file_actions_t files;
	sigset_t none, all;
	char **env = join_env(more_env);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out_fd, 1);
	if (errors)
		posix_spawn_file_actions_adddup2(&files, out_fd, 2);
	int r = posix_spawnp(ret, argv[0], &files, &attr, argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	free(env);
	return r;
}

static int watch(struct program *p, int fd)
{
	p->ended = (struct loop_io){ .fd = pidfd_open(p->pid, 0), .fn = on_end, .user = p };
	p->output = (struct loop_io){ .fd = fd, .fn = on_output, .user = p };
	if (p->ended.fd < 0)
		return -errno;
	int r = loop_add(p->loop, &p->ended, EPOLLIN);
	return r ? r : loop_add(p->loop, &p->output, EPOLLIN);
}

int program_start(struct programs *all, char *const argv[], char *const env[], int64_t timeout_ms,
		  void (*done)(const struct program_end *, void *), void *user,
		  struct program **ret, struct error *err)
{
	int fds[2];
	pid_t pid;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	(void)!fcntl(fds[0], F_SETFL,
		     O_NONBLOCK); /* our end; a program may expect that writing waits */
	int r = launch(argv, env, fds[1], all->errors, &pid);
	close(fds[1]);
	if (r) {
		close(fds[0]);
		return error_set(err, ERR_UNAVAILABLE, "%s: %s", argv[0], strerror(r));
	}
	struct program *p = calloc(1, sizeof *p);
	if (!p)
		abort();
	*p = (struct program){ .all = all,
			       .next = all->first,
			       .loop = all->loop,
			       .limited = timeout_ms > 0,
			       .pid = pid,
			       .done = done,
			       .user = user };
	all->first = p;
	all->n++;
	p->limit = (struct timer){ .fn = on_limit, .user = p };
	buf_init(&p->text, PROGRAM_OUTPUT_MAX);
	r = watch(p, fds[0]);
	if (r) {
		program_cancel(p);
		return r;
	}
	if (timeout_ms > 0)
		timer_start(loop_timers(p->loop), &p->limit, loop_now_ms(p->loop) + timeout_ms);
	if (ret)
		*ret = p;
	return 0;
}
