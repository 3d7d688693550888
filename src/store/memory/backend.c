/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory backend's connections, transactions and row operations; see memory.h.
 */
#include "store/memory/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* ---- database and connections ---- */

static int open_db(const struct store_options *o, void **ret, struct error *err)
{
	struct memory_db *db = calloc(1, sizeof *db);
	pthread_rwlockattr_t attr;
	if (db == NULL)
		return -ENOMEM;
	pthread_rwlockattr_init(&attr); /* readers that never pause must not starve the writer */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&db->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	*ret = db;
	return 0;
}

static void close_db(void *handle)
{
	struct memory_db *db = handle;
	for (size_t i = 0; i < TABLE_N; i++)
		table_free(&db->tables[i]);
	free(db->undo);
	pthread_rwlock_destroy(&db->lock);
	free(db);
}

static int connect_db(void *db, bool writer, void **ret)
{
	struct memory_conn *c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ENOMEM;
	c->db = db;
	c->writer = writer;
	*ret = c;
	return 0;
}

void memory_lock(struct memory_conn *c)
{
	if (!c->writer && c->n_locks++ == 0)
		pthread_rwlock_rdlock(&c->db->lock);
}

void memory_unlock(struct memory_conn *c)
{
	if (!c->writer && --c->n_locks == 0)
		pthread_rwlock_unlock(&c->db->lock);
}

static int read_begin(void *conn)
{
	memory_lock(conn);
	return 0;
}

static void read_end(void *conn)
{
	memory_unlock(conn);
}

/* ---- transactions ---- */

static int begin(void *conn)
{
	struct memory_conn *c = conn;
	pthread_rwlock_wrlock(&c->db->lock);
	c->db->in_transaction = true;
	return 0;
}

static int savepoint(void *conn)
{
	struct memory_conn *c = conn;
	c->db->savepoint = c->db->n_undo;
	return 0;
}

static int release(void *conn)
{
	return 0;
}

static void undo_to(struct memory_db *db, size_t mark)
{
	while (db->n_undo > mark) {
		struct undo *u = &db->undo[--db->n_undo];
		struct memory_table *m = &db->tables[u->table];
		table_replace(m, u->table, u->new, u->old);
		m->last_id = u->last_id;
		free((void *)u->new);
	}
}

static int rollback_to(void *conn)
{
	struct memory_conn *c = conn;
	undo_to(c->db, c->db->savepoint);
	return 0;
}

static void end(struct memory_db *db)
{
	db->n_undo = db->savepoint = 0;
	db->in_transaction = false;
	pthread_rwlock_unlock(&db->lock);
}

static int commit(void *conn)
{
	struct memory_db *db = ((struct memory_conn *)conn)->db;
	for (size_t i = 0; i < db->n_undo; i++)
		free((void *)db->undo[i].old);
	end(db);
	return 0;
}

static void rollback(void *conn)
{
	struct memory_db *db = ((struct memory_conn *)conn)->db;
	if (!db->in_transaction)
		return;
	undo_to(db, 0);
	end(db);
}

static bool in_transaction(void *conn)
{
	return ((struct memory_conn *)conn)->db->in_transaction;
}

static void settle(void *conn)
{
}

/* ---- rows ---- */

static size_t column_size(enum column_type type)
{
	switch (type) {
	case COLUMN_I64:
		return sizeof(int64_t);
	case COLUMN_BOOL:
		return sizeof(bool);
	case COLUMN_TEXT:
		return sizeof(const char *);
	case COLUMN_BLOB:
		break;
	}
	return sizeof(struct span);
}

static void clear_others(const struct table *t, uint64_t columns, void *record)
{
	for (size_t i = t->n_key; i < t->n_columns; i++)
		if ((columns >> i & 1) == 0)
			memset((char *)record + t->columns[i].offset, 0,
			       column_size(t->columns[i].type));
}

static int get(void *conn, enum table_id t, uint64_t columns, const void *key, struct arena *a,
	       void *ret)
{
	struct memory_conn *c = conn;
	memory_lock(c);
	const void *row = table_find(&c->db->tables[t], t, INDEX_PRIMARY, tables[t].n_key, key);
	if (row) {
		record_copy(t, row, a, ret);
		clear_others(&tables[t], columns, ret);
	}
	memory_unlock(c);
	return row ? 0 : ROW_NOT_FOUND;
}

static int find(void *conn, enum table_id t, int index, const void *key, struct arena *a, void *ret)
{
	struct memory_conn *c = conn;
	memory_lock(c);
	const void *row =
		table_find(&c->db->tables[t], t, index, tables[t].indexes[index].n_columns, key);
	if (row)
		record_copy(t, row, a, ret);
	memory_unlock(c);
	return row ? 0 : ROW_NOT_FOUND;
}

static void change(struct memory_db *db, enum table_id t, const void *old, const void *new)
{
	assert(db->in_transaction);
	if (db->n_undo == db->cap_undo) {
		db->cap_undo = db->cap_undo ? db->cap_undo * 2 : 64;
		db->undo = realloc(db->undo, db->cap_undo * sizeof *db->undo);
		if (db->undo == NULL)
			abort();
	}
	struct memory_table *m = &db->tables[t];
	db->undo[db->n_undo++] = (struct undo){ t, old, new, m->last_id };
	table_replace(m, t, old, new);
}

static int insert(void *conn, enum table_id t, void *record)
{
	struct memory_db *db = ((struct memory_conn *)conn)->db;
	struct memory_table *m = &db->tables[t];
	int64_t *id = record; /* the key of an AUTO table comes first */
	int64_t given = *id;
	if (tables[t].auto_key && given == 0)
		*id = m->last_id + 1;
	if (table_taken(m, t, record, NULL)) {
		if (tables[t].auto_key)
			*id = given;
		return ROW_EXISTS;
	}
	change(db, t, NULL, block_new(t, record));
	if (tables[t].auto_key && *id > m->last_id)
		m->last_id = *id;
	return 0;
}

static int put(void *conn, enum table_id t, const void *record)
{
	struct memory_db *db = ((struct memory_conn *)conn)->db;
	struct memory_table *m = &db->tables[t];
	const void *old = table_find(m, t, INDEX_PRIMARY, tables[t].n_key, record);
	if (table_taken(m, t, record, old))
		return ROW_EXISTS;
	change(db, t, old, block_new(t, record));
	if (tables[t].auto_key && *(const int64_t *)record > m->last_id)
		m->last_id = *(const int64_t *)record;
	return 0;
}

static int update(void *conn, enum table_id id, uint64_t columns, const void *record)
{
	struct memory_db *db = ((struct memory_conn *)conn)->db;
	const struct table *t = &tables[id];
	struct memory_table *m = &db->tables[id];
	union any_record mixed;
	const void *old = table_find(m, id, INDEX_PRIMARY, t->n_key, record);
	if (old == NULL)
		return ROW_NOT_FOUND;
	memcpy(&mixed, old, t->record_size);
	for (size_t i = t->n_key; i < t->n_columns; i++) {
		size_t at = t->columns[i].offset;
		if (columns >> i & 1)
			memcpy((char *)&mixed + at, (const char *)record + at,
			       column_size(t->columns[i].type));
	}
	if (table_taken(m, id, &mixed, old))
		return ROW_EXISTS;
	change(db, id, old, block_new(id, &mixed));
	return 0;
}

static int delete (void *conn, enum table_id t, const void *key)
{
	struct memory_db *db = ((struct memory_conn *)conn)->db;
	const void *row = table_find(&db->tables[t], t, INDEX_PRIMARY, tables[t].n_key, key);
	if (row == NULL)
		return ROW_NOT_FOUND;
	change(db, t, row, NULL);
	return 0;
}

static int scan(void *conn, const struct scan *s, row_fn *fn, void *user)
{
	struct memory_conn *c = conn;
	memory_lock(c);
	int r = table_scan(&c->db->tables[s->table], s, fn, user);
	memory_unlock(c);
	return r;
}

struct doomed {
	const void **rows;
	size_t n, cap;
};

static int add_doomed(void *user, const void *row)
{
	struct doomed *d = user;
	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 16;
		d->rows = realloc(d->rows, d->cap * sizeof *d->rows);
		if (d->rows == NULL)
			abort();
	}
	d->rows[d->n++] = row;
	return 0;
}

static int delete_where(void *conn, const struct scan *s, int64_t *ret_n)
{
	struct memory_db *db = ((struct memory_conn *)conn)->db;
	struct doomed d = { 0 };
	struct scan all = *s;
	all.limit = 0; /* as SQL's DELETE */
	int r = table_scan(&db->tables[s->table], &all, add_doomed, &d);
	for (size_t i = 0; i < d.n && r == 0; i++)
		change(db, s->table, d.rows[i], NULL);
	*ret_n = (int64_t)d.n;
	free(d.rows);
	return r;
}

/* ---- maintenance ---- */

static int check(void *conn, json_t *findings)
{
	return 0;
}

static int refuse(struct error *err)
{
	return error_set(err, ERR_UNIMPLEMENTED,
			 "a store in memory is neither backed up nor restored");
}

static int backup(void *db, const char *path, struct error *err)
{
	return refuse(err);
}

static int restore_prepare(void *db, const char *path, struct error *err)
{
	return refuse(err);
}

static int restore(void *conn, struct event *e, struct error *err)
{
	return refuse(err);
}

const struct backend memory_backend = {
	.name = "memory",
	.open = open_db,
	.close = close_db,
	.connect = connect_db,
	.disconnect = free,
	.get = get,
	.find = find,
	.insert = insert,
	.put = put,
	.update = update,
	.delete = delete,
	.scan = scan,
	.delete_where = delete_where,
	.query_devices = memory_query_devices,
	.count_devices = memory_count_devices,
	.read_begin = read_begin,
	.read_end = read_end,
	.begin = begin,
	.savepoint = savepoint,
	.release = release,
	.rollback_to = rollback_to,
	.commit = commit,
	.rollback = rollback,
	.in_transaction = in_transaction,
	.settle = settle,
	.check = check,
	.backup = backup,
	.restore_prepare = restore_prepare,
	.restore = restore,
};
