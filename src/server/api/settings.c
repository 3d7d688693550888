/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings: the catalogue, what is set on a fleet or device, and what is in force there.
 *
 * A fleet's and a device's handlers differ only in how the path is resolved: both end in a
 * struct setting_op.
 */
#include "base/clock.h"
#include "server/api/nouns.h"
#include <errno.h>
#include <string.h>

/* ---- schemas ---- */

static const struct field setting_type_fields[] = {
	FIELD_OF("name", AS_TEXT, 0, NULL),
	FIELD_OF("type", AS_TEXT, 0, "boolean integer string enum list json objects"),
	FIELD_OF("min", AS_INT, FIELD_NULL, NULL),
	FIELD_OF("max", AS_INT, FIELD_NULL, NULL),
	FIELD_OF("choices", AS_TEXTS, FIELD_NULL, "Of an enum, weakest first"),
	FIELD_OF("default", AS_JSON, 0, "What an unmanaged device does"),
	FIELD_OF("rule", AS_TEXT, 0, "When an observed value satisfies the desired one"),
	FIELD_OF("channels", AS_TEXTS, 0, "Which channels have a word for it"),
	FIELD_OF("provider", AS_TEXT, FIELD_NULL, "The Linux agent's provider"),
	FIELD_OF("chrome", AS_TEXT, FIELD_NULL, "The Chrome policy it maps to"),
	FIELD_OF("flyve", AS_TEXT, FIELD_NULL, "Flyve's group:key"),
	FIELD_OF("mdmcore", AS_TEXT, FIELD_NULL, "MDMCore's field"),
	FIELD_OF("doc", AS_TEXT, 0, NULL),
	{ 0 },
};
const struct schema setting_type_schema = { .name = "SettingType",
					    .fields = setting_type_fields,
					    .list = true };

static json_t *level_of(const void *row)
{
	const struct setting *s = row;
	return json_string(s->level && *s->level ? s->level : "mandatory");
}

static const struct field setting_fields[] = {
	FIELD_AT(struct setting, name, "name", AS_TEXT, 0, NULL),
	FIELD_AT(struct setting, value_json, "value", AS_JSON, 0, NULL),
	FIELD_GET(level_of, "level", AS_TEXT, 0, "mandatory or recommended"),
	FIELD_AT(struct setting, changed_ms, "changed", AS_TIME, 0, NULL),
	FIELD_AT(struct setting, actor, "actor", AS_TEXT, 0, "Who set it"),
	{ 0 },
};
const struct schema setting_schema = { .name = "Setting", .fields = setting_fields, .list = true };

static const struct field setting_put_fields[] = {
	FIELD_OF("value", AS_JSON, FIELD_NEEDED, "What the catalogue's row allows"),
	FIELD_OF("level", AS_TEXT, 0, "mandatory (default) or recommended"),
	{ 0 },
};
const struct schema setting_put_schema = { .name = "SettingPut",
					   .fields = setting_put_fields,
					   .request = true };

static const struct field setting_put_answer_fields[] = {
	FIELD_OF("name", AS_TEXT, 0, NULL),
	FIELD_OF("value", AS_JSON, 0, NULL),
	FIELD_OF("level", AS_TEXT, 0, NULL),
	FIELD_OF("changed", AS_BOOL, 0, "false: it was so already"),
	{ 0 },
};
const struct schema setting_put_answer_schema = { .name = "SettingChanged",
						  .fields = setting_put_answer_fields };

struct effective_view {
	const struct desired_setting *s;
	const char *name, *level, *source_name;
	bool applies;
};

static json_t *effective_value(const void *row)
{
	return json_incref(((const struct effective_view *)row)->s->value);
}

static json_t *effective_source(const void *row)
{
	return json_string(((const struct effective_view *)row)->s->scope);
}

static json_t *effective_source_id(const void *row)
{
	int64_t id = ((const struct effective_view *)row)->s->scope_id;
	return id ? json_integer(id) : NULL;
}

static const struct field effective_fields[] = {
	FIELD_AT(struct effective_view, name, "name", AS_TEXT, 0, NULL),
	FIELD_GET(effective_value, "value", AS_JSON, 0, NULL),
	FIELD_AT(struct effective_view, level, "level", AS_TEXT, 0, "mandatory or recommended"),
	FIELD_GET(effective_source, "source", AS_TEXT, 0, "device, fleet or default"),
	FIELD_GET(effective_source_id, "source_id", AS_INT, FIELD_NULL, "Of the device or fleet"),
	FIELD_AT(struct effective_view, source_name, "source_name", AS_TEXT, 0,
		 "The device's name or the fleet's path"),
	FIELD_AT(struct effective_view, applies, "applies", AS_BOOL, 0,
		 "Whether the device's channel has a word for it"),
	{ 0 },
};
static const struct field effective_list_fields[] = {
	FIELD_OF("version", AS_INT, FIELD_NULL, "Of the device's desired state"),
	{ 0 },
};
const struct schema effective_setting_schema = { .name = "EffectiveSetting",
						 .fields = effective_fields,
						 .list = true,
						 .list_also = effective_list_fields };

/* ---- the catalogue ---- */

static int setting_type_scan(struct list_page *p, struct error *err)
{
	for (size_t i = 0; i < catalogue_n(); i++) {
		const struct setting_type *t = catalogue_at(i);
		if (strcmp(t->name, p->after) <= 0)
			continue;
		AUTO_JSON row = catalogue_to_json(t);
		if (list_row_named(p, t->name, row))
			break;
	}
	return 0;
}

API_HANDLER(setting_type_list)
{
	static const struct list list = { .name = "settings",
					  .fields = setting_type_fields,
					  .scan = setting_type_scan,
					  .by_name = true };
	return list_reply(req, &list, NULL, err);
}

static int type_find(const char *name, const struct setting_type **ret, struct error *err)
{
	const char *near = catalogue_nearest(name);
	*ret = catalogue_find(name);
	if (*ret)
		return 0;
	if (near)
		return error_set(err, ERR_NOT_FOUND,
				 "there is no setting \"%.80s\"; did you mean \"%s\"?", name, near);
	return error_set(err, ERR_NOT_FOUND, "there is no setting \"%.80s\"", name);
}

API_HANDLER(setting_type_show)
{
	const struct setting_type *t;
	int r = type_find(http_path_param(req, "name"), &t, err);
	if (r != 0)
		return r;
	AUTO_JSON row = catalogue_to_json(t);
	http_reply_json(req, 200, fields_to_json(setting_type_fields, row));
	return 0;
}

/* ---- whose settings ---- */

struct setting_op {
	enum scope scope;
	int64_t id;           /* of the fleet or device */
	struct device device; /* SCOPE_DEVICE */
	int64_t org_id;
	const char *name, *level;
	const struct setting_type *type;
	const json_t *value; /* of the request's body */
};

static int op_of_fleet(struct http_request *req, struct setting_op **ret, struct error *err)
{
	struct fleet fleet;
	int r = api_fleet(req, api_conn(req), &fleet, err);
	if (r != 0)
		return r;
	*ret = arena_new(http_arena(req), struct setting_op);
	**ret = (struct setting_op){ .scope = SCOPE_FLEET, .id = fleet.id, .org_id = fleet.org_id };
	return 0;
}

static int op_of_device(struct http_request *req, struct setting_op **ret, struct error *err)
{
	struct setting_op *a = arena_new(http_arena(req), struct setting_op);
	int r = api_device(req, api_conn(req), &a->device, err);
	a->scope = SCOPE_DEVICE;
	a->id = a->device.id;
	a->org_id = a->device.org_id;
	*ret = a;
	return r;
}

/* ---- what is set there ---- */

static int setting_scan(struct list_page *p, struct error *err)
{
	const struct setting_op *a = p->arg;
	struct setting *rows;
	size_t n;
	int r = store_setting_list(p->conn, a->scope, a->id, p->arena, &rows, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (list_row_named(p, rows[i].name, &rows[i]))
			break;
	return r;
}

static const struct list setting_rows = {
	.name = "set", .fields = setting_fields, .scan = setting_scan, .by_name = true
};

API_HANDLER(fleet_setting_list)
{
	struct setting_op *a;
	int r = op_of_fleet(req, &a, err);
	return r ? r : list_reply(req, &setting_rows, a, err);
}

API_HANDLER(device_setting_list)
{
	struct setting_op *a;
	int r = op_of_device(req, &a, err);
	return r ? r : list_reply(req, &setting_rows, a, err);
}

static int apply_set(struct store_conn *tx, struct op *op)
{
	const struct setting_op *a = op->arg;
	bool changed = false;
	int r = store_setting_set(tx, &op->by, a->scope, a->id, a->name, a->level, a->value, false,
				  &changed, &op->err);
	if (r == 0 && changed)
		r = store_setting_conflict(tx, a->scope, a->id, a->name, &op->err);
	if (r == 0)
		op_answer(op, 200, 0,
			  json_pack("{s:s, s:O, s:s, s:b}", "name", a->name, "value", a->value,
				    "level", a->level, "changed", (int)changed));
	return r;
}

static int set_submit(struct http_request *req, struct setting_op *a, struct error *err)
{
	json_t *body = NULL;
	int r = type_find(http_path_param(req, "name"), &a->type, err);
	if (r == 0)
		r = api_body(req, &setting_put_schema, &body, err);
	if (r != 0)
		return r;
	a->name = a->type->name;
	a->value = json_object_get(body, "value");
	a->level = body_has(body, "level") ? body_text(body, "level") : "mandatory";
	if (strcmp(a->level, "mandatory") != 0 && strcmp(a->level, "recommended") != 0)
		return error_set(err, ERR_INVALID,
				 "\"level\": \"%.40s\" is neither mandatory nor recommended",
				 a->level);
	r = catalogue_check(a->type, a->value, err);
	if (r == 0)
		op_submit(op_new(req, apply_set, a));
	return r;
}

API_HANDLER(fleet_setting_set)
{
	struct setting_op *a;
	int r = op_of_fleet(req, &a, err);
	return r ? r : set_submit(req, a, err);
}

API_HANDLER(device_setting_set)
{
	struct setting_op *a;
	int r = op_of_device(req, &a, err);
	return r ? r : set_submit(req, a, err);
}

static int apply_unset(struct store_conn *tx, struct op *op)
{
	const struct setting_op *a = op->arg;
	return store_setting_unset(tx, &op->by, a->scope, a->id, a->name, &op->err);
}

/* A name that the catalogue does not know (any more) may still be set, and can be removed. */
static void unset_submit(struct http_request *req, struct setting_op *a)
{
	a->name = http_path_param(req, "name");
	op_submit(op_new(req, apply_unset, a));
}

API_HANDLER(fleet_setting_unset)
{
	struct setting_op *a;
	int r = op_of_fleet(req, &a, err);
	if (r == 0)
		unset_submit(req, a);
	return r;
}

API_HANDLER(device_setting_unset)
{
	struct setting_op *a;
	int r = op_of_device(req, &a, err);
	if (r == 0)
		unset_submit(req, a);
	return r;
}

/* ---- what is in force there ---- */

static enum channel channel_of(const struct device *d)
{
	enum channel channel = CHANNEL_DEVICE;
	(void)channel_parse(d->channel, &channel); /* stored by us */
	return channel;
}

static int effective_read(struct store_conn *c, const struct setting_op *a, struct desired *ret)
{
	if (a->scope == SCOPE_DEVICE)
		return store_desired(c, &a->device, ret);
	return store_desired_fleet(c, a->org_id, a->id, ret);
}

static const char *source_name(const struct setting_op *a, const struct desired_setting *s,
			       const struct fleet_tree *tree, struct arena *arena)
{
	if (strcmp(s->scope, "fleet") == 0)
		return fleet_tree_path(tree, s->scope_id, arena);
	return strcmp(s->scope, "device") == 0 ? a->device.name : "";
}

static int effective_scan(struct list_page *p, struct error *err)
{
	const struct setting_op *a = p->arg;
	enum channel channel = channel_of(&a->device);
	const struct fleet_tree *tree;
	CLEANUP(desired_fini) struct desired desired;
	desired_init(&desired, channel);
	int r = effective_read(p->conn, a, &desired);
	if (r == 0)
		r = store_fleets(p->conn, a->org_id, &tree);
	for (size_t i = 0; r == 0 && i < desired.n; i++) {
		const struct desired_setting *s = &desired.items[i];
		bool fleet = a->scope == SCOPE_FLEET;
		struct effective_view v = {
			.s = s,
			.name = s->type->name,
			.level = s->recommended ? "recommended" : "mandatory",
			.source_name = source_name(a, s, tree, p->arena),
			.applies = fleet || catalogue_applies(s->type, channel),
		};
		if (list_row_named(p, v.name, &v))
			break;
	}
	return r;
}

/* The version that all of it has; a fleet has none, its devices do. */
static int effective_finish(struct list_page *p, json_t *answer)
{
	const struct setting_op *a = p->arg;
	enum verdict verdict;
	int64_t version;
	if (a->scope == SCOPE_FLEET)
		return json_object_set_new(answer, "version", json_null());
	int r = store_device_verdict(p->conn, &a->device, &verdict, &version);
	if (r == 0)
		json_object_set_new(answer, "version", json_integer(version));
	return r;
}

static const struct list effective_rows = { .name = "effective",
					    .fields = effective_fields,
					    .scan = effective_scan,
					    .by_name = true,
					    .finish = effective_finish };

API_HANDLER(fleet_effective)
{
	struct setting_op *a;
	int r = op_of_fleet(req, &a, err);
	return r ? r : list_reply(req, &effective_rows, a, err);
}

API_HANDLER(device_effective)
{
	struct setting_op *a;
	int r = op_of_device(req, &a, err);
	return r ? r : list_reply(req, &effective_rows, a, err);
}
