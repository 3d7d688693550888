/* SPDX-License-Identifier: Apache-2.0
 *
 * mount(2) and what belongs to it, see mounting.h.
 */
#include "vm/guest/mounting.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <mntent.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SAFE       (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define N_MOUNTS   4096 /* that are unmounted at the end; more is a runaway */
#define N_LOOPS    64
#define HEADS_SIZE ((off_t)1 << 20) /* of a disk: every file system that we know of shows in it */

/* ---- the call ---- */

/* ChromeOS's hosts ask for this one; there it is mounted already. */
#define EXTERNAL_MOUNT "/mnt/external/0"

int mount_as_asked(const struct mount_request *r, int *ret_errno, struct error *err)
{
	*ret_errno = 0;
	if (strcmp(r->target, EXTERNAL_MOUNT) == 0)
		return 0;
	int e = r->create_target ? -dir_make(r->target, 0755) : 0;
	if (e) {
		*ret_errno = e;
		return error_set(err, ERR_INTERNAL, "cannot make %s: %s", r->target, strerror(e));
	}
	if (mount(r->source, r->target, r->fstype, r->flags, r->options) < 0) {
		*ret_errno = errno;
		return 0;
	}
	if (r->permissions == 0 || chmod(r->target, r->permissions & 07777) == 0)
		return 0;
	*ret_errno = errno;
	(void)!umount2(r->target, MNT_DETACH);
	return error_set(err, ERR_INTERNAL, "cannot set the permissions of %s: %s", r->target,
			 strerror(*ret_errno));
}

bool disk_is_empty(const char *path)
{
	static const uint8_t zeroes[4096];
	uint8_t block[sizeof zeroes];
	CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	for (off_t at = 0; at < HEADS_SIZE; at += (off_t)sizeof block) {
		ssize_t n = pread(fd, block, sizeof block, at);
		if (n < 0 || memcmp(block, zeroes, (size_t)n) != 0)
			return false;
		if (n == 0)
			break;
	}
	return true;
}

/* ---- init ---- */

static const struct first_mount {
	const char *target, *fstype;
	unsigned long flags;
	const char *options;
	bool needed;
} first_mounts[] = {
	{ "/proc", "proc", SAFE, NULL, true },
	{ "/sys", "sysfs", SAFE, NULL, true },
	{ "/dev", "devtmpfs", MS_NOSUID, "mode=0755", false }, /* the kernel may have done it */
	{ "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, NULL, true },
	{ "/run", "tmpfs", SAFE, "mode=0755", true },
	{ "/dev/shm", "tmpfs", SAFE, NULL, false },
	{ "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=0620,ptmxmode=666", false },
	{ "/var", "tmpfs", SAFE, "mode=0755", true },
	{ "/sys/fs/cgroup", "cgroup2", SAFE, NULL, false },
};

static const struct {
	const char *path;
	mode_t mode;
} first_folders[] = {
	{ "/run/lock", 01777 },    { "/run/sshd", 0755 },  { "/run/tokens", 01777 },
	{ "/var/cache", 0755 },    { "/var/db", 0755 },    { "/var/empty", 0755 },
	{ "/var/log", 0755 },      { "/var/spool", 0755 }, { "/var/lib", 0755 },
	{ "/var/lib/misc", 0755 },
};

static bool is_mounted(const char *path)
{
	struct statx x;
	return statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &x) == 0 &&
	       (x.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int mount_first(const struct first_mount *m)
{
	bool made = mkdir(m->target, 0755) == 0;
	if (!made && is_mounted(m->target))
		return 0;
	if (mount(m->fstype, m->target, m->fstype, m->flags, m->options) == 0 || errno == EBUSY)
		return 0;
	int r = -errno;
	if (made)
		(void)!rmdir(m->target);
	return r;
}

int mount_for_init(struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(first_mounts); i++) {
		const struct first_mount *m = &first_mounts[i];
		int r = mount_first(m);
		if (r < 0 && m->needed)
			return error_set(err, ERR_INTERNAL, "cannot mount %s: %s", m->target,
					 strerror(-r));
		if (r < 0)
			log_warn("not mounted", F_STR("target", m->target),
				 F_STR("error", strerror(-r)));
	}
	for (size_t i = 0; i < ARRAY_SIZE(first_folders); i++) {
		if (mkdir(first_folders[i].path, 0755) == 0)
			(void)!chmod(first_folders[i].path, first_folders[i].mode);
	}
	return 0;
}

/* ---- the end ---- */

static void detach_loops(void)
{
	for (int i = 0; i < N_LOOPS; i++) {
		char path[32];
		snprintf(path, sizeof path, "/dev/loop%d", i);
		CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0)
			(void)!ioctl(fd, LOOP_CLR_FD, 0); /* at once, or when it is unmounted */
	}
}

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);
	return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool stays(const char *target)
{
	return strcmp(target, "/") == 0 || is_below(target, "/dev") || is_below(target, "/proc") ||
	       is_below(target, "/sys");
}

static size_t list_mounts(char **targets)
{
	size_t n = 0;
	FILE *f = setmntent("/proc/self/mounts", "re");
	for (struct mntent *m; f && n < N_MOUNTS && (m = getmntent(f));)
		if (!stays(m->mnt_dir) && (targets[n] = strdup(m->mnt_dir)))
			n++;
	if (f)
		endmntent(f);
	return n;
}

void unmount_everything(void)
{
	char **targets = calloc(N_MOUNTS, sizeof *targets);
	if (!targets)
		abort();
	detach_loops();
	for (size_t n = list_mounts(targets); n > 0; n--) {
		if (umount2(targets[n - 1], 0) < 0)
			(void)!umount2(targets[n - 1],
				       MNT_DETACH); /* written when the last user is gone */
		free(targets[n - 1]);
	}
	free(targets);
	sync();
}
