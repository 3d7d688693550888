/* SPDX-License-Identifier: Apache-2.0
 *
 * The mounts of this system, by the kernel's list (/proc/self/mountinfo, proc(5)).
 */
#pragma once

#include "base/macros.h"
#include <stdbool.h>

#define MOUNT_NAME_SIZE 256

struct mount {
	char point[MOUNT_NAME_SIZE];
	char device[16]; /* "8:1" */
	char type[32];
	char source[MOUNT_NAME_SIZE]; /* "/dev/sda1", "tmpfs" */
	bool read_only;
};

/* In the order in which they were mounted. 0 or -errno. */
int mounts_each(const char *root, void (*fn)(void *user, const struct mount *m),
		void *user) WARN_UNUSED;
