/* SPDX-License-Identifier: Apache-2.0
 *
 * An event as JSON; shared by the list (events.c) and the streams (feed.c).
 */
#pragma once

#include "server/api/nouns.h"

struct event_view {
	struct event e;
	const char *organization;
};

/* Names of organizations, by id, with the last one kept. */
struct org_names {
	struct store_conn *conn;
	struct arena *arena;
	int64_t last_id;
	const char *last;
};
const char *org_name(struct org_names *names, int64_t id);

json_t *event_to_json(const struct event *e, const char *organization);
