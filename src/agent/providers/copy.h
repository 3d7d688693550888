/* SPDX-License-Identifier: Apache-2.0
 *
 * One file or symbolic link from place to place, with owner, mode, times and extended attributes.
 * All functions: 0 or -errno; -EFBIG when more than 'max' bytes would have to be copied.
 */
#pragma once

#include "agent/providers/place.h"

/* 'to' must not exist yet. */
int copy_object(const struct place *from, const struct place *to, int64_t max) WARN_UNUSED;
/* Replaces 'to' atomically and durably: by renaming, or across file systems by a copy. */
int move_object(const struct place *from, const struct place *to, int64_t max) WARN_UNUSED;
