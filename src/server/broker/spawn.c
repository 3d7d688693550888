/* SPDX-License-Identifier: Apache-2.0
 *
 * See spawn.h. Between fork and exec only system calls: other threads may have held any lock.
 */
#include "server/broker/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The numbers of <linux/close_range.h>, which clang's headers of this system do not bring. */
#define CLOSE_ON_EXEC (1u << 2)

int spawn_find_user(struct spawn_user *ret, struct error *err)
{
	static const char *const names[] = { "mosquitto", "nobody" };
	char text[4096];
	struct passwd entry, *found = NULL;
	*ret = (struct spawn_user){ .drop = geteuid() == 0 };
	for (size_t i = 0; i < ARRAY_SIZE(names) && ret->drop; i++) {
		if (getpwnam_r(names[i], &entry, text, sizeof text, &found) != 0 || !found)
			continue;
		ret->uid = found->pw_uid;
		ret->gid = found->pw_gid;
		return 0;
	}
	return ret->drop ? error_set(err, ERR_UNAVAILABLE,
				     "The MQTT broker must not run as root, and there is neither a "
				     "user mosquitto nor nobody.")
			 : 0;
}

static bool is_program(const char *dir, size_t n_dir, const char *name, char *out, size_t n_out)
{
	int n = snprintf(out, n_out, "%.*s/%s", (int)n_dir, dir, name);
	return n_dir > 0 && n > 0 && (size_t)n < n_out && access(out, X_OK) == 0;
}

int spawn_find_program(const char *name, char *out, size_t n_out, struct error *err)
{
	const char *path = getenv("PATH");
	const char *const places[] = { path ? path : "", "/usr/sbin:/usr/local/sbin:/sbin" };
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		for (const char *p = places[i]; *p;) {
			size_t n = strcspn(p, ":");
			if (is_program(p, n, name, out, n_out))
				return 0;
			p += n + (p[n] == ':');
		}
	return error_set(err, ERR_UNAVAILABLE, "%s is not installed (apt install %s).", name, name);
}

/* ---- in the child ---- */

static bool keep_only(const struct spawn *s)
{
	if (syscall(SYS_close_range, 3u, ~0u, CLOSE_ON_EXEC) != 0)
		return false;
	for (size_t i = 0; i < s->n_fds; i++)
		if (fcntl(s->fds[i], F_SETFD, 0) != 0)
			return false;
	return true;
}

/* The bare system calls: the library's would tell threads that do not exist in the child. */
static bool drop(const struct spawn_user *u)
{
	return !u->drop || (syscall(SYS_setgroups, 0, NULL) == 0 &&
			    syscall(SYS_setresgid, u->gid, u->gid, u->gid) == 0 &&
			    syscall(SYS_setresuid, u->uid, u->uid, u->uid) == 0);
}

static bool set_streams(int stderr_fd)
{
	int null = open("/dev/null", O_RDWR);
	return null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(stderr_fd, 2) == 2;
}

static void set_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void complain(const char *what)
{
	ssize_t n = write(2, what, strlen(what));
	(void)n;
}

static _Noreturn void run(const struct spawn *s, int stderr_fd, pid_t parent)
{
	static const char *const env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };
	set_signals();
	setsid();
	umask(077);
	if (!set_streams(stderr_fd) || fchdir(s->dir_fd) != 0 || !keep_only(s))
		complain("it could not be started: descriptors\n");
	else if (!drop(&s->user))
		complain("it could not be started: changing the user\n");
	else if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
		complain("it could not be started: the parent is gone\n");
	else {
		execve(s->program, (char *const *)s->args, (char *const *)env);
		complain("it could not be started: no such program\n");
	}
	_exit(127);
}

/* ---- in us ---- */

static int child_failed(struct child *c, int r)
{
	if (c->stderr_fd >= 0)
		close(c->stderr_fd);
	*c = (struct child){ .pid_fd = -1, .stderr_fd = -1 };
	return r;
}

int spawn_child(const struct spawn *s, struct child *ret)
{
	int fds[2];
	pid_t parent = getpid();
	*ret = (struct child){ .pid_fd = -1, .stderr_fd = -1 };
	if (pipe2(fds, O_CLOEXEC) != 0)
		return -errno;
	ret->stderr_fd = fds[0];
	ret->pid = fork();
	if (ret->pid == 0)
		run(s, fds[1], parent);
	int r = ret->pid < 0 ? -errno : 0;
	close(fds[1]);
	if (r)
		return child_failed(ret, r);
	ret->pid_fd = pidfd_open(ret->pid, 0);
	if (ret->pid_fd < 0 || fcntl(ret->stderr_fd, F_SETFL, O_NONBLOCK) < 0) {
		r = -errno;
		kill(ret->pid, SIGKILL);
		(void)waitpid(ret->pid, NULL, 0);
		return child_failed(ret, r);
	}
	return 0;
}
