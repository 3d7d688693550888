/* SPDX-License-Identifier: Apache-2.0
 *
 * Chrome's device management protocol: /devicemanagement/data/api, for browsers and ChromeOS.
 */
#pragma once

#include "net/http/http.h"

struct server;
struct chrome; /* the channel's own: parsed signing keys, the client of the token-info endpoint */

/* Each ended by a row with a NULL method. */
extern const struct http_route chrome_routes[];
extern const struct http_route chrome_policy_routes[]; /* the JSON of extension policies */
extern const struct http_route chrome_upload_routes[]; /* screenshots */

/* Before the server serves: sets s->chrome. */
void chrome_start(struct server *s);
/* After it has stopped serving, and while the store is open: what waits still is answered. */
void chrome_stop(struct server *s);
