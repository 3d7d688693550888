/* SPDX-License-Identifier: Apache-2.0
 *
 * Sparse disk images, see disk.h.
 */
#include "vm/host/disk.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BLOCK 4096

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t whole_units(uint64_t n)
{
	return n - n % DISK_UNIT;
}

/* A regular file only: a device or a pipe has no holes to give. */
static int open_image(const char *path, int flags, struct stat *ret)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, ret) == 0 && S_ISREG(ret->st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

static int measure(int fd, const struct stat *st, struct disk_info *ret)
{
	struct statvfs fs;
	if (fstatvfs(fd, &fs) < 0)
		return -errno;
	uint64_t size = (uint64_t)st->st_size;
	uint64_t hole = less(size, (uint64_t)st->st_blocks * 512);
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
	/* what was promised already comes first */
	*ret = (struct disk_info){ .size = size,
				   .free = hole,
				   .expandable = whole_units(less(room, hole + DISK_RESERVE)) };
	return 0;
}

int disk_info(const char *path, struct disk_info *ret)
{
	struct stat st;
	int fd = open_image(path, O_RDONLY, &st);
	if (fd < 0)
		return fd;
	int r = measure(fd, &st, ret);
	close(fd);
	return r;
}

static int resize(int fd, uint64_t size)
{
	return ftruncate(fd, (off_t)size) < 0 || fsync(fd) < 0 ? -errno : 0;
}

int disk_grow(const char *path, uint64_t wanted, uint64_t *ret_granted)
{
	struct disk_info info = { 0 };
	struct stat st;
	int fd = open_image(path, O_RDWR, &st);
	*ret_granted = 0;
	if (fd < 0)
		return fd;
	int r = measure(fd, &st, &info);
	uint64_t n = r == 0 ? whole_units(wanted < info.expandable ? wanted : info.expandable) : 0;
	if (n > (uint64_t)INT64_MAX - info.size)
		n = 0;
	if (n > 0)
		r = resize(fd, info.size + n);
	close(fd);
	if (r == 0)
		*ret_granted = n;
	return r;
}

uint64_t disk_end_of_data(uint64_t size, bool (*has_data)(void *user, uint64_t at), void *user)
{
	uint64_t some = 0, none = (size + BLOCK - 1) / BLOCK; /* blocks from which on there is … */
	if (size == 0 || !has_data(user, 0))
		return 0;
	while (none - some > 1) {
		uint64_t middle = some + (none - some) / 2;
		*(has_data(user, middle * BLOCK) ? &some : &none) = middle;
	}
	return none * BLOCK;
}

/* When nobody knows there is. */
static bool has_data(void *user, uint64_t at)
{
	const int *fd = user;
	return lseek(*fd, (off_t)at, SEEK_DATA) >= 0 || errno != ENXIO;
}

int disk_shrink(const char *path, uint64_t wanted, uint64_t *ret_released)
{
	struct stat st;
	int fd = open_image(path, O_RDWR, &st);
	*ret_released = 0;
	if (fd < 0)
		return fd;
	int r = 0;
	uint64_t size = (uint64_t)st.st_size;
	uint64_t end = disk_end_of_data(size, has_data, &fd);
	uint64_t used = end > DISK_UNIT ? end : DISK_UNIT; /* never nothing */
	uint64_t room = whole_units(less(size, used));
	uint64_t n = whole_units(wanted < room ? wanted : room);
	if (n > 0)
		r = resize(fd, size - n);
	close(fd);
	if (r == 0)
		*ret_released = n;
	return r;
}
