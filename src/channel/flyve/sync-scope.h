/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of syncing share: one fleet's or device's retained rows, while they are worked out. What is
 * not wanted between begin and end is erased by end.
 */
#pragma once

#include "channel/flyve/sync.h"

struct flyve_scope {
	struct store_conn *tx;
	struct arena *arena;
	struct flyve_effects *effects;
	int64_t org_id, fleet_id, device_id; /* one of the last two */
	int64_t now_ms;
	struct retained *rows; /* as they were */
	bool *wanted;          /* by row */
	size_t n_rows;
};

int flyve_scope_begin(struct flyve_scope *s) WARN_UNUSED;
int flyve_scope_want(struct flyve_scope *s, const char *topic, const char *payload, int qos,
		     int64_t command_id) WARN_UNUSED;
/* Was there something on the topic? */
bool flyve_scope_has(const struct flyve_scope *s, const char *topic);
int flyve_scope_end(struct flyve_scope *s) WARN_UNUSED;

/* Settings as messages of the dialects whose root is given; tasks are reconciled first. */
int flyve_scope_policies(struct flyve_scope *s, const struct desired *d, const char *root_d1,
			 const char *root_d2) WARN_UNUSED;
/* The device's orders, and its queries as effects. */
int flyve_scope_orders(struct flyve_scope *s, const struct device *d, const char *root) WARN_UNUSED;

/* Is any setting in force for the fleet one that this protocol has a word for? */
int flyve_says_anything(struct store_conn *c, int64_t org_id, int64_t fleet_id,
			bool *ret) WARN_UNUSED;
