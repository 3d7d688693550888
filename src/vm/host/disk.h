/* SPDX-License-Identifier: Apache-2.0
 *
 * disk: the file behind a machine's disk: how large it is, what of it is in use, and making it larger or smaller. Sparse raw
 * images; sizes are whole MiB.
 */
#pragma once

#include "base/macros.h"
#include <stdbool.h>
#include <stdint.h>

#define DISK_UNIT    ((uint64_t)1 << 20)
#define DISK_RESERVE ((uint64_t)1 << 30) /* of the host's file system, that no machine gets */

struct disk_info {     /* bytes */
	uint64_t size; /* of the disk */
	uint64_t free; /* of it, that hold nothing: holes of the file */
	uint64_t
		expandable; /* it could be made larger by so much: the host has room for it in full */
};

/* Each: 0 or -errno. */
int disk_info(const char *path, struct disk_info *ret) WARN_UNUSED;
/* By as much of 'wanted' as there is room for, in whole units: *ret_granted. */
int disk_grow(const char *path, uint64_t wanted, uint64_t *ret_granted) WARN_UNUSED;
/* Where data ends, to the next block; has_data() says whether there is any at an offset or behind. Asks a bounded number of times,
 * in however many pieces a machine has written its disk. Pure. */
uint64_t disk_end_of_data(uint64_t size, bool (*has_data)(void *user, uint64_t at), void *user);
/* By as much of 'wanted' as lies behind everything that is in use: *ret_released. */
int disk_shrink(const char *path, uint64_t wanted, uint64_t *ret_released) WARN_UNUSED;
