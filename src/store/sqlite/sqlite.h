/* SPDX-License-Identifier: Apache-2.0
 *
 * The SQLite backend's own declarations. Nothing outside this folder sees SQL or sqlite3.h.
 *
 * One database file, one writing connection, many reading ones (WAL: readers never wait for the
 * writer nor it for them). Statements are made from the table descriptors, prepared once a
 * connection and kept by what they do (struct shape).
 */
#pragma once

#include "base/buf.h"
#include "store/backend.h"
#include <sqlite3.h>

enum statement_op {
	OP_GET = 1,
	OP_FIND,
	OP_INSERT,
	OP_PUT,
	OP_UPDATE,
	OP_DELETE,
	OP_SCAN,
	OP_DELETE_WHERE,
	OP_FIXED, /* one of fixed_sql, in 'table' */
};

enum fixed_sql {
	FIXED_BEGIN,
	FIXED_BEGIN_READ,
	FIXED_COMMIT,
	FIXED_ROLLBACK,
	FIXED_SAVEPOINT,
	FIXED_RELEASE,
	FIXED_ROLLBACK_TO,
	FIXED_RUN_ID, /* ids of a run, see plan.h: ?1 … ?3 the run's values, ?4 after, ?5 limit */
	FIXED_RUN_SERIAL,
	FIXED_RUN_PARENT,
	FIXED_RUN_EXTERNAL_ID,
	FIXED_RUN_FLEET,
	FIXED_RUN_VERDICT,
	FIXED_RUN_UNKNOWN,
	FIXED_RUN_CLASS,
	FIXED_RUN_UNCERTAIN,
	FIXED_RUN_FCM,
	FIXED_NEXT_LAG,      /* ?1 fleet, ?2 satisfied, ?3 lag: the next larger one */
	FIXED_COUNT_VERDICT, /* ?1 fleet, ?2 satisfied, ?3 lowest lag, ?4 highest lag */
	FIXED_COUNT_UNKNOWN, /* ?1 organization */
	FIXED_COUNT_FLEET,   /* ?1 fleet */
	FIXED_N
};

struct shape { /* what a statement does; compared as bytes, so always fully initialized */
	uint8_t op, table, n_equal, has_after, descending;
	int8_t index;
	uint8_t unused[2];
	uint64_t columns; /* OP_UPDATE: those set; OP_GET: those read besides the key */
};

struct statement {
	struct shape shape;
	sqlite3_stmt *stmt; /* NULL: the slot is free */
	bool busy;          /* being stepped; a second user gets one of its own */
	bool temporary;
};

#define STATEMENTS_MAX 1024 /* slots; shapes are made by our code, about 200 */

struct sqlite_db {
	char *path;
};

struct sqlite_conn {
	struct sqlite_db *db;
	sqlite3 *handle;
	bool writer;
	int wal_frames;                /* after the last commit */
	const struct fleet_tree *tree; /* of the running device query, for chain() */
	struct statement slots[STATEMENTS_MAX];
	size_t n_statements;
};

/* sqlite3's code as ours: -ENOSPC -EBUSY -EIO -ENOMEM -EUCLEAN -EPROTO; ROW_EXISTS. */
int sqlite_result(int rc);

/* statement.c */
int statement_get(struct sqlite_conn *c, const struct shape *shape,
		  struct statement **ret) WARN_UNUSED;
int statement_fixed(struct sqlite_conn *c, enum fixed_sql f, struct statement **ret) WARN_UNUSED;
void statement_done(struct statement *s); /* resets it; NULL is fine */
void statements_free(struct sqlite_conn *c);
void statement_donep(struct statement **s);
#define AUTO_STATEMENT CLEANUP(statement_donep) struct statement *
void sql_add_columns(struct buf *out, const struct table *t, const char *prefix);

/* rows.c */
int bind_column(sqlite3_stmt *stmt, int at, const struct column *col, const void *record);
void read_record(sqlite3_stmt *stmt, const struct table *t, struct arena *a, void *ret);
int sqlite_get(void *conn, enum table_id t, uint64_t columns, const void *key, struct arena *a,
	       void *ret);
int sqlite_find(void *conn, enum table_id t, int index, const void *key, struct arena *a,
		void *ret);
int sqlite_insert(void *conn, enum table_id t, void *record);
int sqlite_put(void *conn, enum table_id t, const void *record);
int sqlite_update(void *conn, enum table_id t, uint64_t columns, const void *record);
int sqlite_delete(void *conn, enum table_id t, const void *key);
int sqlite_scan(void *conn, const struct scan *s, row_fn *fn, void *user);
int sqlite_delete_where(void *conn, const struct scan *s, int64_t *ret_n);

/* query.c */
int sqlite_query_devices(void *conn, const struct device_query *q, row_fn *fn, void *user);
int sqlite_count_devices(void *conn, const struct device_query *q, int64_t *ret);
int sqlite_add_functions(sqlite3 *db, struct sqlite_conn *c);

/* backend.c */
int sqlite_connect_path(struct sqlite_db *db, const char *path, bool writer,
			struct sqlite_conn **ret) WARN_UNUSED;
void sqlite_disconnect(void *conn);

/* migrations.c */
#define SQLITE_SCHEMA_VERSION 5
int sqlite_migrate(sqlite3 *db, struct error *err) WARN_UNUSED;

/* maintain.c */
int sqlite_check(void *conn, json_t *findings);
int sqlite_backup(void *db, const char *path, struct error *err);
int sqlite_restore_prepare(void *db, const char *path, struct error *err);
int sqlite_restore(void *conn, struct event *e, struct error *err);
