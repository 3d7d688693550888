/* SPDX-License-Identifier: Apache-2.0
 *
 * MDMCore's eight routes. Any origin may call them: its web console is served from elsewhere.
 */
#include "channel/mdmcore/handlers.h"

#define BODY_MAX (64u << 10)

#define MDMCORE(method_, pattern_, body_max_, rate_, handler_, name_, statuses_, doc_)             \
	{                                                                                          \
		.method = (method_), .pattern = (pattern_), .auth = AUTH_NONE,                     \
		.body_max = (body_max_), .content_type = JSON_TYPE, .rate = (rate_), .cors = true, \
		.handler = (handler_), .name = (name_), .statuses = (statuses_), .doc = (doc_)     \
	}

const struct http_route mdmcore_routes[] = {
	MDMCORE("GET", "/", 0, RATE_NONE, mdmcore_greeting, "mdmcore_greeting", "200 302",
		"MDMCore's health check"),
	MDMCORE("POST", "/enroll", BODY_MAX, RATE_ENROLL, mdmcore_enroll, "mdmcore_enroll", "200",
		"Enroll an MDMCore agent"),
	MDMCORE("GET", "/devices", 0, RATE_DEVICE, mdmcore_list, "mdmcore_list", "200",
		"Every MDMCore device with policy, last report and verdict"),
	MDMCORE("GET", "/devices/{id}/policy", 0, RATE_DEVICE, mdmcore_policy_show,
		"mdmcore_policy", "200", "An agent's policy"),
	MDMCORE("PUT", "/devices/{id}/policy", BODY_MAX, RATE_DEVICE, mdmcore_policy_put,
		"mdmcore_policy_put", "200", "Change an agent's policy"),
	MDMCORE("POST", "/devices/{id}/token", BODY_MAX, RATE_DEVICE, mdmcore_token,
		"mdmcore_token", "202", "An agent's FCM token"),
	MDMCORE("POST", "/devices/{id}/report", BODY_MAX, RATE_DEVICE, mdmcore_report,
		"mdmcore_report", "202", "An agent's report"),
	MDMCORE("GET", "/devices/{id}/status", 0, RATE_DEVICE, mdmcore_status, "mdmcore_status",
		"200", "One device with policy, last report and verdict"),
	{ 0 },
};
