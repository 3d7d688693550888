/* SPDX-License-Identifier: Apache-2.0
 *
 * Topics of the Flyve protocol, read and written; no I/O.
 *
 *     [/]<entity>/agent/<name>/Status/<Ping|Geolocation|Inventory|Unenroll|Online|Install|Task[/<id>]>
 *     [/]<entity>/agent/<name>/Command/<Subscribe|Ping|…>          dialect D1 writes the leading slash,
 *     [/]<entity>/agent/<name>/Policy/…                            D2 does not; both are read
 *     [/]<entity>/fleet/<fleet id>/…
 *
 * The entity of an organization is its id less one, so the first one's is 0. The name is the
 * device's external id and its MQTT user: the serial where that is unique and safe in a topic, else
 * one that the store gives.
 */
#pragma once

#include "base/arena.h"
#include "base/span.h"
#include <stdbool.h>
#include <stdint.h>

enum flyve_dialect {
	FLYVE_DIALECT_NONE,
	FLYVE_D1, /* the seed's: one message a group, slash in front */
	FLYVE_D2, /* 2.0.0 and later: one message a task */
};

#define FLYVE_NAME_MAX 128 /* bytes of a device's name in a topic */

/* Letters, digits and ". _ : -", not longer than FLYVE_NAME_MAX, and no user of our own. */
bool flyve_name_safe(const char *name);
/* Agents of D2 look for words in the topic, wherever they stand: "WIPER7" would be wiped by any message. */
bool flyve_name_misleads(const char *name);
/* What makers write where they know no serial ("Unknown", "0123456789ABCDEF", …): it identifies nothing. */
bool flyve_serial_is_placeholder(const char *serial);

enum flyve_status {
	FLYVE_STATUS_PING,
	FLYVE_STATUS_GEOLOCATION,
	FLYVE_STATUS_INVENTORY,
	FLYVE_STATUS_UNENROLL,
	FLYVE_STATUS_ONLINE,
	FLYVE_STATUS_TASK,    /* D1: several in one message */
	FLYVE_STATUS_TASK_ID, /* D2: its id is in the topic */
	FLYVE_STATUS_INSTALL,
	FLYVE_STATUS_VERSION, /* the agent's own: <root>/FlyvemdmManifest/Status/Version */
};

struct flyve_topic { /* borrowed from the topic that was parsed */
	int64_t org_id;
	struct span name;
	enum flyve_status status;
	int64_t task_id; /* FLYVE_STATUS_TASK_ID */
};

/* What a device may say. false: no such topic; nothing of it is to be believed. */
bool flyve_topic_parse(struct span topic, struct flyve_topic *ret);

/* Is it one of those that only we publish: commands, policies, fleets, the manifest? */
bool flyve_topic_is_ours(struct span topic);

/* Roots, without a slash at the end; in the arena. */
const char *flyve_agent_root(struct arena *a, enum flyve_dialect d, int64_t org_id,
			     const char *name);
const char *flyve_fleet_root(struct arena *a, enum flyve_dialect d, int64_t org_id,
			     int64_t fleet_id);

#define FLYVE_MANIFEST_TOPIC    "FlyvemdmManifest/Status/Version" /* and with a slash in front */
#define FLYVE_BROKER_TOPIC      "FlyvemdmManifest/Status/Broker"  /* ours: where it is now */
#define FLYVE_BROKEN_WILL_TOPIC "/Status/Online" /* of D1 agents: it says not whose it is */

/* What the server subscribes to, NULL-ended; everything a device may say. */
extern const char *const flyve_status_filters[];
/* Everything that only we publish and that may be retained, NULL-ended. */
extern const char *const flyve_own_filters[];
