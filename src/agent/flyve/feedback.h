/* SPDX-License-Identifier: Apache-2.0
 *
 * What this device tells its server over MQTT, in the words of the Flyve protocol; pure.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"

/* What became of the tasks (told_desired()): 'results' are the report's settings, name ->
 * {"value","state","message"}. Owned: [{"id","grouped","status","message"}], the message "" when there is
 * nothing to say. */
json_t *feedback_tasks(const json_t *tasks, const json_t *settings, const json_t *results);

/* The payload of <root>/Status/Geolocation, owned. 'result' of the command locate, or NULL: it failed. */
json_t *feedback_position(const json_t *result, int64_t now_s);

/* The inventory's sections as one FusionInventory document, appended. */
void feedback_inventory(const json_t *sections, const char *device, struct buf *out);
