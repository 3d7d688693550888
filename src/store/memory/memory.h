/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory backend, for tests: it must answer exactly as SQLite does, keeps nothing, and is the
 * reference that SQLite's queries are compared with.
 *
 * Rows are immutable blocks (record, then its text). An update makes a new block and swaps the
 * pointers; the old one goes to the undo list, which is also what a rollback walks backwards.
 * Blocks are freed by commit or rollback, so whatever a reader sees lives as long as its lock.
 *
 * Locking: a transaction holds the lock for writing from begin to commit. A connection that reads
 * holds it for reading, once however deep it nests (conn.n_locks).
 */
#pragma once

#include "store/backend.h"
#include <pthread.h>

#define INDEXES_MAX 8

struct sorted { /* pointers to rows, in the order of an index, then of the primary key */
	const void **rows;
	size_t n, cap;
};

struct memory_table {
	struct sorted primary;
	struct sorted indexes[INDEXES_MAX];
	int64_t last_id; /* given out last */
};

struct undo {
	enum table_id table;
	const void *old, *new; /* NULL: there was, is none */
	int64_t last_id;       /* before */
};

struct memory_db {
	pthread_rwlock_t lock;
	struct memory_table tables[TABLE_N];
	struct undo *undo;
	size_t n_undo, cap_undo, savepoint;
	bool in_transaction;
};

struct memory_conn {
	struct memory_db *db;
	bool writer;
	unsigned n_locks;
};

void memory_lock(struct memory_conn *c);
void memory_unlock(struct memory_conn *c);

/* table.c: one table's rows. 'old' leaves, 'new' comes; either may be NULL. */
void table_replace(struct memory_table *m, enum table_id t, const void *old, const void *new);
/* The row with the first 'n' columns of the index equal to those of 'key'; NULL: none. */
const void *table_find(const struct memory_table *m, enum table_id t, int index, size_t n,
		       const void *key);
int table_scan(const struct memory_table *m, const struct scan *s, row_fn *fn, void *user);
/* Whether a row other than 'self' has the record's key or a unique index's columns. */
bool table_taken(const struct memory_table *m, enum table_id t, const void *record,
		 const void *self);
void table_free(struct memory_table *m);
/* A row's block: a copy of the record. Freed with free(). */
void *block_new(enum table_id t, const void *record);

/* query.c */
int memory_query_devices(void *conn, const struct device_query *q, row_fn *fn, void *user);
int memory_count_devices(void *conn, const struct device_query *q, int64_t *ret);
