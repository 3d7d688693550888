/* SPDX-License-Identifier: Apache-2.0
 *
 * mounting: the Mount call, the file systems that an init mounts first, and what unmounts them all. Each blocks
 * as long as the kernel does.
 */
#pragma once

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct mount_request { /* borrowed */
	const char *source, *target, *fstype, *options;
	uint64_t flags;
	bool create_target;
	uint32_t permissions; /* of the mounted folder; 0: as they are */
};

/* 0 and *ret_errno, 0 or what mount(2) said; ERR_INTERNAL when something around it failed, then with
 * *ret_errno too. */
int mount_as_asked(const struct mount_request *r, int *ret_errno, struct error *err) WARN_UNUSED;

/* Nothing but zeroes where a file system, a partition table or a key begins: what is made there replaces nothing. What cannot
 * be read is not empty. */
bool disk_is_empty(const char *path);

/* /proc, /sys, /dev, /run and so on. What is mounted already stays. 0, or ERR_INTERNAL naming the
 * first that failed and is needed. */
int mount_for_init(struct error *err) WARN_UNUSED;
/* All but the root and what lies in /dev, /proc and /sys, in reverse; loop devices let go of their files first. */
void unmount_everything(void);
