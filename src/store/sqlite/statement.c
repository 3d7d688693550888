/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements: their text, made from the table descriptors, and the connection's cache of them.
 *
 * Parameters of the generated ones: OP_GET and OP_DELETE the key columns; OP_FIND the index's columns;
 * OP_INSERT and OP_PUT every column in order; OP_UPDATE the set columns in order, then the key;
 * OP_SCAN the equal columns, 'after' if any, the limit; OP_DELETE_WHERE the equal columns, 'after'
 * if any.
 *
 * A unique index is partial (WHERE last column <> empty), and SQLite uses it only for a query that
 * says the same: hence add_not_empty().
 */
#include "store/sqlite/sqlite.h"

#include <assert.h>
#include <errno.h>

#define SQL_MAX 4096

#define RUN(index, where)                                                                          \
	"SELECT id FROM device INDEXED BY " index " WHERE " where                                  \
	" AND id > ?4 ORDER BY id LIMIT ?5"
#define VERDICT_FROM                                                                               \
	" FROM device INDEXED BY device_by_verdict WHERE reported = 1 AND unenrolled_ms = 0"       \
	" AND fleet_id = ?1 AND satisfied = ?2 AND lag "
#define COUNT_UNKNOWN                                                                              \
	"SELECT count(*) FROM device INDEXED BY device_unknown WHERE reported = 0"                 \
	" AND unenrolled_ms = 0 AND org_id = ?1"
#define COUNT_FLEET                                                                                \
	"SELECT count(*) FROM device INDEXED BY device_by_fleet"                                   \
	" WHERE fleet_id = ?1 AND unenrolled_ms = 0"

static const char *const fixed_sql[FIXED_N] = {
	[FIXED_BEGIN] = "BEGIN IMMEDIATE",
	[FIXED_BEGIN_READ] = "BEGIN",
	[FIXED_COMMIT] = "COMMIT",
	[FIXED_ROLLBACK] = "ROLLBACK",
	[FIXED_SAVEPOINT] = "SAVEPOINT operation",
	[FIXED_RELEASE] = "RELEASE operation",
	[FIXED_ROLLBACK_TO] = "ROLLBACK TO operation",
	[FIXED_RUN_ID] = "SELECT id FROM device WHERE id = ?1 AND id > ?4 LIMIT ?5",
	[FIXED_RUN_EXTERNAL_ID] = RUN("device_by_external",
				      "channel = ?1 AND external_id = ?2 AND external_id <> ''"),
	[FIXED_RUN_FLEET] = RUN("device_by_fleet", "fleet_id = ?1 AND unenrolled_ms = 0"),
	[FIXED_RUN_SERIAL] = RUN("device_by_serial", "org_id = ?1 AND serial = ?2"),
	[FIXED_RUN_PARENT] = RUN("device_by_parent", "parent_id = ?1"),
	[FIXED_RUN_VERDICT] =
		RUN("device_by_verdict", "reported = 1 AND unenrolled_ms = 0 AND "
					 "fleet_id = ?1 AND satisfied = ?2 AND lag = ?3"),
	[FIXED_RUN_UNKNOWN] =
		RUN("device_unknown", "reported = 0 AND unenrolled_ms = 0 AND org_id = ?1"),
	[FIXED_RUN_CLASS] = RUN("device_by_class",
				"unenrolled_ms = 0 AND org_id = ?1 AND kind = ?2 AND channel = ?3"),
	[FIXED_RUN_UNCERTAIN] =
		RUN("device_uncertain", "applied_version > judged_version AND org_id = ?1"),
	[FIXED_RUN_FCM] = RUN("device_fcm", "fcm_token <> '' AND org_id = ?1"),
	[FIXED_NEXT_LAG] = "SELECT lag" VERDICT_FROM "> ?3 ORDER BY lag LIMIT 1",
	[FIXED_COUNT_VERDICT] = "SELECT count(*)" VERDICT_FROM "BETWEEN ?3 AND ?4",
	[FIXED_COUNT_UNKNOWN] = COUNT_UNKNOWN,
	[FIXED_COUNT_FLEET] = COUNT_FLEET,
};

/* ---- text ---- */

void sql_add_columns(struct buf *out, const struct table *t, const char *prefix)
{
	for (size_t i = 0; i < t->n_columns; i++)
		buf_addf(out, "%s%s%s", i ? ", " : "", prefix, t->columns[i].name);
}

static void add_some_columns(struct buf *out, const struct table *t, uint64_t columns)
{
	for (size_t i = 0; i < t->n_columns; i++)
		if (i < t->n_key || (columns >> i & 1))
			buf_addf(out, "%s%s", i ? ", " : "", t->columns[i].name);
}

static const struct column *key_column(const struct table *t, int index, size_t i)
{
	return &t->columns[index == INDEX_PRIMARY ? i : t->indexes[index].columns[i]];
}

static void add_equal(struct buf *out, const struct table *t, int index, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%s = ?", i ? " AND " : "", key_column(t, index, i)->name);
}

static void add_not_empty(struct buf *out, const struct table *t, int index)
{
	if (index == INDEX_PRIMARY || !t->indexes[index].unique)
		return;
	const struct column *last = key_column(t, index, t->indexes[index].n_columns - 1u);
	if (last->type == COLUMN_TEXT || last->type == COLUMN_BLOB)
		buf_addf(out, " AND %s <> %s", last->name,
			 last->type == COLUMN_TEXT ? "''" : "x''");
}

static void add_where(struct buf *out, const struct table *t, const struct shape *s)
{
	buf_add_str(out, " WHERE 1");
	for (size_t i = 0; i < s->n_equal; i++)
		buf_addf(out, " AND %s = ?", key_column(t, s->index, i)->name);
	if (s->has_after)
		buf_addf(out, " AND %s %s ?", key_column(t, s->index, s->n_equal)->name,
			 s->descending ? "<" : ">");
	add_not_empty(out, t, s->index);
}

static void add_indexed_by(struct buf *out, const struct table *t, int index)
{
	if (index != INDEX_PRIMARY)
		buf_addf(out, " INDEXED BY %s_%s", t->name, t->indexes[index].name);
}

static bool in_index(const struct table_index *x, size_t column)
{
	for (size_t i = 0; i < x->n_columns; i++)
		if (x->columns[i] == column)
			return true;
	return false;
}

static void add_order(struct buf *out, const struct table *t, const struct shape *s)
{
	const char *direction = s->descending ? " DESC" : "", *separator = " ORDER BY ";
	size_t n = s->index == INDEX_PRIMARY ? t->n_key : t->indexes[s->index].n_columns;
	for (size_t i = s->n_equal; i < n; i++) {
		buf_addf(out, "%s%s%s", separator, key_column(t, s->index, i)->name, direction);
		separator = ", ";
	}
	for (size_t i = 0; s->index != INDEX_PRIMARY && i < t->n_key; i++) {
		if (in_index(&t->indexes[s->index], i))
			continue;
		buf_addf(out, "%s%s%s", separator, t->columns[i].name, direction);
		separator = ", ";
	}
}

/* Where nothing but the key could conflict, and no index has to follow, REPLACE is the same as an
 * upsert, and overwrites the row without reading it. */
static void add_insert(struct buf *out, const struct table *t, bool replace)
{
	bool overwrite = replace && t->n_indexes == 0 && !t->auto_key;
	buf_addf(out, "%s INTO %s(", overwrite ? "REPLACE" : "INSERT", t->name);
	sql_add_columns(out, t, "");
	buf_add_str(out, ") VALUES (");
	for (size_t i = 0; i < t->n_columns; i++)
		buf_add_str(out, i ? ", ?" : "?");
	buf_add_str(out, ")");
	if (!replace || overwrite)
		return;
	buf_add_str(out, " ON CONFLICT(");
	for (size_t i = 0; i < t->n_key; i++)
		buf_addf(out, "%s%s", i ? ", " : "", t->columns[i].name);
	buf_add_str(out, ") DO UPDATE SET ");
	for (size_t i = t->n_key; i < t->n_columns; i++)
		buf_addf(out, "%s%s = excluded.%s", i > t->n_key ? ", " : "", t->columns[i].name,
			 t->columns[i].name);
}

static void add_update(struct buf *out, const struct table *t, uint64_t columns)
{
	const char *separator = "";
	buf_addf(out, "UPDATE %s SET ", t->name);
	for (size_t i = t->n_key; i < t->n_columns; i++) {
		if ((columns >> i & 1) == 0)
			continue;
		buf_addf(out, "%s%s = ?", separator, t->columns[i].name);
		separator = ", ";
	}
	buf_add_str(out, " WHERE ");
	add_equal(out, t, INDEX_PRIMARY, t->n_key);
}

static void add_select(struct buf *out, const struct table *t, int index)
{
	buf_add_str(out, "SELECT ");
	sql_add_columns(out, t, "");
	buf_addf(out, " FROM %s", t->name);
	add_indexed_by(out, t, index);
}

static void statement_text(struct buf *out, const struct shape *s)
{
	if (s->op == OP_FIXED) {
		buf_add_str(out, fixed_sql[s->table]);
		return;
	}
	const struct table *t = &tables[s->table];
	switch ((enum statement_op)s->op) {
	case OP_GET:
		buf_add_str(out, "SELECT ");
		add_some_columns(out, t, s->columns);
		buf_addf(out, " FROM %s WHERE ", t->name);
		add_equal(out, t, INDEX_PRIMARY, t->n_key);
		break;
	case OP_FIND:
		add_select(out, t, s->index);
		buf_add_str(out, " WHERE ");
		add_equal(out, t, s->index, t->indexes[s->index].n_columns);
		add_not_empty(out, t, s->index);
		break;
	case OP_INSERT:
	case OP_PUT:
		add_insert(out, t, s->op == OP_PUT);
		break;
	case OP_UPDATE:
		add_update(out, t, s->columns);
		break;
	case OP_DELETE:
		buf_addf(out, "DELETE FROM %s WHERE ", t->name);
		add_equal(out, t, INDEX_PRIMARY, t->n_key);
		break;
	case OP_SCAN:
		add_select(out, t, s->index);
		add_where(out, t, s);
		add_order(out, t, s);
		buf_add_str(out, " LIMIT ?");
		break;
	case OP_DELETE_WHERE:
		buf_addf(out, "DELETE FROM %s", t->name);
		add_indexed_by(out, t, s->index);
		add_where(out, t, s);
		break;
	case OP_FIXED:
		break;
	}
}

/* ---- cache ---- */

static int prepare(struct sqlite_conn *c, const struct shape *shape, sqlite3_stmt **ret)
{
	CLEANUP(buf_fini) struct buf sql;
	buf_init(&sql, SQL_MAX);
	statement_text(&sql, shape);
	assert(!sql.failed);
	return sqlite_result(sqlite3_prepare_v3(c->handle, buf_str(&sql), (int)sql.n,
						SQLITE_PREPARE_PERSISTENT, ret, NULL));
}

static size_t hash_shape(const struct shape *s)
{
	uint64_t h = s->op | (uint64_t)s->table << 8 | (uint64_t)s->n_equal << 16 |
		     (uint64_t)s->has_after << 24 | (uint64_t)s->descending << 32 |
		     (uint64_t)(uint8_t)s->index << 40;
	h = (h ^ s->columns * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xff51afd7ed558ccd);
	return (size_t)(h >> 40) % STATEMENTS_MAX;
}

static int get_temporary(struct sqlite_conn *c, const struct shape *shape, struct statement **ret)
{
	struct statement *s = calloc(1, sizeof *s);
	if (s == NULL)
		return -ENOMEM;
	*s = (struct statement){ .shape = *shape, .busy = true, .temporary = true };
	int r = prepare(c, shape, &s->stmt);
	if (r)
		free(s);
	else
		*ret = s;
	return r;
}

int statement_get(struct sqlite_conn *c, const struct shape *shape, struct statement **ret)
{
	size_t i = hash_shape(shape);
	while (c->slots[i].stmt && memcmp(&c->slots[i].shape, shape, sizeof *shape) != 0)
		i = (i + 1) % STATEMENTS_MAX;
	struct statement *s = &c->slots[i];
	if (s->stmt == NULL) {
		if (c->n_statements >= STATEMENTS_MAX / 2)
			return get_temporary(c, shape, ret);
		int r = prepare(c, shape, &s->stmt);
		if (r)
			return r;
		s->shape = *shape;
		c->n_statements++;
	} else if (s->busy) {
		return get_temporary(c, shape, ret);
	}
	s->busy = true;
	*ret = s;
	return 0;
}

int statement_fixed(struct sqlite_conn *c, enum fixed_sql f, struct statement **ret)
{
	return statement_get(c, &(struct shape){ .op = OP_FIXED, .table = (uint8_t)f }, ret);
}

void statement_done(struct statement *s)
{
	if (s == NULL)
		return;
	if (s->temporary) {
		sqlite3_finalize(s->stmt);
		free(s);
		return;
	}
	sqlite3_reset(s->stmt); /* its error, if any, was already returned by the step */
	s->busy = false;
}

void statement_donep(struct statement **s)
{
	statement_done(*s);
}

void statements_free(struct sqlite_conn *c)
{
	for (size_t i = 0; i < STATEMENTS_MAX; i++)
		sqlite3_finalize(TAKE(c->slots[i].stmt));
	c->n_statements = 0;
}
