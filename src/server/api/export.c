/* SPDX-License-Identifier: Apache-2.0
 *
 * Export: an organization as the document that plan and apply read (plan.h). Applying an export
 * changes nothing. Written to a spool piece by piece: devices with settings of their own may be many.
 */
#include "server/api/nouns.h"
#include "server/api/plan.h"
#include "server/api/spool.h"
#include <errno.h>
#include <string.h>

static const struct field export_fields[] = {
	FIELD_REF("documents", AS_ARRAY, 0, "Document", NULL),
	{ 0 },
};
const struct schema export_schema = { .name = "Export", .fields = export_fields };

struct export
{
	struct organization org;
	struct store_conn *conn;
	struct spool *spool;
};

static void add_text(struct export *x, const char *text)
{
	spool_add(x->spool, span_str(text));
}

static void add_json(struct export *x, const json_t *value)
{
	CLEANUP(free_charp) char *text = json_text(value);
	add_text(x, text);
}

/* "key":value */
static void add_member(struct export *x, const char *key, json_t *steals_value)
{
	AUTO_JSON value = steals_value;
	add_text(x, "\"");
	add_text(x, key);
	add_text(x, "\":");
	add_json(x, value);
}

static int settings_to_document(struct export *x, enum scope scope, int64_t id, struct arena *a,
				json_t **ret)
{
	struct setting *rows;
	struct error err;
	size_t n;
	int r = store_setting_list(x->conn, scope, id, a, &rows, &n);
	if (r != 0)
		return r;
	*ret = json_object();
	for (size_t i = 0; i < n; i++) {
		AUTO_JSON value = NULL;
		if (!catalogue_find(rows[i].name))
			continue; /* no document may hold it; applying leaves it alone */
		if (json_parse(span_str(rows[i].value_json), &value, &err) != 0) {
			json_decref(*ret);
			return -EBADMSG; /* stored by us */
		}
		json_object_set_new(*ret, rows[i].name, document_setting(value, rows[i].level));
	}
	return 0;
}

static int add_fleet(struct export *x, const struct fleet_tree *tree, int64_t id, struct arena *a)
{
	json_t *settings;
	int r = settings_to_document(x, SCOPE_FLEET, id, a, &settings);
	if (r != 0)
		return r;
	AUTO_JSON entry =
		json_pack("{s:s, s:o}", "path", fleet_tree_path(tree, id, a), "settings", settings);
	add_json(x, entry);
	return 0;
}

struct by_path {
	const char *path;
	int64_t id;
};

static int compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct by_path *)a)->path, ((const struct by_path *)b)->path);
}

static int add_fleets(struct export *x, struct arena *a)
{
	const struct fleet_tree *tree;
	int64_t *ids;
	int r = store_fleets(x->conn, x->org.id, &tree);
	if (r != 0)
		return r;
	size_t n = fleet_tree_subtree(tree, fleet_tree_root(tree)->id, a, &ids);
	struct by_path *fleets = arena_new_n(a, struct by_path, n);
	for (size_t i = 0; i < n; i++)
		fleets[i] = (struct by_path){ fleet_tree_path(tree, ids[i], a), ids[i] };
	qsort(fleets, n, sizeof *fleets, compare_paths);
	for (size_t i = 0; r == 0 && i < n; i++) {
		add_text(x, i ? "," : "");
		r = add_fleet(x, tree, fleets[i].id, a);
	}
	return r;
}

static int add_device(struct export *x, int64_t id, bool *first)
{
	CLEANUP(arena_fini) struct arena a;
	json_t *settings;
	struct device d;
	struct error err;
	arena_init(&a);
	int r = store_device_get(x->conn, id, &a, &d, &err);
	if (r == 0)
		r = settings_to_document(x, SCOPE_DEVICE, id, &a, &settings);
	if (r != 0)
		return r < 0 ? r : 0;
	AUTO_JSON entry = json_pack("{s:I, s:s, s:o}", "id", (json_int_t)id, "name", d.name,
				    "settings", settings);
	if (json_object_size(settings) == 0)
		return 0;
	add_text(x, *first ? "" : ",");
	*first = false;
	add_json(x, entry);
	return 0;
}

static int add_devices(struct export *x)
{
	bool first = true;
	int64_t id = 0;
	int r = 0;
	do {
		CLEANUP(arena_fini) struct arena a;
		arena_init(&a);
		r = device_next_with_settings(x->conn, x->org.id, id, &a, &id);
		if (r == 0 && id != 0)
			r = add_device(x, id, &first);
	} while (r == 0 && id != 0);
	return r;
}

static int add_document(struct export *x, struct arena *a)
{
	json_t *config = NULL;
	struct error err;
	const char *text = x->org.config_json;
	if (json_parse(span_str(text && *text ? text : "{}"), &config, &err) != 0)
		return -EBADMSG; /* stored by us */
	add_text(x, "{\"documents\":[{");
	add_member(x, "organization", json_string(x->org.name));
	add_text(x, ",");
	add_member(x, "domain", json_string(x->org.domain ? x->org.domain : ""));
	add_text(x, ",");
	add_member(x, "config", config);
	add_text(x, ",\"fleets\":[");
	int r = add_fleets(x, a);
	add_text(x, "],\"devices\":[");
	if (r == 0)
		r = add_devices(x);
	add_text(x, "]}]}");
	return r;
}

static int export_later(struct http_request *req, void *arg, struct error *err)
{
	struct export *x = arg;
	CLEANUP(spool_freep) struct spool *spool = NULL;
	int r = spool_new(server_of(req)->config->data, &spool);
	if (r != 0)
		return r;
	x->spool = spool;
	x->conn = api_conn(req);
	r = store_read_begin(x->conn); /* one moment's state */
	if (r == 0) {
		r = add_document(x, http_arena(req));
		store_read_end(x->conn);
	}
	return r ? r : spool_reply(spool, req, 200, "application/json");
}

API_HANDLER(export_show)
{
	struct export *x = arena_new(http_arena(req), struct export);
	int r = api_org(req, api_conn(req), &x->org, err);
	if (r == 0)
		api_later(req, LATER_WORK, export_later, x);
	return r;
}
