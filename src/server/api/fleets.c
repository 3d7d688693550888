/* SPDX-License-Identifier: Apache-2.0
 *
 * Fleets: nodes of an organization's tree. Their settings are in settings.c.
 */
#include "server/api/nouns.h"
#include "server/api/overview.h"
#include "server/api/state.h"
#include <string.h>

struct fleet_view {
	struct fleet f;
	const char *path;
	int64_t devices;
};

static const struct field fleet_fields[] = {
	FIELD_AT(struct fleet_view, f.id, "id", AS_INT, 0, NULL),
	FIELD_AT(struct fleet_view, f.name, "name", AS_TEXT, 0, "Unique among its siblings"),
	FIELD_AT(struct fleet_view, path, "path", AS_TEXT, 0, "From the root: \"default/Sales\""),
	FIELD_AT(struct fleet_view, f.parent_id, "parent", AS_INT, FIELD_NULL,
		 "Id of the fleet above; null: the root"),
	FIELD_AT(struct fleet_view, devices, "devices", AS_INT, 0,
		 "Managed devices of this very fleet"),
	FIELD_AT(struct fleet_view, f.created_ms, "created", AS_TIME, 0, NULL),
	FIELD_AT(struct fleet_view, f.revision, "revision", AS_INT, 0, "Its ETag"),
	{ 0 },
};
const struct schema fleet_schema = { .name = "Fleet", .fields = fleet_fields, .list = true };

static const struct field fleet_new_fields[] = {
	FIELD_OF("name", AS_TEXT, FIELD_NEEDED, NULL),
	FIELD_OF("parent", AS_REF, 0, "Id, unique name or path; else the root"),
	{ 0 },
};
const struct schema fleet_new_schema = { .name = "FleetNew",
					 .fields = fleet_new_fields,
					 .request = true };

static const struct field fleet_patch_fields[] = {
	FIELD_OF("name", AS_TEXT, 0, NULL),
	FIELD_OF("parent", AS_REF, 0, "Move it below this one"),
	{ 0 },
};
const struct schema fleet_patch_schema = { .name = "FleetPatch",
					   .fields = fleet_patch_fields,
					   .request = true };

/* ---- reading ---- */

static json_t *view_to_json(const struct fleet *f, const struct fleet_tree *tree, int64_t devices,
			    struct arena *a)
{
	struct fleet_view v = { .f = *f, .path = fleet_tree_path(tree, f->id, a), devices };
	return fields_to_json(fleet_fields, &v);
}

struct fleet_scan {
	int64_t org_id;
	struct overview_counts counts;
};

static int compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static int fleet_scan(struct list_page *p, struct error *err)
{
	const struct fleet_scan *scan = p->arg;
	const struct fleet_tree *tree;
	int64_t *ids = NULL;
	int r = store_fleets(p->conn, scan->org_id, &tree);
	if (r != 0)
		return r;
	size_t n = fleet_tree_subtree(tree, fleet_tree_root(tree)->id, p->arena, &ids);
	qsort(ids, n, sizeof *ids, compare_ids);
	for (size_t i = 0; i < n; i++) {
		if (ids[i] <= p->after_id)
			continue;
		struct fleet_view v = { .f = *fleet_tree_get(tree, ids[i]),
					.path = fleet_tree_path(tree, ids[i], p->arena),
					.devices = overview_fleet(&scan->counts, ids[i]) };
		if (list_row(p, ids[i], &v))
			break;
	}
	return 0;
}

API_HANDLER(fleet_list)
{
	static const struct list list = { .name = "fleets",
					  .fields = fleet_fields,
					  .scan = fleet_scan };
	struct fleet_scan *scan = arena_new(http_arena(req), struct fleet_scan);
	struct organization org = { 0 };
	int r = api_org(req, api_conn(req), &org, err);
	scan->org_id = org.id;
	if (r == 0)
		r = overview_counts(api_of(req)->overview, api_conn(req), org.id, http_arena(req),
				    &scan->counts);
	return r ? r : list_reply(req, &list, scan, err);
}

/* ---- one fleet ---- */

struct fleet_op {
	int64_t org_id, id, parent_id, if_revision;
	int64_t devices;  /* of the fleet, for the answer */
	const char *name; /* "": stays */
};

/* The fleet of the path, and what an answer about it needs. */
static int fleet_op_new(struct http_request *req, struct fleet_op **ret, struct error *err)
{
	struct fleet_op *a = arena_new(http_arena(req), struct fleet_op);
	struct overview_counts counts;
	struct fleet fleet;
	int r = api_fleet(req, api_conn(req), &fleet, err);
	if (r == 0)
		r = overview_counts(api_of(req)->overview, api_conn(req), fleet.org_id,
				    http_arena(req), &counts);
	if (r == 0)
		r = api_if_match(req, &a->if_revision, err);
	if (r != 0)
		return r;
	a->org_id = fleet.org_id;
	a->id = fleet.id;
	a->devices = overview_fleet(&counts, fleet.id);
	*ret = a;
	return 0;
}

static int fleet_read(struct store_conn *c, const struct fleet_op *a, struct arena *arena,
		      json_t **ret, int64_t *ret_revision, struct error *err)
{
	const struct fleet_tree *tree;
	int r = store_fleets(c, a->org_id, &tree);
	if (r != 0)
		return r;
	const struct fleet *f = fleet_tree_get(tree, a->id);
	if (!f)
		return error_set(err, ERR_NOT_FOUND, "there is no fleet %lld", (long long)a->id);
	*ret = view_to_json(f, tree, a->devices, arena);
	*ret_revision = f->revision;
	return 0;
}

API_HANDLER(fleet_show)
{
	struct fleet_op *a;
	json_t *body = NULL;
	int64_t revision;
	int r = fleet_op_new(req, &a, err);
	if (r == 0)
		r = fleet_read(api_conn(req), a, http_arena(req), &body, &revision, err);
	if (r == 0)
		api_reply(req, 200, revision, body);
	return r;
}

/* ---- writing ---- */

static int op_answer_fleet(struct store_conn *tx, struct op *op, int status)
{
	json_t *body = NULL;
	int64_t revision;
	int r = fleet_read(tx, op->arg, op->arena, &body, &revision, &op->err);
	if (r == 0)
		op_answer(op, status, revision, body);
	return r;
}

/* Names are parts of paths, and a number would read as an id. */
static int check_name(const char *name, struct error *err)
{
	if (*name && strspn(name, "0123456789") == strlen(name))
		return error_set(err, ERR_INVALID, "\"name\" must not be a number");
	return name_check("\"name\"", name, "/", err);
}

/* Id of the fleet that "parent" names; 0: the key is not there. */
static int parent_of(struct http_request *req, const json_t *body, int64_t org_id, int64_t *ret,
		     struct error *err)
{
	const struct fleet_tree *tree;
	const struct fleet *parent = NULL;
	*ret = 0;
	if (!body_has(body, "parent"))
		return 0;
	int r = store_fleets(api_conn(req), org_id, &tree);
	if (r == 0)
		r = fleet_tree_find(tree, body_ref(body, "parent", http_arena(req)), &parent, err);
	if (r == 0)
		*ret = parent->id;
	return r;
}

static int apply_create(struct store_conn *tx, struct op *op)
{
	struct fleet_op *a = op->arg;
	struct fleet f;
	const struct fleet_tree *tree;
	int64_t parent_id = a->parent_id;
	int r = store_fleets(tx, a->org_id, &tree);
	if (r != 0)
		return r;
	if (parent_id == 0)
		parent_id = fleet_tree_root(tree)->id;
	r = store_fleet_create(tx, &op->by, a->org_id, parent_id, a->name, op->arena, &f, &op->err);
	if (r != 0)
		return r;
	a->id = f.id;
	return op_answer_fleet(tx, op, 201);
}

API_HANDLER(fleet_create)
{
	struct fleet_op *a = arena_new(http_arena(req), struct fleet_op);
	struct organization org = { 0 };
	json_t *body = NULL;
	int r = api_body(req, &fleet_new_schema, &body, err);
	if (r == 0)
		r = check_name(body_text(body, "name"), err);
	if (r == 0)
		r = api_org(req, api_conn(req), &org, err);
	if (r == 0)
		r = parent_of(req, body, org.id, &a->parent_id, err);
	if (r != 0)
		return r;
	a->org_id = org.id;
	a->name = body_text(body, "name");
	op_submit(op_new(req, apply_create, a));
	return 0;
}

/* Rename and move in one transaction; the precondition is checked by the first of them. */
static int apply_update(struct store_conn *tx, struct op *op)
{
	struct fleet_op *a = op->arg;
	int64_t if_revision = a->if_revision;
	int r = 0;
	if (*a->name) {
		r = store_fleet_rename(tx, &op->by, a->id, a->name, if_revision, &op->err);
		if_revision = 0;
	}
	if (r == 0 && a->parent_id)
		r = store_fleet_move(tx, &op->by, a->id, a->parent_id, if_revision, &op->err);
	return r ? r : op_answer_fleet(tx, op, 200);
}

API_HANDLER(fleet_update)
{
	struct fleet_op *a;
	json_t *body = NULL;
	int r = api_body(req, &fleet_patch_schema, &body, err);
	if (r == 0)
		r = fleet_op_new(req, &a, err);
	if (r == 0 && body_has(body, "name"))
		r = check_name(body_text(body, "name"), err);
	if (r == 0)
		r = parent_of(req, body, a->org_id, &a->parent_id, err);
	if (r != 0)
		return r;
	a->name = body_text(body, "name");
	if (!*a->name && !a->parent_id)
		return error_set(err, ERR_INVALID,
				 "nothing to change: give \"name\" or \"parent\"");
	op_submit(op_new(req, apply_update, a));
	return 0;
}

static int apply_delete(struct store_conn *tx, struct op *op)
{
	const struct fleet_op *a = op->arg;
	return store_fleet_delete(tx, &op->by, a->id, a->if_revision, &op->err);
}

API_HANDLER(fleet_delete)
{
	struct fleet_op *a;
	int r = fleet_op_new(req, &a, err);
	if (r == 0)
		op_submit(op_new(req, apply_delete, a));
	return r;
}
