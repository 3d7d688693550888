/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans as such: memory, JSON, and how documents write a setting. Making them is in plan-make.c,
 * carrying them out in plan-apply.c.
 */
#include "server/api/plan.h"
#include "base/map.h"
#include <string.h>

void plan_init(struct plan *p, struct arena *a)
{
	*p = (struct plan){ .arena = a, .devices = map_new(), .errors = json_array() };
}

void plan_fini(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		json_decref(p->changes[i].before);
		json_decref(p->changes[i].after);
	}
	for (struct plan_org *o = p->orgs; o; o = o->next) {
		map_free(o->by_path);
		json_decref(o->config);
	}
	map_free(p->devices);
	json_decref(p->errors);
}

/* ---- JSON ---- */

static const char *const op_names[PLAN_OP_N] = { "add", "change", "delete" };
static const char *const kind_names[] = {
	[PLAN_ORGANIZATION] = "organization",
	[PLAN_CONFIG] = "organization",
	[PLAN_FLEET] = "fleet",
	[PLAN_SETTING] = "setting",
};

static json_t *or_null(json_t *value)
{
	return value ? json_incref(value) : json_null();
}

static json_t *change_to_json(const struct plan_change *c)
{
	return json_pack("{s:s, s:s, s:s, s:s?, s:o, s:s, s:o, s:o}", "op", op_names[c->op], "kind",
			 kind_names[c->kind], "organization", c->org->name, "fleet",
			 c->fleet ? c->fleet->path : NULL, "device",
			 c->device_id ? json_integer(c->device_id) : json_null(), "name", c->name,
			 "before", or_null(c->before), "after", or_null(c->after));
}

json_t *plan_to_json(const struct plan *p)
{
	json_t *changes = json_array();
	for (size_t i = 0; i < p->n; i++)
		json_array_append_new(changes, change_to_json(&p->changes[i]));
	return json_pack("{s:o, s:I, s:I, s:I}", "changes", changes, "add",
			 (json_int_t)p->n_of[PLAN_ADD], "change", (json_int_t)p->n_of[PLAN_CHANGE],
			 "delete", (json_int_t)p->n_of[PLAN_DELETE]);
}

/* ---- settings in documents ---- */

json_t *document_setting(json_t *value, const char *level)
{
	bool recommended = level && strcmp(level, "recommended") == 0;
	bool ambiguous = json_object_get(value, "value") != NULL;
	if (recommended)
		return json_pack("{s:O, s:s}", "value", value, "level", level);
	return ambiguous ? json_pack("{s:O}", "value", value) : json_incref(value);
}

/* An object that has "value" and at most "level" beside it is the long form. */
static bool is_long_form(const json_t *entry)
{
	size_t n = json_object_size(entry);
	return json_object_get(entry, "value") &&
	       (n == 1 || (n == 2 && json_object_get(entry, "level")));
}

int document_setting_read(const json_t *entry, json_t **ret_value, const char **ret_level,
			  struct error *err)
{
	*ret_value = (json_t *)entry;
	*ret_level = "mandatory";
	if (!is_long_form(entry))
		return 0;
	*ret_value = json_object_get(entry, "value");
	const json_t *level = json_object_get(entry, "level");
	if (!level)
		return 0;
	*ret_level = json_string_value(level);
	if (!*ret_level ||
	    (strcmp(*ret_level, "mandatory") != 0 && strcmp(*ret_level, "recommended") != 0))
		return error_set(err, ERR_INVALID, "the level must be mandatory or recommended");
	return 0;
}
