/* SPDX-License-Identifier: Apache-2.0
 *
 * Desired state: the settings of the device over those of its fleet, over its parent fleet, …
 * Nearest wins, setting by setting. A channel may have defaults for what nobody set (MDMCore:
 * camera disabled); they come last and are marked as such.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "model/catalogue.h"
#include "model/records.h"

struct desired_setting {
	const struct setting_type *type; /* its row of the catalogue */
	json_t *value;                   /* owned by the desired */
	bool recommended;                /* level */
	const char *scope;               /* "device", "fleet" or "default" */
	int64_t scope_id;                /* the device or fleet it comes from; 0 for a default */
	int64_t changed_ms;
};

struct desired { /* heap parts freed by desired_fini; sorted by setting name */
	struct desired_setting *items;
	size_t n;
	int64_t version;
	enum channel channel; /* whose defaults and whose "can say" count */
};

void desired_init(struct desired *d, enum channel channel);
void desired_fini(struct desired *d);
/* Adds one scope's settings; call nearest scope first: what is there already stays. Rows whose
 * name the catalogue does not know (any more) are left out. -EINVAL: a stored value is not JSON. */
int desired_add(struct desired *d, const struct setting *rows, size_t n) WARN_UNUSED;
void desired_add_defaults(struct desired *d);
const struct desired_setting *desired_get(const struct desired *d, const char *name);
/* {name: {"value": v, "level": "mandatory"}} of the settings that the device's channel can say. */
json_t *desired_to_json(const struct desired *d);
