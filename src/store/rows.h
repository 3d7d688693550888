/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows: what a backend must be able to do. The tables are described by data (made from
 * model/records.def), so a backend is a handful of generic operations; every domain verb of
 * store.h is written once on top of them. Only the store's own folder includes this header.
 *
 * Results: 0 ok · negative unexpected · positive enum row_result. Records read are filled from the
 * arena given. Write operations need the writer's connection (asserted).
 */
#pragma once

#include "base/arena.h"
#include "model/filter.h"
#include "model/records.h"

enum row_result {
	ROW_NOT_FOUND = 1001, /* apart from enum err: one that leaks through a verb is noticed */
	ROW_EXISTS,           /* the primary key or a unique index is taken */
	ROW_STOP,             /* a scan's callback had enough; never returned by row_scan itself */
};

enum column_type { COLUMN_I64, COLUMN_BOOL, COLUMN_TEXT, COLUMN_BLOB };
struct column {
	const char *name;
	enum column_type type;
	size_t offset; /* in the record */
};

#define INDEX_COLUMNS_MAX 3
struct table_index {
	const char *name;
	bool unique;
	uint8_t columns[INDEX_COLUMNS_MAX]; /* positions in table.columns */
	uint8_t n_columns;
};

struct table {
	const char *name;
	size_t record_size;
	const struct column *columns;
	size_t n_columns, n_key;
	bool auto_key; /* one integer key, given out by the store, never reused */
	const struct table_index *indexes;
	size_t n_indexes;
};

enum table_id {
#define TABLE(name, n_key) TABLE_##name,
#define COL(table, type, name)
#define INDEX(table, name, unique, ...)
#define END(table)
#include "model/records.def"
#undef TABLE
#undef COL
#undef INDEX
#undef END
	TABLE_N
};

enum { /* COLUMN_device_name is the position of device.name; masks are UINT64_C(1) << position */
#define TABLE(name, n_key)     COLUMN_START_##name,
#define COL(table, type, name) COLUMN_##table##_##name,
#define INDEX(table, name, unique, ...)
#define END(table) COLUMN_END_##table,
#include "model/records.def"
#undef TABLE
#undef COL
#undef INDEX
#undef END
};
#define COLUMN_BIT(table, name)                                                                    \
	(UINT64_C(1) << (COLUMN_##table##_##name - COLUMN_START_##table - 1))

enum { /* INDEX_device_by_token: likewise for indexes */
#define TABLE(name, n_key) INDEX_START_##name,
#define COL(table, type, name)
#define INDEX(table, name, unique, ...) INDEX_##table##_##name,
#define END(table)                      INDEX_END_##table,
#include "model/records.def"
#undef TABLE
#undef COL
#undef INDEX
#undef END
};
#define INDEX_OF(table, name) (INDEX_##table##_##name - INDEX_START_##table - 1)
#define INDEX_PRIMARY         (-1)

extern const struct table tables[TABLE_N];

union any_record { /* room for a record of any table */
#define TABLE(name, n_key) struct name name;
#define COL(table, type, name)
#define INDEX(table, name, unique, ...)
#define END(table)
#include "model/records.def"
#undef TABLE
#undef COL
#undef INDEX
#undef END
};

/* Ordered by the index's columns, then by primary key. A unique index holds no rows whose last
 * text or blob column is empty, so scans through it do not see them. */
struct scan {
	enum table_id table;
	int index;       /* position in table.indexes, or INDEX_PRIMARY */
	size_t n_equal;  /* leading columns of the index that must equal those of 'key' */
	const void *key; /* a record of the table */
	bool has_after; /* the next (integer) column must be beyond 'after' in the scan's direction */
	int64_t after;
	bool descending;
	size_t limit; /* 0: no limit */
};

/* The record is valid during the call only (scan and query callbacks). 0, ROW_STOP, or negative.
 * It may read through the same connection, but not write. */
typedef int row_fn(void *user, const void *record);

struct store_conn;
int row_get(struct store_conn *c, enum table_id t, const void *key, struct arena *a, void *ret);
/* Only the key and these columns; the others are zero. For hot paths and wide rows. */
int row_get_columns(struct store_conn *c, enum table_id t, uint64_t columns, const void *key,
		    struct arena *a, void *ret);
int row_find(struct store_conn *c, enum table_id t, int index, const void *key, struct arena *a,
	     void *ret);                                                /* by a unique index */
int row_insert(struct store_conn *c, enum table_id t, void *record);    /* fills an AUTO key in */
int row_put(struct store_conn *c, enum table_id t, const void *record); /* insert or replace */
int row_update(struct store_conn *c, enum table_id t, uint64_t columns, const void *record);
int row_delete(struct store_conn *c, enum table_id t, const void *key);
int row_scan(struct store_conn *c, const struct scan *s, row_fn *fn, void *user);
int row_delete_where(struct store_conn *c, const struct scan *s, int64_t *ret_n);

/* Devices by filter, ascending by id from 'after_id' on. 'tree' gives chains and subtrees.
 *
 * The verdict in a filter is the row's (verdict_of): a device that claims a version newer than the
 * one it was judged for ("uncertain": applied_version > judged_version) must be judged again by the
 * caller. So a query whose filter names the verdict also gives every uncertain device in its
 * range, and the caller decides; a count goes by the row alone. */
struct device_query {
	int64_t org_id;
	const struct filter *filter; /* NULL: all */
	const struct fleet_tree *tree;
	int64_t after_id;
	bool managed_only;   /* unenrolled_ms = 0 */
	bool uncertain_only; /* see above; 'filter' must be NULL */
	bool fcm_only;       /* those with an FCM token */
};
int row_query_devices(struct store_conn *c, const struct device_query *q, row_fn *fn, void *user);
int row_count_devices(struct store_conn *c, const struct device_query *q, int64_t *ret);

/* Fields a filter (or NULL) names, as a set of 1u << enum filter_field. */
unsigned filter_fields(const struct filter *f);

/* A deep copy: text and blobs go to the arena. */
void record_copy(enum table_id t, const void *from, struct arena *a, void *to);

/* One consistent state for everything read until the matching end; nests; no-op on the writer. */
int row_read_begin(struct store_conn *c);
void row_read_end(struct store_conn *c);
