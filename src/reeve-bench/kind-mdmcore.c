/* SPDX-License-Identifier: Apache-2.0
 *
 * MDMCore's loads. The server must have mdmcore.open_enrollment on.
 */
#include "reeve-bench/kind.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

static void enroll_request(const struct sim_device *d, const struct load_target *t, struct buf *out)
{
	(void)d;
	request_add(out, t, "POST", "/enroll", "",
		    "{\"model\":\"Pixel 7\",\"osVersion\":\"14\",\"agentVersion\":\"bench\"}");
}

static bool enroll_answer(struct sim_device *d, const struct answer *a)
{
	AUTO_JSON body = NULL;
	json_t *id = NULL;
	struct error err;
	const char *value = NULL;
	if (a->status != 200 || json_parse(a->body, &body, &err) != 0 ||
	    json_read_object(body, "deviceId", true, &id, &err) != 0 ||
	    json_read_str(id, "value", true, &value, &err) != 0 || strlen(value) >= sizeof d->id)
		return false;
	memcpy(d->id, value, strlen(value) + 1);
	return true;
}

const struct load_kind mdmcore_enroll = { .name = "mdmcore-enroll",
					  .doc = "MDMCore: enrollments, each durable",
					  .request = enroll_request,
					  .answer = enroll_answer };

static void policy_request(const struct sim_device *d, const struct load_target *t, struct buf *out)
{
	char path[80];
	snprintf(path, sizeof path, "/devices/%s/policy", d->id);
	request_add(out, t, "GET", path, "", NULL);
}

static bool policy_answer(struct sim_device *d, const struct answer *a)
{
	(void)d;
	return a->status == 200;
}

const struct load_kind mdmcore_policy = { .name = "mdmcore-policy",
					  .doc = "MDMCore: desired state",
					  .needs = "mdmcore-enroll",
					  .request = policy_request,
					  .answer = policy_answer };

static void report_request(const struct sim_device *d, const struct load_target *t, struct buf *out)
{
	char path[80], body[160];
	snprintf(path, sizeof path, "/devices/%s/report", d->id);
	snprintf(
		body, sizeof body,
		"{\"deviceId\":{\"value\":\"%s\"},\"appliedPolicyVersion\":1,\"cameraDisabled\":false,"
		"\"compliant\":true}",
		d->id);
	request_add(out, t, "POST", path, "", body);
}

static bool report_answer(struct sim_device *d, const struct answer *a)
{
	(void)d;
	return a->status == 202;
}

const struct load_kind mdmcore_report = { .name = "mdmcore-report",
					  .doc = "MDMCore: reports, each durable",
					  .needs = "mdmcore-enroll",
					  .request = report_request,
					  .answer = report_answer };
