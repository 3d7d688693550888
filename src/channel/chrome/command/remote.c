/* SPDX-License-Identifier: Apache-2.0
 *
 * request=remote_commands: results are taken, commands are handed out.
 *
 * A client asks at its start and after each result; it names the last command it has finished. One op does
 * it all: results first, then what it has not got yet. Commands that were handed out and are beyond the last
 * one finished go out again as they are, with no change of state: their answer may have been lost, and a
 * client passes over ids that it has.
 *
 * Signing takes a processor's time, so it is done on the worker before the op, for what is waiting then; what
 * comes in between is signed inside the op (rare, and one signature).
 */
#include "channel/chrome/command/upload.h"
#include "channel/chrome/command/words.h"
#include "channel/chrome/handlers.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/keys.h"
#include <errno.h>
#include <inttypes.h>

#define HAND_OUT_MAX 8  /* commands in one answer */
#define LIST_MAX     64 /* of those that are out or waiting, to find the oldest */
#define RESULTS_MAX  64 /* of one request that are looked at */
#define NEVER_MS     (INT64_C(100) * 365 * 24 * 3600 * 1000)
#define SIGNED_TYPE  "google/chromeos/remotecommand" /* browsers', too */

struct ready { /* a command as the client gets it */
	int64_t id;
	Dm__RemoteCommand *plain;
	Dm__SignedData *sealed; /* when it asked for signed ones */
};

struct exchange { /* in the request's arena */
	struct chrome_request *r;
	const Dm__DeviceRemoteCommandRequest *in;
	enum kind kind;
	const struct chrome_key *key; /* NULL: it takes plain ones */
	struct ready ready[HAND_OUT_MAX];
	size_t n_ready;
	Dm__DeviceRemoteCommandResponse answer;
	Dm__RemoteCommand *commands[HAND_OUT_MAX];
	Dm__SignedData *sealed[HAND_OUT_MAX];
};

/* ---- one command ---- */

/* The profiles of the last report; *ret is owned. */
static int read_profiles(struct store_conn *c, int64_t device_id, struct arena *a, json_t **ret)
{
	struct inventory *all;
	size_t n = 0;
	int r = store_inventory_list(c, device_id, a, &all, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		if (strcmp(all[i].section, "profiles") == 0)
			r = json_parse(span_str(all[i].body_json), ret, NULL);
	return r > 0 ? -EBADMSG : r; /* stored by us */
}

/* ERR_CONFLICT: why this device cannot be sent it. */
static int payload_of(struct exchange *x, struct store_conn *c, const struct command_word *w,
		      const struct command *cmd, const char **ret, struct error *err)
{
	AUTO_JSON params = NULL;
	AUTO_JSON section = NULL;
	struct command_context context = { .upload_url = "" };
	*ret = "";
	if (!w->payload)
		return 0;
	int r = json_parse(span_str(cmd->params_json), &params, err);
	if (r == 0 && x->kind == KIND_BROWSER)
		r = read_profiles(c, x->r->device.id, x->r->arena, &section);
	if (r)
		return r;
	context.profiles = json_object_get(section, "profiles");
	context.upload_url = upload_url(x->r, cmd->id);
	return w->payload(params, &context, x->r->arena, ret, err);
}

static int seal(struct exchange *x, struct ready *ready, struct error *err)
{
	struct arena *a = x->r->arena;
	Dm__PolicyData data = DM__POLICY_DATA__INIT;
	struct span value = chrome_pack(a, &ready->plain->base), bytes, signature;
	data.policy_type = arena_strdup(a, SIGNED_TYPE);
	data.has_policy_value = true;
	data.policy_value = (ProtobufCBinaryData){ value.n, (uint8_t *)value.p };
	data.device_id = arena_strdup(a, x->r->device_id);
	bytes = chrome_pack(a, &data.base);
	bool sha1 = x->in->signature_type == DM__POLICY_FETCH_REQUEST__SIGNATURE_TYPE__SHA1_RSA;
	int r = chrome_sign(x->key,
			    sha1 ? DM__POLICY_FETCH_REQUEST__SIGNATURE_TYPE__SHA1_RSA
				 : DM__POLICY_FETCH_REQUEST__SIGNATURE_TYPE__SHA256_RSA,
			    bytes, a, &signature, err);
	if (r)
		return r;
	ready->sealed = arena_new(a, Dm__SignedData);
	dm__signed_data__init(ready->sealed);
	ready->sealed->has_data = ready->sealed->has_signature = true;
	ready->sealed->data = (ProtobufCBinaryData){ bytes.n, (uint8_t *)bytes.p };
	ready->sealed->signature = (ProtobufCBinaryData){ signature.n, (uint8_t *)signature.p };
	return 0;
}

/* ERR_CONFLICT: why this device cannot be sent it. */
static int make_ready(struct exchange *x, struct store_conn *c, const struct command *cmd,
		      struct ready *ret, struct error *err)
{
	const struct command_word *w = command_word_find(cmd->type, x->kind);
	const char *payload = "";
	if (!w)
		return error_set(err, ERR_CONFLICT, "This device has no word for %s.", cmd->type);
	int r = payload_of(x, c, w, cmd, &payload, err);
	if (r)
		return r;
	*ret = (struct ready){ .id = cmd->id, .plain = arena_new(x->r->arena, Dm__RemoteCommand) };
	dm__remote_command__init(ret->plain);
	ret->plain->has_type = ret->plain->has_command_id = ret->plain->has_age_of_command = true;
	ret->plain->type = w->type;
	ret->plain->command_id = cmd->id;
	ret->plain->age_of_command = command_age(cmd, x->r->now_ms);
	if (*payload)
		ret->plain->payload = arena_strdup(x->r->arena, payload);
	if (!x->key)
		return 0;
	ret->plain->target_device_id = arena_strdup(x->r->arena, x->r->device_id);
	return seal(x, ret, err);
}

/* ---- before the op ---- */

static int prepare_state(struct exchange *x, struct store_conn *c, enum command_state state,
			 struct error *err)
{
	struct command *list;
	size_t n = 0;
	const struct device *d = &x->r->device;
	int r = store_command_list(c, d->org_id, d->id, command_state_name(state), 0, LIST_MAX,
				   x->r->arena, &list, &n);
	for (size_t i = n; i-- > 0 && r == 0 && x->n_ready < HAND_OUT_MAX;) { /* oldest first */
		r = make_ready(x, c, &list[i], &x->ready[x->n_ready], err);
		if (r == 0)
			x->n_ready++;
		else if (r == ERR_CONFLICT)
			r = 0; /* the op says so */
	}
	return r;
}

/* What will probably be handed out. */
static int prepare(struct exchange *x, struct error *err)
{
	struct store_conn *c = store_reader(x->r->server->store);
	int r = prepare_state(x, c, COMMAND_SENT, err);
	return r ? r : prepare_state(x, c, COMMAND_QUEUED, err);
}

static const struct ready *find_ready(const struct exchange *x, int64_t id)
{
	for (size_t i = 0; i < x->n_ready; i++)
		if (x->ready[i].id == id)
			return &x->ready[i];
	return NULL;
}

/* ---- results ---- */

static int64_t device_of(const struct exchange *x)
{
	return x->r->device.id;
}

/* The client could not even read which command it was: it is told by the number -1. */
static int take_nameless(struct store_conn *tx, struct exchange *x)
{
	struct command *list;
	struct error err;
	size_t n = 0;
	int r = store_command_list(tx, x->r->device.org_id, device_of(x),
				   command_state_name(COMMAND_SENT), 0, 2, x->r->arena, &list, &n);
	log_limited(LOG_LEVEL_WARN, "a client refused a command's signature or address",
		    F_INT("device", device_of(x)), F_INT("commands_out", (int64_t)n));
	if (r || n != 1)
		return r; /* which of them, nobody knows */
	r = store_command_result(
		tx, device_of(x), list[0].id, COMMAND_FAILED,
		"The client refused it: the signature or the device's name in it is "
		"wrong. Its policy key may be older than this server's.",
		NULL, x->r->now_ms, &err);
	return r > 0 ? 0 : r;
}

/* Where the picture is that was uploaded for it; 0: nowhere. */
static int add_picture(struct store_conn *tx, struct exchange *x, const struct command *c,
		       struct command_outcome *o)
{
	int64_t file_id = 0;
	int r = upload_find(tx, c->org_id, c->id, 0, x->r->arena, &file_id);
	if (r || file_id == 0)
		return r;
	if (!o->result)
		o->result = json_object();
	json_object_set_new(o->result, "picture_file", json_integer(file_id));
	return 0;
}

static int take_result(struct store_conn *tx, struct exchange *x, const Dm__RemoteCommandResult *in)
{
	struct command_outcome o = { .message = "" };
	struct command c;
	struct error err;
	int r = store_command_get(tx, in->command_id, x->r->arena, &c, &err);
	if (r == ERR_NOT_FOUND || (r == 0 && c.device_id != device_of(x))) {
		log_limited(LOG_LEVEL_INFO, "a result of no command of this device",
			    F_INT("device", device_of(x)), F_INT("command", in->command_id));
		return 0;
	}
	if (r)
		return r;
	command_outcome(command_word_find(c.type, x->kind), in, x->r->arena, &o);
	r = add_picture(tx, x, &c, &o);
	if (r == 0)
		r = store_command_result(tx, device_of(x), c.id, o.state, o.message, o.result,
					 x->r->now_ms, &err);
	json_decref(o.result);
	return r > 0 ? 0 : r; /* of one that is over already, or was never handed out */
}

static int take_results(struct store_conn *tx, struct exchange *x)
{
	int r = 0;
	for (size_t i = 0; i < x->in->n_command_results && i < RESULTS_MAX && r == 0; i++) {
		const Dm__RemoteCommandResult *one = x->in->command_results[i];
		if (one->has_command_id)
			r = one->command_id == -1 ? take_nameless(tx, x) : take_result(tx, x, one);
	}
	return r;
}

/* ---- handing out ---- */

static void hand_over(struct exchange *x, const struct ready *ready)
{
	if (ready->sealed)
		x->sealed[x->answer.n_secure_commands++] = ready->sealed;
	else
		x->commands[x->answer.n_commands++] = ready->plain;
}

static size_t n_handed(const struct exchange *x)
{
	return x->answer.n_secure_commands + x->answer.n_commands;
}

/* The command is 'sent' by now; one that cannot be said has failed. */
static int hand_out(struct store_conn *tx, struct exchange *x, const struct command *c,
		    struct error *err)
{
	const struct ready *ready = find_ready(x, c->id);
	struct ready fresh;
	struct error why;
	int r = ready ? 0 : make_ready(x, tx, c, &fresh, &why);
	if (r == 0) {
		hand_over(x, ready ? ready : &fresh);
		return 0;
	}
	if (r != ERR_CONFLICT) {
		*err = why;
		return r;
	}
	r = store_command_result(tx, device_of(x), c->id, COMMAND_FAILED, why.message, NULL,
				 x->r->now_ms, err);
	return r;
}

/* Those that are out: the client has got the ones up to the last it has finished. */
static int hand_out_again(struct store_conn *tx, struct exchange *x, struct error *err)
{
	struct command *list;
	size_t n = 0;
	int r = store_command_list(tx, x->r->device.org_id, device_of(x),
				   command_state_name(COMMAND_SENT), 0, LIST_MAX, x->r->arena,
				   &list, &n);
	for (size_t i = n; i-- > 0 && r == 0 && n_handed(x) < HAND_OUT_MAX;) { /* oldest first */
		if (command_due_expiry(&list[i], x->r->now_ms))
			continue;
		if (x->in->has_last_command_unique_id &&
		    list[i].id <= x->in->last_command_unique_id)
			r = store_command_result(tx, device_of(x), list[i].id, COMMAND_ACKNOWLEDGED,
						 "", NULL, x->r->now_ms, err);
		else
			r = hand_out(tx, x, &list[i], err);
	}
	return r;
}

static int hand_out_new(struct store_conn *tx, struct exchange *x, struct error *err)
{
	struct command *list;
	size_t n = 0;
	int r = store_command_take(tx, device_of(x), HAND_OUT_MAX - n_handed(x), NEVER_MS,
				   x->r->now_ms, x->r->arena, &list, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = hand_out(tx, x, &list[i], err);
	return r;
}

static int apply(struct store_conn *tx, struct op *op)
{
	struct chrome_op *c = (struct chrome_op *)op;
	struct exchange *x = op->arg;
	struct device d;
	dm__device_remote_command_response__init(&x->answer);
	x->answer.commands = x->commands;
	x->answer.secure_commands = x->sealed;
	int r = chrome_device_again(tx, c, &d);
	if (r == 0)
		r = take_results(tx, x);
	if (r == 0)
		r = hand_out_again(tx, x, &op->err);
	if (r == 0)
		r = hand_out_new(tx, x, &op->err);
	c->answer.remote_command_response = &x->answer;
	return r;
}

/* ---- the request ---- */

/* Nothing waits and nothing is said: no write. */
static int is_idle(struct exchange *x, bool *ret)
{
	struct store_conn *c = store_reader(x->r->server->store);
	struct command *list;
	size_t n = 0;
	int64_t n_waiting = 0;
	int r = store_command_waiting(c, device_of(x), &n_waiting);
	if (r == 0)
		r = store_command_list(c, x->r->device.org_id, device_of(x),
				       command_state_name(COMMAND_SENT), 0, 1, x->r->arena, &list,
				       &n);
	*ret = n_waiting == 0 && n == 0 && x->in->n_command_results == 0;
	return r;
}

static void answer_idle(struct chrome_request *r)
{
	Dm__DeviceManagementResponse answer = DM__DEVICE_MANAGEMENT_RESPONSE__INIT;
	Dm__DeviceRemoteCommandResponse none = DM__DEVICE_REMOTE_COMMAND_RESPONSE__INIT;
	answer.remote_command_response = &none;
	chrome_reply(r, &answer);
}

void chrome_remote_commands(struct chrome_request *r)
{
	struct exchange *x = arena_new(r->arena, struct exchange);
	struct error err;
	bool idle = false;
	x->r = r;
	x->in = r->body->remote_command_request;
	if (!kind_parse(r->device.kind, &x->kind))
		x->kind = KIND_BROWSER; /* who may get the least */
	int result = is_idle(x, &idle);
	if (result == 0 && !idle && x->in->send_secure_commands)
		result = chrome_key_get(r->server, r->device.org_id, KEY_POLICY, 0, &x->key, &err);
	if (result == 0 && !idle)
		result = prepare(x, &err);
	if (result)
		chrome_fail_result(r, result, &err);
	else if (idle)
		answer_idle(r);
	else
		chrome_submit(chrome_op(r, apply, x));
}
