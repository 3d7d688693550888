/* SPDX-License-Identifier: Apache-2.0
 *
 * Registration and leaving.
 *
 * Who may: the holder of an enrollment token of kind chrome (browsers, and devices by token), or a user whose
 * OAuth token belongs to an account of an organization's domain. The place is the token's fleet, or the
 * organization's root.
 *
 * Which record (in the organization; one of another organization is a conflict, 409):
 *   - a browser whose device id is managed already: the same record, a further token. All browsers of a machine
 *     share the device id, and a browser whose token stops working never enrolls again by itself.
 *   - a user or device whose device id is managed already: must say reregister, else 409; starts anew.
 *   - a device that shows the token or the state key of a record, or the serial number of one that is
 *     unenrolled: that record starts anew. The serial number alone does not take a managed record over.
 *   - a record that is unenrolled starts anew; else it is a new one.
 */
#include "channel/chrome/newcomer.h"

#include "base/crypto.h"
#include "base/log.h"
#include "store/chrome.h"

#include <string.h>
#include <strings.h>

enum { STATUS_DOMAIN_MISMATCH = 406 };

struct registration { /* in the request's arena */
	struct newcomer who;
	int64_t org_id, fleet_id;
	bool by_token; /* enrollment token; else r->email */
	uint8_t enrollment_hash[SHA256_SIZE];
	uint8_t device_hash[SHA256_SIZE];
	char device_token[TOKEN_TEXT_SIZE];
};

/* ---- which record ---- */

static struct enrollment enrollment_of(const struct chrome_request *r, const struct registration *x)
{
	return (struct enrollment){
		.org_id = x->org_id,
		.fleet_id = x->fleet_id,
		.kind = x->who.kind,
		.channel = CHANNEL_CHROME,
		.name = x->who.name,
		.serial = x->who.serial,
		.external_id = r->device_id,
		.model = x->who.model,
		.os_version = x->who.os_version,
		.agent_version = x->who.agent_version,
		.token_hash = { x->device_hash, SHA256_SIZE },
	};
}

static int not_found_is_none(int r)
{
	return r == ERR_NOT_FOUND ? 0 : r;
}

static int by_old_token(struct store_conn *tx, const struct registration *x, struct arena *a,
			struct device *ret, struct error *err)
{
	uint8_t hash[SHA256_SIZE];
	if (!*x->who.old_token)
		return ERR_NOT_FOUND;
	sha256(span_str(x->who.old_token), hash);
	return store_device_by_token(tx, (struct span){ hash, sizeof hash }, a, ret, err);
}

static int by_state_key(struct store_conn *tx, const struct registration *x, struct arena *a,
			struct device *ret, struct error *err)
{
	uint8_t hash[SHA256_SIZE];
	if (x->who.state_key.n == 0)
		return ERR_NOT_FOUND;
	sha256(x->who.state_key, hash);
	return store_state_key_find(tx, (struct span){ hash, sizeof hash }, a, ret, err);
}

static int by_serial(struct store_conn *tx, const struct registration *x, struct arena *a,
		     struct device *ret, struct error *err)
{
	return store_chrome_unenrolled(tx, x->org_id, kind_name(x->who.kind), x->who.serial, a, ret,
				       err);
}

/* The record of the same hardware under another device id. id 0: there is none. */
static int find_hardware(struct store_conn *tx, const struct registration *x, struct arena *a,
			 struct device *ret, struct error *err)
{
	int (*const ways[])(struct store_conn * tx, const struct registration *x, struct arena *a,
			    struct device *ret,
			    struct error *err) = { by_old_token, by_state_key, by_serial };
	ret->id = 0;
	if (x->who.kind != KIND_CHROMEOS)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct device d = { 0 };
		int r = ways[i](tx, x, a, &d, err);
		if (r < 0)
			return r;
		if (r > 0 || d.org_id != x->org_id ||
		    strcmp(d.channel, channel_name(CHANNEL_CHROME)) != 0 ||
		    strcmp(d.kind, kind_name(x->who.kind)) != 0)
			continue;
		*ret = d;
		return 0;
	}
	return 0;
}

/* The record of this device id, or of the same hardware. id 0: a new one. */
static int find_record(struct store_conn *tx, struct op *op, struct device *ret)
{
	struct registration *x = op->arg;
	const struct chrome_request *r = ((struct chrome_op *)op)->r;
	ret->id = 0;
	int res = not_found_is_none(store_device_by_external(tx, CHANNEL_CHROME, r->device_id,
							     op->arena, ret, &op->err));
	if (res)
		return res;
	if (ret->id == 0)
		return find_hardware(tx, x, op->arena, ret, &op->err);
	if (ret->org_id != x->org_id)
		return error_set(&op->err, ERR_CONFLICT,
				 "This deviceid is enrolled in another organization.");
	if (!x->by_token && ret->unenrolled_ms == 0 && !x->who.reregister)
		return error_set(&op->err, ERR_CONFLICT,
				 "This deviceid is enrolled already; say so with reregister.");
	return 0;
}

/* A device that shows its old token takes no other one. */
static int reuse_token(struct store_conn *tx, struct op *op, int64_t id)
{
	struct registration *x = op->arg;
	struct device d;
	if (!*x->who.old_token || strlen(x->who.old_token) >= TOKEN_TEXT_SIZE)
		return 0;
	int r = by_old_token(tx, x, op->arena, &d, &op->err);
	if (r == 0 && d.id == id) {
		snprintf(x->device_token, sizeof x->device_token, "%s", x->who.old_token);
		sha256(span_str(x->device_token), x->device_hash);
	}
	return not_found_is_none(r);
}

static int enroll(struct store_conn *tx, struct op *op, struct device *ret)
{
	struct device known;
	struct registration *x = op->arg;
	int r = find_record(tx, op, &known);
	if (r == 0 && known.id)
		r = reuse_token(tx, op, known.id);
	if (r)
		return r;
	struct enrollment e = enrollment_of(((struct chrome_op *)op)->r, x);
	if (known.id == 0)
		return store_device_enroll(tx, &op->by, &e, op->arena, ret, &op->err);
	bool beside = known.unenrolled_ms == 0 && x->who.kind == KIND_BROWSER && x->by_token &&
		      strcmp(known.kind, kind_name(KIND_BROWSER)) == 0;
	return beside ? store_registration_add(tx, &op->by, known.id, &e, op->arena, ret, &op->err)
		      : store_registration_renew(tx, &op->by, known.id, &e, op->arena, ret,
						 &op->err);
}

/* ---- what is kept, what is answered ---- */

static int keep(struct store_conn *tx, struct op *op, const struct device *d)
{
	const struct newcomer *who = &((struct registration *)op->arg)->who;
	int r = 0;
	for (size_t i = 0; i < who->n_attributes && r == 0; i++)
		r = store_attribute_set(tx, d->id, who->attributes[i].name,
					who->attributes[i].value, op->by.now_ms, &op->err);
	if (r || who->state_key.n == 0)
		return r;
	ProtobufCBinaryData key = { who->state_key.n, (uint8_t *)(uintptr_t)who->state_key.p };
	return chrome_state_keys_put(tx, d->id, 1, &key, op->by.now_ms, &op->err);
}

static void answer(struct chrome_op *o, const struct device *d)
{
	struct registration *x = o->op.arg;
	struct arena *a = o->op.arena;
	Dm__DeviceRegisterResponse *m = arena_new(a, Dm__DeviceRegisterResponse);
	dm__device_register_response__init(m);
	m->device_management_token = x->device_token;
	m->machine_name = arena_strdup(a, d->name);
	m->has_enrollment_type = true;
	m->enrollment_type = DM__DEVICE_REGISTER_RESPONSE__DEVICE_MODE__ENTERPRISE;
	m->directory_api_id = arena_printf(a, "%lld", (long long)d->id);
	if (*o->r->email)
		m->user_email = arena_strdup(a, o->r->email);
	if (!o->r->body->token_based_device_register_request) {
		o->answer.register_response = m;
		return;
	}
	Dm__TokenBasedDeviceRegisterResponse *outer =
		arena_new(a, Dm__TokenBasedDeviceRegisterResponse);
	dm__token_based_device_register_response__init(outer);
	outer->device_register_response = m;
	o->answer.token_based_device_register_response = outer;
}

static int take_enrollment_token(struct store_conn *tx, struct op *op)
{
	struct registration *x = op->arg;
	struct enrollment_token t;
	int r = store_enrollment_token_use(tx, "chrome",
					   (struct span){ x->enrollment_hash, SHA256_SIZE },
					   op->by.now_ms, op->arena, &t, &op->err);
	if (r)
		return r;
	x->org_id = t.org_id;
	x->fleet_id = t.fleet_id;
	op->by.actor = arena_printf(op->arena, "enrollment_token:%lld", (long long)t.id);
	return 0;
}

static int apply_register(struct store_conn *tx, struct op *op)
{
	struct registration *x = op->arg;
	struct device d;
	int r = x->by_token ? take_enrollment_token(tx, op) : 0;
	if (r == 0)
		r = enroll(tx, op, &d);
	if (r == 0)
		r = keep(tx, op, &d);
	if (r == 0)
		answer((struct chrome_op *)op, &d);
	return r;
}

static void submit(struct chrome_request *r, struct registration *x)
{
	rand_token(x->device_token);
	sha256(span_str(x->device_token), x->device_hash);
	struct chrome_op *o = chrome_op(r, apply_register, x);
	if (!x->by_token)
		o->op.by.actor = arena_printf(r->arena, "user:%s", r->email);
	chrome_submit(o);
}

/* ---- the requests ---- */

/* What a device asks for is asked for in the domain that it expects. */
static bool wrong_domain(struct chrome_request *r, const struct registration *x)
{
	struct chrome_config c;
	chrome_config(r->server, x->org_id, r->arena, &c);
	return *x->who.expected_domain && strcasecmp(x->who.expected_domain, c.domain) != 0;
}

static bool read_device(struct chrome_request *r, const Dm__DeviceRegisterRequest *m,
			struct registration *x)
{
	struct error err;
	int status;
	if (newcomer_of_device(r, m, r->email, &x->who, &status, &err) == 0) {
		if (!wrong_domain(r, x))
			return true;
		status = STATUS_DOMAIN_MISMATCH;
		error_set(&err, ERR_INVALID, "expected_enrollment_domain is another domain.");
	}
	chrome_fail(r, status, err.message);
	return false;
}

/* A look at the token before the writer is troubled with it: strangers cost a read. */
static bool check_enrollment_token(struct chrome_request *r, struct registration *x)
{
	struct error err;
	struct enrollment_token t;
	sha256(span_str(r->token), x->enrollment_hash);
	int res = store_enrollment_token_check(store_reader(r->server->store), "chrome",
					       (struct span){ x->enrollment_hash, SHA256_SIZE },
					       r->now_ms, r->arena, &t, &err);
	if (res) {
		chrome_fail_result(r, res, &err);
		return false;
	}
	x->org_id = t.org_id;
	return true;
}

void chrome_register_browser(struct chrome_request *r)
{
	struct registration *x = arena_new(r->arena, struct registration);
	const Dm__TokenBasedDeviceRegisterRequest *device =
		r->body->token_based_device_register_request;
	x->by_token = true;
	if (!check_enrollment_token(r, x))
		return;
	if (r->type->body == 23)
		newcomer_of_browser(r, r->body->register_browser_request, &x->who);
	else if (!device->device_register_request) {
		chrome_fail(r, 400, "device_register_request: missing.");
		return;
	} else if (!read_device(r, device->device_register_request, x)) {
		return;
	}
	submit(r, x);
}

static void register_account(struct chrome_request *r)
{
	struct registration *x = arena_new(r->arena, struct registration);
	x->org_id = chrome_account_org(r);
	if (x->org_id == 0)
		chrome_fail(r, 403, "No organization here manages the account's domain.");
	else if (read_device(r, r->body->register_request, x))
		submit(r, x);
}

void chrome_register(struct chrome_request *r)
{
	chrome_oauth_check(r, register_account);
}

void chrome_register_certificate(struct chrome_request *r)
{
	chrome_fail(r, 403,
		    "Registration by certificate is not offered; use an enrollment token or an "
		    "account.");
}

/* ---- leaving ---- */

static int apply_unregister(struct store_conn *tx, struct op *op)
{
	struct chrome_op *o = (struct chrome_op *)op;
	struct device d;
	uint8_t hash[SHA256_SIZE];
	int r = chrome_device_again(tx, o, &d);
	if (r)
		return r;
	sha256(span_str(o->r->token), hash);
	o->answer.unregister_response = arena_new(op->arena, Dm__DeviceUnregisterResponse);
	dm__device_unregister_response__init(o->answer.unregister_response);
	return store_registration_end(tx, &op->by, d.id, (struct span){ hash, sizeof hash },
				      &op->err);
}

void chrome_unregister(struct chrome_request *r)
{
	chrome_submit(chrome_op(r, apply_unregister, NULL));
}
