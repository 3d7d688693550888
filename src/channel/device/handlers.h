/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: the handlers that routes.c lists, and small helpers.
 */
#pragma once

#include "channel/device/device.h"
#include "server/server.h"

#define WAIT_MAX_S (300)

http_handler device_api_enroll;
http_handler device_api_desired;
http_handler device_api_report;
http_handler device_api_commands;
http_handler device_api_command_result;
http_handler device_api_inventory;
http_handler device_api_attributes;
http_handler device_api_fcm_token;
http_handler device_api_file_content;
http_handler device_api_file_description;
http_handler device_api_unenroll;
http_handler device_api_children;
http_handler device_api_child_put;
http_handler device_api_child_gone;

/* The device that asks. Its identity and place are current; what reports write may be old. */
static inline const struct device *device_of(const struct http_request *req)
{
	return &principal_of(req)->device;
}

/* How many commands GET /commands would hand out to this device now. */
int device_api_commands_due(struct http_request *req, const struct device *d,
			    int64_t *ret_n) WARN_UNUSED;
/* After a ring: the device that asks, as the cache of tokens has it, is from before. ERR_GONE;
 * ERR_UNAUTHENTICATED: its record was deleted. */
int device_api_refresh(struct http_request *req, struct error *err) WARN_UNUSED;
/* The body as an object, owned by the request. false: it has answered. */
bool device_api_body(struct http_request *req, json_t **ret);
/* ?wait=SECONDS (0 … 300) as milliseconds. false: it has answered. */
bool device_api_wait(struct http_request *req, int64_t *ret_ms);
/* A text of a peer: at most 'max' bytes, no control characters. ERR_INVALID names the key. */
int device_api_text_check(const char *key, const char *text, size_t max,
			  struct error *err) WARN_UNUSED;
/* For long-polls: a stopping server sends the request away. */
void device_api_reply_closing(struct http_request *req);
