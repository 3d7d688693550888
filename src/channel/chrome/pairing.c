/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairing a shared device (host) with the one that controls it. Every status is written out: what is not said
 * means failure.
 *
 * Pairing takes a user's token: both devices must be of the organization of the user's domain. Checking takes the
 * host's token, and the controller's account beside it: with one of another domain the controller is not who it
 * says. Which of both "deviceid" names does not matter.
 */
#include "channel/chrome/handlers.h"

#include "store/chrome.h"

enum status { /* the numbers are those of both answers */
	      STATUS_GOOD = 0,
	      STATUS_HOST_NOT_FOUND = 2,
	      STATUS_CONTROLLER_NOT_FOUND = 3,
	      STATUS_HOST_GONE = 4,
	      STATUS_CONTROLLER_GONE = 5,
};

struct pair {
	int64_t org_id;
	const char *host_name, *controller_name; /* device ids */
	struct device host, controller;
};

/* *ret: is the device there, is it managed? */
static int find_one(struct store_conn *c, const struct pair *p, const char *id, struct arena *a,
		    struct device *ret_device, enum status not_found, enum status gone,
		    enum status *ret)
{
	struct error err;
	*ret = not_found;
	if (!id || !*id)
		return 0;
	int r = store_device_by_external(c, CHANNEL_CHROME, id, a, ret_device, &err);
	if (r < 0)
		return r;
	if (r == 0 && ret_device->org_id == p->org_id)
		*ret = ret_device->unenrolled_ms ? gone : STATUS_GOOD;
	return 0;
}

static int find_both(struct store_conn *c, struct pair *p, struct arena *a, enum status *ret)
{
	int r = find_one(c, p, p->host_name, a, &p->host, STATUS_HOST_NOT_FOUND, STATUS_HOST_GONE,
			 ret);
	if (r || *ret != STATUS_GOOD)
		return r;
	return find_one(c, p, p->controller_name, a, &p->controller, STATUS_CONTROLLER_NOT_FOUND,
			STATUS_CONTROLLER_GONE, ret);
}

/* ---- pairing ---- */

static int apply_pair(struct store_conn *tx, struct op *op)
{
	struct chrome_op *o = (struct chrome_op *)op;
	struct pair *p = op->arg;
	enum status status;
	Dm__DevicePairingResponse *m = arena_new(op->arena, Dm__DevicePairingResponse);
	dm__device_pairing_response__init(m);
	int r = find_both(tx, p, op->arena, &status);
	if (r)
		return r;
	m->has_status_code = true;
	m->status_code = (Dm__DevicePairingResponse__StatusCode)status;
	if (p->host.id == p->controller.id && status == STATUS_GOOD)
		m->status_code = DM__DEVICE_PAIRING_RESPONSE__STATUS_CODE__FAILED;
	else if (status == STATUS_GOOD)
		r = store_pairing_put(tx, p->host.id, p->controller.id, op->by.now_ms);
	o->answer.device_pairing_response = m;
	return r;
}

static void pair_by_account(struct chrome_request *r)
{
	const Dm__DevicePairingRequest *m = r->body->device_pairing_request;
	struct pair *p = arena_new(r->arena, struct pair);
	p->org_id = chrome_account_org(r);
	p->host_name = m->host_device_id;
	p->controller_name = m->controller_device_id;
	struct chrome_op *o = chrome_op(r, apply_pair, p);
	o->op.by.actor = arena_printf(r->arena, "user:%s", r->email);
	chrome_submit(o);
}

void chrome_pair(struct chrome_request *r)
{
	chrome_oauth_check(r, pair_by_account);
}

/* ---- checking ---- */

static Dm__CheckDevicePairingResponse__StatusCode checked(bool paired, enum status status)
{
	if (status != STATUS_GOOD)
		return (Dm__CheckDevicePairingResponse__StatusCode)status;
	return paired ? DM__CHECK_DEVICE_PAIRING_RESPONSE__STATUS_CODE__PAIRED
		      : DM__CHECK_DEVICE_PAIRING_RESPONSE__STATUS_CODE__NOT_PAIRED;
}

static int look(struct chrome_request *r, Dm__CheckDevicePairingResponse *ret)
{
	const Dm__CheckDevicePairingRequest *m = r->body->check_device_pairing_request;
	struct store_conn *c = store_reader(r->server->store);
	int64_t org_of_email = *r->email ? chrome_account_org(r) : 0;
	struct pair p = { .org_id = r->device.id ? r->device.org_id : org_of_email,
			  .host_name = m->host_device_id,
			  .controller_name = m->controller_device_id };
	enum status status;
	bool paired = false;
	ret->has_status_code = true;
	ret->status_code =
		DM__CHECK_DEVICE_PAIRING_RESPONSE__STATUS_CODE__INVALID_CONTROLLER_DEVICE_IDENTITY;
	if (*r->email && org_of_email != p.org_id)
		return 0;
	int res = find_both(c, &p, r->arena, &status);
	if (res == 0 && status == STATUS_GOOD)
		res = store_pairing_get(c, p.host.id, p.controller.id, &paired);
	ret->status_code = checked(paired, status);
	return res;
}

static void check_pairing(struct chrome_request *r)
{
	Dm__DeviceManagementResponse answer = DM__DEVICE_MANAGEMENT_RESPONSE__INIT;
	Dm__CheckDevicePairingResponse m = DM__CHECK_DEVICE_PAIRING_RESPONSE__INIT;
	struct error err = { 0 };
	answer.check_device_pairing_response = &m;
	int res = look(r, &m);
	if (res)
		chrome_fail_result(r, res, &err);
	else
		chrome_reply(r, &answer);
}

void chrome_check_pairing(struct chrome_request *r)
{
	if (*r->oauth_token)
		chrome_oauth_check(r, check_pairing);
	else
		check_pairing(r);
}
