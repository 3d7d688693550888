/* SPDX-License-Identifier: Apache-2.0
 *
 * The Flyve channel: routes for the agents' REST interface, and the session with the broker.
 */
#pragma once

#include "net/http/http.h"
#include "server/broker/broker.h"
#include "server/server.h"

struct flyve; /* heap, one owner */

/* For broker_start(): accounts of this channel's devices, and what they may read. */
extern const struct broker_source flyve_broker_source;

/* After broker_start(), before serving; without a broker it does nothing. Sets s->flyve. */
int flyve_start(struct server *s, struct error *err) WARN_UNUSED;
/* After server_drain(), before broker_stop(): what is queued goes out, the rest after the next start. */
void flyve_stop(struct flyve *f);
void flyve_free(struct flyve *f); /* after the store is closed: its last commits may still call */

extern const struct http_route flyve_routes[]; /* ended by a row with a NULL method */
