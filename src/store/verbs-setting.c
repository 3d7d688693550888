/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings and the desired state they make.
 *
 * Setting one costs the same whether the fleet has ten devices or a million: one row, one counter of
 * the scope, one event (model/version.h).
 */
#include "store/verbs.h"

#include "model/version.h"
#include <errno.h>
#include <inttypes.h>

static const char *const scope_names[] = { [SCOPE_FLEET] = "fleet", [SCOPE_DEVICE] = "device" };

const char *scope_name(enum scope s)
{
	return scope_names[s];
}

static int take_scope_id(void *user, const void *record)
{
	*(int64_t *)user = ((const struct setting *)record)->scope_id;
	return ROW_STOP;
}

int store_setting_next(struct store_conn *c, enum scope s, int64_t after_id, int64_t *ret_id)
{
	struct scan scan = { .table = TABLE_setting,
			     .index = INDEX_PRIMARY,
			     .n_equal = 1,
			     .key = &(struct setting){ .scope = scope_name(s) },
			     .has_after = true,
			     .after = after_id,
			     .limit = 1 };
	*ret_id = 0;
	return row_scan(c, &scan, take_scope_id, ret_id);
}

int store_setting_list(struct store_conn *c, enum scope s, int64_t id, struct arena *a,
		       struct setting **ret, size_t *ret_n)
{
	struct scan scan = { .table = TABLE_setting,
			     .index = INDEX_PRIMARY,
			     .n_equal = 2,
			     .key = &(struct setting){ .scope = scope_name(s), .scope_id = id } };
	void *rows = NULL;
	int r = list_rows(c, &scan, a, &rows, ret_n);
	*ret = rows;
	return r;
}

/* ---- the scope's counter ---- */

struct target { /* what a setting is set on */
	enum scope scope;
	int64_t id, org_id;
	const char *name;
	struct fleet fleet;
	struct device device;
};

static int find_target(struct store_conn *tx, enum scope s, int64_t id, struct arena *a,
		       struct target *ret, struct error *err)
{
	*ret = (struct target){ .scope = s, .id = id };
	if (s == SCOPE_FLEET) {
		int r = row_get(tx, TABLE_fleet, &(struct fleet){ .id = id }, a, &ret->fleet);
		ret->org_id = ret->fleet.org_id;
		return found(r, "fleet", id, err);
	}
	int r = store_device_get(tx, id, a, &ret->device, err);
	ret->org_id = ret->device.org_id;
	return r;
}

static int step_version(struct store_conn *tx, struct target *t)
{
	struct fleet *f = &t->fleet;
	struct device *d = &t->device;
	if (t->scope == SCOPE_FLEET) {
		f->changes++;
		f->revision++;
		return row_update(tx, TABLE_fleet,
				  COLUMN_BIT(fleet, changes) | COLUMN_BIT(fleet, revision), f);
	}
	d->changes++;
	d->lag = version_lag(d);
	d->revision++;
	return row_update(tx, TABLE_device,
			  COLUMN_BIT(device, changes) | COLUMN_BIT(device, lag) |
				  COLUMN_BIT(device, revision),
			  d);
}

/* {"value": …, "level": …} for the log; NULL: not set. */
static json_t *setting_json(const struct setting *s)
{
	json_t *value = NULL;
	if (s == NULL || json_parse(span_str(s->value_json), &value, NULL) != 0)
		return NULL;
	return json_pack("{s:o, s:s}", "value", value, "level", s->level);
}

static int change(struct store_conn *tx, const struct change *by, struct target *t,
		  const struct setting *before, const struct setting *after)
{
	int r = step_version(tx, t);
	if (r)
		return r;
	return event_add(tx, by,
			 &(struct event_new){
				 .type = after ? EVENT_SETTING_SET : EVENT_SETTING_UNSET,
				 .org_id = t->org_id,
				 .fleet_id = t->scope == SCOPE_FLEET ? t->id : t->device.fleet_id,
				 .device_id = t->scope == SCOPE_FLEET ? 0 : t->id,
				 .object = after ? after->name : before->name,
				 .before = setting_json(before),
				 .after = setting_json(after) });
}

/* ---- setting and unsetting ---- */

static bool same(const struct setting *s, const char *level, const json_t *value)
{
	AUTO_JSON stored = NULL;
	return strcmp(s->level, level) == 0 &&
	       json_parse(span_str(s->value_json), &stored, NULL) == 0 && json_equal(stored, value);
}

static int check_setting(const char *name, const char *level, struct error *err)
{
	int r = check_name("a setting", name, err);
	if (r == 0 && strcmp(level, "mandatory") != 0 && strcmp(level, "recommended") != 0)
		return error_set(err, ERR_INVALID,
				 "a setting's level is mandatory or recommended, not \"%.40s\"",
				 level);
	return r;
}

int store_setting_set(struct store_conn *tx, const struct change *by, enum scope s, int64_t id,
		      const char *name, const char *level, const json_t *value, bool always,
		      bool *ret_changed, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(free_charp) char *text = json_text(value);
	struct target t;
	struct setting before, after = { .scope = scope_name(s),
					 .scope_id = id,
					 .name = name,
					 .level = level,
					 .value_json = text,
					 .changed_ms = by->now_ms,
					 .actor = by->actor };
	arena_init(&a);
	int r = check_setting(name, level, err);
	if (r == 0)
		r = find_target(tx, s, id, &a, &t, err);
	if (r)
		return r;
	r = row_get(tx, TABLE_setting, &after, &a, &before);
	if (r < 0)
		return r;
	bool is_new = r == ROW_NOT_FOUND;
	*ret_changed = is_new || always || !same(&before, level, value);
	if (!*ret_changed)
		return 0;
	r = row_put(tx, TABLE_setting, &after);
	return r ? r : change(tx, by, &t, is_new ? NULL : &before, &after);
}

int store_setting_unset(struct store_conn *tx, const struct change *by, enum scope s, int64_t id,
			const char *name, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct target t;
	struct setting before, key = { .scope = scope_name(s), .scope_id = id, .name = name };
	arena_init(&a);
	int r = find_target(tx, s, id, &a, &t, err);
	if (r)
		return r;
	r = row_get(tx, TABLE_setting, &key, &a, &before);
	if (r == ROW_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "%.100s is not set on %s %" PRId64, name,
				 scope_name(s), id);
	if (r == 0)
		r = row_delete(tx, TABLE_setting, &key);
	return r ? r : change(tx, by, &t, &before, NULL);
}

/* ---- desired state ---- */

static int add_own(void *user, const void *record)
{
	return desired_add(user, record, 1);
}

/* Both are sorted by name; what is in 'own' wins. desired.c grows arrays at powers of two, so the
 * array made here has room for one. */
static int merge(struct desired *own, const struct desired *below)
{
	size_t n = own->n + below->n, room = 1;
	while (room < n)
		room *= 2;
	struct desired_setting *items = calloc(room, sizeof *items);
	if (items == NULL)
		return -ENOMEM;
	size_t i = 0, j = 0;
	n = 0;
	while (i < own->n || j < below->n) {
		int order = i == own->n ? 1
			    : j == below->n
				    ? -1
				    : strcmp(own->items[i].type->name, below->items[j].type->name);
		if (order > 0) {
			items[n] = below->items[j++];
			json_incref(items[n++].value);
			continue;
		}
		items[n++] = own->items[i++];
		j += order == 0;
	}
	free(own->items);
	own->items = items;
	own->n = n;
	return 0;
}

static int desired_inside(struct store_conn *c, const struct device *d, enum channel channel,
			  struct desired *ret)
{
	const struct fleet_tree *tree;
	const struct desired *fleet;
	struct scan s = { .table = TABLE_setting,
			  .index = INDEX_PRIMARY,
			  .n_equal = 2,
			  .key = &(struct setting){ .scope = scope_name(SCOPE_DEVICE),
						    .scope_id = d->id } };
	int r = cache_tree(c, d->org_id, &tree);
	if (r == 0 && d->changes != 0) /* 0: it never had one of its own */
		r = row_scan(c, &s, add_own, ret);
	if (r == 0)
		r = cache_desired(c, d->org_id, d->fleet_id, channel, &fleet);
	if (r == 0)
		r = merge(ret, fleet);
	if (r == 0)
		ret->version = version_of(d, fleet_tree_chain_changes(tree, d->fleet_id));
	return r;
}

int store_desired(struct store_conn *c, const struct device *d, struct desired *ret)
{
	enum channel channel;
	if (!channel_parse(d->channel, &channel))
		return -EINVAL;
	desired_init(ret, channel);
	int r = row_read_begin(c);
	if (r)
		return r;
	r = desired_inside(c, d, channel, ret);
	row_read_end(c);
	if (r)
		desired_fini(ret);
	return r;
}

int store_desired_fleet(struct store_conn *c, int64_t org_id, int64_t fleet_id, struct desired *ret)
{
	const struct desired *fleet;
	desired_init(ret, CHANNEL_N);
	int r = row_read_begin(c);
	if (r)
		return r;
	r = cache_desired(c, org_id, fleet_id, CHANNEL_N, &fleet);
	if (r == 0)
		r = merge(ret, fleet);
	row_read_end(c);
	return r;
}
