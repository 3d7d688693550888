/* SPDX-License-Identifier: Apache-2.0
 *
 * One device in full: what is desired of it beside what it observed, setting by setting, its
 * attributes, inventory and report.
 */
#include "base/clock.h"
#include "server/api/devices.h"
#include <errno.h>
#include <string.h>

static const struct field device_setting_fields[] = {
	FIELD_OF("name", AS_TEXT, 0, NULL),
	FIELD_OF("desired", AS_JSON, 0, "null: nobody wants anything of it"),
	FIELD_OF("level", AS_TEXT, FIELD_NULL, "mandatory or recommended"),
	FIELD_OF("observed", AS_JSON, 0, "null: not reported"),
	FIELD_OF("state", AS_TEXT, FIELD_NULL, "observed applied failed unsupported pending"),
	FIELD_OF("message", AS_TEXT, FIELD_NULL, NULL),
	FIELD_OF("at", AS_TIME, 0, "When the device looked"),
	FIELD_OF("satisfied", AS_BOOL, FIELD_NULL, "null: cannot be judged"),
	FIELD_OF("source", AS_TEXT, FIELD_NULL,
		 "Where it comes from: \"device\", \"fleet <path>\" or \"default\""),
	{ 0 },
};
const struct schema device_setting_schema = { .name = "DeviceSetting",
					      .fields = device_setting_fields };

static const struct field device_detail_fields[] = {
	DEVICE_FIELDS,
	FIELD_OF("attributes", AS_OBJECT, 0, "What it says of itself, by name"),
	FIELD_REF("settings", AS_ARRAY, 0, "DeviceSetting", "Desired beside observed"),
	FIELD_OF("inventory", AS_OBJECT, 0, "By section"),
	FIELD_OF("report", AS_OBJECT, FIELD_NULL, "The last one: received, applied_version"),
	FIELD_OF("commands_waiting", AS_INT, 0, NULL),
	{ 0 },
};
const struct schema device_detail_schema = { .name = "DeviceDetail",
					     .fields = device_detail_fields };

static const struct field device_report_fields[] = {
	FIELD_AT(struct report, received_ms, "received", AS_TIME, 0, NULL),
	FIELD_AT(struct report, applied_version, "applied_version", AS_INT, 0, NULL),
	FIELD_AT(struct report, observed_json, "observed", AS_OBJECT, 0, "By setting"),
	{ 0 },
};
const struct schema device_report_schema = { .name = "DeviceReport",
					     .fields = device_report_fields };

/* ---- desired beside observed ---- */

static json_t *null_or(const json_t *value)
{
	return value ? json_incref((json_t *)value) : json_null();
}

/* The same rule as the verdict's, for one setting. */
static json_t *satisfied(const struct desired_setting *s, enum channel channel,
			 const json_t *observed)
{
	enum observed_state state;
	const char *name = json_string_value(json_object_get(observed, "state"));
	if (!observed || !catalogue_applies(s->type, channel) || s->type->rule == RULE_NONE)
		return json_null();
	if (!name || !observed_state_parse(name, &state))
		return json_false();
	if (state != OBSERVED_APPLIED && state != OBSERVED_OBSERVED)
		return json_false();
	return json_boolean(
		catalogue_satisfied(s->type, s->value, json_object_get(observed, "value")));
}

static json_t *setting_row(const char *name, const json_t *observed)
{
	return json_pack("{s:s, s:n, s:n, s:o, s:o, s:o, s:o, s:n, s:n}", "name", name, "desired",
			 "level", "observed", null_or(json_object_get(observed, "value")), "state",
			 null_or(json_object_get(observed, "state")), "message",
			 null_or(json_object_get(observed, "message")), "at",
			 null_or(json_object_get(observed, "at")), "satisfied", "source");
}

static const char *source_of(const struct desired_setting *s, const struct fleet_tree *tree,
			     struct arena *a)
{
	if (strcmp(s->scope, "fleet") != 0)
		return s->scope;
	return arena_printf(a, "fleet %s", fleet_tree_path(tree, s->scope_id, a));
}

static void add_desired(json_t *rows, const struct desired *desired, const json_t *observed,
			const struct fleet_tree *tree, struct arena *a)
{
	for (size_t i = 0; i < desired->n; i++) {
		const struct desired_setting *s = &desired->items[i];
		const json_t *seen = json_object_get(observed, s->type->name);
		json_t *row = setting_row(s->type->name, seen);
		json_object_set(row, "desired", s->value);
		json_object_set_new(row, "level",
				    json_string(s->recommended ? "recommended" : "mandatory"));
		json_object_set_new(row, "satisfied", satisfied(s, desired->channel, seen));
		json_object_set_new(row, "source", json_string(source_of(s, tree, a)));
		json_array_append_new(rows, row);
	}
}

static void add_observed_only(json_t *rows, const struct desired *desired, const json_t *observed)
{
	const char *name;
	json_t *seen;
	json_object_foreach ((json_t *)observed, name, seen) {
		if (!desired_get(desired, name))
			json_array_append_new(rows, setting_row(name, seen));
	}
}

/* The report, or a zeroed one when there is none. */
static int report_read(struct store_conn *c, int64_t device_id, struct arena *a, struct report *ret,
		       json_t **ret_observed)
{
	struct error err;
	*ret = (struct report){ 0 };
	int r = store_report_get(c, device_id, a, ret, &err);
	if (r == ERR_NOT_FOUND)
		return 0;
	if (r != 0)
		return r;
	r = json_parse(span_str(ret->observed_json ? ret->observed_json : "{}"), ret_observed,
		       &err);
	return r > 0 ? -EBADMSG : r; /* stored by us */
}

int device_settings_to_json(struct store_conn *c, const struct device *d, struct arena *a,
			    json_t **ret, struct error *err)
{
	AUTO_JSON observed = NULL;
	CLEANUP(desired_fini) struct desired desired;
	const struct fleet_tree *tree;
	struct report report;
	enum channel channel = CHANNEL_DEVICE;
	(void)channel_parse(d->channel, &channel); /* stored by us */
	desired_init(&desired, channel);
	int r = store_desired(c, d, &desired);
	if (r == 0)
		r = report_read(c, d->id, a, &report, &observed);
	if (r == 0)
		r = store_fleets(c, d->org_id, &tree);
	if (r != 0)
		return r;
	*ret = json_array();
	add_desired(*ret, &desired, observed, tree, a);
	add_observed_only(*ret, &desired, observed);
	return 0;
}

/* ---- attributes, inventory, report ---- */

static int attributes_to_json(struct store_conn *c, int64_t id, struct arena *a, json_t **ret)
{
	struct attribute *rows;
	size_t n;
	int r = store_attribute_list(c, id, a, &rows, &n);
	if (r != 0)
		return r;
	*ret = json_object();
	for (size_t i = 0; i < n; i++)
		json_object_set_new(*ret, rows[i].name, json_string(rows[i].value));
	return 0;
}

static int inventory_to_json(struct store_conn *c, int64_t id, struct arena *a, json_t **ret)
{
	struct inventory *rows;
	struct error err;
	size_t n;
	int r = store_inventory_list(c, id, a, &rows, &n);
	if (r != 0)
		return r;
	*ret = json_object();
	for (size_t i = 0; i < n; i++) {
		json_t *body = NULL;
		if (json_parse(span_str(rows[i].body_json), &body, &err) == 0)
			json_object_set_new(*ret, rows[i].section, body);
	}
	return 0;
}

static int report_summary(struct store_conn *c, int64_t id, struct arena *a, json_t **ret)
{
	struct report report;
	struct error err;
	char received[CLOCK_TEXT_SIZE];
	int r = store_report_get(c, id, a, &report, &err);
	*ret = NULL;
	if (r == ERR_NOT_FOUND)
		*ret = json_null();
	else if (r == 0)
		*ret = json_pack("{s:s, s:I}", "received",
				 clock_format(report.received_ms, received), "applied_version",
				 (json_int_t)report.applied_version);
	return *ret ? 0 : r;
}

/* ---- handlers ---- */

/* Adds a member that 'fn' makes. */
static int member(json_t *object, const char *name,
		  int (*fn)(struct store_conn *c, int64_t id, struct arena *a, json_t **ret),
		  struct http_request *req, int64_t id)
{
	json_t *value = NULL;
	int r = fn(api_conn(req), id, http_arena(req), &value);
	if (r == 0)
		json_object_set_new(object, name, value);
	return r;
}

static int detail_read(struct http_request *req, struct store_conn *c, const struct device *d,
		       json_t **ret, struct error *err)
{
	struct device_view view;
	json_t *settings = NULL;
	int64_t n_waiting = 0;
	int r = device_view_read(c, d, http_arena(req), &view);
	if (r != 0)
		return r;
	AUTO_JSON body = fields_to_json(device_fields, &view);
	r = member(body, "attributes", attributes_to_json, req, d->id);
	if (r == 0)
		r = device_settings_to_json(c, d, http_arena(req), &settings, err);
	if (r != 0)
		return r;
	json_object_set_new(body, "settings", settings);
	r = member(body, "inventory", inventory_to_json, req, d->id);
	if (r == 0)
		r = member(body, "report", report_summary, req, d->id);
	if (r == 0)
		r = store_command_waiting(c, d->id, &n_waiting);
	if (r != 0)
		return r;
	json_object_set_new(body, "commands_waiting", json_integer(n_waiting));
	*ret = TAKE(body);
	return 0;
}

/* One moment's state. */
API_HANDLER(device_show)
{
	struct store_conn *c = api_conn(req);
	struct device d;
	json_t *body = NULL;
	int r = store_read_begin(c);
	if (r != 0)
		return r;
	r = api_device(req, c, &d, err);
	if (r == 0)
		r = detail_read(req, c, &d, &body, err);
	store_read_end(c);
	if (r == 0)
		api_reply(req, 200, d.revision, body);
	return r;
}

API_HANDLER(device_inventory_show)
{
	struct device d;
	json_t *body = NULL;
	int r = api_device(req, api_conn(req), &d, err);
	if (r == 0)
		r = inventory_to_json(api_conn(req), d.id, http_arena(req), &body);
	if (r == 0)
		http_reply_json(req, 200, body);
	return r;
}

API_HANDLER(device_report_show)
{
	struct device d;
	struct report report;
	int r = api_device(req, api_conn(req), &d, err);
	if (r == 0)
		r = store_report_get(api_conn(req), d.id, http_arena(req), &report, err);
	if (r == 0)
		http_reply_json(req, 200, fields_to_json(device_report_fields, &report));
	return r;
}
