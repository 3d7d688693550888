/* SPDX-License-Identifier: Apache-2.0
 *
 * The backup file: a tar archive (pax) of one moment of a server.
 *
 *   store.sqlite      a snapshot of the store
 *   keys/NAME         private halves of signing keys
 *   files/SHA256      contents of deployables
 *
 * Unpacking believes nothing: only these names, only regular files, no more bytes than the archive
 * itself has, contents that hash to their names.
 */
#pragma once

#include "base/err.h"
#include <sys/types.h>

#define BUNDLE_STORE "store.sqlite"
#define BUNDLE_KEYS  "keys"
#define BUNDLE_FILES "files"

/* Writes 'store_path' as store.sqlite and the two folders of 'data_dir' to the descriptor. */
int bundle_pack(int fd, const char *store_path, const char *data_dir,
		struct error *err) WARN_UNUSED;
/* Into 'dir', which exists and is empty; its two folders are made, everything is fsynced.
 * ERR_INVALID: not a backup, with what is wrong. */
int bundle_unpack(const char *path, const char *dir, struct error *err) WARN_UNUSED;
/* Removes an unpacked folder, or what a crash left of one. */
void bundle_discard(const char *dir);
