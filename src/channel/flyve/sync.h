/* SPDX-License-Identifier: Apache-2.0
 *
 * What is to be retained at the broker, worked out from the store: pure store verbs inside one transaction
 * of the writer, no MQTT. Doing one of these again changes nothing, so a crash anywhere is repaired by
 * doing it again.
 *
 *   a fleet    its settings in force, once for each dialect that has a member there
 *   a device   whose messages it reads (Command/Subscribe), its own settings if it has any, its orders
 *
 * A device with settings of its own is told everything by itself and reads no fleet's messages: agents of
 * both dialects get the two in no order, and never give up a subscription. So a fleet-wide change
 * costs a message a group, however many devices there are, and more only for those that differ.
 *
 * The organization's root fleet is the protocol's "not managed" one: a device there is told nothing as
 * long as no setting of the root can be said. The first that can makes it a fleet like any other.
 */
#pragma once

#include "channel/flyve/order.h"
#include "channel/flyve/topic.h"
#include "store/flyve.h"

/* flyve_agent.fleet_id of a device that is told everything by itself: apart from those that read nothing (0),
 * and by organization, so that a fleet's change finds the devices that differ. */
static inline int64_t flyve_own(int64_t org_id)
{
	return -org_id;
}

struct flyve_query { /* to be published now, not retained */
	int64_t command_id;
	const char *topic, *payload;
	int qos;
};

struct flyve_effects { /* of one call, in its arena */
	bool publish;  /* there are rows to publish */
	struct flyve_query *queries;
	size_t n_queries;
	int64_t fleets[2];    /* whose members changed: to be synced as well; 0: none */
	size_t n_left_out;    /* elements that cannot be said */
	bool account;         /* what the device may read has changed */
	bool root_managed;    /* the fleet is a root that its devices are to be told of now */
	bool dialect_changed; /* of the fleet's members: each of them is to be synced */
};

/* A fleet that is gone: what it had is erased. org_id is then only a hint. */
int flyve_sync_fleet(struct store_conn *tx, int64_t org_id, int64_t fleet_id, int64_t now_ms,
		     struct arena *a, struct flyve_effects *ret) WARN_UNUSED;
/* Likewise. Hands the device's queued commands out. */
int flyve_sync_device(struct store_conn *tx, int64_t device_id, int64_t now_ms, struct arena *a,
		      struct flyve_effects *ret) WARN_UNUSED;
/* Before credentials are handed out (again): orders of the last life end, their topics are erased. */
int flyve_end_orders(struct store_conn *tx, const struct device *d, int64_t now_ms,
		     struct arena *a) WARN_UNUSED;

/* The administrator's choice for the device (FLYVE_DIALECT_SETTING), else what it said of itself, else D1. */
#define FLYVE_DIALECT_SETTING "flyve.dialect"
int flyve_dialect_of(struct store_conn *c, const struct device *d, enum flyve_dialect said,
		     enum flyve_dialect *ret) WARN_UNUSED;
/* Has the device settings of its own that can be said? */
int flyve_device_differs(struct store_conn *c, const struct device *d, struct arena *a,
			 bool *ret) WARN_UNUSED;
/* Sent queries whose time has not run out, to be said again to a device that came back. */
int flyve_queries_again(struct store_conn *c, const struct device *d, int64_t now_ms,
			struct arena *a, struct flyve_effects *ret) WARN_UNUSED;
/* The order on the topic is over: erased, if the row is still this command's. */
int flyve_order_over(struct store_conn *tx, const struct device *d, int64_t command_id,
		     int64_t now_ms, struct arena *a) WARN_UNUSED;
/* D1 for what was enrolled before there was an agent's row. */
int flyve_agent_of(struct store_conn *c, int64_t device_id, struct arena *a,
		   struct flyve_agent *ret) WARN_UNUSED;
