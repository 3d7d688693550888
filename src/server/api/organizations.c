/* SPDX-License-Identifier: Apache-2.0
 *
 * Organizations. A principal that is bound to one sees and changes only that.
 */
#include "server/api/nouns.h"
#include <errno.h>
#include <string.h>

static const struct field organization_fields[] = {
	FIELD_AT(struct organization, id, "id", AS_INT, 0, NULL),
	FIELD_AT(struct organization, name, "name", AS_TEXT, 0, "Unique"),
	FIELD_AT(struct organization, domain, "domain", AS_TEXT, 0,
		 "Domain of its people, or \"\""),
	FIELD_AT(struct organization, config_json, "config", AS_OBJECT, 0,
		 "Configuration keys that it sets for itself"),
	FIELD_AT(struct organization, created_ms, "created", AS_TIME, 0, NULL),
	FIELD_AT(struct organization, revision, "revision", AS_INT, 0, "Its ETag"),
	{ 0 },
};
const struct schema organization_schema = { .name = "Organization",
					    .fields = organization_fields,
					    .list = true };

static const struct field organization_new_fields[] = {
	FIELD_OF("name", AS_TEXT, FIELD_NEEDED, NULL),
	FIELD_OF("domain", AS_TEXT, 0, NULL),
	{ 0 },
};
const struct schema organization_new_schema = { .name = "OrganizationNew",
						.fields = organization_new_fields,
						.request = true };

static const struct field organization_patch_fields[] = {
	FIELD_OF("name", AS_TEXT, 0, NULL),
	FIELD_OF("domain", AS_TEXT, 0, NULL),
	FIELD_OF("config", AS_OBJECT, 0, "Keys to set; null unsets one; others stay"),
	{ 0 },
};
const struct schema organization_patch_schema = { .name = "OrganizationPatch",
						  .fields = organization_patch_fields,
						  .request = true };

struct organization_op {
	int64_t id, if_revision;
	const json_t *body; /* of the request */
};

/* ---- reading ---- */

static int organization_scan(struct list_page *p, struct error *err)
{
	struct organization *rows;
	size_t n;
	int r = store_organization_list(p->conn, p->arena, &rows, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (api_in_reach(p->req, rows[i].id) && list_row(p, rows[i].id, &rows[i]))
			break;
	return r;
}

API_HANDLER(organization_list)
{
	static const struct list list = { .name = "organizations",
					  .fields = organization_fields,
					  .scan = organization_scan };
	return list_reply(req, &list, NULL, err);
}

static void organization_reply(struct http_request *req, const struct organization *o)
{
	api_reply(req, 200, o->revision, fields_to_json(organization_fields, o));
}

API_HANDLER(organization_show)
{
	struct organization o;
	int r = api_org_ref(req, api_conn(req), http_path_param(req, "org"), &o, err);
	if (r != 0)
		return r;
	organization_reply(req, &o);
	return 0;
}

/* ---- writing ---- */

/* A name that reads as an id could never be referred to. */
static int check_name(const char *name, struct error *err)
{
	if (*name && strspn(name, "0123456789") == strlen(name))
		return error_set(err, ERR_INVALID, "\"name\" must not be a number");
	return name_check("\"name\"", name, "/", err);
}

static int check_config(const json_t *config, struct error *err)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)config, key, value) {
		int r = json_is_null(value) ? 0 : config_check_org(key, value, err);
		if (r != 0)
			return r;
	}
	return 0;
}

static int check_body(const json_t *body, struct error *err)
{
	int r = 0;
	if (body_has(body, "name"))
		r = check_name(body_text(body, "name"), err);
	if (r == 0)
		r = domain_check(body_text(body, "domain"), err);
	return r ? r : check_config(json_object_get(body, "config"), err);
}

static int apply_create(struct store_conn *tx, struct op *op)
{
	struct organization_op *a = op->arg;
	struct organization o;
	int r = store_organization_create(tx, &op->by, body_text(a->body, "name"),
					  body_text(a->body, "domain"), op->arena, &o, &op->err);
	if (r == 0)
		op_answer(op, 201, o.revision, fields_to_json(organization_fields, &o));
	return r;
}

API_HANDLER(organization_create)
{
	struct organization_op *a = arena_new(http_arena(req), struct organization_op);
	json_t *body = NULL;
	int r = api_unbound(req, err);
	if (r == 0)
		r = api_body(req, &organization_new_schema, &body, err);
	if (r == 0)
		r = check_body(body, err);
	if (r != 0)
		return r;
	a->body = body;
	op_submit(op_new(req, apply_create, a));
	return 0;
}

/* The configuration with the body's keys set and its nulls removed, as text in the arena. */
static int merge_config(const char *config_json, const json_t *changes, struct arena *a,
			const char **ret, struct error *err)
{
	AUTO_JSON config = NULL;
	const char *key;
	json_t *value;
	int r = json_parse(span_str(config_json && *config_json ? config_json : "{}"), &config,
			   err);
	if (r != 0)
		return -EBADMSG; /* stored by us */
	json_object_foreach ((json_t *)changes, key, value) {
		if (json_is_null(value))
			json_object_del(config, key);
		else
			json_object_set(config, key, value);
	}
	CLEANUP(free_charp) char *text = json_text(config);
	*ret = arena_strdup(a, text);
	return 0;
}

static int apply_update(struct store_conn *tx, struct op *op)
{
	struct organization_op *a = op->arg;
	struct organization o;
	int r = store_organization_get(tx, a->id, op->arena, &o, &op->err);
	if (r == 0 && body_has(a->body, "config"))
		r = merge_config(o.config_json, json_object_get(a->body, "config"), op->arena,
				 &o.config_json, &op->err);
	if (r != 0)
		return r;
	if (body_has(a->body, "name"))
		o.name = body_text(a->body, "name");
	if (body_has(a->body, "domain"))
		o.domain = body_text(a->body, "domain");
	r = store_organization_update(tx, &op->by, &o, a->if_revision, &op->err);
	if (r == 0)
		r = store_organization_get(tx, a->id, op->arena, &o, &op->err);
	if (r == 0)
		op_answer(op, 200, o.revision, fields_to_json(organization_fields, &o));
	return r;
}

API_HANDLER(organization_update)
{
	struct organization_op *a = arena_new(http_arena(req), struct organization_op);
	struct organization o;
	json_t *body = NULL;
	int r = api_body(req, &organization_patch_schema, &body, err);
	if (r == 0)
		r = check_body(body, err);
	if (r == 0)
		r = api_if_match(req, &a->if_revision, err);
	if (r == 0)
		r = api_org_ref(req, api_conn(req), http_path_param(req, "org"), &o, err);
	if (r != 0)
		return r;
	a->body = body;
	a->id = o.id;
	op_submit(op_new(req, apply_update, a));
	return 0;
}
