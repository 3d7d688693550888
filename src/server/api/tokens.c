/* SPDX-License-Identifier: Apache-2.0
 *
 * Enrollment tokens and API tokens. Both are shown once, when they are made; the store has their
 * SHA-256. Nobody hands out more than he holds: an API token's scopes and reach are at most those
 * of who makes it.
 */
#include "base/clock.h"
#include "base/crypto.h"
#include "server/api/events.h"
#include "server/api/invitation.h"
#include "server/scopes.h"
#include "store/flyve.h"
#include <string.h>

#define HINT_SIZE 6

/* ---- schemas ---- */

struct enrollment_view {
	struct enrollment_token t;
	const char *fleet, *token;           /* token NULL: not shown */
	const struct invitation *invitation; /* shown with it; NULL: it is none */
};

static json_t *enrollment_shown(const void *row)
{
	const struct enrollment_view *v = row;
	return v->token ? json_string(v->token) : NULL;
}

static json_t *user_token_shown(const void *row)
{
	const struct invitation *i = ((const struct enrollment_view *)row)->invitation;
	return i ? json_string(i->user_token) : NULL;
}

static json_t *deep_link_shown(const void *row)
{
	const struct invitation *i = ((const struct enrollment_view *)row)->invitation;
	return i ? json_string(i->deep_link) : NULL;
}

static const struct field enrollment_token_fields[] = {
	FIELD_AT(struct enrollment_view, t.id, "id", AS_INT, 0, NULL),
	FIELD_AT(struct enrollment_view, t.kind, "kind", AS_TEXT, 0, "agent chrome flyve"),
	FIELD_AT(struct enrollment_view, fleet, "fleet", AS_TEXT, 0, "Name"),
	FIELD_AT(struct enrollment_view, t.fleet_id, "fleet_id", AS_INT, 0, NULL),
	FIELD_AT(struct enrollment_view, t.hint, "hint", AS_TEXT, 0, "Its first characters"),
	FIELD_AT(struct enrollment_view, t.email, "email", AS_TEXT, 0, NULL),
	FIELD_AT(struct enrollment_view, t.uses, "uses", AS_INT, 0, NULL),
	FIELD_AT(struct enrollment_view, t.uses_max, "uses_max", AS_INT, 0, "0: any number"),
	FIELD_AT(struct enrollment_view, t.created_ms, "created", AS_TIME, 0, NULL),
	FIELD_AT(struct enrollment_view, t.expires_ms, "expires", AS_TIME, 0, NULL),
	FIELD_AT(struct enrollment_view, t.revoked_ms, "revoked", AS_TIME, 0, NULL),
	FIELD_AT(struct enrollment_view, t.actor, "actor", AS_TEXT, 0, "Who made it"),
	{ 0 },
};
static const struct field enrollment_shown_fields[] = {
	FIELD_GET(enrollment_shown, "token", AS_TEXT, FIELD_OPTIONAL, "Shown once"),
	FIELD_GET(user_token_shown, "user_token", AS_TEXT, FIELD_OPTIONAL,
		  "flyve: what the agent begins its session with; shown once"),
	FIELD_GET(deep_link_shown, "deep_link", AS_TEXT, FIELD_OPTIONAL,
		  "flyve: opens the agent with all of it; shown once"),
	{ 0 },
};
const struct schema enrollment_token_schema = { .name = "EnrollmentToken",
						.fields = enrollment_token_fields,
						.list = true,
						.also = enrollment_shown_fields };

static const struct field enrollment_token_new_fields[] = {
	FIELD_OF("fleet", AS_REF, 0, "Where devices enroll; else the root"),
	FIELD_OF("uses", AS_INT, 0, "How many devices; else any number"),
	FIELD_OF("expires", AS_TEXT, 0, "A duration (\"24h\"); else never"),
	FIELD_OF("kind", AS_TEXT, 0, "agent (default), chrome or flyve"),
	FIELD_OF("email", AS_TEXT, 0, "Of the person invited"),
	{ 0 },
};
const struct schema enrollment_token_new_schema = { .name = "EnrollmentTokenNew",
						    .fields = enrollment_token_new_fields,
						    .request = true };

struct api_token_view {
	struct api_token t;
	const char *organization, *token;
};

static json_t *api_token_shown(const void *row)
{
	const struct api_token_view *v = row;
	return v->token ? json_string(v->token) : NULL;
}

static const struct field api_token_fields[] = {
	FIELD_AT(struct api_token_view, t.id, "id", AS_INT, 0, NULL),
	FIELD_AT(struct api_token_view, t.name, "name", AS_TEXT, 0,
		 "Unique among those that are not revoked"),
	FIELD_AT(struct api_token_view, t.scopes, "scopes", AS_WORDS, 0, NULL),
	FIELD_AT(struct api_token_view, organization, "organization", AS_TEXT, FIELD_NULL,
		 "The only one it may use; null: every one"),
	FIELD_AT(struct api_token_view, t.created_ms, "created", AS_TIME, 0, NULL),
	FIELD_AT(struct api_token_view, t.expires_ms, "expires", AS_TIME, 0, NULL),
	FIELD_AT(struct api_token_view, t.revoked_ms, "revoked", AS_TIME, 0, NULL),
	FIELD_AT(struct api_token_view, t.last_used_ms, "last_used", AS_TIME, 0, NULL),
	FIELD_AT(struct api_token_view, t.actor, "actor", AS_TEXT, 0, "Who made it"),
	{ 0 },
};
static const struct field api_token_shown_fields[] = {
	FIELD_GET(api_token_shown, "token", AS_TEXT, FIELD_OPTIONAL, "Shown once"),
	{ 0 },
};
const struct schema api_token_schema = {
	.name = "ApiToken", .fields = api_token_fields, .list = true, .also = api_token_shown_fields
};

static const struct field api_token_new_fields[] = {
	FIELD_OF("name", AS_TEXT, FIELD_NEEDED, NULL),
	FIELD_OF("scopes", AS_TEXTS, FIELD_NEEDED, "At most those of who makes it"),
	FIELD_OF("expires", AS_TEXT, 0, "A duration (\"90d\"); else never"),
	FIELD_OF("organization", AS_REF, 0, "The only one it may use"),
	{ 0 },
};
const struct schema api_token_new_schema = { .name = "ApiTokenNew",
					     .fields = api_token_new_fields,
					     .request = true };

/* The row with the token that goes with it. */
static json_t *shown(const struct schema *s, const void *row)
{
	json_t *object = fields_to_json(s->fields, row), *also = fields_to_json(s->also, row);
	json_object_update(object, also);
	json_decref(also);
	return object;
}

/* ---- enrollment tokens ---- */

struct enrollment_scan {
	int64_t org_id;
};

static int enrollment_view_init(struct store_conn *c, const struct enrollment_token *t,
				struct arena *a, struct enrollment_view *ret)
{
	const struct fleet_tree *tree;
	int r = store_fleets(c, t->org_id, &tree);
	if (r != 0)
		return r;
	const struct fleet *fleet = fleet_tree_get(tree, t->fleet_id);
	*ret = (struct enrollment_view){ .t = *t };
	ret->fleet = fleet ? arena_strdup(a, fleet->name) : ""; /* it may have been deleted */
	return 0;
}

static int enrollment_scan(struct list_page *p, struct error *err)
{
	const struct enrollment_scan *scan = p->arg;
	struct enrollment_token *rows;
	size_t n;
	int r = store_enrollment_token_list(p->conn, scan->org_id, p->arena, &rows, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct enrollment_view v;
		r = enrollment_view_init(p->conn, &rows[i], p->arena, &v);
		if (r == 0 && list_row(p, rows[i].id, &v))
			break;
	}
	return r;
}

API_HANDLER(enrollment_token_list)
{
	static const struct list list = { .name = "enrollment-tokens",
					  .fields = enrollment_token_fields,
					  .scan = enrollment_scan };
	struct enrollment_scan *scan = arena_new(http_arena(req), struct enrollment_scan);
	struct organization org = { 0 };
	int r = api_org(req, api_conn(req), &org, err);
	scan->org_id = org.id;
	return r ? r : list_reply(req, &list, scan, err);
}

struct enrollment_op {
	struct enrollment_token t;
	uint8_t hash[SHA256_SIZE];
	char token[TOKEN_TEXT_SIZE];
	struct invitation *invitation; /* of kind flyve; else NULL */
};

static int apply_enrollment(struct store_conn *tx, struct op *op)
{
	struct enrollment_op *a = op->arg;
	struct enrollment_view v;
	int r = store_enrollment_token_create(tx, &op->by, &a->t, &op->err);
	if (r == 0 && a->invitation)
		r = store_flyve_invitation_put(
			tx, a->t.id, (struct span){ a->invitation->user_token_hash, SHA256_SIZE });
	if (r == 0)
		r = enrollment_view_init(tx, &a->t, op->arena, &v);
	if (r != 0)
		return r;
	v.token = a->invitation ? a->invitation->token : a->token;
	v.invitation = a->invitation;
	op_answer(op, 201, 0, shown(&enrollment_token_schema, &v));
	return 0;
}

/* The fleet of "fleet", or the root. */
static int enrollment_fleet(struct http_request *req, const json_t *body,
			    struct enrollment_token *t, struct error *err)
{
	struct organization org = { 0 };
	const struct fleet_tree *tree;
	const struct fleet *fleet = NULL;
	int r = api_org(req, api_conn(req), &org, err);
	if (r == 0)
		r = store_fleets(api_conn(req), org.id, &tree);
	if (r != 0)
		return r;
	fleet = fleet_tree_root(tree);
	if (body_has(body, "fleet"))
		r = fleet_tree_find(tree, body_ref(body, "fleet", http_arena(req)), &fleet, err);
	if (r != 0)
		return r;
	t->org_id = org.id;
	t->fleet_id = fleet->id;
	return 0;
}

static int enrollment_read(struct http_request *req, struct enrollment_op *a, struct error *err)
{
	static const char *const kinds[] = { "agent", "chrome", "flyve" };
	json_t *body = NULL;
	bool known = false;
	int r = api_body(req, &enrollment_token_new_schema, &body, err);
	if (r != 0)
		return r;
	a->t.kind = body_has(body, "kind") ? body_text(body, "kind") : "agent";
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		known |= strcmp(a->t.kind, kinds[i]) == 0;
	if (!known)
		return error_set(err, ERR_INVALID,
				 "\"kind\": \"%.40s\" is none of agent, chrome, flyve", a->t.kind);
	a->t.email = body_text(body, "email");
	if (*a->t.email)
		r = name_check("\"email\"", a->t.email, "", err);
	a->t.uses_max = json_integer_value(json_object_get(body, "uses"));
	if (r == 0 && body_has(body, "uses") && a->t.uses_max < 1)
		return error_set(err, ERR_INVALID, "\"uses\" must be at least 1");
	a->t.created_ms = clock_utc_ms();
	if (r == 0)
		r = body_expiry(body, "expires", a->t.created_ms, &a->t.expires_ms, err);
	return r ? r : enrollment_fleet(req, body, &a->t, err);
}

/* An invitation's token looks as its agents expect it, and comes with a second one. */
static void make_secrets(struct http_request *req, struct enrollment_op *a)
{
	const char *token = a->token;
	a->t.token_hash = (struct span){ a->hash, sizeof a->hash };
	if (strcmp(a->t.kind, "flyve") == 0) {
		a->invitation = arena_new(http_arena(req), struct invitation);
		invitation_make(req, a->invitation);
		a->t.token_hash.p = a->invitation->token_hash;
		token = a->invitation->token;
	} else {
		rand_token(a->token);
		sha256(span_str(a->token), a->hash);
	}
	a->t.hint = arena_strndup(http_arena(req), token, HINT_SIZE);
}

API_HANDLER(enrollment_token_create)
{
	struct enrollment_op *a = arena_new(http_arena(req), struct enrollment_op);
	int r = enrollment_read(req, a, err);
	if (r != 0)
		return r;
	make_secrets(req, a);
	a->t.actor = principal_of(req)->actor;
	struct op *op = op_new(req, apply_enrollment, a);
	op->secret = true;
	op_submit(op);
	return 0;
}

static int apply_enrollment_revoke(struct store_conn *tx, struct op *op)
{
	const struct enrollment_token *t = op->arg;
	return store_enrollment_token_revoke(tx, &op->by, t->id, &op->err);
}

API_HANDLER(enrollment_token_revoke)
{
	struct enrollment_token *t = arena_new(http_arena(req), struct enrollment_token);
	int64_t id = 0;
	int r = http_path_id(req, "id", &id, err);
	if (r == 0)
		r = store_enrollment_token_get(api_conn(req), id, http_arena(req), t, err);
	if (r == 0 && !api_in_reach(req, t->org_id))
		r = error_set(err, ERR_NOT_FOUND, "there is no enrollment token %lld",
			      (long long)id);
	if (r == 0)
		op_submit(op_new(req, apply_enrollment_revoke, t));
	return r;
}

/* ---- API tokens ---- */

static int api_token_scan(struct list_page *p, struct error *err)
{
	struct org_names names = { .conn = p->conn, .arena = p->arena };
	struct api_token *rows;
	size_t n;
	int r = store_api_token_list(p->conn, p->arena, &rows, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!api_in_reach(p->req, rows[i].org_id))
			continue;
		struct api_token_view v = { rows[i], org_name(&names, rows[i].org_id), NULL };
		if (list_row(p, rows[i].id, &v))
			break;
	}
	return r;
}

API_HANDLER(api_token_list)
{
	static const struct list list = { .name = "api-tokens",
					  .fields = api_token_fields,
					  .scan = api_token_scan };
	return list_reply(req, &list, NULL, err);
}

struct api_token_op {
	struct api_token t;
	const char *organization;
	uint8_t hash[SHA256_SIZE];
	char token[TOKEN_TEXT_SIZE];
};

static int apply_api_token(struct store_conn *tx, struct op *op)
{
	struct api_token_op *a = op->arg;
	int r = store_api_token_create(tx, &op->by, &a->t, &op->err);
	const struct api_token_view v = { a->t, a->organization, a->token };
	if (r == 0)
		op_answer(op, 201, 0, shown(&api_token_schema, &v));
	return r;
}

static int api_token_read(struct http_request *req, struct api_token_op *a, struct error *err)
{
	struct organization org = { 0 };
	struct arena *arena = http_arena(req);
	json_t *body = NULL;
	int r = api_body(req, &api_token_new_schema, &body, err);
	if (r == 0)
		r = name_check("\"name\"", body_text(body, "name"), "", err);
	if (r == 0)
		r = body_words(body, "scopes", arena, &a->t.scopes, err);
	if (r == 0)
		r = scopes_check(a->t.scopes, err);
	if (r == 0)
		r = scopes_covered(principal_of(req)->scopes, a->t.scopes, err);
	a->t.created_ms = clock_utc_ms();
	if (r == 0)
		r = body_expiry(body, "expires", a->t.created_ms, &a->t.expires_ms, err);
	if (r == 0 && (body_has(body, "organization") || principal_of(req)->org_id))
		r = api_org_ref(req, api_conn(req), body_ref(body, "organization", arena), &org,
				err);
	a->t.name = body_text(body, "name");
	a->t.org_id = org.id;
	a->organization = org.name;
	return r;
}

API_HANDLER(api_token_create)
{
	struct api_token_op *a = arena_new(http_arena(req), struct api_token_op);
	int r = api_token_read(req, a, err);
	if (r != 0)
		return r;
	rand_token(a->token);
	sha256(span_str(a->token), a->hash);
	a->t.token_hash = (struct span){ a->hash, sizeof a->hash };
	a->t.actor = principal_of(req)->actor;
	struct op *op = op_new(req, apply_api_token, a);
	op->secret = true;
	op_submit(op);
	return 0;
}

static int api_token_find(struct http_request *req, int64_t id, struct error *err)
{
	struct api_token *rows;
	size_t n;
	int r = store_api_token_list(api_conn(req), http_arena(req), &rows, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (rows[i].id == id && api_in_reach(req, rows[i].org_id))
			return 0;
	return r ? r : error_set(err, ERR_NOT_FOUND, "there is no API token %lld", (long long)id);
}

static int apply_api_token_revoke(struct store_conn *tx, struct op *op)
{
	const int64_t *id = op->arg;
	return store_api_token_revoke(tx, &op->by, *id, &op->err);
}

API_HANDLER(api_token_revoke)
{
	int64_t *id = arena_new(http_arena(req), int64_t);
	int r = http_path_id(req, "id", id, err);
	if (r == 0)
		r = api_token_find(req, *id, err);
	if (r == 0)
		op_submit(op_new(req, apply_api_token_revoke, id));
	return r;
}
