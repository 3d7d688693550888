/* SPDX-License-Identifier: Apache-2.0
 *
 * What the key files of the dconf database "local" say about locking the screen, in dconf's order:
 * files of local.d by name, hidden ones left out, the last that sets a key wins; locks from local.d/locks.
 */
#pragma once

#include "agent/provider.h"

enum screen_key { SCREEN_IDLE_DELAY, SCREEN_LOCK_ENABLED, SCREEN_LOCK_DELAY, SCREEN_N };

struct screen_key_name {
	const char *group, *key; /* "org/gnome/desktop/session", "idle-delay" */
	const char *type;        /* of the value, as GVariant text has it: "uint32 ", or "" */
};
extern const struct screen_key_name screen_keys[SCREEN_N];

struct keyfiles {
	int64_t value[SCREEN_N]; /* seconds, or 0 and 1; -1: not set */
	bool locked[SCREEN_N];
	bool in_profile; /* users read the database at all */
};

#define DCONF_FOLDER  "/etc/dconf/db/local.d"
#define DCONF_PROFILE "/etc/dconf/profile/user"
#define DCONF_LINE    "system-db:local"

void keyfiles_read(const struct provider_env *env, struct keyfiles *ret);
/* Does this text have the line? */
bool keyfiles_profile_has(struct span text);
