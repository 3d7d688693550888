/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is asking: the before() hook of the HTTP server. Authenticates by the route's enum auth,
 * checks its scope, applies the configured limits, and stamps what every answer carries.
 *
 * Device tokens are looked up through a cache that is valid for one store_generation(), so the hot
 * path costs no SQL. The cached record is therefore current in what the generation covers (membership,
 * token, desired state); what reports write (applied_version, last_seen, …) may be old: handlers
 * that need that read the device again.
 */
#pragma once

#include "server/server.h"

bool auth_before(struct http_request *req, void *server); /* http_options.before */
/* For handlers whose need depends on the request (/metrics): as AUTH_ADMIN with this scope.
 * false: it has answered. */
bool auth_admin(struct http_request *req, const char *scope);
/* The device whose token is in Authorization, if there is one; never answers.
 * ERR_UNAUTHENTICATED: none, or unknown. */
int auth_bearer_device(struct http_request *req, struct device *ret, struct error *err) WARN_UNUSED;
/* The same for the token itself, for protocols that carry it in their own way. At most
 * AUTH_TOKEN_MAX bytes. */
#define AUTH_TOKEN_MAX 512
int auth_token_device(struct http_request *req, const char *token, struct device *ret,
		      struct error *err) WARN_UNUSED;
/* Counts a write of the device. ERR_RATE_LIMITED: too many; Retry-After is set. */
int auth_device_quota(struct http_request *req, int64_t device_id, struct error *err) WARN_UNUSED;
