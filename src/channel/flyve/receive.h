/* SPDX-License-Identifier: Apache-2.0
 *
 * What a device said, from its bytes to the store. Two steps: reading, on the session's thread (an inventory
 * is a large document), and applying, on the writer's thread inside its transaction.
 *
 * A message proves more than its content: whoever sends one below <root>/Status, other than Online, has
 * subscribed before (agents do so in this order), so what was retained at the broker by then has reached
 * it. Agents of D1 say Online before they subscribe, so that proves nothing.
 *
 * Agents of D2 may answer over HTTP. There nothing has an order, but one that has been connected for a while has
 * subscribed, and what the broker has acknowledged was written to that connection.
 */
#pragma once

#include "channel/flyve/inventory.h"
#include "channel/flyve/status.h"
#include "channel/flyve/topic.h"
#include "store/flyve.h"

struct flyve_news { /* embedded; flyve_news_fini() */
	struct arena arena;
	enum flyve_status status;
	int64_t device_id, at_ms;
	/* everything that was committed before is published and acknowledged by the broker: what the
	 * device proves to have read is its whole desired state */
	bool settled;
	/* it came through the broker, and what that has retained is known: see above */
	bool proves;
	/* it came over HTTP, from a device that the broker has a connection of */
	bool reachable;
	bool online;
	struct flyve_position position;
	struct flyve_inventory inventory;
	char version[64];
	struct flyve_task_status *tasks; /* strings in the arena */
	size_t n_tasks;
	size_t n_unreadable; /* entries of the message */
	size_t n_bad;        /* of apply: those, unknown ones and those of other devices */
};

/* ERR_INVALID: nothing of it is to be believed. To be finished in any case. */
int flyve_news_read(const struct flyve_topic *t, struct span payload, struct flyve_news *ret,
		    struct error *err) WARN_UNUSED;
void flyve_news_fini(struct flyve_news *n);

struct flyve_heard {   /* what follows from it */
	bool sync;     /* what is to be retained for this device has changed */
	bool evidence; /* it has subscribed: queries may be said again */
	bool left;     /* it is no longer managed */
	bool behind; /* what it proves to have read could not be told, because of what is under way */
};
/* May run again: it assigns. A device that is gone meanwhile is no error. */
int flyve_news_apply(struct store_conn *tx, struct flyve_news *n,
		     struct flyve_heard *ret) WARN_UNUSED;

/* Said over HTTP or known from the broker: the device is there (or not). */
int flyve_presence(struct store_conn *tx, int64_t device_id, bool online,
		   int64_t at_ms) WARN_UNUSED;
