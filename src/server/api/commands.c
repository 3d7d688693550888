/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands: to one device, lists, cancelling. Sending to all devices of a filter is in
 * commands-bulk.c.
 */
#include "server/api/commands.h"
#include "base/clock.h"
#include "model/shape.h"
#include "server/blobs.h"
#include <string.h>

struct command_view {
	struct command c;
	const char *device_name;
	const char *delivery;
};

static json_t *params_shown(const void *row)
{
	const struct command *c = &((const struct command_view *)row)->c;
	AUTO_JSON params = NULL;
	if (json_parse(span_str(c->params_json), &params, NULL) != 0)
		return NULL;
	return command_params_shown(c->type, params);
}

static const struct field command_fields[] = {
	FIELD_AT(struct command_view, c.id, "id", AS_INT, 0, NULL),
	FIELD_AT(struct command_view, c.device_id, "device", AS_INT, 0, NULL),
	FIELD_AT(struct command_view, device_name, "device_name", AS_TEXT, 0, NULL),
	FIELD_AT(struct command_view, c.type, "type", AS_TEXT, 0, NULL),
	FIELD_GET(params_shown, "params", AS_JSON, 0, "Secrets are " SHAPE_MASK),
	FIELD_AT(struct command_view, c.state, "state", AS_TEXT, 0,
		 "queued sent acknowledged done failed expired cancelled"),
	FIELD_AT(struct command_view, c.message, "message", AS_TEXT, 0, "Why it failed"),
	FIELD_AT(struct command_view, c.result_json, "result", AS_JSON, 0, NULL),
	FIELD_AT(struct command_view, delivery, "delivery", AS_TEXT, FIELD_NULL,
		 "While it is queued for a device that cannot be rung: when that will ask for it"),
	FIELD_AT(struct command_view, c.actor, "actor", AS_TEXT, 0, "Who sent it"),
	FIELD_AT(struct command_view, c.created_ms, "created", AS_TIME, 0, NULL),
	FIELD_AT(struct command_view, c.expires_ms, "expires", AS_TIME, 0, NULL),
	FIELD_AT(struct command_view, c.sent_ms, "sent", AS_TIME, 0, NULL),
	FIELD_AT(struct command_view, c.acknowledged_ms, "acknowledged", AS_TIME, 0, NULL),
	FIELD_AT(struct command_view, c.finished_ms, "finished", AS_TIME, 0, NULL),
	{ 0 },
};
const struct schema command_schema = { .name = "Command", .fields = command_fields, .list = true };

static const struct field command_new_fields[] = {
	FIELD_OF("device", AS_INT, 0, "Id of the device; or give \"filter\""),
	FIELD_OF("filter", AS_TEXT, 0, "All devices that match; \"\" is every device"),
	FIELD_OF("type", AS_TEXT, FIELD_NEEDED, NULL),
	FIELD_OF("params", AS_OBJECT, 0, NULL),
	FIELD_OF("expires", AS_TEXT, 0, "A duration (\"1h\"); else the type's own"),
	{ 0 },
};
const struct schema command_new_schema = { .name = "CommandNew",
					   .fields = command_new_fields,
					   .request = true };

/* Nothing can ring a browser or a ChromeOS device from here. */
static const char *delivery_of(const struct command *c, const struct device *d)
{
	if (strcmp(c->state, command_state_name(COMMAND_QUEUED)) != 0 || !d->channel ||
	    strcmp(d->channel, channel_name(CHANNEL_CHROME)) != 0)
		return NULL;
	return "at its next start, or after the result of a command that it runs now";
}

json_t *command_to_json(const struct command *c, const struct device *d)
{
	const struct command_view v = { *c, d->name, delivery_of(c, d) };
	return fields_to_json(command_fields, &v);
}

/* ---- lists ---- */

struct command_scan {
	int64_t org_id, device_id;
	const char *state; /* NULL: all */
};

/* Names of devices, with the last one kept: neighbours often concern the same device. */
static int device_name(struct list_page *p, int64_t id, struct device *last)
{
	struct error err;
	if (last->id == id)
		return 0;
	int r = store_device_get(p->conn, id, p->arena, last, &err);
	if (r == ERR_NOT_FOUND)
		*last = (struct device){ .id = id };
	return r < 0 ? r : 0;
}

static int command_scan(struct list_page *p, struct error *err)
{
	const struct command_scan *scan = p->arg;
	struct device last = { 0 };
	struct command *rows;
	size_t n;
	int r = store_command_list(p->conn, scan->org_id, scan->device_id, scan->state, p->after_id,
				   p->limit + 1, p->arena, &rows, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = device_name(p, rows[i].device_id, &last);
		struct command_view v = { rows[i], last.name, delivery_of(&rows[i], &last) };
		if (r == 0 && list_row_ordered(p, rows[i].id, &v))
			break;
	}
	return r;
}

/* Whose commands: the organization's, or one device's, wherever that is within reach. */
static int scan_scope(struct http_request *req, struct command_scan *scan, struct error *err)
{
	struct organization org = { 0 };
	struct device d = { 0 };
	int r = api_org(req, api_conn(req), &org, err);
	scan->org_id = org.id;
	if (r != 0 || scan->device_id == 0)
		return r;
	r = store_device_get(api_conn(req), scan->device_id, http_arena(req), &d, err);
	bool elsewhere = http_query(req, "org") && d.org_id != org.id;
	if (r == 0 && (elsewhere || !api_in_reach(req, d.org_id)))
		r = error_set(err, ERR_NOT_FOUND, "there is no device %lld",
			      (long long)scan->device_id);
	scan->org_id = d.org_id;
	return r;
}

API_HANDLER(command_list)
{
	static const struct list list = { .name = "commands",
					  .fields = command_fields,
					  .scan = command_scan };
	struct command_scan *scan = arena_new(http_arena(req), struct command_scan);
	enum command_state state;
	scan->state = http_query(req, "state");
	if (scan->state && !command_state_parse(scan->state, &state))
		return error_set(err, ERR_INVALID, "state: \"%.40s\" is no state of a command",
				 scan->state);
	int r = http_query_int(req, "device", 1, INT64_MAX, &scan->device_id, err);
	if (r == 0)
		r = scan_scope(req, scan, err);
	return r ? r : list_reply(req, &list, scan, err);
}

/* ---- one command ---- */

static int command_read(struct http_request *req, struct store_conn *c, struct command *ret,
			struct error *err)
{
	int64_t id = 0;
	int r = http_path_id(req, "id", &id, err);
	if (r == 0)
		r = store_command_get(c, id, http_arena(req), ret, err);
	if (r == 0 && !api_in_reach(req, ret->org_id))
		r = error_set(err, ERR_NOT_FOUND, "there is no command %lld", (long long)id);
	return r;
}

/* Its record may be gone: then it is zeroed. */
static int read_device(struct store_conn *c, int64_t id, struct arena *a, struct device *ret)
{
	struct error err;
	*ret = (struct device){ 0 };
	int r = store_device_get(c, id, a, ret, &err);
	return r < 0 ? r : 0;
}

API_HANDLER(command_show)
{
	struct command c;
	struct device d;
	int r = command_read(req, api_conn(req), &c, err);
	if (r == 0)
		r = read_device(api_conn(req), c.device_id, http_arena(req), &d);
	if (r == 0)
		http_reply_json(req, 200, command_to_json(&c, &d));
	return r;
}

/* Never shown as a page of this server: a device made it. */
API_HANDLER(command_picture_show)
{
	char name[STORE_UPLOAD_NAME_SIZE];
	struct command c;
	struct file f;
	int64_t number = 0;
	int r = command_read(req, api_conn(req), &c, err);
	if (r == 0)
		r = http_query_int(req, "number", 0, STORE_UPLOADS_MAX - 1, &number, err);
	if (r != 0)
		return r;
	store_upload_name(c.id, (int)number, name);
	r = store_file_find(api_conn(req), c.org_id, STORE_FILE_UPLOAD, name, http_arena(req), &f,
			    err);
	if (r == ERR_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND,
				 "no such picture was uploaded for command %lld", (long long)c.id);
	int fd = r == 0 ? blobs_open(server_of(req)->blobs, f.sha256) : r;
	if (fd < 0)
		return fd;
	http_reply_header(req, "Content-Disposition", "attachment");
	http_reply_file(req, fd, f.content_type, arena_printf(http_arena(req), "\"%s\"", f.sha256));
	return 0;
}

static int apply_cancel(struct store_conn *tx, struct op *op)
{
	const struct command *was = op->arg;
	struct command c;
	struct device d;
	int r = store_command_cancel(tx, &op->by, was->id, &op->err);
	if (r == 0)
		r = store_command_get(tx, was->id, op->arena, &c, &op->err);
	if (r == 0)
		r = read_device(tx, c.device_id, op->arena, &d);
	if (r == 0)
		op_answer(op, 200, 0, command_to_json(&c, &d));
	return r;
}

API_HANDLER(command_cancel)
{
	struct command *c = arena_new(http_arena(req), struct command);
	int r = command_read(req, api_conn(req), c, err);
	if (r == 0)
		op_submit(op_new(req, apply_cancel, c));
	return r;
}

/* ---- sending ---- */

struct command_op {
	struct command_new new;
	struct device device;
};

static int apply_create(struct store_conn *tx, struct op *op)
{
	const struct command_op *a = op->arg;
	struct command c;
	int r = store_command_create(tx, &op->by, &a->new, op->arena, &c, &op->err);
	if (r == 0)
		op_answer(op, 201, 0, command_to_json(&c, &a->device));
	return r;
}

static int send_to_one(struct http_request *req, const struct command_new *new, int64_t device_id,
		       struct error *err)
{
	struct command_op *a = arena_new(http_arena(req), struct command_op);
	struct device d;
	int r = store_device_get(api_conn(req), device_id, http_arena(req), &d, err);
	if (r == 0 && !api_in_reach(req, d.org_id))
		r = error_set(err, ERR_NOT_FOUND, "there is no device %lld", (long long)device_id);
	if (r == 0)
		r = command_check(new->type, new->params, &d, err);
	if (r != 0)
		return r;
	a->new = *new;
	a->new.device_id = device_id;
	a->device = d;
	op_submit(op_new(req, apply_create, a));
	return 0;
}

static int read_new(struct http_request *req, const json_t *body, struct command_new *ret,
		    struct error *err)
{
	const struct command_type *t = command_type_find(body_text(body, "type"));
	*ret = (struct command_new){ .type = body_text(body, "type"), .idempotency_key = "" };
	if (!t)
		return error_set(err, ERR_INVALID, "there is no command \"%.80s\"", ret->type);
	if (body_has(body, "device") == body_has(body, "filter"))
		return error_set(err, ERR_INVALID, "give either \"device\" or \"filter\"");
	if (t->destructive) {
		int r = api_may(req, "commands:destructive", err);
		if (r != 0)
			return r;
	}
	if (t->destructive && body_has(body, "filter") && !*body_text(body, "filter"))
		return error_set(err, ERR_INVALID,
				 "%s is destructive: \"filter\" must say which "
				 "devices, it cannot be empty",
				 t->name);
	if (body_has(body, "params"))
		ret->params = json_object_get(body, "params");
	return body_expiry(body, "expires", clock_utc_ms(), &ret->expires_ms, err);
}

API_HANDLER(command_create)
{
	struct command_new new;
	json_t *body = NULL;
	int r = api_body(req, &command_new_schema, &body, err);
	if (r == 0)
		r = read_new(req, body, &new, err);
	if (r != 0)
		return r;
	if (body_has(body, "filter"))
		return command_send_to_all(req, &new, body_text(body, "filter"), err);
	return send_to_one(req, &new, json_integer_value(json_object_get(body, "device")), err);
}
