/* SPDX-License-Identifier: Apache-2.0
 *
 * accounts: the texts of /etc/passwd, group, shadow and gshadow, and a user who is added to them. Pure: user.h has the files.
 *
 * What is there stays byte for byte; lines are only added, and members to groups. A user who is there already as he is asked
 * for changes nothing.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define ACCOUNTS_MAX  ((size_t)1 << 20) /* bytes of one file */
#define USER_NAME_MAX 32                /* as useradd has it */
#define USER_HOME_MAX 256

struct user_request { /* borrowed */
	const char *name;
	bool has_uid;
	uint32_t uid;
	char *const *groups; /* which exist */
	size_t n_groups;
};

struct accounts {
	struct buf passwd, group;
	struct buf shadow, gshadow; /* … */
	bool has_shadow, has_gshadow;
};

struct user {
	uint32_t uid, gid;
	char home[USER_HOME_MAX];
	bool created;
};

void accounts_init(struct accounts *a);
void accounts_fini(struct accounts *a);

/* 0; ERR_INVALID: not a name of a user, uid 0, an unknown group; ERR_CONFLICT: the name or the uid is somebody else's. 'day': since
 * 1970, of the last change of the password, which nobody has. */
int accounts_add(struct accounts *a, const struct user_request *wanted, const char *shell,
		 int64_t day, struct user *ret, struct error *err) WARN_UNUSED;
