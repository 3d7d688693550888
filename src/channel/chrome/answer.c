/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers, and writes that end in one. Every answer is a DeviceManagementResponse, errors too: clients
 * log its error_message, and read its error_detail with a 410.
 */
#include "channel/chrome/handlers.h"

#include "base/crypto.h"
#include "base/log.h"
#include "server/auth.h"
#include "server/org-config.h"

#include <string.h>

#define CONTENT_TYPE "application/x-protobuffer" /* another one makes clients suspect their proxy */
#define RETRY_S      "30"

static void send(struct chrome_request *r, int status, const Dm__DeviceManagementResponse *answer)
{
	http_reply(r->http, status, CONTENT_TYPE, chrome_pack(r->arena, &answer->base));
	if (r->deferred)
		http_resume(r->http); /* r is gone with this */
}

void chrome_reply(struct chrome_request *r, const Dm__DeviceManagementResponse *answer)
{
	send(r, 200, answer);
}

static Dm__DeviceManagementErrorDetail unenroll_detail(struct chrome_request *r)
{
	struct org_config c;
	struct server *s = r->server;
	(void)org_config_get(s->org_configs, s->store, s->config, r->device.org_id, &c);
	return c.chrome_delete_token
		       ? DM__DEVICE_MANAGEMENT_ERROR_DETAIL__CBCM_DELETION_POLICY_PREFERENCE_DELETE_TOKEN
		       : DM__DEVICE_MANAGEMENT_ERROR_DETAIL__CBCM_DELETION_POLICY_PREFERENCE_INVALIDATE_TOKEN;
}

void chrome_fail(struct chrome_request *r, int status, const char *message)
{
	Dm__DeviceManagementResponse answer = DM__DEVICE_MANAGEMENT_RESPONSE__INIT;
	Dm__DeviceManagementErrorDetail detail;
	answer.error_message = arena_strdup(r->arena, message);
	if (status == 410) {
		detail = unenroll_detail(r);
		answer.n_error_detail = 1;
		answer.error_detail = &detail;
	}
	log_limited(LOG_LEVEL_INFO, "chrome request refused", F_STR("peer", http_peer(r->http)),
		    F_STR("type", r->type ? r->type->name : ""), F_INT("device", r->device.id),
		    F_INT("status", status), F_STR("why", message),
		    F_STR("request", http_request_id(r->http)));
	send(r, status, &answer);
}

void chrome_fail_result(struct chrome_request *r, int result, const struct error *err)
{
	if (result < 0) {
		log_limited(LOG_LEVEL_ERROR, "chrome request failed",
			    F_STR("type", r->type ? r->type->name : ""),
			    F_STR("why", strerror(-result)),
			    F_STR("request", http_request_id(r->http)));
		chrome_fail(r, 500, "Unexpected; the server's log has the reason.");
		return;
	}
	int status = err_http_status(err->code);
	if (status == 503)
		http_reply_header(r->http, "Retry-After", RETRY_S);
	chrome_fail(r, status, err->message);
}

/* ---- writes ---- */

/* It may run twice: whatever the first time left in the answer is gone. */
static int apply(struct store_conn *tx, struct op *op)
{
	struct chrome_op *x = (struct chrome_op *)op;
	dm__device_management_response__init(&x->answer);
	x->status = 0;
	return x->apply(tx, op);
}

static void render(struct op *op, int result, const struct error *err)
{
	struct chrome_op *x = (struct chrome_op *)op;
	x->r->deferred = false; /* op.c resumes */
	if (result)
		chrome_fail_result(x->r, result, err);
	else if (x->status)
		chrome_fail(x->r, x->status, op->err.message);
	else
		chrome_reply(x->r, &x->answer);
}

struct chrome_op *chrome_op(struct chrome_request *r,
			    int (*fn)(struct store_conn *tx, struct op *op), void *arg)
{
	struct chrome_op *x = arena_new(r->arena, struct chrome_op);
	x->op = *op_new(r->http, apply, arg);
	x->op.render = render;
	x->op.by.actor = r->device.id
				 ? arena_printf(r->arena, "device:%lld", (long long)r->device.id)
				 : arena_printf(r->arena, "chrome:%s", http_peer(r->http));
	x->r = r;
	x->apply = fn;
	return x;
}

void chrome_submit(struct chrome_op *x)
{
	struct chrome_request *r = x->r;
	struct error err;
	int res = r->device.id ? auth_device_quota(r->http, r->device.id, &err) : 0;
	if (res)
		chrome_fail_result(r, res, &err);
	else if (r->deferred)
		op_submit_deferred(&x->op);
	else
		op_submit(&x->op);
}

/* By the token: the registration may be over though the device is managed. */
int chrome_device_again(struct store_conn *tx, struct chrome_op *x, struct device *ret)
{
	uint8_t hash[SHA256_SIZE];
	sha256(span_str(x->r->token), hash);
	int r = store_device_by_token(tx, (struct span){ hash, sizeof hash }, x->op.arena, ret,
				      &x->op.err);
	if (r == ERR_NOT_FOUND || (r == 0 && ret->unenrolled_ms != 0))
		return error_set(&x->op.err, ERR_GONE, "This device is no longer managed.");
	return r;
}
