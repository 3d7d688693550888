/* SPDX-License-Identifier: Apache-2.0
 *
 * Durable files: after file_write_atomic() returns 0 a crash leaves the new content, before that
 * the old. The temporary is ".tmp-XXXXXX" in the target's folder, so that any length of name works
 * and a leftover of a crash is easy to tell.
 */
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, struct buf *out)
{
	char chunk[16384];
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if ((size_t)n > out->max - out->n)
			return -EFBIG;
		buf_add(out, chunk, (size_t)n);
		if (out->failed)
			return -ENOMEM;
	}
}

int file_read(const char *path, struct buf *out)
{
	CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : read_all(fd, out);
}

int file_read_regular(const char *path, struct buf *out)
{
	struct stat st;
	CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? read_all(fd, out) : -EINVAL;
}

/* The folder of a path, heap: "" never, "." for a bare name. NULL: out of memory. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

int dir_sync(const char *path)
{
	CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0 && errno != EINVAL) /* EINVAL: a file system without folder sync */
		return -errno;
	return 0;
}

static int sync_folder_of(const char *path)
{
	CLEANUP(free_charp) char *dir = folder_of(path);
	return dir ? dir_sync(dir) : -ENOMEM;
}

static int write_all(int fd, struct span content)
{
	while (content.n > 0) {
		ssize_t n = write(fd, content.p, content.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		content.p += n;
		content.n -= (size_t)n;
	}
	return 0;
}

static int fill_temporary(int fd, struct span content, mode_t mode)
{
	int r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, content);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

int file_write_atomic(const char *path, struct span content, mode_t mode)
{
	CLEANUP(free_charp) char *dir = folder_of(path);
	CLEANUP(free_charp) char *temporary = NULL;
	if (!dir || asprintf(&temporary, "%s/.tmp-XXXXXX", dir) < 0)
		return -ENOMEM;
	CLEANUP(close_fdp) int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = fill_temporary(fd, content, mode);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(temporary);
		return r;
	}
	return dir_sync(dir);
}

int file_remove(const char *path)
{
	if (unlink(path) < 0)
		return errno == ENOENT ? 0 : -errno;
	return sync_folder_of(path);
}

/* One folder whose parent exists. */
static int make_one(const char *path, mode_t mode)
{
	struct stat st;
	if (mkdir(path, mode) == 0)
		return sync_folder_of(path);
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int dir_make(const char *path, mode_t mode)
{
	CLEANUP(free_charp) char *part = strdup(path);
	if (!part)
		return -ENOMEM;
	size_t n = strlen(part);
	while (n > 1 && part[n - 1] == '/')
		part[--n] = '\0';
	for (char *slash = part + 1; n > 0 && (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		int r = make_one(part, mode);
		*slash = '/';
		if (r < 0)
			return r;
	}
	return make_one(part, mode);
}
