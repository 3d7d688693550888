/* SPDX-License-Identifier: Apache-2.0
 *
 * volume: the file system of the stateful disk, its size, and another one while it is mounted. ext4 grows, btrfs does both; whatever
 * can neither is refused by name. No tool is needed, the kernel does it.
 */
#pragma once

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct volume_kind;

struct volume { /* embedded; volume_close() */
	const struct volume_kind *kind;
	int fd, device_fd;     /* its root; its disk */
	uint64_t size;         /* bytes */
	uint64_t minimum_size; /* bytes that it can shrink to */
	uint32_t unit;         /* sizes are multiples of it */
	uint64_t device;       /* btrfs: its number of the disk */
};

/* 0; ERR_PRECONDITION: of a kind that cannot be resized, or on several disks; ERR_INTERNAL. */
int volume_open(struct volume *v, struct error *err) WARN_UNUSED;
void volume_close(struct volume *v);

/* 0: it can become that large, as far as anybody knows. ERR_PRECONDITION: too small. ERR_NO_SPACE: the disk is smaller;
 * that one has about 3 s to grow, as hosts make it larger at the same time. Blocks for as long. */
int volume_check(const struct volume *v, uint64_t size, struct error *err) WARN_UNUSED;
/* Blocks, shrinking perhaps for minutes. 0 or -errno. */
int volume_resize(const struct volume *v, uint64_t size) WARN_UNUSED;

/* The size that an ext file system's superblock says. Pure. */
#define EXT_SUPERBLOCK_AT   1024
#define EXT_SUPERBLOCK_SIZE 1024
bool ext_size(const uint8_t superblock[EXT_SUPERBLOCK_SIZE], uint64_t *ret_size,
	      uint32_t *ret_block);
