/* SPDX-License-Identifier: Apache-2.0
 *
 * The fields of a device, shared by the list (devices.c) and the detail (device-detail.c).
 */
#pragma once

#include "server/api/nouns.h"

#define DEVICE_FIELDS                                                                              \
	FIELD_AT(struct device_view, d.id, "id", AS_INT, 0, NULL),                                 \
		FIELD_AT(struct device_view, d.name, "name", AS_TEXT, 0, NULL),                    \
		FIELD_AT(struct device_view, d.kind, "kind", AS_TEXT, 0,                           \
			 "browser chromeos android linux vm container"),                           \
		FIELD_AT(struct device_view, d.channel, "channel", AS_TEXT, 0,                     \
			 "chrome flyve mdmcore device vm"),                                        \
		FIELD_AT(struct device_view, fleet, "fleet", AS_TEXT, 0, "Name of its fleet"),     \
		FIELD_AT(struct device_view, d.fleet_id, "fleet_id", AS_INT, 0, NULL),             \
		FIELD_AT(struct device_view, fleet_path, "fleet_path", AS_TEXT, 0, NULL),          \
		FIELD_AT(struct device_view, d.serial, "serial", AS_TEXT, 0,                       \
			 "What the hardware says"),                                                \
		FIELD_AT(struct device_view, d.external_id, "external_id", AS_TEXT, 0,             \
			 "The id that its protocol uses"),                                         \
		FIELD_AT(struct device_view, verdict, "verdict", AS_TEXT, 0,                       \
			 "UNKNOWN STALE NON_COMPLIANT COMPLIANT"),                                 \
		FIELD_AT(struct device_view, version, "version", AS_INT, 0,                        \
			 "Of its desired state"),                                                  \
		FIELD_AT(struct device_view, d.applied_version, "applied_version", AS_INT, 0,      \
			 "Of its last report; 0: none"),                                           \
		FIELD_AT(struct device_view, d.last_seen_ms, "last_seen", AS_TIME, 0, NULL),       \
		FIELD_AT(struct device_view, d.enrolled_ms, "enrolled", AS_TIME, 0, NULL),         \
		FIELD_AT(struct device_view, managed, "managed", AS_BOOL, 0, "false: unenrolled"), \
		FIELD_AT(struct device_view, d.model, "model", AS_TEXT, 0, NULL),                  \
		FIELD_AT(struct device_view, d.os_version, "os_version", AS_TEXT, 0, NULL),        \
		FIELD_AT(struct device_view, d.agent_version, "agent_version", AS_TEXT, 0, NULL),  \
		FIELD_AT(struct device_view, d.parent_id, "parent", AS_INT, FIELD_NULL,            \
			 "Id of its host"),                                                        \
		FIELD_AT(struct device_view, d.revision, "revision", AS_INT, 0, "Its ETag")

extern const struct field device_fields[];

/* With verdict and version, read through 'c'. */
int device_view_read(struct store_conn *c, const struct device *d, struct arena *a,
		     struct device_view *ret) WARN_UNUSED;
