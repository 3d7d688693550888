/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting programs, see child.h. The end shows on a pidfd: a pipe alone would stay open as long as anything that it started.
 */
#include "vm/container/child.h"
#include "base/utf8.h"
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

struct child {
	struct children *all;
	struct child *next;
	pid_t pid;
	struct loop_io ended, output; /* descriptors are ours, -1: none */
	struct timer limit;
	struct buf text; /* a line so far */
	struct buf said; /* … when it is whole, as UTF-8 */
	void (*line)(void *user, char *line);
	void (*done)(void *user, int status);
	void *user;
};

static void close_io(struct child *c, struct loop_io *io)
{
	if (io->fd < 0)
		return;
	loop_remove(c->all->loop, io);
	close(io->fd);
	io->fd = -1;
}

static void child_free(struct child *c)
{
	struct child **at = &c->all->first;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	timer_stop(loop_timers(c->all->loop), &c->limit);
	close_io(c, &c->ended);
	close_io(c, &c->output);
	buf_fini(&c->text);
	buf_fini(&c->said);
	free(c);
}

/* ---- what it prints ---- */

static void end_line(struct child *c)
{
	struct span left = buf_span(&c->text);
	uint32_t point;
	while (c->said.n + 4 <= CHILD_LINE_MAX && span_get_utf8_lossy(&left, &point))
		utf8_add(&c->said, point);
	buf_reset(&c->text);
	if (c->said.n > 0)
		c->line(c->user, c->said.p);
	buf_reset(&c->said);
}

static void take_bytes(struct child *c, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] == '\n' || p[i] == '\r')
			end_line(c);
		else if (c->text.n < CHILD_LINE_MAX && p[i] != '\0')
			buf_add_char(&c->text, (char)p[i]);
}

void child_line_copy(char *out, size_t size, const char *line)
{
	size_t n = strlen(line);
	if (n >= size)
		for (n = size - 1; n > 0 && (line[n] & 0xc0) == 0x80;)
			n--;
	memcpy(out, line, n);
	out[n] = '\0';
}

/* false: there will be no more. */
static bool take_output(struct child *c)
{
	uint8_t *chunk = loop_scratch(c->all->loop);
	ssize_t n;
	while ((n = read(c->output.fd, chunk, LOOP_SCRATCH_SIZE)) > 0)
		take_bytes(c, chunk, (size_t)n);
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void on_output(void *user, uint32_t events)
{
	struct child *c = user;
	(void)events;
	if (take_output(c))
		return;
	close_io(c, &c->output);
	end_line(c); /* one without an end */
}

/* ---- its end ---- */

static void on_end(void *user, uint32_t events)
{
	struct child *c = user;
	int status = 0;
	(void)events;
	if (waitpid(c->pid, &status, WNOHANG) == 0)
		return;
	if (c->output.fd >= 0) {
		(void)take_output(c);
		end_line(c);
	}
	void (*done)(void *, int) = c->done;
	void *owner = c->user;
	child_free(c);
	if (done)
		done(owner, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

static void on_limit(void *user)
{
	const struct child *c = user;
	kill(-c->pid, SIGKILL);
}

static void kill_child(struct child *c)
{
	kill(-c->pid, SIGKILL);
	(void)!waitpid(c->pid, NULL, 0);
	child_free(c);
}

void children_end(struct children *all)
{
	while (all->first) {
		void (*done)(void *, int) = all->first->done;
		void *user = all->first->user;
		if (!done) {
			child_free(all->first);
			continue;
		}
		kill_child(all->first);
		done(user, 128 + SIGKILL);
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

static void set_files(posix_spawn_file_actions_t *files, const struct child_start *what, int out_fd)
{
	posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
	if (out_fd >= 0)
		posix_spawn_file_actions_adddup2(files, out_fd, 1);
	else
		posix_spawn_file_actions_addopen(files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(files, 1, 2);
	if (what->folder)
		posix_spawn_file_actions_addchdir_np(files, what->folder);
}

/* 0 or an errno, execve()'s too. */
static int launch(const struct child_start *what, int out_fd, pid_t *ret)
{
	posix_spawnattr_t attr;
	posix_spawn_file_actions_t files;
	sigset_t none, all;
	char **env = join_env(what->env);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawn_file_actions_init(&files);
	set_files(&files, what, out_fd);
	int r = posix_spawnp(ret, what->argv[0], &files, &attr, what->argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	free(env);
	return r;
}

/* Takes the descriptor (-1: none). */
static int adopt(struct children *all, const struct child_start *what, pid_t pid, int fd)
{
	struct child *c = calloc(1, sizeof *c);
	if (!c)
		abort();
	*c = (struct child){ .all = all,
			     .next = all->first,
			     .pid = pid,
			     .line = what->line,
			     .done = what->done,
			     .user = what->user };
	all->first = c;
	c->ended = (struct loop_io){ .fd = pidfd_open(pid, 0), .fn = on_end, .user = c };
	c->output = (struct loop_io){ .fd = fd, .fn = on_output, .user = c };
	c->limit = (struct timer){ .fn = on_limit, .user = c };
	buf_init(&c->text, CHILD_LINE_MAX);
	buf_init(&c->said, CHILD_LINE_MAX);
	int r = c->ended.fd < 0 ? -errno : loop_add(all->loop, &c->ended, EPOLLIN);
	if (r == 0 && fd >= 0)
		r = loop_add(all->loop, &c->output, EPOLLIN);
	if (r == 0 && what->timeout_ms > 0)
		timer_start(loop_timers(all->loop), &c->limit,
			    loop_now_ms(all->loop) + what->timeout_ms);
	if (r)
		kill_child(c);
	return r;
}

int child_start(struct children *all, const struct child_start *what, struct error *err)
{
	int fds[2] = { -1, -1 };
	pid_t pid;
	if (what->line && pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	int r = launch(what, fds[1], &pid);
	if (fds[1] >= 0)
		close(fds[1]);
	if (r) {
		if (fds[0] >= 0)
			close(fds[0]);
		return error_set(err, ERR_UNAVAILABLE, "%s: %s", what->argv[0], strerror(r));
	}
	if (fds[0] >= 0) /* our end only: a program may expect that writing waits */
		(void)!fcntl(fds[0], F_SETFL, O_NONBLOCK);
	return adopt(all, what, pid, fds[0]);
}
