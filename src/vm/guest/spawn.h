/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn: one child, set up as maitred does it: a session of its own, /dev/null or the console as its
 * three descriptors, umask 022, default signals, the environment given and no other.
 *
 * Nothing here waits: whether the program really runs shows at `status_fd`, which is at its end when it
 * does, and has a struct spawn_failure before it when it does not.
 */
#pragma once

#include "base/macros.h"
#include <stdbool.h>
#include <sys/types.h>

#define SPAWN_PATH "/usr/bin:/usr/sbin:/bin:/sbin"

struct spawn_failure {
	int step;  /* enum of spawn.c, for spawn_step_name() */
	int error; /* errno */
};

/* argv[0] without a slash is looked for in the PATH of 'env' ("KEY=value" …, NULL-ended).
 * 0 or -errno, when there is no child. The descriptor is non-blocking and the caller's. */
int spawn(char *const argv[], char *const env[], bool console, pid_t *ret_pid,
	  int *ret_status_fd) WARN_UNUSED;
const char *spawn_step_name(int step);
