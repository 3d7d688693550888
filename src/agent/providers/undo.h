/* SPDX-License-Identifier: Apache-2.0
 *
 * undo: changes files so that each can be put back exactly as it was.
 *
 * Before the first change of a file, what is there is kept in KEPT_FOLDER (a hard link, so with owner,
 * mode and times; a copy where that cannot be) and noted in env->state["files"], durably:
 *
 *   "/etc/x": {"was": "absent" | "kept", "ours": true, "wrote": ["<sha256>", …]}
 *
 * "ours": the whole file belongs to Reeve, whatever anybody writes into it. "wrote": what we have put
 * there, newest last; "" is nothing (removed). env->state["folders"]: those that were made for our
 * files, outermost first; they go with the last file in them.
 * A file that was already as it should be is not ours to undo and gets no note.
 *
 * Somebody's own edit is not destroyed: when a file that is not "ours" is no longer what we wrote,
 * putting back leaves it and places the original beside it, as "<path>.reeve-original".
 *
 * All functions: 0 or -errno; a failed save() means that nothing was changed.
 */
#pragma once

#include "agent/provider.h"
#include "agent/providers/hash.h"
#include "agent/providers/place.h"

#define KEPT_FOLDER   "/var/lib/reeve-agent/originals"
#define UNDO_OURS     (1u << 0)
#define KEPT_COPY_MAX (256 * 1024 * 1024) /* -EFBIG: too large to be kept where links cannot be */

/* Makes the file so (mode, and owned by whom we run as). Writes nothing when it is so already. */
int undo_write(struct provider_env *env, const char *path, struct span content, mode_t mode,
	       unsigned flags) WARN_UNUSED;
/* Removes the file or link; -EISDIR for a folder. */
int undo_remove(struct provider_env *env, const char *path) WARN_UNUSED;
/* Keeps and notes that the content with this hash is about to be put there; the caller then does it,
 * atomically. Repeated without harm. */
int undo_begin(struct provider_env *env, const char *path, const char *hash,
	       unsigned flags) WARN_UNUSED;

bool undo_has(const struct provider_env *env, const char *path); /* there is a note */
/* Puts one file back; 0 when there is no note. */
int undo_restore(struct provider_env *env, const char *path) WARN_UNUSED;
/* Every file; goes on after a failure and returns the first. */
int undo_restore_all(struct provider_env *env) WARN_UNUSED;
/* Leaves the file as it is now and forgets what was there. */
int undo_forget(struct provider_env *env, const char *path) WARN_UNUSED;
