/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices: lists by filter, one device, moving, renaming, unenrolling, deleting.
 *
 * What a device is told and what it said, setting by setting, is in device-detail.c.
 */
#include "server/api/devices.h"
#include "base/clock.h"
#include "server/api/state.h"
#include <string.h>

const struct field device_fields[] = { DEVICE_FIELDS, { 0 } };
const struct schema device_schema = { .name = "Device", .fields = device_fields, .list = true };

static const struct field device_count_fields[] = {
	FIELD_OF("count", AS_INT, 0, NULL),
	{ 0 },
};
const struct schema device_count_schema = { .name = "DeviceCount", .fields = device_count_fields };

static const struct field device_patch_fields[] = {
	FIELD_OF("name", AS_TEXT, 0, NULL),
	FIELD_OF("fleet", AS_REF, 0, "Move it into this fleet"),
	{ 0 },
};
const struct schema device_patch_schema = { .name = "DevicePatch",
					    .fields = device_patch_fields,
					    .request = true };

void device_view_init(struct device_view *v, const struct device *d, enum verdict verdict,
		      int64_t version, const struct fleet_tree *tree, struct arena *a)
{
	const struct fleet *fleet = fleet_tree_get(tree, d->fleet_id);
	*v = (struct device_view){
		.d = *d,
		.verdict = verdict_name(verdict),
		.version = version,
		.managed = d->unenrolled_ms == 0,
		.fleet = fleet ? fleet->name : "",
		.fleet_path = fleet ? fleet_tree_path(tree, fleet->id, a) : "",
	};
}

/* ---- lists ---- */

int device_filter(struct http_request *req, struct store_conn *c, int64_t org_id, const char *text,
		  const struct filter **ret, struct error *err)
{
	const struct fleet_tree *tree;
	*ret = NULL;
	if (!text || !*text)
		return 0;
	int r = store_fleets(c, org_id, &tree);
	if (r != 0)
		return r;
	return filter_parse(text, tree, clock_utc_ms(), http_arena(req), ret, err);
}

struct device_scan {
	int64_t org_id;
	const struct filter *filter;
};

struct device_page { /* one page of it */
	struct list_page *page;
	const struct fleet_tree *tree;
};

static int device_row(void *user, const struct device *d, enum verdict v, int64_t version)
{
	struct device_page *p = user;
	struct device_view view;
	device_view_init(&view, d, v, version, p->tree, p->page->arena);
	return list_row(p->page, d->id, &view);
}

static int device_scan(struct list_page *p, struct error *err)
{
	const struct device_scan *scan = p->arg;
	struct device_page page = { .page = p };
	int r = store_fleets(p->conn, scan->org_id, &page.tree);
	if (r != 0)
		return r;
	return store_device_list(p->conn, scan->org_id, scan->filter, p->after_id, p->limit + 1,
				 device_row, &page);
}

static int device_scan_new(struct http_request *req, struct device_scan **ret, struct error *err)
{
	struct device_scan *scan = arena_new(http_arena(req), struct device_scan);
	struct organization org = { 0 };
	int r = api_org(req, api_conn(req), &org, err);
	if (r != 0)
		return r;
	scan->org_id = org.id;
	*ret = scan;
	return device_filter(req, api_conn(req), org.id, http_query(req, "filter"), &scan->filter,
			     err);
}

API_HANDLER(device_list)
{
	static const struct list all = { .name = "devices",
					 .fields = device_fields,
					 .scan = device_scan };
	static const struct list some = {
		.name = "devices", .fields = device_fields, .scan = device_scan, .slow = true
	};
	struct device_scan *scan;
	int r = device_scan_new(req, &scan, err);
	return r ? r : list_reply(req, scan->filter ? &some : &all, scan, err);
}

/* Counting may read the whole table, so it is done on a job. */
static int count_later(struct http_request *req, void *arg, struct error *err)
{
	const struct device_scan *scan = arg;
	int64_t n;
	int r = store_device_count(api_conn(req), scan->org_id, scan->filter, &n);
	if (r == 0)
		http_reply_json(req, 200, json_pack("{s:I}", "count", (json_int_t)n));
	return r;
}

API_HANDLER(device_count)
{
	struct device_scan *scan;
	int r = device_scan_new(req, &scan, err);
	if (r == 0)
		api_later(req, LATER_WORK, count_later, scan);
	return r;
}

/* ---- one device ---- */

int device_view_read(struct store_conn *c, const struct device *d, struct arena *a,
		     struct device_view *ret)
{
	const struct fleet_tree *tree;
	enum verdict verdict;
	int64_t version;
	int r = store_device_verdict(c, d, &verdict, &version);
	if (r == 0)
		r = store_fleets(c, d->org_id, &tree);
	if (r != 0)
		return r;
	device_view_init(ret, d, verdict, version, tree, a);
	ret->fleet = arena_strdup(a, ret->fleet); /* outlives the tree */
	return 0;
}

int device_to_json(struct store_conn *c, int64_t id, struct arena *a, json_t **ret,
		   int64_t *ret_revision, struct error *err)
{
	struct device d;
	struct device_view view;
	int r = store_device_get(c, id, a, &d, err);
	if (r == 0)
		r = device_view_read(c, &d, a, &view);
	if (r != 0)
		return r;
	*ret = fields_to_json(device_fields, &view);
	*ret_revision = d.revision;
	return 0;
}

/* ---- writing ---- */

struct device_op {
	int64_t id, fleet_id, if_revision;
	const char *name; /* "": stays */
};

static int op_answer_device(struct store_conn *tx, struct op *op, int64_t id)
{
	json_t *body = NULL;
	int64_t revision;
	int r = device_to_json(tx, id, op->arena, &body, &revision, &op->err);
	if (r == 0)
		op_answer(op, 200, revision, body);
	return r;
}

static int device_op_new(struct http_request *req, struct device_op **ret, struct device *ret_d,
			 struct error *err)
{
	struct device_op *a = arena_new(http_arena(req), struct device_op);
	int r = api_device(req, api_conn(req), ret_d, err);
	if (r == 0)
		r = api_if_match(req, &a->if_revision, err);
	a->id = ret_d->id;
	a->name = "";
	*ret = a;
	return r;
}

/* Rename and move in one transaction; the precondition is checked by the first of them. */
static int apply_update(struct store_conn *tx, struct op *op)
{
	const struct device_op *a = op->arg;
	int64_t if_revision = a->if_revision;
	int r = 0;
	if (*a->name) {
		r = store_device_rename(tx, &op->by, a->id, a->name, if_revision, &op->err);
		if_revision = 0;
	}
	if (r == 0 && a->fleet_id)
		r = store_device_move(tx, &op->by, a->id, a->fleet_id, if_revision, &op->err);
	return r ? r : op_answer_device(tx, op, a->id);
}

static int patch_read(struct http_request *req, const struct device *d, struct device_op *a,
		      struct error *err)
{
	const struct fleet_tree *tree;
	const struct fleet *fleet;
	json_t *body = NULL;
	int r = api_body(req, &device_patch_schema, &body, err);
	if (r != 0)
		return r;
	if (body_has(body, "name")) {
		a->name = body_text(body, "name");
		r = name_check("\"name\"", a->name, "", err);
	}
	if (r != 0 || !body_has(body, "fleet"))
		return r;
	r = store_fleets(api_conn(req), d->org_id, &tree);
	if (r == 0)
		r = fleet_tree_find(tree, body_ref(body, "fleet", http_arena(req)), &fleet, err);
	if (r == 0)
		a->fleet_id = fleet->id;
	return r;
}

API_HANDLER(device_update)
{
	struct device d = { 0 };
	struct device_op *a;
	int r = device_op_new(req, &a, &d, err);
	if (r == 0)
		r = patch_read(req, &d, a, err);
	if (r != 0)
		return r;
	if (!*a->name && !a->fleet_id)
		return error_set(err, ERR_INVALID, "nothing to change: give \"name\" or \"fleet\"");
	op_submit(op_new(req, apply_update, a));
	return 0;
}

static int apply_unenroll(struct store_conn *tx, struct op *op)
{
	const struct device_op *a = op->arg;
	int r = store_device_unenroll(tx, &op->by, a->id, &op->err);
	return r ? r : op_answer_device(tx, op, a->id);
}

static void unenroll_now(void *user)
{
	op_submit_deferred(user);
}

/* A phone is told over its own connection: the account that it would hear of it by goes with the commit. */
API_HANDLER(device_unenroll_by_id)
{
	struct device d = { 0 };
	struct device_op *a;
	struct server *s = server_of(req);
	int r = device_op_new(req, &a, &d, err);
	if (r)
		return r;
	struct op *op = op_new(req, apply_unenroll, a);
	bool tell = s->say_goodbye && d.unenrolled_ms == 0 &&
		    strcmp(d.channel, channel_name(CHANNEL_FLYVE)) == 0;
	if (!tell) {
		op_submit(op);
		return 0;
	}
	http_defer(req);
	s->say_goodbye(s, d.id, unenroll_now, op);
	return 0;
}

static int apply_delete(struct store_conn *tx, struct op *op)
{
	const struct device_op *a = op->arg;
	return store_device_delete(tx, &op->by, a->id, a->if_revision, &op->err);
}

API_HANDLER(device_delete)
{
	struct device d = { 0 };
	struct device_op *a;
	int r = device_op_new(req, &a, &d, err);
	if (r == 0)
		op_submit(op_new(req, apply_delete, a));
	return r;
}
