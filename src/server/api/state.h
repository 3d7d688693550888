/* SPDX-License-Identifier: Apache-2.0
 *
 * What the admin API keeps between requests. Made by api_start(), reached as server->api.
 */
#pragma once

#include "server/api/request.h"
#include "server/jobs.h"
#include <stdatomic.h>

struct overview; /* overview.c: counts, kept for a moment */
struct attempts; /* attempts.h: failed log-ins */
struct feed;     /* feed.h: event streams */

struct api {
	struct jobs *lanes[2]; /* by enum later_lane */
	struct overview *overview;
	struct attempts *attempts;
	struct feed *feed;
	char *openapi;         /* the document; owned */
	atomic_bool archiving; /* a backup or restore is running */
};

static inline struct api *api_of(const struct http_request *req)
{
	return server_of(req)->api;
}
