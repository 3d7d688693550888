/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting programs and waiting for them without a thread, see program.h. Its end shows on a pidfd; a pipe alone would stay open
 * as long as anything that it started.
 */
#include "vm/program/program.h"
#include "base/buf.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST_READS_MAX                                                                             \
	32 /* of what a pipe can hold at its end, and more: something else may go on writing */

struct program {
	struct programs *all;
	struct program *next;
	pid_t pid;
	struct loop_io ended, printed; /* descriptors are ours, -1: none */
	struct timer limit;
	struct buf kept;
	bool limited, timed_out, keep;
	void (*output)(void *user, struct span bytes);
	void (*done)(void *user, const struct program_end *end);
	void *user;
	const void *owner;
};

static void close_io(struct program *p, struct loop_io *io)
{
	if (io->fd < 0)
		return;
	loop_remove(p->all->loop, io);
	close(io->fd);
	io->fd = -1;
}

/* It is in no list and on no loop any more. */
static void detach(struct program *p)
{
	struct program **at = &p->all->first;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->all->n--;
	timer_stop(loop_timers(p->all->loop), &p->limit);
	close_io(p, &p->ended);
	close_io(p, &p->printed);
}

static void program_free(struct program *p)
{
	buf_fini(&p->kept);
	free(p);
}

/* ---- what it prints ---- */

/* One chunk, so that one that never stops does not keep the loop from everything else. > 0: there may be more. */
static int take_chunk(struct program *p)
{
	uint8_t *chunk = loop_scratch(p->all->loop);
	ssize_t n = read(p->printed.fd, chunk, LOOP_SCRATCH_SIZE);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -errno : 0;
	size_t left = PROGRAM_OUTPUT_MAX - p->kept.n;
	if (p->output && n > 0)
		p->output(p->user, (struct span){ chunk, (size_t)n });
	if (p->keep)
		buf_add(&p->kept, chunk, (size_t)n < left ? (size_t)n : left);
	return (int)n;
}

static void on_printed(void *user, uint32_t events)
{
	struct program *p = user;
	(void)events;
	if (take_chunk(p) == 0)
		close_io(p, &p->printed);
}

/* ---- its end ---- */

static void take_rest(struct program *p)
{
	for (int i = 0; i < LAST_READS_MAX && p->printed.fd >= 0; i++)
		if (take_chunk(p) <= 0)
			return;
}

static void finish(struct program *p, int status)
{
	const struct program_end end = { .status = status,
					 .timed_out = p->timed_out,
					 .output = buf_span(&p->kept) };
	detach(p);
	if (p->done)
		p->done(p->user, &end);
	program_free(p);
}

static void on_end(void *user, uint32_t events)
{
	struct program *p = user;
	int status = 0;
	(void)events;
	if (waitpid(p->pid, &status, WNOHANG) == 0)
		return;
	take_rest(p);
	finish(p, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

static void on_limit(void *user)
{
	struct program *p = user;
	p->timed_out = true;
	kill(-p->pid, SIGKILL);
}

/* One that has become another user (sudo) cannot be killed, so it is not waited for either. */
static void reap(pid_t pid)
{
	if (kill(-pid, SIGKILL) < 0 && errno == EPERM)
		return;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void program_cancel(struct program *p)
{
	reap(p->pid);
	detach(p);
	program_free(p);
}

unsigned programs_of(const struct programs *all, const void *owner)
{
	unsigned n = 0;
	for (const struct program *p = all->first; p; p = p->next)
		n += p->owner == owner;
	return n;
}

void programs_end(struct programs *all)
{
	for (struct program *p; (p = all->first);) {
		if (p->limited) {
			reap(p->pid);
			finish(p, 128 + SIGKILL);
		} else {
			detach(p);
			program_free(p);
		}
	}
}

/* ---- its beginning ---- */

static bool is_among(const char *variable, char *const list[])
{
	size_t n = strcspn(variable, "=") + 1;
	while (list && *list && strncmp(*list, variable, n) != 0)
		list++;
	return list && *list;
}

/* 'more', and what it leaves of ours: of two with one name getenv() would take the first, a shell the last. The list is the
 * caller's, the strings are not. */
static char **join_env(char *const more[])
{
	size_t n = 0, n_ours = 0, n_more = 0;
	while (environ[n_ours])
		n_ours++;
	while (more && more[n_more])
		n_more++;
	char **env = calloc(n_ours + n_more + 1, sizeof *env);
	if (!env)
		abort();
	for (; n < n_more; n++)
		env[n] = more[n];
	for (char *const *e = environ; *e; e++)
		if (!is_among(*e, more))
			env[n++] = *e;
	return env;
}

static void set_files(posix_spawn_file_actions_t *files, const struct program_spec *spec, int in_fd,
		      int out_fd)
{
	if (in_fd >= 0)
		posix_spawn_file_actions_adddup2(files, in_fd, 0);
	else
		posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
	if (out_fd >= 0)
		posix_spawn_file_actions_adddup2(files, out_fd, 1);
	else
		posix_spawn_file_actions_addopen(files, 1, "/dev/null", O_WRONLY, 0);
	if (spec->errors)
		posix_spawn_file_actions_adddup2(files, 1, 2);
	if (spec->folder)
		posix_spawn_file_actions_addchdir_np(files, spec->folder);
}

/* 0 or an errno, execve()'s too. */
static int spawn(const struct program_spec *spec, int in_fd, int out_fd, pid_t *ret)
{
	posix_spawnattr_t attr;
	posix_spawn_file_actions_t files;
	sigset_t none, all;
	char **env = join_env(spec->env);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawn_file_actions_init(&files);
	set_files(&files, spec, in_fd, out_fd);
	int r = posix_spawnp(ret, spec->argv[0], &files, &attr, spec->argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	free(env);
	return r;
}

/* A file without a name that holds it, to be read from its beginning: a pipe would have to be fed. */
static int open_input(struct span input, int *ret)
{
	*ret = memfd_create("input", MFD_CLOEXEC);
	if (*ret < 0)
		return errno;
	while (input.n > 0) {
		ssize_t n = write(*ret, input.p, input.n);
		if (n < 0)
			return errno;
		input.p += n;
		input.n -= (size_t)n;
	}
	return lseek(*ret, 0, SEEK_SET) < 0 ? errno : 0;
}

/* 0 or an errno. *ret_out: our end of its output, or -1. */
static int launch(const struct program_spec *spec, pid_t *ret_pid, int *ret_out)
{
	CLEANUP(close_fdp) int in_fd = -1;
	int out[2] = { -1, -1 };
	int r = spec->input.n > 0 ? open_input(spec->input, &in_fd) : 0;
	if (r == 0 && (spec->output || spec->keep) && pipe2(out, O_CLOEXEC) < 0)
		r = errno;
	if (r == 0)
		r = spawn(spec, in_fd, out[1], ret_pid);
	close_fdp(&out[1]);
	if (r)
		close_fdp(&out[0]);
	else if (out[0] >= 0) /* our end only: a program may expect that writing waits */
		(void)!fcntl(out[0], F_SETFL, O_NONBLOCK);
	*ret_out = out[0];
	return r;
}

static int watch(struct program *p, int64_t timeout_ms)
{
	struct loop *loop = p->all->loop;
	int r = p->ended.fd < 0 ? -errno : loop_add(loop, &p->ended, EPOLLIN);
	if (r == 0 && p->printed.fd >= 0)
		r = loop_add(loop, &p->printed, EPOLLIN);
	if (r == 0 && timeout_ms > 0)
		timer_start(loop_timers(loop), &p->limit, loop_now_ms(loop) + timeout_ms);
	return r;
}

/* Takes the descriptor (-1: none). */
static struct program *adopt(struct programs *all, const struct program_spec *spec, pid_t pid,
			     int fd)
{
	struct program *p = calloc(1, sizeof *p);
	if (!p)
		abort();
	*p = (struct program){ .all = all,
			       .next = all->first,
			       .pid = pid,
			       .limited = spec->timeout_ms > 0,
			       .keep = spec->keep,
			       .output = spec->output,
			       .done = spec->done,
			       .user = spec->user,
			       .owner = spec->owner };
	all->first = p;
	all->n++;
	p->printed = (struct loop_io){ .fd = fd, .fn = on_printed, .user = p };
	p->limit = (struct timer){ .fn = on_limit, .user = p };
	buf_init(&p->kept, PROGRAM_OUTPUT_MAX);
	p->ended = (struct loop_io){ .fd = pidfd_open(pid, 0), .fn = on_end, .user = p };
	return p;
}

int program_start(struct programs *all, const struct program_spec *spec, struct program **ret,
		  struct error *err)
{
	pid_t pid;
	int fd;
	int r = launch(spec, &pid, &fd);
	if (r)
		return error_set(err, ERR_UNAVAILABLE, "%s: %s", spec->argv[0], strerror(r));
	struct program *p = adopt(all, spec, pid, fd);
	r = watch(p, spec->timeout_ms);
	if (r)
		program_cancel(p);
	else if (ret)
		*ret = p;
	return r;
}
