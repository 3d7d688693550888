/* SPDX-License-Identifier: Apache-2.0
 *
 * kept: the originals that undo puts back, each named by the hash of its path in KEPT_FOLDER (0700,
 * so that nobody reaches an old setuid program there).
 *
 * A hard link where possible: owner, mode, times and attributes stay by themselves, and nothing is
 * copied. Across file systems a copy with owner, mode, times and extended attributes. Only undo.c
 * uses this. All functions: 0 or -errno.
 */
#pragma once

#include "agent/providers/place.h"

/* Keeps what is at 'path', replacing what was kept for 'path' before. */
int kept_take(const char *root, const char *path) WARN_UNUSED;
/* Moves the original of 'path' to the path 'to', atomically. -ENOENT: nothing is kept. */
int kept_give(const char *root, const char *path, const char *to) WARN_UNUSED;
void kept_drop(const char *root, const char *path);
/* Where it is, below the root. */
#define KEPT_PATH_SIZE 128
const char *kept_path(const char *path, char text[KEPT_PATH_SIZE]);
