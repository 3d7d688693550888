/* SPDX-License-Identifier: Apache-2.0
 *
 * The routes of the device API, one row each.
 */
#include "channel/device/handlers.h"

#define BODY_MAX  (1u << 20)
#define SMALL_MAX (64u << 10)
#define JSON      "application/json"

static const struct http_param wait_param[] = {
	{ "wait", "integer", "Hold the answer for up to so many seconds (at most 300)" },
	{ 0 },
};

#define DEVICE_READ(pattern_, handler_, params_, name_, statuses_, doc_)                           \
	{                                                                                          \
		.method = "GET", .pattern = "/device/v1/" pattern_, .auth = AUTH_DEVICE,           \
		.rate = RATE_DEVICE, .handler = (handler_), .params = (params_), .name = (name_),  \
		.statuses = (statuses_), .doc = (doc_)                                             \
	}
#define DEVICE_WRITE(method_, pattern_, body_max_, handler_, name_, statuses_, doc_)               \
	{                                                                                          \
		.method = (method_), .pattern = "/device/v1/" pattern_, .auth = AUTH_DEVICE,       \
		.body_max = (body_max_), .content_type = JSON, .rate = RATE_DEVICE,                \
		.handler = (handler_), .name = (name_), .statuses = (statuses_), .doc = (doc_)     \
	}

const struct http_route device_routes[] = {
	{ .method = "POST",
	  .pattern = "/device/v1/enroll",
	  .auth = AUTH_NONE,
	  .body_max = SMALL_MAX,
	  .content_type = JSON,
	  .rate = RATE_ENROLL,
	  .handler = device_api_enroll,
	  .name = "device_enroll",
	  .statuses = "201",
	  .doc = "Enroll with an enrollment token" },
	DEVICE_READ("desired", device_api_desired, wait_param, "device_desired", "200 304",
		    "The device's desired state"),
	DEVICE_WRITE("POST", "report", BODY_MAX, device_api_report, "device_report", "200",
		     "What the device observed"),
	DEVICE_READ("commands", device_api_commands, wait_param, "device_commands", "200",
		    "Commands to run, oldest first"),
	DEVICE_WRITE("POST", "commands/{id}", BODY_MAX, device_api_command_result,
		     "device_command_result", "200 409", "What became of a command"),
	DEVICE_WRITE("PUT", "inventory", BODY_MAX, device_api_inventory, "device_inventory", "204",
		     "Replace sections of the inventory"),
	DEVICE_WRITE("PUT", "attributes", BODY_MAX, device_api_attributes, "device_attributes",
		     "204", "Set attributes; an empty text removes one"),
	DEVICE_WRITE("PUT", "fcm-token", SMALL_MAX, device_api_fcm_token, "device_fcm_token", "204",
		     "Where to ring through FCM"),
	DEVICE_READ("files/{id}", device_api_file_content, NULL, "device_file", "200 206 304",
		    "The content of a deployable"),
	DEVICE_READ("files/{id}/description", device_api_file_description, NULL,
		    "device_file_description", "200",
		    "Name, version, size and hash of a deployable"),
	DEVICE_READ("children", device_api_children, wait_param, "device_children", "200 304",
		    "The machines that the device speaks for, and what waits for each"),
	DEVICE_WRITE("POST", "children", SMALL_MAX, device_api_child_put, "device_child_put",
		     "201 409 410", "Enroll a virtual machine or container of the device"),
	DEVICE_WRITE("DELETE", "children/{id}", 0, device_api_child_gone, "device_child_gone",
		     "204", "A machine does not exist any more, nor does what was in it"),
	DEVICE_WRITE("POST", "unenroll", 0, device_api_unenroll, "device_unenroll", "204",
		     "The device leaves"),
	{ 0 },
};
