/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin API, /api/v1: what the console, the command line and integrations speak.
 *
 * One row an operation in routes.c; one file a noun for the handlers. Besides the routes, the API
 * has threads of its own (jobs.h: work too slow for an HTTP worker; feed.h: event streams), so the
 * program starts and stops it:
 *
 *   server and store made -> api_start() -> HTTP serves api_routes … http_server_stop() -> api_stop()
 */
#pragma once

#include "server/server.h"

struct api; /* heap; known to handlers as server->api */

/* Ended by a row with a NULL method. */
extern const struct http_route api_routes[];

/* Fills server->api. 'tables': every route table that the process serves, NULL-ended, for the
 * OpenAPI document; borrowed. */
int api_start(struct server *server, const struct http_route *const *tables,
	      struct error *err) WARN_UNUSED;
/* After http_server_stop(), before the store is closed: ends the threads and frees it all. Fine when
 * it was never started. */
void api_stop(struct server *server);
