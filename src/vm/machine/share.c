/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders of this host in machines, see share.h.
 *
 * virtiofsd gets a socket that listens already, so qemu need not wait for it. Read-only is the mount's in a namespace of its own,
 * which virtiofsd itself cannot do: no guest can write there, whatever it mounts. Whoever is not root is root of a user namespace
 * of nobody but himself: files are his, and the guest's other users have none.
 *
 * What it prints is thrown away: a guest could have it print without end, and --syslog is ended by its own seccomp filter where
 * no syslog runs.
 *
 * Between fork() and exec() there are system calls only: other threads may have held locks.
 */
#include "vm/machine/share.h"
#include "base/file.h"
#include "base/log.h"
#include "vm/machine/line.h"
#include "vm/machine/machine-private.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOCKET_FD 3
#define LATER_MS  1000
#define ABOVE     10 /* descriptors that dup2() to the first ones does not meet */

const char *share_program(void)
{
	/* Debian 13 and later, Debian 12 (qemu-system-common), by hand */
	static const char *const paths[] = { "/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd",
					     "/usr/local/bin/virtiofsd" };
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	return NULL;
}

static const char *file_of(struct arena *a, const struct machine *m, size_t i, const char *end)
{
	return machine_path(a, m, arena_printf(a, "share%zu%s", i, end));
}

/* ---- the child ---- */

struct plan {
	const char *program;
	char *const *argv;
	const struct machine_share *share;
	char uid_map[64], gid_map[64]; /* "": we are root */
	int socket, report;            /* the second takes an errno; exec() closes it */
};

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return good;
}

static bool isolate(const struct plan *p)
{
	struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	const char *path = p->share->path;
	bool user = p->uid_map[0];
	if (unshare(user ? CLONE_NEWNS | CLONE_NEWUSER : CLONE_NEWNS) < 0)
		return false;
	if (user && !(write_text("/proc/self/setgroups", "deny") &&
		      write_text("/proc/self/uid_map", p->uid_map) &&
		      write_text("/proc/self/gid_map", p->gid_map)))
		return false;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	return !p->share->read_only ||
	       (mount(path, path, NULL, MS_BIND | MS_REC, NULL) == 0 &&
		mount_setattr(AT_FDCWD, path, AT_RECURSIVE, &read_only, sizeof read_only) == 0);
}

static _Noreturn void be_virtiofsd(const struct plan *p)
{
	sigset_t none;
	sigemptyset(&none);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid(); /* a terminal's Ctrl-C is not meant for it */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2 &&
	    dup2(p->socket, SOCKET_FD) == SOCKET_FD && isolate(p))
		execv(p->program, p->argv);
	(void)!write(p->report, &errno, sizeof errno);
	_exit(127);
}

/* 0 or -errno, the child's until it is virtiofsd, too. */
static int spawn(struct plan *p, pid_t *ret)
{
	int fds[2], error = 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	p->report = fcntl(fds[1], F_DUPFD_CLOEXEC, ABOVE);
	close(fds[1]);
	pid_t pid = fork();
	if (pid == 0)
		be_virtiofsd(p);
	int r = pid < 0 ? -errno : 0;
	close(p->report);
	if (r == 0 && read(fds[0], &error, sizeof error) == sizeof error) {
		r = -error;
		waitpid(pid, NULL, 0);
	}
	close(fds[0]);
	*ret = pid;
	return r;
}

/* ---- one of them ---- */

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path)
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	(void)!unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, ABOVE);
	if (fd >= 0)
		close(fd);
	if (high < 0)
		return -errno;
	if (bind(high, (struct sockaddr *)&address, sizeof address) == 0 && listen(high, 1) == 0)
		return high;
	int r = -errno;
	close(high);
	return r;
}

static void forget(struct running_share *s)
{
	if (!s->machine)
		return;
	timer_stop(loop_timers(machine_loop(s->machine)), &s->later);
	if (s->ended.fd < 0)
		return;
	loop_remove(machine_loop(s->machine), &s->ended);
	close(s->ended.fd);
	s->ended.fd = -1;
}

static void on_later(void *user)
{
	const struct running_share *s = user;
	struct machine *m = s->machine;
	char why[WHY_SIZE];
	if (m->vm->state != VM_READY)
		return; /* a machine that does not come says so itself */
	shares_trouble(m, why, sizeof why);
	log_warn("a shared folder is gone", F_STR("vm", m->spec.name), F_STR("why", why));
	registry_vm_set(m->all->host->registry, m->vm, VM_READY, why);
}

/* It ends with qemu, whose end may show after this. */
static void on_ended(void *user, uint32_t events)
{
	struct running_share *s = user;
	struct loop *loop = machine_loop(s->machine);
	(void)events;
	waitpid(s->pid, NULL, WNOHANG); /* one of an earlier run is not our child */
	forget(s);
	timer_start(loop_timers(loop), &s->later, loop_now_ms(loop) + LATER_MS);
}

/* 0 or -errno. */
static int watch(struct machine *m, size_t i, pid_t pid, int pidfd)
{
	struct running_share *s = &m->shares[i];
	if (pidfd < 0)
		return -errno;
	*s = (struct running_share){ .machine = m,
				     .pid = pid,
				     .later = { .fn = on_later, .user = s },
				     .ended = { .fd = pidfd, .fn = on_ended, .user = s } };
	return loop_add(machine_loop(m), &s->ended, EPOLLIN);
}

static int start(struct machine *m, size_t i, const char *program)
{
	CLEANUP(arena_fini) struct arena a;
	const struct machine_share *share = &m->spec.shares[i];
	char text[16];
	pid_t pid = 0;
	arena_init(&a);
	char *argv[] = { arena_strdup(&a, program), arena_printf(&a, "--fd=%d", SOCKET_FD),
			 (char[]){ "-o" }, arena_printf(&a, "source=%s", share->path), NULL };
	struct plan p = { .program = program, .argv = argv, .share = share };
	if (geteuid() != 0) {
		snprintf(p.uid_map, sizeof p.uid_map, "0 %u 1", (unsigned)geteuid());
		snprintf(p.gid_map, sizeof p.gid_map, "0 %u 1", (unsigned)getegid());
	}
	p.socket = listen_at(file_of(&a, m, i, ""));
	if (p.socket < 0)
		return p.socket;
	int r = spawn(&p, &pid);
	close(p.socket);
	if (r)
		return r;
	r = watch(m, i, pid, pidfd_open(pid, 0));
	if (r)
		return r;
	snprintf(text, sizeof text, "%d\n", (int)pid);
	return file_write_atomic(file_of(&a, m, i, ".pid"), span_str(text), 0600);
}

/* ---- all of a machine ---- */

int shares_start(struct machine *m, struct error *err)
{
	const char *program = share_program();
	for (size_t i = 0; i < m->spec.n_shares; i++) {
		int r = program ? start(m, i, program) : -ENOENT;
		if (r)
			return error_set(err, ERR_UNAVAILABLE,
					 "%s cannot be shared: virtiofsd does not start: %s",
					 m->spec.shares[i].path, strerror(-r));
	}
	return 0;
}

static int find(const struct machine *m, size_t i, pid_t *ret)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	return adopt_find(m, arena_printf(&a, "share%zu.pid", i),
			  arena_printf(&a, "source=%s", m->spec.shares[i].path), ret, NULL);
}

void shares_adopt(struct machine *m)
{
	for (size_t i = 0; i < m->spec.n_shares; i++) {
		pid_t pid;
		int fd = find(m, i, &pid);
		if (fd >= 0 && watch(m, i, pid, fd) < 0)
			forget(&m->shares[i]);
	}
}

/* With its machine it ends by itself; without one it would wait for it. */
void shares_end(struct machine *m)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < m->spec.n_shares; i++) {
		struct running_share *s = &m->shares[i];
		if (s->ended.fd >= 0) {
			pidfd_send_signal(s->ended.fd, SIGKILL, NULL, 0);
			waitpid(s->pid, NULL, 0);
		}
		forget(s);
		(void)!unlink(file_of(&a, m, i, ""));
		(void)!unlink(file_of(&a, m, i, ".pid"));
	}
}

void shares_release(struct machine *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(m->shares); i++)
		forget(&m->shares[i]);
}

void shares_trouble(const struct machine *m, char *out, size_t size)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 2 * PATH_MAX);
	for (size_t i = 0; i < m->spec.n_shares && text.n == 0; i++)
		if (m->shares[i].ended.fd < 0)
			buf_addf(
				&text,
				"virtiofsd has ended: the machine has lost %s, until it is started again",
				m->spec.shares[i].path);
	line_beginning(buf_span(&text), out, size);
}
