/* SPDX-License-Identifier: Apache-2.0
 *
 * MDMCore's objects from and to JSON. Its peers write every field, default or not, and so do we;
 * versions are 32-bit integers there.
 */
#include "channel/mdmcore/handlers.h"

static int read_device_id(const json_t *body, const char **ret, struct error *err)
{
	json_t *id = NULL;
	int r = json_read_object(body, "deviceId", true, &id, err);
	return r ? r : json_read_str(id, "value", true, ret, err);
}

/* Null is no way to leave something out here: to its peers it is a wrong type, and it must not lift a ban. */
int mdmcore_read_flag(const json_t *body, const char *key, bool *ret, struct error *err)
{
	if (json_is_null(json_object_get(body, key)))
		return error_set(err, ERR_INVALID, "\"%s\" must be a boolean, not null", key);
	return json_read_bool(body, key, false, ret, err);
}

int mdmcore_read_report(const json_t *body, struct mdmcore_report *ret, struct error *err)
{
	*ret = (struct mdmcore_report){ 0 };
	int r = read_device_id(body, &ret->device_id, err);
	if (r == 0)
		r = json_read_int(body, "appliedPolicyVersion", true, &ret->applied_version, err);
	if (r == 0 && (ret->applied_version < 0 || ret->applied_version > INT32_MAX))
		r = error_set(err, ERR_INVALID, "appliedPolicyVersion: not within 0 and %d.",
			      INT32_MAX);
	if (r == 0)
		r = mdmcore_read_flag(body, "cameraDisabled", &ret->camera_disabled, err);
	return r ? r : mdmcore_read_flag(body, "compliant", &ret->compliant, err);
}

json_t *mdmcore_device_id_json(const char *id)
{
	return json_pack("{s:s}", "value", id);
}

json_t *mdmcore_policy_json(int64_t version, bool camera_disabled)
{
	return json_pack("{s:I, s:b}", "version", (json_int_t)version, "cameraDisabled",
			 camera_disabled);
}

json_t *mdmcore_report_json(const struct mdmcore_report *r)
{
	return json_pack("{s:o, s:I, s:b, s:b}", "deviceId", mdmcore_device_id_json(r->device_id),
			 "appliedPolicyVersion", (json_int_t)r->applied_version, "cameraDisabled",
			 r->camera_disabled, "compliant", r->compliant);
}

json_t *mdmcore_status_json(const char *id, json_t *steals_policy, const char *raw_report,
			    enum verdict state)
{
	struct error err;
	json_t *report = NULL;
	if (!raw_report || !*raw_report || json_parse(span_str(raw_report), &report, &err) != 0)
		report = json_null();
	return json_pack("{s:o, s:o, s:o, s:s}", "deviceId", mdmcore_device_id_json(id), "desired",
			 steals_policy, "lastReport", report, "state", verdict_name(state));
}
