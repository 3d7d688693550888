/* SPDX-License-Identifier: Apache-2.0
 *
 * Enrollment: an enrollment token becomes a device with a token of its own, in one transaction. A
 * device that still has its old token enrolls again as itself, so that its record, place and own
 * settings stay.
 *
 * A device that did not get its answer asks again with the same enrollment_key (server/enrollment-key.h).
 */
#include "channel/device/handlers.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "server/auth.h"
#include "server/enrollment-key.h"
#include "server/next-poll.h"

#include <string.h>

#define TEXT_MAX  255
#define TOKEN_MAX 512

struct enroll { /* in the request's arena */
	struct enrollment e;
	uint8_t enrollment_hash[SHA256_SIZE];
	uint8_t device_hash[SHA256_SIZE];
	char device_token[TOKEN_TEXT_SIZE];
	int64_t known_id; /* device that asks with its own token; 0: none */
	int64_t known_org_id;
	struct enrollment_key key;
};

static int read_text(const json_t *body, const char *key, const char **ret, struct error *err)
{
	*ret = "";
	int r = json_read_str(body, key, false, ret, err);
	return r ? r : device_api_text_check(key, *ret, TEXT_MAX, err);
}

static int read_kind(const json_t *body, enum kind *ret, struct error *err)
{
	const char *kind = "linux";
	int r = json_read_str(body, "kind", false, &kind, err);
	if (r == 0 && !kind_parse(kind, ret))
		r = error_set(err, ERR_INVALID,
			      "kind: \"%.40s\" is not linux, vm, container, android, chromeos or "
			      "browser.",
			      kind);
	return r;
}

static int read_body(const json_t *body, struct enroll *x, struct error *err)
{
	const struct {
		const char *key;
		const char **ret;
	} texts[] = { { "name", &x->e.name },
		      { "serial", &x->e.serial },
		      { "model", &x->e.model },
		      { "os_version", &x->e.os_version },
		      { "agent_version", &x->e.agent_version } };
	const char *token = NULL;
	int r = json_read_str(body, "token", true, &token, err);
	if (r == 0 && strlen(token) > TOKEN_MAX)
		r = error_set(err, ERR_INVALID, "token: longer than %d bytes.", TOKEN_MAX);
	if (r == 0)
		r = read_kind(body, &x->e.kind, err);
	for (size_t i = 0; i < ARRAY_SIZE(texts) && r == 0; i++)
		r = read_text(body, texts[i].key, texts[i].ret, err);
	if (r)
		return r;
	sha256(span_str(token), x->enrollment_hash);
	return enrollment_key_read(body, x->enrollment_hash, &x->key, err);
}

/* ---- the write ---- */

static int answer(struct store_conn *tx, struct op *op, const struct device *d)
{
	struct enroll *x = op->arg;
	struct organization org;
	const struct fleet_tree *tree = NULL;
	int r = store_organization_get(tx, d->org_id, op->arena, &org, &op->err);
	if (r == 0)
		r = store_fleets(tx, d->org_id, &tree);
	if (r)
		return r;
	const struct fleet *fleet = fleet_tree_get(tree, d->fleet_id);
	op->status = 201;
	op->body = json_pack("{s:I, s:s, s:s, s:s, s:I}", "device_id", (json_int_t)d->id,
			     "device_token", x->device_token, "organization", org.name, "fleet",
			     fleet ? fleet->name : "", "next_poll_s",
			     (json_int_t)next_poll_of(op->req));
	return 0;
}

static int enroll_by_token(struct store_conn *tx, struct op *op, struct device *ret)
{
	struct enroll *x = op->arg;
	struct enrollment_token token;
	int r = store_enrollment_token_use(tx, "agent",
					   (struct span){ x->enrollment_hash, SHA256_SIZE },
					   op->by.now_ms, op->arena, &token, &op->err);
	if (r)
		return r;
	op->by.actor = arena_printf(op->arena, "enrollment_token:%lld", (long long)token.id);
	x->e.org_id = token.org_id;
	x->e.fleet_id = token.fleet_id;
	if (x->known_id != 0 && x->known_org_id == token.org_id)
		return store_device_reenroll(tx, &op->by, x->known_id, &x->e, op->arena, ret,
					     &op->err);
	return store_device_enroll(tx, &op->by, &x->e, op->arena, ret, &op->err);
}

static int apply(struct store_conn *tx, struct op *op)
{
	struct enroll *x = op->arg;
	struct device d = { 0 };
	int64_t repeated = 0;
	int r = enrollment_key_find(tx, &x->key, op->arena, &repeated);
	if (r)
		return r;
	if (repeated)
		op->by.actor = arena_printf(op->arena, "device:%lld", (long long)repeated);
	r = repeated ? store_device_reenroll(tx, &op->by, repeated, &x->e, op->arena, &d, &op->err)
		     : enroll_by_token(tx, op, &d);
	if (r == 0)
		r = enrollment_key_keep(tx, &x->key, d.id, op->by.now_ms, op->arena);
	return r ? r : answer(tx, op, &d);
}

/* "channel": who is to go on over another protocol enrolls here all the same. true: it has answered. */
static bool enroll_elsewhere(struct http_request *req, const json_t *body)
{
	const char *channel = channel_name(CHANNEL_DEVICE);
	http_handler *flyve = server_of(req)->enroll_flyve;
	struct error err;
	int r = json_read_str(body, "channel", false, &channel, &err);
	if (r == 0 && strcmp(channel, channel_name(CHANNEL_DEVICE)) == 0)
		return false;
	if (r == 0 && strcmp(channel, channel_name(CHANNEL_FLYVE)) != 0)
		r = error_set(&err, ERR_INVALID, "channel: \"%.40s\" is not device or flyve.",
			      channel);
	if (r == 0 && !flyve)
		r = error_set(&err, ERR_CONFLICT, "channel: this server has no MQTT broker.");
	if (r)
		http_reply_result(req, r, &err);
	else
		flyve(req);
	return true;
}

void device_api_enroll(struct http_request *req)
{
	struct enroll *x = arena_new(http_arena(req), struct enroll);
	struct device known;
	struct error err;
	json_t *body = NULL;
	if (!device_api_body(req, &body) || enroll_elsewhere(req, body))
		return;
	x->e.channel = CHANNEL_DEVICE;
	int r = read_body(body, x, &err);
	if (r != 0) {
		http_reply_result(req, r, &err);
		return;
	}
	if (auth_bearer_device(req, &known, &err) == 0) {
		x->known_id = known.id;
		x->known_org_id = known.org_id;
	}
	rand_token(x->device_token);
	sha256(span_str(x->device_token), x->device_hash);
	x->e.token_hash = (struct span){ x->device_hash, SHA256_SIZE };
	op_submit(op_new(req, apply, x));
}
