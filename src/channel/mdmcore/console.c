/* SPDX-License-Identifier: Apache-2.0
 *
 * What consoles do: look at one device, change a policy; and the greeting that health checks ask for.
 */
#include "channel/mdmcore/handlers.h"

void mdmcore_greeting(struct http_request *req)
{
	struct error err;
	int64_t org_id;
	int r = mdmcore_org(req, &org_id, &err);
	if (r == 0) {
		http_reply(req, 200, "text/plain; charset=UTF-8", span_str("Hello, Ktor!"));
	} else if (server_of(req)->has_console) {
		http_reply_header(req, "Location", "/console/");
		http_reply_empty(req, 302);
	} else {
		http_reply_result(req, r, &err);
	}
}

/* ---- GET /devices/{id}/status ---- */

int mdmcore_read_policy(struct store_conn *c, const struct device *d, json_t **ret)
{
	struct desired desired;
	desired_init(&desired, CHANNEL_MDMCORE);
	int r = store_desired(c, d, &desired);
	const struct desired_setting *camera = r == 0 ? desired_get(&desired, CAMERA) : NULL;
	if (r == 0)
		*ret = mdmcore_policy_json(desired.version, camera && json_is_true(camera->value));
	desired_fini(&desired);
	return r;
}

int mdmcore_read_status(struct store_conn *c, const struct device *d, json_t **ret)
{
	CLEANUP(arena_fini) struct arena a;
	struct report report = { 0 };
	struct error err;
	enum verdict verdict = VERDICT_UNKNOWN;
	int64_t version;
	json_t *policy = NULL;
	arena_init(&a);
	int r = store_device_verdict(c, d, &verdict, &version);
	if (r == 0) {
		r = store_report_get(c, d->id, &a, &report, &err);
		r = r == ERR_NOT_FOUND ? 0 : r;
	}
	if (r == 0)
		r = mdmcore_read_policy(c, d, &policy);
	if (r == 0)
		*ret = mdmcore_status_json(d->external_id, policy, report.raw_json, verdict);
	return r;
}

/* Of one moment: a verdict is never beside a report or a policy that it does not come from. */
static int read_one(struct http_request *req, json_t **ret, struct error *err)
{
	struct store_conn *c = store_reader(server_of(req)->store);
	struct device d = { 0 };
	int r = store_read_begin(c);
	if (r)
		return r;
	r = mdmcore_device(req, http_path_param(req, "id"), &d, err);
	if (r == 0)
		r = mdmcore_read_status(c, &d, ret);
	store_read_end(c);
	return r;
}

void mdmcore_status(struct http_request *req)
{
	struct error err;
	json_t *body = NULL;
	int r = read_one(req, &body, &err);
	if (r != 0)
		http_reply_result(req, r, &err);
	else
		http_reply_json(req, 200, body);
}

/* ---- PUT /devices/{id}/policy ---- */

struct update {
	int64_t device_id;
	bool camera_disabled;
};

/* Every accepted update is a new version, also one that changes nothing. */
static int update_apply(struct store_conn *tx, struct op *op)
{
	struct update *x = op->arg;
	struct device d;
	bool changed;
	AUTO_JSON value = json_boolean(x->camera_disabled);
	int r = mdmcore_device_again(tx, op, x->device_id, &d);
	if (r == 0)
		r = store_setting_set(tx, &op->by, SCOPE_DEVICE, d.id, CAMERA, "mandatory", value,
				      true, &changed, &op->err);
	if (r == 0) /* the change counters of the record have moved */
		r = store_device_get(tx, d.id, op->arena, &d, &op->err);
	op->status = 200;
	return r ? r : mdmcore_read_policy(tx, &d, &op->body);
}

void mdmcore_policy_put(struct http_request *req)
{
	struct update *x = arena_new(http_arena(req), struct update);
	struct device d = { 0 };
	struct error err;
	json_t *body = NULL;
	int r = mdmcore_device(req, http_path_param(req, "id"), &d, &err);
	if (r == 0 && !mdmcore_body(req, &body))
		return;
	if (r == 0)
		r = mdmcore_read_flag(body, "cameraDisabled", &x->camera_disabled, &err);
	x->device_id = d.id;
	if (r != 0)
		http_reply_result(req, r, &err);
	else
		op_submit(mdmcore_op(req, update_apply, x));
}
