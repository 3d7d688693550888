/* SPDX-License-Identifier: Apache-2.0
 *
 * What a backend is: a table of functions over two kinds of handles of its own, the database and
 * a connection. Row operations are those of rows.h, which checks and dispatches.
 *
 * Results: 0 · positive enum row_result for row operations · negative unexpected. Those that mean
 * something to the writer: -ENOSPC (disk full), -EBUSY (somebody else holds the lock), -EIO.
 * A connection belongs to one thread; only the writer's connection gets begin … commit.
 */
#pragma once

#include "store/rows.h"
#include "store/store.h"

struct backend {
	const char *name;

	int (*open)(const struct store_options *o, void **ret_db, struct error *err);
	void (*close)(void *db); /* after every connection was */
	int (*connect)(void *db, bool writer, void **ret_conn);
	void (*disconnect)(void *conn);

	int (*get)(void *conn, enum table_id t, uint64_t columns, const void *key, struct arena *a,
		   void *ret);
	int (*find)(void *conn, enum table_id t, int index, const void *key, struct arena *a,
		    void *ret);
	int (*insert)(void *conn, enum table_id t, void *record);
	int (*put)(void *conn, enum table_id t, const void *record);
	int (*update)(void *conn, enum table_id t, uint64_t columns, const void *record);
	int (*delete)(void *conn, enum table_id t, const void *key);
	int (*scan)(void *conn, const struct scan *s, row_fn *fn, void *user);
	int (*delete_where)(void *conn, const struct scan *s, int64_t *ret_n);
	int (*query_devices)(void *conn, const struct device_query *q, row_fn *fn, void *user);
	int (*count_devices)(void *conn, const struct device_query *q, int64_t *ret);

	int (*read_begin)(void *conn);
	void (*read_end)(void *conn);

	int (*begin)(void *conn);
	int (*savepoint)(void *conn); /* one level */
	int (*release)(void *conn);
	int (*rollback_to)(void *conn); /* and release it */
	/* 0; negative: surely not committed; positive ERR_UNCERTAIN: it may have been. */
	int (*commit)(void *conn);
	void (*rollback)(void *conn); /* also when there is no transaction (any more) */
	/* An error may have ended the transaction by itself; then nothing of it is left. */
	bool (*in_transaction)(void *conn);
	void (*settle)(
		void *conn); /* after the batch was answered: housekeeping such as checkpoints */

	/* Integrity of what holds the rows; findings are sentences. */
	int (*check)(void *conn, json_t *findings);
	int (*backup)(void *db, const char *path, struct error *err);
	/* Checks the backup and brings a copy of it to the current schema. */
	int (*restore_prepare)(void *db, const char *path, struct error *err);
	/* On the writer's connection: everything becomes what was prepared, plus the event; ids given
	 * out since the backup are not given out again. Atomic. */
	int (*restore)(void *conn, struct event *e, struct error *err);
};

extern const struct backend sqlite_backend;
extern const struct backend memory_backend;
