/* SPDX-License-Identifier: Apache-2.0
 *
 * What an agent sends to enroll ("input" of POST PluginFlyvemdmAgent), read and judged; no I/O.
 *
 * The checks are made in the protocol's order, because agents and administrators know its reasons. Some of
 * them need the store (device limit, invitation): those before and after what is judged here.
 */
#pragma once

#include "base/arena.h"
#include "channel/flyve/inventory.h"
#include "channel/flyve/topic.h"

struct flyve_enrollment { /* texts borrowed from the input, or in the arena; "" when missing */
	const char *invitation_token, *email, *serial, *uuid, *version, *type;
	const char *first_name, *last_name, *phone;
	enum flyve_dialect dialect;
	bool has_system_permission;
	struct flyve_inventory inventory; /* flyve_inventory_fini(), also after a refusal */
};

/* false: *ret_reason says why not, in the protocol's words; what could be read is there all the same. */
bool flyve_enrollment_read(const json_t *input, struct arena *a, struct flyve_enrollment *ret,
			   const char **ret_reason);

/* "2.0.0-rc.7" anywhere in the text. false: none. */
struct flyve_version {
	int64_t major, minor, patch;
	bool prerelease;
};
bool flyve_version_read(const char *text, struct flyve_version *ret);
