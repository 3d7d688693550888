/* SPDX-License-Identifier: Apache-2.0
 *
 * The device API's loads (docs/device-api.md).
 */
#include "reeve-bench/kind.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

static void enroll_request(const struct sim_device *d, const struct load_target *t, struct buf *out)
{
	char body[512];
	(void)d;
	snprintf(
		body, sizeof body,
		"{\"token\":\"%.100s\",\"kind\":\"linux\",\"name\":\"simulated\",\"serial\":\"PF3XYZ12\","
		"\"model\":\"ThinkPad X1 Carbon\",\"os_version\":\"Debian GNU/Linux 12\","
		"\"agent_version\":\"bench\"}",
		t->enrollment_token);
	request_add(out, t, "POST", "/device/v1/enroll", "", body);
}

static bool enroll_answer(struct sim_device *d, const struct answer *a)
{
	AUTO_JSON body = NULL;
	struct error err;
	const char *token = NULL;
	int64_t id = 0;
	if (a->status != 201 || json_parse(a->body, &body, &err) != 0 ||
	    json_read_int(body, "device_id", true, &id, &err) != 0 ||
	    json_read_str(body, "device_token", true, &token, &err) != 0 ||
	    strlen(token) >= sizeof d->token)
		return false;
	snprintf(d->id, sizeof d->id, "%lld", (long long)id);
	memcpy(d->token, token, strlen(token) + 1);
	return true;
}

const struct load_kind device_enroll = { .name = "device-enroll",
					 .doc = "Device API: enrollments, each durable",
					 .request = enroll_request,
					 .answer = enroll_answer };

static bool is_200(struct sim_device *d, const struct answer *a)
{
	(void)d;
	return a->status == 200;
}

static void desired_request(const struct sim_device *d, const struct load_target *t,
			    struct buf *out)
{
	request_add(out, t, "GET", "/device/v1/desired", d->token, NULL);
}

const struct load_kind device_desired = { .name = "device-desired",
					  .doc = "Device API: desired state, in full",
					  .needs = "device-enroll",
					  .request = desired_request,
					  .answer = is_200 };

static void report_request(const struct sim_device *d, const struct load_target *t, struct buf *out)
{
	request_add(out, t, "POST", "/device/v1/report", d->token,
		    "{\"applied_version\":1,\"settings\":{"
		    "\"camera.disabled\":{\"value\":true,\"state\":\"applied\",\"message\":\"\","
		    "\"at\":\"2026-11-25T14:06:06.123Z\"},"
		    "\"wifi.disabled\":{\"value\":false,\"state\":\"observed\",\"message\":\"\","
		    "\"at\":\"2026-11-25T14:06:06.123Z\"},"
		    "\"password.min_length\":{\"value\":8,\"state\":\"applied\",\"message\":\"\","
		    "\"at\":\"2026-11-25T14:06:06.123Z\"}}}");
}

const struct load_kind device_report = {
	.name = "device-report",
	.doc = "Device API: reports of three settings, each durable",
	.needs = "device-enroll",
	.request = report_request,
	.answer = is_200
};
