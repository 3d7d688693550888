/* SPDX-License-Identifier: Apache-2.0
 *
 * A child process that cannot outlive us: it gets SIGTERM when the thread that spawned it ends, however that
 * happens. It has no descriptors but the ones it is given, no privileges of root, a session of its own (so a
 * Ctrl-C at our terminal is not for it), and an environment of two variables.
 */
#pragma once

#include "base/err.h"
#include <stdbool.h>
#include <sys/types.h>

#define SPAWN_FDS_MAX 8

struct spawn_user { /* whom a child of root becomes; 'drop' is false when we are not root */
	bool drop;
	uid_t uid;
	gid_t gid;
};

struct spawn {
	const char *program;
	const char *const *args; /* NULL-ended, args[0] is its name */
	int dir_fd;              /* where it is started */
	const int *fds;          /* inherited under the same numbers */
	size_t n_fds;
	struct spawn_user user;
};

struct child {
	pid_t pid;
	int pid_fd;    /* readable when it has ended; to be closed */
	int stderr_fd; /* what it says, not blocking; to be closed */
};

/* The user "mosquitto", or "nobody". ERR_UNAVAILABLE: neither is known. */
int spawn_find_user(struct spawn_user *ret, struct error *err) WARN_UNUSED;
/* In PATH, or where the system keeps its daemons; in 'out', or ERR_UNAVAILABLE. */
int spawn_find_program(const char *name, char *out, size_t n_out, struct error *err) WARN_UNUSED;
int spawn_child(const struct spawn *s, struct child *ret) WARN_UNUSED; /* 0 or -errno */
