/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of verbs share; see verbs.h.
 */
#include "store/verbs.h"

#include <errno.h>
#include <inttypes.h>

int found(int r, const char *what, int64_t id, struct error *err)
{
	if (r != ROW_NOT_FOUND)
		return r;
	return error_set(err, ERR_NOT_FOUND, "there is no %s %" PRId64, what, id);
}

int check_revision(const char *what, int64_t id, int64_t revision, int64_t if_revision,
		   struct error *err)
{
	if (if_revision == 0 || if_revision == revision)
		return 0;
	return error_set(err, ERR_PRECONDITION,
			 "%s %" PRId64 " was changed in the meantime: its revision is %" PRId64
			 ", not %" PRId64,
			 what, id, revision, if_revision);
}

int check_name(const char *what, const char *name, struct error *err)
{
	size_t n = name ? strnlen(name, NAME_BYTES_MAX + 1) : 0;
	if (n == 0 || n > NAME_BYTES_MAX)
		return error_set(err, ERR_INVALID, "the name of %s has 1 to %d bytes", what,
				 NAME_BYTES_MAX);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return error_set(err, ERR_INVALID,
					 "the name of %s has no control characters", what);
	return 0;
}

const char *id_text(struct arena *a, int64_t id)
{
	return arena_printf(a, "%" PRId64, id);
}

/* ---- lists ---- */

struct list {
	enum table_id table;
	struct arena *arena;
	char *rows;
	size_t n, cap;
};

static int list_add(void *user, const void *record)
{
	struct list *l = user;
	size_t size = tables[l->table].record_size;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		char *rows = arena_alloc_n(l->arena, size, cap);
		if (l->n)
			memcpy(rows, l->rows, l->n * size);
		l->rows = rows;
		l->cap = cap;
	}
	record_copy(l->table, record, l->arena, l->rows + l->n++ * size);
	return 0;
}

int list_rows(struct store_conn *c, const struct scan *s, struct arena *a, void **ret,
	      size_t *ret_n)
{
	struct list l = { .table = s->table, .arena = a };
	int r = row_scan(c, s, list_add, &l);
	if (r)
		return r;
	*ret = l.rows;
	*ret_n = l.n;
	return 0;
}

static int count_one(void *user, const void *record)
{
	++*(int64_t *)user;
	return 0;
}

int count_rows(struct store_conn *c, const struct scan *s, int64_t *ret)
{
	*ret = 0;
	return row_scan(c, s, count_one, ret);
}

/* ---- records as JSON ---- */

/* Columns that never leave the store: secrets, and what may hold some. */
static const uint64_t hidden[TABLE_N] = {
	[TABLE_device] = COLUMN_BIT(device, fcm_token),
	[TABLE_command] = COLUMN_BIT(command, params_json) | COLUMN_BIT(command, result_json) |
			  COLUMN_BIT(command, idempotency_key),
	[TABLE_administrator] = COLUMN_BIT(administrator, password),
	[TABLE_session] = COLUMN_BIT(session, csrf_token),
	[TABLE_signing_key] = COLUMN_BIT(signing_key, private_file),
	[TABLE_idempotency] = COLUMN_BIT(idempotency, body_json),
};

/* How the device's version is kept is nobody's business, and what it reports has its own event. */
static const uint64_t unremarkable[TABLE_N] = {
	[TABLE_organization] = COLUMN_BIT(organization, revision),
	[TABLE_fleet] = COLUMN_BIT(fleet, revision) | COLUMN_BIT(fleet, changes),
	[TABLE_device] = COLUMN_BIT(device, revision) | COLUMN_BIT(device, version_base) |
			 COLUMN_BIT(device, changes) | COLUMN_BIT(device, lag) |
			 COLUMN_BIT(device, judged_version) | COLUMN_BIT(device, applied_version) |
			 COLUMN_BIT(device, reported) | COLUMN_BIT(device, satisfied) |
			 COLUMN_BIT(device, last_seen_ms),
};

#define JSON_SUFFIX "_json"

static bool is_json(const struct column *col)
{
	size_t n = strlen(col->name), n_suffix = strlen(JSON_SUFFIX);
	return n > n_suffix && strcmp(col->name + n - n_suffix, JSON_SUFFIX) == 0;
}

static const char *text_of(const char *const *field)
{
	return *field ? *field : "";
}

static json_t *column_json(const struct column *col, const void *record)
{
	const void *f = (const char *)record + col->offset;
	json_t *j = NULL;
	switch (col->type) {
	case COLUMN_I64:
		return json_integer(*(const int64_t *)f);
	case COLUMN_BOOL:
		return json_boolean(*(const bool *)f);
	case COLUMN_TEXT:
		if (is_json(col) && json_parse(span_str(text_of(f)), &j, NULL) == 0)
			return j;
		return json_string(text_of(f));
	case COLUMN_BLOB:
		break;
	}
	return NULL;
}

static void add_column(json_t *o, const struct column *col, const void *record)
{
	char name[64];
	snprintf(name, sizeof name, "%s", col->name);
	if (is_json(col))
		name[strlen(name) - strlen(JSON_SUFFIX)] = '\0';
	json_t *value = column_json(col, record);
	if (value)
		json_object_set_new(o, name, value);
}

json_t *record_json(enum table_id id, const void *record)
{
	const struct table *t = &tables[id];
	json_t *o = json_object();
	uint64_t skip = hidden[id] | unremarkable[id];
	for (size_t i = 0; i < t->n_columns; i++)
		if ((skip >> i & 1) == 0)
			add_column(o, &t->columns[i], record);
	return o;
}

/* Columns shown that differ. */
static uint64_t changed_columns(enum table_id id, const void *before, const void *after)
{
	const struct table *t = &tables[id];
	uint64_t skip = hidden[id] | unremarkable[id], changed = 0;
	for (size_t i = 0; i < t->n_columns; i++) {
		AUTO_JSON x = column_json(&t->columns[i], before);
		AUTO_JSON y = column_json(&t->columns[i], after);
		if ((skip >> i & 1) == 0 && x && !json_equal(x, y))
			changed |= UINT64_C(1) << i;
	}
	return changed;
}

bool differs(enum table_id t, const void *before, const void *after)
{
	return changed_columns(t, before, after) != 0;
}

/* ---- events ---- */

static int append(struct store_conn *tx, enum event_type type, struct event *e)
{
	e->id = 0;
	int r = row_insert(tx, TABLE_event, e);
	if (r)
		return r;
	tx->notes.last_event_id = e->id;
	tx->notes.generation |= event_rings(type);
	return 0;
}

int store_event_append(struct store_conn *tx, struct event *e)
{
	enum event_type type;
	if (!event_type_parse(e->type, &type))
		return -EINVAL;
	return append(tx, type, e);
}

int event_add(struct store_conn *tx, const struct change *by, const struct event_new *n)
{
	AUTO_JSON before_json = n->before;
	AUTO_JSON after_json = n->after;
	CLEANUP(free_charp) char *before = before_json ? json_text(before_json) : NULL;
	CLEANUP(free_charp) char *after = after_json ? json_text(after_json) : NULL;
	struct event e = { .org_id = n->org_id,
			   .at_ms = by->now_ms,
			   .type = event_type_name(n->type),
			   .actor = by->actor,
			   .fleet_id = n->fleet_id,
			   .device_id = n->device_id,
			   .object = n->object,
			   .before_json = before,
			   .after_json = after };
	return append(tx, n->type, &e);
}

int event_add_change(struct store_conn *tx, const struct change *by, const struct event_new *n,
		     enum table_id id, const void *before, const void *after)
{
	const struct table *t = &tables[id];
	struct event_new e = *n;
	uint64_t changed = changed_columns(id, before, after);
	e.before = json_object();
	e.after = json_object();
	for (size_t i = 0; i < t->n_columns; i++) {
		if ((changed >> i & 1) == 0)
			continue;
		add_column(e.before, &t->columns[i], before);
		add_column(e.after, &t->columns[i], after);
	}
	return event_add(tx, by, &e);
}
