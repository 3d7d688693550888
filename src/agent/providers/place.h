/* SPDX-License-Identifier: Apache-2.0
 *
 * place: files below the root, reached safely.
 *
 * A provider runs as root in folders that users may write to, so a path is not trusted to mean what
 * it says. It is walked component by component, without following symbolic links, from a descriptor
 * of the root; a link on the way is resolved inside the root, and only when it belongs to root (or
 * to whom we run as). openat2() with RESOLVE_IN_ROOT would confine as well, but cannot tell who
 * made a link, and that is what matters when the root is "/".
 *
 * Paths are absolute ("/etc/x"); "", relative ones and those with ".." are -EINVAL. Other refusals:
 * -ELOOP (a link of somebody else, or too many), -ENAMETOOLONG, and what the kernel says.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"
#include <sys/stat.h>

struct place { /* an open folder and a name in it; owner: the local, CLEANUP(place_close) */
	int dir;
	char name[256]; /* NAME_MAX and a NUL */
};

#define PLACE_NONE      ((struct place){ .dir = -1 })
#define PLACE_MAKE      (1u << 0) /* make missing folders, 0755 */
#define PLACE_PATH_SIZE 300

/* The last component is not looked at: it may be missing, or a link. */
int place_open(const char *root, const char *path, unsigned flags, struct place *ret) WARN_UNUSED;
void place_close(struct place *p);
/* A path that names the place for as long as it is open, for functions that want one. */
const char *place_path(const struct place *p, char text[PLACE_PATH_SIZE]);
int place_sync(const struct place *p) WARN_UNUSED; /* makes changes of its folder durable */
bool place_path_valid(const char *path);           /* would not be -EINVAL */

/* What 'path' is itself (a link is not followed); -ENOENT when there is nothing. */
int place_stat(const char *root, const char *path, struct stat *ret) WARN_UNUSED;
bool place_exists(const char *root, const char *path); /* links followed */
/* Links followed, to the end: a descriptor. 'flags' as in open(2); never blocks on a FIFO. */
int place_open_file(const char *root, const char *path, int flags, int *ret_fd) WARN_UNUSED;
/* A regular file, or an attribute of sysfs or procfs. -EFBIG past out->max. */
int place_read(const char *root, const char *path, struct buf *out) WARN_UNUSED;
/* The same into a small array, without white space at the end; "" when it cannot be read. */
const char *place_word(const char *root, const char *path, char *text, size_t size);
/* Writes into a file that exists, in place: attributes of sysfs. */
int place_poke(const char *root, const char *path, const char *text) WARN_UNUSED;
/* Names in a folder, sorted bytewise: an array of strings. -ENOENT when it is not there. */
int place_list(const char *root, const char *path, json_t **ret) WARN_UNUSED;
/* Replaces the file atomically and durably, making missing folders. */
int place_write(const char *root, const char *path, struct span content, mode_t mode) WARN_UNUSED;
/* Removes the file or link, durably; 0 when there is none. */
int place_remove(const char *root, const char *path) WARN_UNUSED;
