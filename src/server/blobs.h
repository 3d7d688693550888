/* SPDX-License-Identifier: Apache-2.0
 *
 * blobs: contents of deployables, DIR/files/<sha256>.
 *
 * Bytes are put in place, durably, before the row that names them is written, and removed only when
 * no row names them. Between the two they are pinned, so that deleting the last row of the same
 * content, at the same moment, cannot take them away. What a crash leaves behind unnamed is swept
 * at the next start.
 */
#pragma once

#include "base/macros.h"
#include <stdbool.h>
#include <stdint.h>

#define BLOB_NAME_SIZE 65 /* hex of a SHA-256, and a NUL */

struct blobs; /* heap, one owner; any thread */
struct store;
struct jobs;

/* Makes DIR/files. 0 or -errno. */
int blobs_new(const char *data_dir, struct store *store, struct blobs **ret) WARN_UNUSED;
void blobs_free(struct blobs *b);

bool blob_name_valid(const char *name);
/* Pins the content and moves 'path' (of the same file system) into its place; when it is there
 * already, 'path' stays where it is. On failure nothing is pinned. */
int blobs_take(struct blobs *b, const char *path, const char *sha256) WARN_UNUSED;
void blobs_unpin(struct blobs *b, const char *sha256);
/* A descriptor of the caller's, or -errno. */
int blobs_open(struct blobs *b, const char *sha256) WARN_UNUSED;
bool blobs_has(struct blobs *b, const char *sha256);

/* Removes the content when nothing names it and it is not pinned. Blocks: call from a job. */
void blobs_collect(struct blobs *b, const char *sha256);
/* The same as a job; when it cannot be done now, the sweep at the next start does it. */
void blobs_collect_later(struct blobs *b, struct jobs *j, const char *sha256);
/* Notes it for whoever collects next; for threads that must not block and have no jobs at hand. */
void blobs_doom(struct blobs *b, const char *sha256);
void blobs_collect_doomed(struct blobs *b);
/* The same for every content that is there. */
void blobs_sweep(struct blobs *b);
/* While held nothing is removed: a backup copies what its snapshot names. */
void blobs_hold(struct blobs *b);
void blobs_release(struct blobs *b);
