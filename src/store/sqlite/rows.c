/* SPDX-License-Identifier: Apache-2.0
 *
 * Row operations on SQLite: bind, step, read.
 *
 * Text and blobs are bound without a copy, since a statement never outlives its call. What is read
 * is copied into the arena; without one (scans) it points into SQLite's row and is valid until
 * the next step.
 */
#include "store/sqlite/sqlite.h"

#include <assert.h>
#include <errno.h>

int sqlite_result(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CONSTRAINT:
		return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
				       rc == SQLITE_CONSTRAINT_ROWID
			       ? ROW_EXISTS
			       : -EPROTO;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
		return -EIO;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	default:
		return -EPROTO;
	}
}

/* ---- binding and reading ---- */

static const void *field(const struct column *col, const void *record)
{
	return (const char *)record + col->offset;
}

int bind_column(sqlite3_stmt *stmt, int at, const struct column *col, const void *record)
{
	const void *f = field(col, record);
	const char *text;
	const struct span *blob;
	switch (col->type) {
	case COLUMN_I64:
		return sqlite3_bind_int64(stmt, at, *(const int64_t *)f);
	case COLUMN_BOOL:
		return sqlite3_bind_int64(stmt, at, *(const bool *)f);
	case COLUMN_TEXT:
		text = *(const char *const *)f;
		return sqlite3_bind_text(stmt, at, text ? text : "", -1, SQLITE_STATIC);
	case COLUMN_BLOB:
		blob = f;
		return sqlite3_bind_blob64(stmt, at, blob->n ? (const void *)blob->p : "", blob->n,
					   SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

static const char *read_text(sqlite3_stmt *stmt, int at, struct arena *a)
{
	const char *text = (const char *)sqlite3_column_text(stmt, at);
	if (text == NULL || *text == '\0')
		return "";
	return a ? arena_strndup(a, text, (size_t)sqlite3_column_bytes(stmt, at)) : text;
}

static struct span read_blob(sqlite3_stmt *stmt, int at, struct arena *a)
{
	struct span s = { sqlite3_column_blob(stmt, at), (size_t)sqlite3_column_bytes(stmt, at) };
	return a && s.n ? arena_dup(a, s) : s;
}

static void read_column(sqlite3_stmt *stmt, int at, const struct column *col, struct arena *a,
			void *ret)
{
	void *f = (char *)ret + col->offset;
	switch (col->type) {
	case COLUMN_I64:
		*(int64_t *)f = sqlite3_column_int64(stmt, at);
		break;
	case COLUMN_BOOL:
		*(bool *)f = sqlite3_column_int64(stmt, at) != 0;
		break;
	case COLUMN_TEXT:
		*(const char **)f = read_text(stmt, at, a);
		break;
	case COLUMN_BLOB:
		*(struct span *)f = read_blob(stmt, at, a);
		break;
	}
}

void read_record(sqlite3_stmt *stmt, const struct table *t, struct arena *a, void *ret)
{
	for (size_t i = 0; i < t->n_columns; i++)
		read_column(stmt, (int)i, &t->columns[i], a, ret);
}

/* What OP_GET selects: the key and the columns of the shape. */
static void read_some(sqlite3_stmt *stmt, const struct table *t, uint64_t columns, struct arena *a,
		      void *ret)
{
	int at = 0;
	memset(ret, 0, t->record_size);
	for (size_t i = 0; i < t->n_columns; i++)
		if (i < t->n_key || (columns >> i & 1))
			read_column(stmt, at++, &t->columns[i], a, ret);
}

static int bind_key(sqlite3_stmt *stmt, int *at, const struct table *t, int index, size_t n,
		    const void *key)
{
	int rc = SQLITE_OK;
	for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
		size_t pos = index == INDEX_PRIMARY ? i : t->indexes[index].columns[i];
		rc = bind_column(stmt, (*at)++, &t->columns[pos], key);
	}
	return rc;
}

/* ---- operations ---- */

static int select_one(struct sqlite_conn *c, const struct shape *shape, const void *key,
		      struct arena *a, void *ret)
{
	const struct table *t = &tables[shape->table];
	AUTO_STATEMENT s = NULL;
	int r = statement_get(c, shape, &s);
	if (r)
		return r;
	size_t n = shape->op == OP_GET ? t->n_key : t->indexes[shape->index].n_columns;
	int at = 1, rc = bind_key(s->stmt, &at, t, shape->index, n, key);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s->stmt);
	if (rc == SQLITE_DONE)
		return ROW_NOT_FOUND;
	if (rc == SQLITE_ROW)
		read_some(s->stmt, t, shape->columns, a, ret);
	return sqlite_result(rc);
}

int sqlite_get(void *conn, enum table_id t, uint64_t columns, const void *key, struct arena *a,
	       void *ret)
{
	struct shape shape = {
		.op = OP_GET, .table = (uint8_t)t, .index = INDEX_PRIMARY, .columns = columns
	};
	return select_one(conn, &shape, key, a, ret);
}

int sqlite_find(void *conn, enum table_id t, int index, const void *key, struct arena *a, void *ret)
{
	struct shape shape = {
		.op = OP_FIND, .table = (uint8_t)t, .index = (int8_t)index, .columns = UINT64_MAX
	};
	return select_one(conn, &shape, key, a, ret);
}

static int write_record(struct sqlite_conn *c, const struct shape *shape, const void *record)
{
	const struct table *t = &tables[shape->table];
	AUTO_STATEMENT s = NULL;
	int r = statement_get(c, shape, &s);
	if (r)
		return r;
	int rc = SQLITE_OK;
	for (size_t i = 0; i < t->n_columns && rc == SQLITE_OK; i++)
		rc = bind_column(s->stmt, (int)i + 1, &t->columns[i], record);
	if (rc == SQLITE_OK && t->auto_key && *(const int64_t *)record == 0)
		rc = sqlite3_bind_null(s->stmt, 1); /* SQLite gives the key out */
	return sqlite_result(rc == SQLITE_OK ? sqlite3_step(s->stmt) : rc);
}

int sqlite_insert(void *conn, enum table_id t, void *record)
{
	struct sqlite_conn *c = conn;
	assert(!tables[t].auto_key || tables[t].columns[0].offset == 0);
	struct shape shape = { .op = OP_INSERT, .table = (uint8_t)t, .index = INDEX_PRIMARY };
	int r = write_record(c, &shape, record);
	if (r == 0 && tables[t].auto_key)
		*(int64_t *)record = sqlite3_last_insert_rowid(c->handle);
	return r;
}

int sqlite_put(void *conn, enum table_id t, const void *record)
{
	struct shape shape = { .op = OP_PUT, .table = (uint8_t)t, .index = INDEX_PRIMARY };
	return write_record(conn, &shape, record);
}

int sqlite_update(void *conn, enum table_id id, uint64_t columns, const void *record)
{
	struct sqlite_conn *c = conn;
	const struct table *t = &tables[id];
	struct shape shape = {
		.op = OP_UPDATE, .table = (uint8_t)id, .index = INDEX_PRIMARY, .columns = columns
	};
	AUTO_STATEMENT s = NULL;
	int r = statement_get(c, &shape, &s);
	if (r)
		return r;
	int at = 1, rc = SQLITE_OK;
	for (size_t i = t->n_key; i < t->n_columns && rc == SQLITE_OK; i++)
		if (columns >> i & 1)
			rc = bind_column(s->stmt, at++, &t->columns[i], record);
	if (rc == SQLITE_OK)
		rc = bind_key(s->stmt, &at, t, INDEX_PRIMARY, t->n_key, record);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s->stmt);
	if (rc == SQLITE_DONE && sqlite3_changes(c->handle) == 0)
		return ROW_NOT_FOUND;
	return sqlite_result(rc);
}

int sqlite_delete(void *conn, enum table_id id, const void *key)
{
	struct sqlite_conn *c = conn;
	const struct table *t = &tables[id];
	struct shape shape = { .op = OP_DELETE, .table = (uint8_t)id, .index = INDEX_PRIMARY };
	AUTO_STATEMENT s = NULL;
	int r = statement_get(c, &shape, &s);
	if (r)
		return r;
	int at = 1, rc = bind_key(s->stmt, &at, t, INDEX_PRIMARY, t->n_key, key);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s->stmt);
	if (rc == SQLITE_DONE && sqlite3_changes(c->handle) == 0)
		return ROW_NOT_FOUND;
	return sqlite_result(rc);
}

static int start_scan(struct sqlite_conn *c, enum statement_op op, const struct scan *s,
		      struct statement **ret)
{
	struct shape shape = { .op = (uint8_t)op,
			       .table = (uint8_t)s->table,
			       .index = (int8_t)s->index,
			       .n_equal = (uint8_t)s->n_equal,
			       .has_after = s->has_after,
			       .descending = s->descending };
	int r = statement_get(c, &shape, ret);
	if (r)
		return r;
	sqlite3_stmt *stmt = (*ret)->stmt;
	int at = 1, rc = bind_key(stmt, &at, &tables[s->table], s->index, s->n_equal, s->key);
	if (rc == SQLITE_OK && s->has_after)
		rc = sqlite3_bind_int64(stmt, at++, s->after);
	if (rc == SQLITE_OK && op == OP_SCAN)
		rc = sqlite3_bind_int64(stmt, at, s->limit ? (int64_t)s->limit : -1);
	return sqlite_result(rc);
}

int sqlite_scan(void *conn, const struct scan *s, row_fn *fn, void *user)
{
	union any_record record;
	AUTO_STATEMENT st = NULL;
	int r = start_scan(conn, OP_SCAN, s, &st);
	while (r == 0) {
		int rc = sqlite3_step(st->stmt);
		if (rc != SQLITE_ROW)
			return sqlite_result(rc);
		read_record(st->stmt, &tables[s->table], NULL, &record);
		r = fn(user, &record);
	}
	return r == ROW_STOP ? 0 : r;
}

int sqlite_delete_where(void *conn, const struct scan *s, int64_t *ret_n)
{
	struct sqlite_conn *c = conn;
	AUTO_STATEMENT st = NULL;
	int r = start_scan(c, OP_DELETE_WHERE, s, &st);
	if (r)
		return r;
	int rc = sqlite3_step(st->stmt);
	if (rc == SQLITE_DONE)
		*ret_n = sqlite3_changes64(c->handle);
	return sqlite_result(rc);
}
