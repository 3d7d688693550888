/* SPDX-License-Identifier: Apache-2.0
 *
 * Asset id and location, which people type in while they enroll a device. The device itself may set them, and
 * users of its organization's domain.
 */
#include "channel/chrome/handlers.h"

#define ATTRIBUTE_MAX 255 /* bytes */

static int find_device(struct store_conn *c, struct chrome_request *r, struct device *ret,
		       struct error *err)
{
	int res = r->device.id ? store_device_get(c, r->device.id, r->arena, ret, err)
			       : store_device_by_external(c, CHANNEL_CHROME, r->device_id, r->arena,
							  ret, err);
	if (res == ERR_NOT_FOUND || (res == 0 && ret->unenrolled_ms))
		return error_set(err, ERR_GONE, "This device is not managed.");
	return res;
}

static bool may_change(const struct chrome_request *r, const struct device *d)
{
	return r->device.id == d->id || (*r->email && chrome_account_org(r) == d->org_id);
}

/* ---- permission ---- */

static void answer_permission(struct chrome_request *r)
{
	Dm__DeviceManagementResponse answer = DM__DEVICE_MANAGEMENT_RESPONSE__INIT;
	Dm__DeviceAttributeUpdatePermissionResponse m =
		DM__DEVICE_ATTRIBUTE_UPDATE_PERMISSION_RESPONSE__INIT;
	struct device d;
	struct error err;
	int res = find_device(store_reader(r->server->store), r, &d, &err);
	if (res) {
		chrome_fail_result(r, res, &err);
		return;
	}
	m.has_result = true;
	m.result =
		may_change(r, &d)
			? DM__DEVICE_ATTRIBUTE_UPDATE_PERMISSION_RESPONSE__RESULT_TYPE__ATTRIBUTE_UPDATE_ALLOWED
			: DM__DEVICE_ATTRIBUTE_UPDATE_PERMISSION_RESPONSE__RESULT_TYPE__ATTRIBUTE_UPDATE_DISALLOWED;
	answer.device_attribute_update_permission_response = &m;
	chrome_reply(r, &answer);
}

void chrome_attribute_permission(struct chrome_request *r)
{
	if (r->device.id)
		answer_permission(r);
	else
		chrome_oauth_check(r, answer_permission);
}

/* ---- update ---- */

struct update {
	const char *asset_id, *location; /* NULL: not said */
	int64_t device_id;
};

static int set(struct store_conn *tx, struct op *op, const char *name, const char *value)
{
	struct update *u = op->arg;
	if (!value)
		return 0;
	return store_attribute_set(tx, u->device_id, name, value, op->by.now_ms, &op->err);
}

static int apply_update(struct store_conn *tx, struct op *op)
{
	struct chrome_op *o = (struct chrome_op *)op;
	struct update *u = op->arg;
	struct device d;
	Dm__DeviceAttributeUpdateResponse *m =
		arena_new(op->arena, Dm__DeviceAttributeUpdateResponse);
	dm__device_attribute_update_response__init(m);
	int r = find_device(tx, o->r, &d, &op->err);
	if (r)
		return r;
	m->has_result = true;
	o->answer.device_attribute_update_response = m;
	m->result = DM__DEVICE_ATTRIBUTE_UPDATE_RESPONSE__RESULT_TYPE__ATTRIBUTE_UPDATE_ERROR;
	if (!may_change(o->r, &d))
		return 0;
	u->device_id = d.id;
	r = set(tx, op, "asset_id", u->asset_id);
	if (r == 0)
		r = set(tx, op, "location", u->location);
	m->result = DM__DEVICE_ATTRIBUTE_UPDATE_RESPONSE__RESULT_TYPE__ATTRIBUTE_UPDATE_SUCCESS;
	return r;
}

/* Policies say both. */
static void forget_answers(struct op *op)
{
	struct update *u = op->arg;
	chrome_answers_forget(op->server->chrome->answers, u->device_id);
}

static const char *text_or_none(struct chrome_request *r, const char *s)
{
	return s ? chrome_text(r->arena, s, ATTRIBUTE_MAX) : NULL;
}

static void submit_update(struct chrome_request *r)
{
	const Dm__DeviceAttributeUpdateRequest *m = r->body->device_attribute_update_request;
	struct update *u = arena_new(r->arena, struct update);
	*u = (struct update){ .asset_id = text_or_none(r, m->asset_id),
			      .location = text_or_none(r, m->location) };
	struct chrome_op *o = chrome_op(r, apply_update, u);
	o->op.committed = forget_answers;
	if (*r->email)
		o->op.by.actor = arena_printf(r->arena, "user:%s", r->email);
	chrome_submit(o);
}

void chrome_attribute_update(struct chrome_request *r)
{
	if (r->device.id)
		submit_update(r);
	else
		chrome_oauth_check(r, submit_update);
}
