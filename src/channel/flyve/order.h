/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands in Flyve's words, the list of fleets to subscribe to, and the manifest. No I/O.
 *
 * Queries (ping, locate, inventory) are for a device that is there now: not retained, sent again when it
 * comes. Orders are retained until they are known to be done. An order carries the command's id as
 * "taskId" and its time as "datetime"; agents that do not know these ignore them.
 */
#pragma once

#include "base/arena.h"
#include "model/records.h"
#include <stdbool.h>

/* When an agent that confirms nothing has done it. */
enum flyve_done {
	FLYVE_DONE_BY_ANSWER,  /* queries: the status that answers it */
	FLYVE_DONE_BY_SIGHT,   /* seen again after it was delivered */
	FLYVE_DONE_BY_LEAVING, /* it says that it left */
	FLYVE_DONE_BY_RETURN,  /* it enrolls again */
};

struct flyve_order {
	const char *type;   /* of the command (command.def) */
	const char *suffix; /* topic below the agent's root */
	const char *key, *value;
	bool retained;
	int qos;
	enum flyve_done done;
};
/* NULL: the protocol has no word for it. */
const struct flyve_order *flyve_order_find(const char *type);

/* In the arena. NULL: the command's parameters cannot be read. */
const char *flyve_order_payload(const struct flyve_order *o, const struct command *c,
				struct arena *a);

#define FLYVE_UNENROLL_SUFFIX "Command/Unenroll"
/* Of no command: said once, to a device that is being unenrolled. */
const char *flyve_goodbye_payload(int64_t now_s, struct arena *a);

#define FLYVE_SUBSCRIBE_SUFFIX "Command/Subscribe"
/* {"subscribe":[{"topic":"<root>"}]}; root NULL: an empty list, leave every fleet. */
const char *flyve_subscribe_payload(const char *root, struct arena *a);
const char *flyve_manifest_payload(struct arena *a);
