/* SPDX-License-Identifier: Apache-2.0
 *
 * Resizing by ioctl(2), see volume.h and the kernel's Documentation/filesystems/ext4 and btrfs-ioctl(2).
 */
#include "vm/guest/volume.h"
#include "vm/guest/machine.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define EXT4_IOC_RESIZE_FS  _IOW('f', 16, uint64_t) /* blocks; in no header of the C library's */
#define EXT_MAGIC           0xef53
#define EXT_64BIT           0x80
#define EXT_BLOCK_SHIFT_MAX 6                     /* 64 KiB */
#define BTRFS_MIN           ((uint64_t)256 << 20) /* the kernel's own */
#define BTRFS_RESERVED      ((uint64_t)1 << 20)   /* at a disk's begin */
#define BTRFS_UNIT          4096
#define GROW_TRIES          5
#define GROW_FIRST_MS       100

/* Of <linux/btrfs.h>, which has a field called as one of the functions that base/banned.h bans. */
struct btrfs_fs_info {
	uint64_t max_id, num_devices; /* disks: the greatest number, how many */
	uint8_t more[1008];
};
struct btrfs_dev_info {
	uint64_t devid;
	uint8_t uuid[16];
	uint64_t bytes_used, total_bytes;
	uint8_t more[3032];
	char path[1024];
};
struct btrfs_vol_args {
	int64_t fd;
	char name[4088];
};
#define BTRFS_IOC_RESIZE   _IOW(0x94, 3, struct btrfs_vol_args)
#define BTRFS_IOC_DEV_INFO _IOWR(0x94, 30, struct btrfs_dev_info)
#define BTRFS_IOC_FS_INFO  _IOR(0x94, 31, struct btrfs_fs_info)
_Static_assert(sizeof(struct btrfs_fs_info) == 1024, "the kernel's");
_Static_assert(sizeof(struct btrfs_dev_info) == 4096, "the kernel's");
_Static_assert(sizeof(struct btrfs_vol_args) == 4096, "the kernel's");

struct volume_kind {
	long magic;
	const char *name;
	int (*find)(struct volume *v, struct error *err); /* the disk and the sizes */
	int (*resize)(const struct volume *v, uint64_t size);
};

static int fail(struct error *err, const char *what, int r)
{
	return error_set(err, ERR_INTERNAL, "%s: %s", what, strerror(-r));
}

static int open_device(struct volume *v, const char *path, struct error *err)
{
	v->device_fd = open(path, O_RDONLY | O_CLOEXEC);
	return v->device_fd < 0 ? fail(err, path, -errno) : 0;
}

/* ---- ext4, and its elders ---- */

static uint32_t le32_at(const uint8_t *p, size_t at)
{
	uint32_t n;
	memcpy(&n, p + at, sizeof n);
	return le32toh(n);
}

bool ext_size(const uint8_t s[EXT_SUPERBLOCK_SIZE], uint64_t *ret_size, uint32_t *ret_block)
{
	uint64_t n_blocks = le32_at(s, 0x4);
	uint32_t shift = le32_at(s, 0x18);
	if ((le32_at(s, 0x38) & 0xffff) != EXT_MAGIC || shift > EXT_BLOCK_SHIFT_MAX)
		return false;
	if (le32_at(s, 0x60) & EXT_64BIT)
		n_blocks |= (uint64_t)le32_at(s, 0x150) << 32;
	*ret_block = UINT32_C(1024) << shift;
	*ret_size = n_blocks * *ret_block;
	return *ret_size / *ret_block == n_blocks;
}

static int find_ext_device(struct volume *v, struct error *err)
{
	char path[64], line[256], device[256] = "";
	struct stat st;
	if (fstat(v->fd, &st) < 0)
		return fail(err, "the disk of the file system", -errno);
	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/uevent", major(st.st_dev),
		 minor(st.st_dev));
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, "DEVNAME=", 8) == 0)
			snprintf(device, sizeof device, "/dev/%.*s", (int)strcspn(line + 8, "\n"),
				 line + 8);
	if (f)
		fclose(f);
	return device[0] ? open_device(v, device, err) : fail(err, path, -ENOENT);
}

/* Cannot shrink as long as it is mounted. */
static int find_ext(struct volume *v, struct error *err)
{
	uint8_t superblock[EXT_SUPERBLOCK_SIZE];
	int r = find_ext_device(v, err);
	if (r)
		return r;
	if (pread(v->device_fd, superblock, sizeof superblock, EXT_SUPERBLOCK_AT) !=
		    sizeof superblock ||
	    !ext_size(superblock, &v->size, &v->unit))
		return error_set(err, ERR_INTERNAL, "the disk has no superblock of ext4");
	v->minimum_size = v->size;
	return 0;
}

static int resize_ext(const struct volume *v, uint64_t size)
{
	uint64_t n_blocks = size / v->unit;
	return ioctl(v->fd, EXT4_IOC_RESIZE_FS, &n_blocks) < 0 ? -errno : 0;
}

/* ---- btrfs ---- */

static int find_btrfs(struct volume *v, struct error *err)
{
	struct btrfs_fs_info fs = { 0 };
	struct btrfs_dev_info disk = { 0 };
	if (ioctl(v->fd, BTRFS_IOC_FS_INFO, &fs) < 0)
		return fail(err, "the disks of btrfs", -errno);
	if (fs.num_devices != 1)
		return error_set(err, ERR_PRECONDITION, "btrfs is on %" PRIu64 " disks",
				 fs.num_devices);
	disk.devid = fs.max_id;
	if (ioctl(v->fd, BTRFS_IOC_DEV_INFO, &disk) < 0)
		return fail(err, "the disk of btrfs", -errno);
	v->device = disk.devid;
	v->size = disk.total_bytes;
	v->unit = BTRFS_UNIT;
	v->minimum_size = disk.bytes_used + BTRFS_RESERVED;
	if (v->minimum_size < BTRFS_MIN)
		v->minimum_size = BTRFS_MIN;
	if (v->minimum_size > v->size)
		v->minimum_size = v->size;
	disk.path[sizeof disk.path - 1] = '\0';
	return open_device(v, disk.path, err);
}

static int resize_btrfs(const struct volume *v, uint64_t size)
{
	struct btrfs_vol_args args = { 0 };
	snprintf(args.name, sizeof args.name, "%" PRIu64 ":%" PRIu64, v->device, size);
	return ioctl(v->fd, BTRFS_IOC_RESIZE, &args) < 0 ? -errno : 0;
}

/* ---- any ---- */

static const struct volume_kind kinds[] = {
	{ EXT4_SUPER_MAGIC, "ext4", find_ext, resize_ext },
	{ BTRFS_SUPER_MAGIC, "btrfs", find_btrfs, resize_btrfs },
};

static const struct volume_kind *kind_of(long magic)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].magic == magic)
			return &kinds[i];
	return NULL;
}

int volume_open(struct volume *v, struct error *err)
{
	struct statfs s;
	*v = (struct volume){ .device_fd = -1 };
	v->fd = machine_open_stateful();
	if (v->fd < 0)
		return fail(err, "opening the stateful disk", v->fd);
	if (fstatfs(v->fd, &s) < 0)
		return fail(err, "the file system of the stateful disk", -errno);
	v->kind = kind_of((long)s.f_type);
	if (!v->kind)
		return error_set(
			err, ERR_PRECONDITION,
			"the stateful disk is neither ext4 nor btrfs: it cannot be resized");
	return v->kind->find(v, err);
}

void volume_close(struct volume *v)
{
	if (v->fd >= 0)
		close(v->fd);
	if (v->device_fd >= 0)
		close(v->device_fd);
}

static uint64_t disk_size(const struct volume *v)
{
	uint64_t size = 0;
	return ioctl(v->device_fd, BLKGETSIZE64, &size) < 0 ? 0 : size;
}

int volume_check(const struct volume *v, uint64_t size, struct error *err)
{
	uint64_t disk = 0;
	if (size < v->minimum_size)
		return error_set(err, ERR_PRECONDITION,
				 "%s cannot be smaller than %" PRIu64 " bytes while it is mounted",
				 v->kind->name, v->minimum_size);
	for (int i = 0, ms = GROW_FIRST_MS; i <= GROW_TRIES; i++, ms *= 2) {
		const struct timespec step = { .tv_sec = ms / 1000,
					       .tv_nsec = ms % 1000 * 1000000L };
		if ((disk = disk_size(v)) >= size)
			return 0;
		if (i < GROW_TRIES)
			nanosleep(&step, NULL);
	}
	return error_set(err, ERR_NO_SPACE, "the disk has %" PRIu64 " bytes", disk);
}

int volume_resize(const struct volume *v, uint64_t size)
{
	return v->kind->resize(v, size - size % v->unit);
}
