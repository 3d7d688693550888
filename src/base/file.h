/* SPDX-License-Identifier: Apache-2.0
 *
 * Files, durably: write to a temporary beside the target, fsync, rename, fsync the folder.
 * Returns 0 or -errno.
 */
#pragma once

#include "base/buf.h"
#include <sys/types.h>

int file_read(const char *path, struct buf *out) WARN_UNUSED; /* -EFBIG past out->max */
/* The same of a regular file; -EINVAL: it is none. Never waits, as a FIFO or a device that another user put there would let us. */
int file_read_regular(const char *path, struct buf *out) WARN_UNUSED;
int file_write_atomic(const char *path, struct span content, mode_t mode) WARN_UNUSED;
int file_remove(const char *path) WARN_UNUSED; /* and fsync the folder; 0 when it is not there */
int dir_make(const char *path, mode_t mode) WARN_UNUSED; /* with its parents; 0 when it exists */
int dir_sync(const char *path) WARN_UNUSED;
