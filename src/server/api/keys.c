/* SPDX-License-Identifier: Apache-2.0
 *
 * Signing keys: public halves and history, rotation, and the server's verification key, which
 * others need in both halves. Pairs are made on a job (server/keys.h).
 */
#include "server/keys.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "server/api/events.h"
#include "server/api/state.h"
#include <errno.h>
#include <string.h>

#define PRIVATE_PEM_MAX 16384

struct key_view {
	struct signing_key k;
	const char *organization;
};

#define KEY_FIELDS                                                                                 \
	FIELD_AT(struct key_view, k.id, "id", AS_INT, 0, NULL),                                    \
		FIELD_AT(struct key_view, organization, "organization", AS_TEXT, FIELD_NULL,       \
			 "Name; null: the server's own"),                                          \
		FIELD_AT(struct key_view, k.purpose, "purpose", AS_TEXT, 0,                        \
			 "policy verification token"),                                             \
		FIELD_AT(struct key_view, k.version, "version", AS_INT, 0, NULL),                  \
		FIELD_AT(struct key_view, k.public_pem, "public_pem", AS_TEXT, 0, NULL),           \
		FIELD_AT(struct key_view, k.created_ms, "created", AS_TIME, 0, NULL),              \
		FIELD_AT(struct key_view, k.retired_ms, "retired", AS_TIME, 0,                     \
			 "null: the current one")

static const struct field key_fields[] = { KEY_FIELDS, { 0 } };
const struct schema key_schema = { .name = "Key", .fields = key_fields, .list = true };

static const struct field key_verification_fields[] = {
	KEY_FIELDS,
	FIELD_OF("private_pem", AS_TEXT, FIELD_OPTIONAL, "With ?private=true"),
	{ 0 },
};
const struct schema key_verification_schema = { .name = "KeyVerification",
						.fields = key_verification_fields };

static const struct field key_import_fields[] = {
	FIELD_OF("private_pem", AS_TEXT, FIELD_NEEDED, "RSA of 2048 to 4096 bits"),
	{ 0 },
};
const struct schema key_import_schema = { .name = "KeyImport",
					  .fields = key_import_fields,
					  .request = true };

static json_t *key_to_json(struct store_conn *c, const struct signing_key *k, struct arena *a)
{
	struct org_names names = { .conn = c, .arena = a };
	const struct key_view v = { *k, org_name(&names, k->org_id) };
	return fields_to_json(key_fields, &v);
}

/* ---- lists ---- */

struct key_scan {
	int64_t org_id;
	bool server_too; /* keys that belong to no organization */
};

static int compare_keys(const void *a, const void *b)
{
	const struct signing_key *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

/* The keys of the organization and, maybe, of the server, by id; in the page's arena. */
static int keys_of(struct list_page *p, struct signing_key **ret, size_t *ret_n)
{
	const struct key_scan *scan = p->arg;
	struct signing_key *own, *servers = NULL;
	size_t n, n_servers = 0;
	int r = store_signing_key_list(p->conn, scan->org_id, p->arena, &own, &n);
	if (r == 0 && scan->server_too)
		r = store_signing_key_list(p->conn, 0, p->arena, &servers, &n_servers);
	if (r != 0)
		return r;
	*ret = arena_new_n(p->arena, struct signing_key, n + n_servers + 1);
	*ret_n = n + n_servers;
	if (n > 0)
		memcpy(*ret, own, n * sizeof *own);
	if (n_servers > 0)
		memcpy(*ret + n, servers, n_servers * sizeof *servers);
	qsort(*ret, *ret_n, sizeof **ret, compare_keys);
	return 0;
}

static int key_scan(struct list_page *p, struct error *err)
{
	struct org_names names = { .conn = p->conn, .arena = p->arena };
	struct signing_key *rows = NULL;
	size_t n = 0;
	int r = keys_of(p, &rows, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct key_view v = { rows[i], org_name(&names, rows[i].org_id) };
		if (list_row(p, rows[i].id, &v))
			break;
	}
	return r;
}

API_HANDLER(key_list)
{
	static const struct list list = { .name = "keys", .fields = key_fields, .scan = key_scan };
	struct key_scan *scan = arena_new(http_arena(req), struct key_scan);
	struct organization org = { 0 };
	int r = api_org(req, api_conn(req), &org, err);
	scan->org_id = org.id;
	scan->server_too = !http_query(req, "org") && principal_of(req)->org_id == 0;
	return r ? r : list_reply(req, &list, scan, err);
}

/* ---- new ones ---- */

struct key_op {
	int64_t org_id;
	const char *purpose;
	const char *private_pem; /* to import; NULL: generate */
	struct signing_key key;
	int status;
};

static int apply_add(struct store_conn *tx, struct op *op)
{
	const struct key_op *a = op->arg;
	struct signing_key key = a->key;
	int r = store_signing_key_add(tx, &op->by, &key, &op->err);
	if (r == 0)
		op_answer(op, a->status, 0, key_to_json(tx, &key, op->arena));
	return r;
}

/* The private half goes when nothing came of it; not when nobody knows. */
static void add_ended(struct op *op, int r)
{
	const struct key_op *a = op->arg;
	if ((r != 0 && r != ERR_UNCERTAIN) || op->replayed)
		keyring_discard(op->server->keys, &a->key);
}

static int key_later(struct http_request *req, void *arg, struct error *err)
{
	struct key_op *a = arg;
	struct keyring *keys = server_of(req)->keys;
	int64_t now = clock_utc_ms();
	int r = a->private_pem ? keyring_import(keys, a->org_id, a->purpose, a->private_pem, now,
						http_arena(req), &a->key, err)
			       : keyring_generate(keys, a->org_id, a->purpose, now, http_arena(req),
						  &a->key);
	if (r != 0)
		return r;
	struct op *op = op_new(req, apply_add, a);
	op->ended = add_ended;
	op_submit_deferred(op);
	return JOB_PASSED_ON;
}

/* The organization's policy key; ?purpose= another one, of the server. */
API_HANDLER(key_rotate)
{
	struct key_op *a = arena_new(http_arena(req), struct key_op);
	const char *purpose = http_query(req, "purpose");
	struct organization org = { 0 };
	int r = 0;
	a->purpose = purpose ? purpose : KEY_POLICY;
	a->status = 201;
	if (strcmp(a->purpose, KEY_POLICY) == 0)
		r = api_org(req, api_conn(req), &org, err);
	else if (strcmp(a->purpose, KEY_VERIFICATION) == 0 || strcmp(a->purpose, KEY_TOKEN) == 0)
		r = api_unbound(req, err);
	else
		r = error_set(err, ERR_INVALID,
			      "purpose: \"%.40s\" is none of policy, verification, token", purpose);
	a->org_id = org.id;
	if (r == 0)
		api_later(req, LATER_WORK, key_later, a);
	return r;
}

/* ---- the verification key ---- */

static int private_half(struct http_request *req, const struct signing_key *k, json_t *body,
			struct error *err)
{
	struct buf pem;
	buf_init(&pem, PRIVATE_PEM_MAX);
	int r = keyring_export(server_of(req)->keys, k, &pem, err);
	if (r == 0)
		json_object_set_new(body, "private_pem", json_string(buf_str(&pem)));
	if (pem.p)
		secret_erase(pem.p, pem.cap);
	buf_fini(&pem);
	return r;
}

API_HANDLER(key_verification_show)
{
	const char *wish = http_query(req, "private");
	struct signing_key k;
	bool private = wish && strcmp(wish, "true") == 0;
	int r = 0;
	if (wish && !private && strcmp(wish, "false") != 0)
		r = error_set(err, ERR_INVALID, "private: neither true nor false");
	if (r == 0 && private)
		r = api_may(req, "keys:write", err);
	if (r == 0 && private)
		r = api_unbound(req, err);
	if (r == 0)
		r = store_signing_key_current(api_conn(req), 0, KEY_VERIFICATION, http_arena(req),
					      &k, err);
	if (r != 0)
		return r;
	AUTO_JSON body = key_to_json(api_conn(req), &k, http_arena(req));
	r = private ? private_half(req, &k, body, err) : 0;
	if (r == 0)
		http_reply_json(req, 200, TAKE(body));
	return r;
}

API_HANDLER(key_verification_import)
{
	struct key_op *a = arena_new(http_arena(req), struct key_op);
	json_t *body = NULL;
	int r = api_unbound(req, err);
	if (r == 0)
		r = api_body(req, &key_import_schema, &body, err);
	if (r != 0)
		return r;
	a->purpose = KEY_VERIFICATION;
	a->private_pem = body_text(body, "private_pem");
	a->status = 200;
	api_later(req, LATER_WORK, key_later, a);
	return 0;
}
