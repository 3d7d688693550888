/* SPDX-License-Identifier: Apache-2.0
 *
 * The channel's routes, one row each.
 */
#include "channel/flyve/rest.h"

#define JSON      "application/json"
#define SMALL_MAX (64u << 10)
#define LARGE_MAX (6u << 20) /* an inventory in base64 */

static const struct http_param user_token_param[] = {
	{ "user_token", "string", "Of the invitation, or the device's own" },
	{ 0 },
};
static const struct http_param profile_param[] = {
	{ "profiles_id", "integer", "The profile that getFullSession names" },
	{ 0 },
};
static const struct http_param alt_param[] = {
	{ "alt", "string", "\"media\": the content" },
	{ 0 },
};

/* Sessions are this protocol's own (Session-Token), so the server's authentication is not asked; without one
 * every route answers 400 or 401. */
#define REST(method_, pattern_, body_max_, rate_, handler_, params_, name_, statuses_, doc_)       \
	{                                                                                          \
		.method = (method_), .pattern = "/apirest.php/" pattern_, .auth = AUTH_NONE,       \
		.body_max = (body_max_), .content_type = (body_max_) > 0 ? JSON : NULL,            \
		.rate = (rate_), .handler = (handler_), .params = (params_), .name = (name_),      \
		.statuses = statuses_ " 400 401", .doc = (doc_)                                    \
	}

const struct http_route flyve_routes[] = {
	REST("GET", "initSession", 0, RATE_ENROLL, flyve_rest_init_session, user_token_param,
	     "flyve_init_session", "200", "Begin a session"),
	REST("GET", "killSession", 0, RATE_DEVICE, flyve_rest_kill_session, NULL,
	     "flyve_kill_session", "200", "End a session"),
	REST("GET", "getFullSession", 0, RATE_DEVICE, flyve_rest_full_session, NULL,
	     "flyve_full_session", "200", "Who the session is"),
	{ .method = "POST",
	  .pattern = "/apirest.php/changeActiveProfile",
	  .auth = AUTH_NONE,
	  .body_max = SMALL_MAX, /* of any type: what counts is in the query */
	  .rate = RATE_DEVICE,
	  .handler = flyve_rest_change_profile,
	  .params = profile_param,
	  .name = "flyve_change_profile",
	  .statuses = "200 404 400 401",
	  .doc = "Take the profile that may enroll" },
	REST("POST", "PluginFlyvemdmAgent", LARGE_MAX, RATE_ENROLL, flyve_rest_enroll, NULL,
	     "flyve_agent_create", "201", "Enroll a device with an invitation"),
	REST("GET", "PluginFlyvemdmAgent/{id}", 0, RATE_DEVICE, flyve_rest_record, NULL,
	     "flyve_agent_show", "200 404",
	     "The device's record; with new credentials for the session that enrolled it"),
	REST("PUT", "PluginFlyvemdmAgent/{id}", LARGE_MAX, RATE_DEVICE, flyve_rest_update, NULL,
	     "flyve_agent_update", "200 404", "Presence, answer to a ping, or inventory"),
	REST("POST", "PluginFlyvemdmGeolocation", SMALL_MAX, RATE_DEVICE, flyve_rest_geolocation,
	     NULL, "flyve_geolocation_create", "201 404", "The device's position"),
	REST("PUT", "PluginFlyvemdmTaskstatus/{id}", SMALL_MAX, RATE_DEVICE, flyve_rest_task_status,
	     NULL, "flyve_task_status_update", "200 404", "What became of a task"),
	REST("GET", "PluginFlyvemdmFile/{id}", 0, RATE_DEVICE, flyve_rest_file, alt_param,
	     "flyve_file_show", "200 206 304 404", "A file that a setting deploys"),
	REST("GET", "PluginFlyvemdmPackage/{id}", 0, RATE_DEVICE, flyve_rest_package, alt_param,
	     "flyve_package_show", "200 206 304 404", "An application that a setting deploys"),
	{ .method = "GET",
	  .pattern = "/device/v1/mqtt",
	  .auth = AUTH_DEVICE,
	  .rate = RATE_DEVICE,
	  .handler = flyve_device_mqtt,
	  .name = "device_mqtt",
	  .statuses = "200 404",
	  .doc = "Where the broker of a device on the channel flyve is" },
	{ 0 },
};
