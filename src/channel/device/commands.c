/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands: handing them out (which moves them to sent, so it is a write, done only when some wait)
 * and what the device says of them.
 */
#include "channel/device/handlers.h"

#include "base/clock.h"
#include "server/doorbell.h"
#include "server/next-poll.h"

#define TAKE_MAX    32
#define RESEND_MS   60000
#define MESSAGE_MAX 1000

static json_t *command_json(const struct command *c)
{
	char created[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];
	struct error err;
	json_t *params = NULL;
	if (json_parse(span_str(c->params_json), &params, &err) != 0)
		params = json_object();
	return json_pack("{s:I, s:s, s:o, s:s, s:s?}", "id", (json_int_t)c->id, "type", c->type,
			 "params", params, "created", clock_format(c->created_ms, created),
			 "expires", c->expires_ms ? clock_format(c->expires_ms, expires) : NULL);
}

static json_t *list_json(struct http_request *req, const struct command *list, size_t n)
{
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(items, command_json(&list[i]));
	return json_pack("{s:o, s:I}", "commands", items, "next_poll_s",
			 (json_int_t)next_poll_of(req));
}

static int take_apply(struct store_conn *tx, struct op *op)
{
	struct command *list = NULL;
	size_t n = 0;
	int r = store_command_take(tx, device_of(op->req)->id, TAKE_MAX, RESEND_MS, op->by.now_ms,
				   op->arena, &list, &n);
	if (r)
		return r;
	op->status = 200;
	op->body = list_json(op->req, list, n);
	return 0;
}

static void rung(struct http_request *req, enum doorbell_why why)
{
	if (why == DOORBELL_RANG) {
		op_submit_deferred(op_new(req, take_apply, NULL));
		return;
	}
	if (why == DOORBELL_CLOSING)
		device_api_reply_closing(req);
	else
		http_reply_json(req, 200, list_json(req, NULL, 0));
	http_resume(req);
}

int device_api_commands_due(struct http_request *req, const struct device *d, int64_t *ret_n)
{
	struct store_conn *c = store_reader(server_of(req)->store);
	return store_command_due(c, d->id, RESEND_MS, clock_utc_ms(), ret_n);
}

void device_api_commands(struct http_request *req)
{
	struct server *s = server_of(req);
	int64_t wait_ms = 0, n = 0;
	if (!device_api_wait(req, &wait_ms))
		return;
	int64_t ticket = doorbell_ticket(s->doorbells);
	int r = device_api_commands_due(req, device_of(req), &n);
	if (r != 0)
		http_reply_result(req, r, NULL);
	else if (n > 0)
		op_submit(op_new(req, take_apply, NULL));
	else if (wait_ms > 0)
		doorbell_park(s->doorbells, req, device_of(req), ticket, wait_ms, clock_mono_ms(),
			      rung);
	else
		http_reply_json(req, 200, list_json(req, NULL, 0));
}

/* ---- results ---- */

struct result { /* in the request's arena */
	int64_t id;
	enum command_state state;
	const char *message;
	json_t *result; /* borrowed from the body; NULL: none */
};

static int result_apply(struct store_conn *tx, struct op *op)
{
	struct result *x = op->arg;
	int r = store_command_result(tx, device_of(op->req)->id, x->id, x->state, x->message,
				     x->result, op->by.now_ms, &op->err);
	if (r)
		return r;
	op->status = 200;
	op->body = json_pack("{s:s}", "state", command_state_name(x->state));
	return 0;
}

static int read_result(const json_t *body, struct result *x, struct error *err)
{
	const char *state = NULL;
	x->message = "";
	int r = json_read_str(body, "state", true, &state, err);
	if (r == 0 && (!command_state_parse(state, &x->state) ||
		       (x->state != COMMAND_ACKNOWLEDGED && x->state != COMMAND_DONE &&
			x->state != COMMAND_FAILED)))
		r = error_set(err, ERR_INVALID,
			      "state: \"%.40s\" is not acknowledged, done or failed.", state);
	if (r == 0)
		r = json_read_str(body, "message", false, &x->message, err);
	if (r == 0 && strlen(x->message) > MESSAGE_MAX)
		r = error_set(err, ERR_INVALID, "message: longer than %d bytes.", MESSAGE_MAX);
	return r == 0 ? json_read_object(body, "result", false, &x->result, err) : r;
}

void device_api_command_result(struct http_request *req)
{
	struct result *x = arena_new(http_arena(req), struct result);
	struct error err;
	json_t *body = NULL;
	int r = http_path_id(req, "id", &x->id, &err);
	if (r == 0 && !device_api_body(req, &body))
		return;
	if (r == 0)
		r = read_result(body, x, &err);
	if (r != 0)
		http_reply_result(req, r, &err);
	else
		op_submit(op_new(req, result_apply, x));
}
