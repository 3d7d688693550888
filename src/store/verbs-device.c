/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs of single devices: looking up, renaming, moving, leaving, and what the device says of itself.
 * Enrollment is in verbs-enroll.c, lists and verdicts in verbs-list.c.
 *
 * What hangs below a device (children.h) is moved, unenrolled and deleted with it.
 */
#include "store/chrome.h"
#include "store/verbs.h"

#include "model/version.h"
#include <errno.h>
#include <inttypes.h>

#define ATTRIBUTES_MAX      256
#define ATTRIBUTE_BYTES_MAX 4096
#define SECTIONS_MAX        64
#define SECTION_NAME_MAX    64
#define INVENTORY_BYTES_MAX (4 * 1024 * 1024)

int store_device_get(struct store_conn *c, int64_t id, struct arena *a, struct device *ret,
		     struct error *err)
{
	return found(row_get(c, TABLE_device, &(struct device){ .id = id }, a, ret), "device", id,
		     err);
}

static int get_revision(struct store_conn *c, int64_t id, int64_t if_revision, struct arena *a,
			struct device *ret, struct error *err)
{
	int r = store_device_get(c, id, a, ret, err);
	return r ? r : check_revision("device", id, ret->revision, if_revision, err);
}

int store_device_by_token(struct store_conn *c, struct span token_hash, struct arena *a,
			  struct device *ret, struct error *err)
{
	int64_t id = 0, retired_ms = 0;
	int r = row_find(c, TABLE_device, INDEX_OF(device, by_token),
			 &(struct device){ .token_hash = token_hash }, a, ret);
	if (r != ROW_NOT_FOUND)
		return r;
	r = store_device_token_find(c, token_hash, a, &id, &retired_ms);
	if (r == ROW_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "no device has this token");
	if (r == 0)
		r = store_device_get(c, id, a, ret, err);
	if (r == 0 && ret->unenrolled_ms == 0)
		ret->unenrolled_ms = retired_ms;
	return r;
}

int store_device_by_external(struct store_conn *c, enum channel ch, const char *external_id,
			     struct arena *a, struct device *ret, struct error *err)
{
	struct device key = { .channel = channel_name(ch), .external_id = external_id };
	int r = row_find(c, TABLE_device, INDEX_OF(device, by_external), &key, a, ret);
	if (r == ROW_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "there is no device \"%.100s\" on %s",
				 external_id, key.channel);
	return r;
}

/* ---- changes by an administrator ---- */

static int event_of(struct store_conn *tx, const struct change *by, enum event_type type,
		    const struct device *before, const struct device *after)
{
	return event_add_change(tx, by,
				&(struct event_new){ .type = type,
						     .org_id = after->org_id,
						     .fleet_id = after->fleet_id,
						     .device_id = after->id,
						     .object = after->name },
				TABLE_device, before, after);
}

int store_device_rename(struct store_conn *tx, const struct change *by, int64_t id,
			const char *name, int64_t if_revision, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct device before, after;
	arena_init(&a);
	int r = get_revision(tx, id, if_revision, &a, &before, err);
	if (r == 0)
		r = check_name("a device", name, err);
	if (r || strcmp(before.name, name) == 0)
		return r;
	after = before;
	after.name = name;
	after.revision++;
	r = row_update(tx, TABLE_device, COLUMN_BIT(device, name) | COLUMN_BIT(device, revision),
		       &after);
	return r ? r : event_of(tx, by, EVENT_DEVICE_CHANGED, &before, &after);
}

static int move(struct store_conn *tx, const struct change *by, const struct device *before,
		int64_t fleet_id, struct error *err)
{
	const struct fleet_tree *tree;
	struct device after = *before;
	int r = store_fleets(tx, before->org_id, &tree);
	if (r)
		return r;
	if (fleet_tree_get(tree, fleet_id) == NULL)
		return found(ROW_NOT_FOUND, "fleet", fleet_id, err);
	int64_t version = version_of(before, fleet_tree_chain_changes(tree, before->fleet_id));
	after.fleet_id = fleet_id;
	after.version_base = version_base_for(version + 1, before->changes,
					      fleet_tree_chain_changes(tree, fleet_id));
	after.lag = version_lag(&after);
	after.revision++;
	r = row_update(tx, TABLE_device,
		       COLUMN_BIT(device, fleet_id) | COLUMN_BIT(device, version_base) |
			       COLUMN_BIT(device, lag) | COLUMN_BIT(device, revision),
		       &after);
	return r ? r : event_of(tx, by, EVENT_DEVICE_MOVED, before, &after);
}

int store_device_move(struct store_conn *tx, const struct change *by, int64_t id, int64_t fleet_id,
		      int64_t if_revision, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d, *below = NULL;
	size_t n = 0;
	arena_init(&a);
	int r = get_revision(tx, id, if_revision, &a, &d, err);
	if (r || d.fleet_id == fleet_id)
		return r;
	r = list_below(tx, id, &a, &below, &n);
	if (r == 0)
		r = move(tx, by, &d, fleet_id, err);
	for (size_t i = 0; i < n && r == 0; i++) /* those that somebody moved away stay there */
		if (below[i].fleet_id == d.fleet_id)
			r = move(tx, by, &below[i], fleet_id, err);
	return r;
}

static int unenroll_one(struct store_conn *tx, const struct change *by, const struct device *before)
{
	struct device after = *before;
	if (before->unenrolled_ms)
		return 0;
	after.unenrolled_ms = by->now_ms;
	after.fcm_token = "";
	after.revision++;
	int r = row_update(tx, TABLE_device,
			   COLUMN_BIT(device, unenrolled_ms) | COLUMN_BIT(device, fcm_token) |
				   COLUMN_BIT(device, revision),
			   &after);
	if (r == 0)
		r = cancel_commands(tx, by, &after, "the device was unenrolled");
	return r ? r : event_of(tx, by, EVENT_DEVICE_UNENROLLED, before, &after);
}

int store_device_unenroll(struct store_conn *tx, const struct change *by, int64_t id,
			  struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d, *below = NULL;
	size_t n = 0;
	arena_init(&a);
	int r = store_device_get(tx, id, &a, &d, err);
	if (r || d.unenrolled_ms)
		return r;
	r = list_below(tx, id, &a, &below, &n);
	if (r == 0)
		r = unenroll_one(tx, by, &d);
	for (size_t i = 0; i < n && r == 0; i++)
		r = unenroll_one(tx, by, &below[i]);
	return r;
}

/* ---- deleting ---- */

/* The tables that hold what hangs on a device, and the index that starts with its id. */
static const struct {
	enum table_id table;
	int index;
} dependants[] = {
	{ TABLE_attribute, INDEX_PRIMARY },
	{ TABLE_report, INDEX_PRIMARY },
	{ TABLE_inventory, INDEX_PRIMARY },
	{ TABLE_command, INDEX_OF(command, by_device) },
	{ TABLE_task, INDEX_OF(task, by_device) },
	{ TABLE_sample, INDEX_PRIMARY },
	{ TABLE_raw_report, INDEX_PRIMARY },
	{ TABLE_device_token, INDEX_OF(device_token, by_device) },
	{ TABLE_state_key, INDEX_OF(state_key, by_device) },
	{ TABLE_pairing, INDEX_PRIMARY },
	{ TABLE_pairing, INDEX_OF(pairing, by_controller) },
};

/* A record of the dependant table with nothing but the device's id. */
static int delete_dependants(struct store_conn *tx, enum table_id t, int index, int64_t device_id)
{
	const struct table *table = &tables[t];
	union any_record key = { 0 };
	size_t column = index == INDEX_PRIMARY ? 0 : table->indexes[index].columns[0];
	*(int64_t *)((char *)&key + table->columns[column].offset) = device_id;
	struct scan s = { .table = t, .index = index, .n_equal = 1, .key = &key };
	int64_t n;
	return row_delete_where(tx, &s, &n);
}

static int delete_settings(struct store_conn *tx, int64_t device_id)
{
	struct scan s = { .table = TABLE_setting,
			  .index = INDEX_PRIMARY,
			  .n_equal = 2,
			  .key = &(struct setting){ .scope = scope_name(SCOPE_DEVICE),
						    .scope_id = device_id } };
	int64_t n;
	return row_delete_where(tx, &s, &n);
}

static int delete_one(struct store_conn *tx, const struct change *by, const struct device *d)
{
	int r = delete_uploads(tx, d);
	for (size_t i = 0; i < ARRAY_SIZE(dependants) && r == 0; i++)
		r = delete_dependants(tx, dependants[i].table, dependants[i].index, d->id);
	if (r == 0)
		r = delete_settings(tx, d->id);
	if (r == 0)
		r = row_delete(tx, TABLE_device, d);
	if (r)
		return r;
	return event_add(tx, by,
			 &(struct event_new){ .type = EVENT_DEVICE_DELETED,
					      .org_id = d->org_id,
					      .fleet_id = d->fleet_id,
					      .device_id = d->id,
					      .object = d->name,
					      .before = record_json(TABLE_device, d) });
}

int store_device_delete(struct store_conn *tx, const struct change *by, int64_t id,
			int64_t if_revision, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d, *below = NULL;
	size_t n = 0;
	arena_init(&a);
	int r = get_revision(tx, id, if_revision, &a, &d, err);
	if (r == 0)
		r = list_below(tx, id, &a, &below, &n);
	while (n > 0 && r == 0) /* children before their hosts */
		r = delete_one(tx, by, &below[--n]);
	return r ? r : delete_one(tx, by, &d);
}

/* ---- what the device says of itself ---- */

static uint64_t set_text(const char **field, const char *value, uint64_t column)
{
	if (value == NULL || strcmp(*field, value) == 0)
		return 0;
	*field = value;
	return column;
}

int store_device_facts(struct store_conn *tx, int64_t id, const char *model, const char *os_version,
		       const char *agent_version, const char *fcm_token, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d;
	arena_init(&a);
	int r = store_device_get(tx, id, &a, &d, err);
	if (r)
		return r;
	uint64_t changed =
		set_text(&d.model, model, COLUMN_BIT(device, model)) |
		set_text(&d.os_version, os_version, COLUMN_BIT(device, os_version)) |
		set_text(&d.agent_version, agent_version, COLUMN_BIT(device, agent_version)) |
		set_text(&d.fcm_token, fcm_token, COLUMN_BIT(device, fcm_token));
	return changed ? row_update(tx, TABLE_device, changed, &d) : 0;
}

int store_device_touch(struct store_conn *tx, const struct device_seen *seen, size_t n)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < n; i++) {
		struct device d = { .id = seen[i].id };
		int r = row_get_columns(tx, TABLE_device, COLUMN_BIT(device, last_seen_ms), &d, &a,
					&d);
		if (r == ROW_NOT_FOUND || (r == 0 && d.last_seen_ms >= seen[i].at_ms))
			continue; /* deleted, or seen later by a report */
		d.last_seen_ms = seen[i].at_ms;
		if (r == 0)
			r = row_update(tx, TABLE_device, COLUMN_BIT(device, last_seen_ms), &d);
		if (r)
			return r;
	}
	return 0;
}

int store_attribute_list(struct store_conn *c, int64_t device_id, struct arena *a,
			 struct attribute **ret, size_t *ret_n)
{
	struct scan s = { .table = TABLE_attribute,
			  .index = INDEX_PRIMARY,
			  .n_equal = 1,
			  .key = &(struct attribute){ .device_id = device_id } };
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}

static int check_attribute(const char *name, const char *value, struct error *err)
{
	int r = check_name("an attribute", name, err);
	if (r == 0 && strlen(value) > ATTRIBUTE_BYTES_MAX)
		return error_set(err, ERR_TOO_LARGE, "attribute %s is longer than %d bytes", name,
				 ATTRIBUTE_BYTES_MAX);
	return r;
}

static int check_room(struct store_conn *tx, const struct scan *s, int64_t max, const char *what,
		      struct error *err)
{
	int64_t n;
	int r = count_rows(tx, s, &n);
	if (r == 0 && n >= max)
		return error_set(err, ERR_TOO_LARGE, "a device has at most %" PRId64 " %s", max,
				 what);
	return r;
}

int store_attribute_set(struct store_conn *tx, int64_t device_id, const char *name,
			const char *value, int64_t now_ms, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d;
	struct attribute old, new = { device_id, name, value, now_ms };
	arena_init(&a);
	int r = check_attribute(name, value, err);
	if (r == 0)
		r = store_device_get(tx, device_id, &a, &d, err);
	if (r)
		return r;
	r = row_get(tx, TABLE_attribute, &new, &a, &old);
	if (*value == '\0')
		return r == ROW_NOT_FOUND ? 0 : r ? r : row_delete(tx, TABLE_attribute, &new);
	if (r == 0 && strcmp(old.value, value) == 0)
		return 0;
	if (r == ROW_NOT_FOUND) {
		struct scan s = {
			.table = TABLE_attribute, .index = INDEX_PRIMARY, .n_equal = 1, .key = &new
		};
		r = check_room(tx, &s, ATTRIBUTES_MAX, "attributes", err);
	}
	return r ? r : row_put(tx, TABLE_attribute, &new);
}

int store_inventory_list(struct store_conn *c, int64_t device_id, struct arena *a,
			 struct inventory **ret, size_t *ret_n)
{
	struct scan s = { .table = TABLE_inventory,
			  .index = INDEX_PRIMARY,
			  .n_equal = 1,
			  .key = &(struct inventory){ .device_id = device_id } };
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}

int store_inventory_put(struct store_conn *tx, int64_t device_id, const char *section,
			const char *body_json, int64_t now_ms, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d;
	struct inventory old, new = { device_id, section, body_json, now_ms };
	arena_init(&a);
	int r = check_name("an inventory section", section, err);
	if (r == 0 &&
	    (strlen(section) > SECTION_NAME_MAX || strlen(body_json) > INVENTORY_BYTES_MAX))
		return error_set(err, ERR_TOO_LARGE, "inventory section %.64s is too large",
				 section);
	if (r == 0)
		r = store_device_get(tx, device_id, &a, &d, err);
	if (r)
		return r;
	r = row_get(tx, TABLE_inventory, &new, &a, &old);
	if (r == ROW_NOT_FOUND) {
		struct scan s = {
			.table = TABLE_inventory, .index = INDEX_PRIMARY, .n_equal = 1, .key = &new
		};
		r = check_room(tx, &s, SECTIONS_MAX, "inventory sections", err);
	}
	return r ? r : row_put(tx, TABLE_inventory, &new);
}
