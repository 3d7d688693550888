/* SPDX-License-Identifier: Apache-2.0
 *
 * Administrators. Their passwords are hashed on a job and never leave the store.
 *
 * Nobody gains by another's account: who changes or deletes an administrator must hold all that
 * administrator's scopes, and what is handed out is at most what he holds.
 */
#include "base/clock.h"
#include "base/crypto.h"
#include "server/api/events.h"
#include "server/scopes.h"
#include <string.h>

#define PASSWORD_MIN 8
#define PASSWORD_MAX 256

struct administrator_view {
	struct administrator m;
	const char *organization;
};

static json_t *is_disabled(const void *row)
{
	return json_boolean(((const struct administrator_view *)row)->m.disabled_ms != 0);
}

static const struct field administrator_fields[] = {
	FIELD_AT(struct administrator_view, m.id, "id", AS_INT, 0, NULL),
	FIELD_AT(struct administrator_view, m.name, "name", AS_TEXT, 0, "Unique"),
	FIELD_AT(struct administrator_view, m.scopes, "scopes", AS_WORDS, 0, NULL),
	FIELD_AT(struct administrator_view, organization, "organization", AS_TEXT, FIELD_NULL,
		 "The only one for it; null: every one"),
	FIELD_AT(struct administrator_view, m.created_ms, "created", AS_TIME, 0, NULL),
	FIELD_GET(is_disabled, "disabled", AS_BOOL, 0, "May not log in"),
	FIELD_AT(struct administrator_view, m.last_login_ms, "last_login", AS_TIME, 0, NULL),
	{ 0 },
};
const struct schema administrator_schema = { .name = "Administrator",
					     .fields = administrator_fields,
					     .list = true };

static const struct field administrator_new_fields[] = {
	FIELD_OF("name", AS_TEXT, FIELD_NEEDED, NULL),
	FIELD_OF("password", AS_TEXT, FIELD_NEEDED, "At least 8 characters"),
	FIELD_OF("scopes", AS_TEXTS, FIELD_NEEDED, "At most those of who makes it"),
	FIELD_OF("organization", AS_REF, 0, "The only one for it"),
	{ 0 },
};
const struct schema administrator_new_schema = { .name = "AdministratorNew",
						 .fields = administrator_new_fields,
						 .request = true };

static const struct field administrator_patch_fields[] = {
	FIELD_OF("password", AS_TEXT, 0, "Ends the administrator's sessions"),
	FIELD_OF("scopes", AS_TEXTS, 0, NULL),
	FIELD_OF("disabled", AS_BOOL, 0, "Ends the administrator's sessions"),
	{ 0 },
};
const struct schema administrator_patch_schema = { .name = "AdministratorPatch",
						   .fields = administrator_patch_fields,
						   .request = true };

static json_t *administrator_to_json(struct store_conn *c, const struct administrator *m,
				     struct arena *a)
{
	struct org_names names = { .conn = c, .arena = a };
	const struct administrator_view v = { *m, org_name(&names, m->org_id) };
	return fields_to_json(administrator_fields, &v);
}

static int administrator_scan(struct list_page *p, struct error *err)
{
	struct org_names names = { .conn = p->conn, .arena = p->arena };
	struct administrator *rows;
	size_t n;
	int r = store_administrator_list(p->conn, p->arena, &rows, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!api_in_reach(p->req, rows[i].org_id))
			continue;
		const struct administrator_view v = { rows[i], org_name(&names, rows[i].org_id) };
		if (list_row(p, rows[i].id, &v))
			break;
	}
	return r;
}

API_HANDLER(administrator_list)
{
	static const struct list list = { .name = "administrators",
					  .fields = administrator_fields,
					  .scan = administrator_scan };
	return list_reply(req, &list, NULL, err);
}

/* ---- writing ---- */

struct administrator_op {
	struct administrator m; /* new: all of it; else: id */
	const char *password;   /* in clear; NULL: stays */
	const char *scopes;     /* NULL: stay */
	const json_t *disabled; /* NULL: stays */
	char hash[128];
	int (*apply)(struct store_conn *tx, struct op *op);
};

/* Hashes the password, then writes. */
static int hash_later(struct http_request *req, void *arg, struct error *err)
{
	struct administrator_op *a = arg;
	int r = a->password ? password_hash(a->password, a->hash) : 0;
	if (r != 0)
		return r;
	op_submit_deferred(op_new(req, a->apply, a));
	return JOB_PASSED_ON;
}

static int password_read(const json_t *body, struct administrator_op *a, struct error *err)
{
	if (!body_has(body, "password"))
		return 0;
	a->password = body_text(body, "password");
	size_t n = strlen(a->password);
	if (n < PASSWORD_MIN || n > PASSWORD_MAX)
		return error_set(err, ERR_INVALID, "\"password\" must have %d to %d bytes",
				 PASSWORD_MIN, PASSWORD_MAX);
	return 0;
}

static int scopes_read(struct http_request *req, const json_t *body, struct administrator_op *a,
		       struct error *err)
{
	if (!body_has(body, "scopes"))
		return 0;
	int r = body_words(body, "scopes", http_arena(req), &a->scopes, err);
	if (r == 0)
		r = scopes_check(a->scopes, err);
	return r ? r : scopes_covered(principal_of(req)->scopes, a->scopes, err);
}

static int apply_create(struct store_conn *tx, struct op *op)
{
	struct administrator_op *a = op->arg;
	a->m.password = a->hash;
	int r = store_administrator_create(tx, &op->by, &a->m, &op->err);
	if (r == 0)
		op_answer(op, 201, 0, administrator_to_json(tx, &a->m, op->arena));
	return r;
}

API_HANDLER(administrator_create)
{
	struct administrator_op *a = arena_new(http_arena(req), struct administrator_op);
	struct organization org = { 0 };
	json_t *body = NULL;
	int r = api_body(req, &administrator_new_schema, &body, err);
	if (r == 0)
		r = name_check("\"name\"", body_text(body, "name"), "", err);
	if (r == 0)
		r = password_read(body, a, err);
	if (r == 0)
		r = scopes_read(req, body, a, err);
	if (r == 0 && (body_has(body, "organization") || principal_of(req)->org_id))
		r = api_org_ref(req, api_conn(req), body_ref(body, "organization", http_arena(req)),
				&org, err);
	if (r != 0)
		return r;
	a->m = (struct administrator){ .name = body_text(body, "name"),
				       .scopes = a->scopes,
				       .org_id = org.id,
				       .created_ms = clock_utc_ms() };
	a->apply = apply_create;
	api_later(req, LATER_PASSWORD, hash_later, a);
	return 0;
}

/* The administrator of the path, if the principal may change it. */
static int administrator_read(struct http_request *req, struct administrator *ret,
			      struct error *err)
{
	int64_t id = 0;
	int r = http_path_id(req, "id", &id, err);
	if (r == 0)
		r = store_administrator_get(api_conn(req), id, http_arena(req), ret, err);
	if (r == 0 && !api_in_reach(req, ret->org_id))
		r = error_set(err, ERR_NOT_FOUND, "there is no administrator %lld", (long long)id);
	return r ? r : scopes_covered(principal_of(req)->scopes, ret->scopes, err);
}

static int apply_update(struct store_conn *tx, struct op *op)
{
	const struct administrator_op *a = op->arg;
	struct administrator m;
	int r = store_administrator_get(tx, a->m.id, op->arena, &m, &op->err);
	if (r != 0)
		return r;
	if (a->password)
		m.password = a->hash;
	if (a->scopes)
		m.scopes = a->scopes;
	if (a->disabled && json_is_true(a->disabled) != (m.disabled_ms != 0))
		m.disabled_ms = json_is_true(a->disabled) ? op->by.now_ms : 0;
	r = store_administrator_update(tx, &op->by, &m, &op->err);
	if (r == 0)
		op_answer(op, 200, 0, administrator_to_json(tx, &m, op->arena));
	return r;
}

API_HANDLER(administrator_update)
{
	struct administrator_op *a = arena_new(http_arena(req), struct administrator_op);
	json_t *body = NULL;
	int r = api_body(req, &administrator_patch_schema, &body, err);
	if (r == 0)
		r = administrator_read(req, &a->m, err);
	if (r == 0)
		r = password_read(body, a, err);
	if (r == 0)
		r = scopes_read(req, body, a, err);
	if (r != 0)
		return r;
	if (body_has(body, "disabled"))
		a->disabled = json_object_get(body, "disabled");
	if (!a->password && !a->scopes && !a->disabled)
		return error_set(err, ERR_INVALID, "nothing to change");
	a->apply = apply_update;
	api_later(req, LATER_PASSWORD, hash_later, a);
	return 0;
}

static int apply_delete(struct store_conn *tx, struct op *op)
{
	const struct administrator_op *a = op->arg;
	return store_administrator_delete(tx, &op->by, a->m.id, &op->err);
}

API_HANDLER(administrator_delete)
{
	struct administrator_op *a = arena_new(http_arena(req), struct administrator_op);
	int r = administrator_read(req, &a->m, err);
	if (r == 0)
		op_submit(op_new(req, apply_delete, a));
	return r;
}
