/* SPDX-License-Identifier: Apache-2.0
 *
 * Copying and moving single files; copy.h has the contract.
 */
#include "agent/providers/copy.h"
#include "base/crypto.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/xattr.h>
#include <unistd.h>

#define XATTR_LIST_MAX  65536
#define XATTR_VALUE_MAX 65536

static int copy_bytes(int from, int to, int64_t max)
{
	char chunk[65536];
	int64_t total = 0;
	for (;;) {
		ssize_t n = read(from, chunk, sizeof chunk);
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		total += n;
		if (total > max)
			return -EFBIG;
		for (ssize_t done = 0; done < n;) {
			ssize_t m = write(to, chunk + done, (size_t)(n - done));
			if (m < 0 && errno != EINTR)
				return -errno;
			done += m > 0 ? m : 0;
		}
	}
}

/* As far as the other file system knows them: an attribute it refuses is not worth failing for. */
static void copy_attributes(int from, int to)
{
	CLEANUP(free_charp) char *names = malloc(XATTR_LIST_MAX);
	CLEANUP(free_charp) char *value = malloc(XATTR_VALUE_MAX);
	if (!names || !value)
		return;
	ssize_t n = flistxattr(from, names, XATTR_LIST_MAX);
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t size = fgetxattr(from, names + at, value, XATTR_VALUE_MAX);
		if (size >= 0)
			(void)fsetxattr(to, names + at, value, (size_t)size, 0);
	}
}

static int copy_file(int from, int to, int64_t max)
{
	struct stat st;
	int r = fstat(from, &st) < 0 ? -errno : copy_bytes(from, to, max);
	if (r < 0)
		return r;
	if (fchown(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 07777) < 0)
		return -errno;
	copy_attributes(from, to);
	const struct timespec times[2] = { st.st_atim, st.st_mtim };
	if (futimens(to, times) < 0 || fsync(to) < 0)
		return -errno;
	return 0;
}

static int copy_link(const struct place *from, const struct place *to)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from->dir, from->name, target, sizeof target - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlinkat(target, to->dir, to->name) < 0 ? -errno : 0;
}

int copy_object(const struct place *from, const struct place *to, int64_t max)
{
	struct stat st;
	if (fstatat(from->dir, from->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return copy_link(from, to);
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	CLEANUP(close_fdp)
	int in = openat(from->dir, from->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (in < 0)
		return -errno;
	CLEANUP(close_fdp)
	int out = openat(to->dir, to->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	int r = copy_file(in, out, max);
	if (r < 0)
		unlinkat(to->dir, to->name, 0);
	return r;
}

static int move_by_copy(const struct place *from, const struct place *to, int64_t max)
{
	struct place temporary = { .dir = to->dir };
	uint8_t random[4];
	rand_bytes(random, sizeof random);
	snprintf(temporary.name, sizeof temporary.name, ".tmp-%02x%02x%02x%02x", random[0],
		 random[1], random[2], random[3]);
	int r = copy_object(from, &temporary, max);
	if (r < 0)
		return r;
	if (renameat(to->dir, temporary.name, to->dir, to->name) < 0) {
		r = -errno;
		unlinkat(to->dir, temporary.name, 0);
		return r;
	}
	r = place_sync(to);
	if (r == 0)
		unlinkat(from->dir, from->name, 0);
	return r;
}

int move_object(const struct place *from, const struct place *to, int64_t max)
{
	if (renameat(from->dir, from->name, to->dir, to->name) < 0)
		return errno == EXDEV ? move_by_copy(from, to, max) : -errno;
	return place_sync(to);
}
