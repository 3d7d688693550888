/* SPDX-License-Identifier: Apache-2.0
 *
 * Device queries and counts: the plan's runs merged and checked row by row, or the organization's
 * devices read in order of id. Counts that an index answers by itself never touch the rows.
 *
 * Parameters of the statements here: ?1 the id, the rest the filter's.
 */
#include "store/sqlite/plan.h"
#include "store/sqlite/where.h"

#include "model/verdict.h"
#include <errno.h>

#define COUNT_MERGE_MAX 100000 /* beyond that reading everything once is quicker */

static void finalizep(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}

/* "head WHERE <the query's conditions> tail", bound. */
static int prepare_query(struct sqlite_conn *c, const char *before, const struct device_query *q,
			 const char *after, struct where *w, sqlite3_stmt **ret)
{
	CLEANUP(buf_fini) struct buf sql;
	int r = where_add_query(w, q);
	buf_init(&sql, w->sql.n + 4096);
	if (r)
		return r;
	buf_add_str(&sql, before);
	buf_add(&sql, w->sql.p, w->sql.n);
	buf_add_str(&sql, after);
	if (sql.failed)
		return -ENOMEM;
	int rc = sqlite3_prepare_v3(c->handle, buf_str(&sql), (int)sql.n, 0, ret, NULL);
	if (rc == SQLITE_OK)
		rc = where_bind(w, *ret);
	return sqlite_result(rc);
}

static int prepare_select(struct sqlite_conn *c, const char *from, const struct device_query *q,
			  const char *condition, struct where *w, sqlite3_stmt **ret)
{
	CLEANUP(buf_fini) struct buf select;
	buf_init(&select, 4096);
	buf_add_str(&select, "SELECT ");
	sql_add_columns(&select, &tables[TABLE_device], "d.");
	buf_addf(&select, " FROM device AS d%s WHERE ", from);
	return prepare_query(c, buf_str(&select), q, condition, w, ret);
}

/* Steps through what the statement gives for its current ?1. */
static int each_row(sqlite3_stmt *stmt, row_fn *fn, void *user)
{
	int r = 0;
	while (r == 0) {
		struct device d;
		int rc = sqlite3_step(stmt);
		if (rc != SQLITE_ROW)
			return sqlite_result(rc);
		read_record(stmt, &tables[TABLE_device], NULL, &d);
		r = fn(user, &d);
	}
	return r;
}

static int query_everything(struct sqlite_conn *c, const struct device_query *q, struct where *w,
			    row_fn *fn, void *user)
{
	CLEANUP(finalizep) sqlite3_stmt *stmt = NULL;
	/* by_org is in the order of ids among the managed ones only. */
	const char *from = q->managed_only ? " INDEXED BY device_by_org" : " NOT INDEXED";
	int r = prepare_select(c, from, q, " AND d.id > ?1 ORDER BY d.id", w, &stmt);
	if (r)
		return r;
	sqlite3_bind_int64(stmt, 1, q->after_id);
	return each_row(stmt, fn, user);
}

/* 'w' is initialized by the caller, who knows what to do with uncertain devices. */
static int query_runs(struct sqlite_conn *c, const struct device_query *q, const struct plan *p,
		      struct where *w, row_fn *fn, void *user)
{
	CLEANUP(finalizep) sqlite3_stmt *stmt = NULL;
	struct merge *m = NULL;
	int r = prepare_select(c, "", q, " AND d.id = ?1", w, &stmt);
	if (r == 0)
		r = merge_new(c, p, q->after_id, &m);
	while (r == 0) {
		int64_t id;
		r = merge_next(m, &id);
		if (r == 0) {
			sqlite3_reset(stmt);
			sqlite3_bind_int64(stmt, 1, id);
			r = each_row(stmt, fn, user);
		}
	}
	return r == ROW_NOT_FOUND ? 0 : r;
}

int sqlite_query_devices(void *conn, const struct device_query *q, row_fn *fn, void *user)
{
	struct sqlite_conn *c = conn;
	const struct fleet_tree *outer = c->tree; /* a callback may ask something itself */
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(where_fini) struct where w;
	struct plan plan;
	arena_init(&a);
	where_init(&w, 2, true);
	c->tree = q->tree;
	int r = query_plan_make(c, q, &a, &plan);
	if (r == 0)
		r = plan.everything ? query_everything(c, q, &w, fn, user)
				    : query_runs(c, q, &plan, &w, fn, user);
	c->tree = outer;
	return r == ROW_STOP ? 0 : r;
}

/* ---- counting ---- */

static int count_fixed(struct sqlite_conn *c, enum fixed_sql f, const int64_t *values, size_t n,
		       int64_t *total)
{
	AUTO_STATEMENT s = NULL;
	int r = statement_fixed(c, f, &s);
	if (r)
		return r;
	for (size_t i = 0; i < n; i++)
		sqlite3_bind_int64(s->stmt, (int)i + 1, values[i]);
	int rc = sqlite3_step(s->stmt);
	if (rc == SQLITE_ROW)
		*total += sqlite3_column_int64(s->stmt, 0);
	return sqlite_result(rc);
}

struct counter_state {
	struct sqlite_conn *conn;
	int64_t n;
};

static int count_range(void *user, int64_t fleet_id, bool satisfied, int64_t low, int64_t high)
{
	struct counter_state *s = user;
	int64_t values[] = { fleet_id, satisfied, low, high };
	return count_fixed(s->conn, FIXED_COUNT_VERDICT, values, ARRAY_SIZE(values), &s->n);
}

static int count_verdicts(struct sqlite_conn *c, const struct device_query *q, unsigned mask,
			  struct arena *a, int64_t *ret)
{
	struct counter_state s = { c, 0 };
	int r = plan_lag_ranges(q->tree, mask, a, count_range, &s);
	if (r == 0 && mask & 1u << VERDICT_UNKNOWN)
		r = count_fixed(c, FIXED_COUNT_UNKNOWN, &q->org_id, 1, &s.n);
	*ret = s.n;
	return r;
}

/* Fleets that match are counted one by one, each from the index. */
static int count_fleets(struct sqlite_conn *c, const struct device_query *q, struct arena *a,
			int64_t *ret)
{
	const struct fleet *root = fleet_tree_root(q->tree);
	int64_t *fleets = NULL;
	size_t n = root ? fleet_tree_subtree(q->tree, root->id, a, &fleets) : 0;
	int r = 0;
	*ret = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		struct device d = { .fleet_id = fleets[i] };
		if (filter_match(q->filter, &d, q->tree, NULL, NULL))
			r = count_fixed(c, FIXED_COUNT_FLEET, &fleets[i], 1, ret);
	}
	return r;
}

static int count_sql(struct sqlite_conn *c, const struct device_query *q, const char *from,
		     int64_t *ret)
{
	CLEANUP(buf_fini) struct buf before;
	CLEANUP(finalizep) sqlite3_stmt *stmt = NULL;
	CLEANUP(where_fini) struct where w;
	where_init(&w, 2, false);
	buf_init(&before, 256);
	buf_addf(&before, "SELECT count(*) FROM device AS d%s WHERE ", from);
	int r = prepare_query(c, buf_str(&before), q, "", &w, &stmt);
	if (r)
		return r;
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(stmt, 0);
	return sqlite_result(rc);
}

static int count_one(void *user, const void *record)
{
	struct counter_state *s = user;
	return ++s->n > COUNT_MERGE_MAX ? ROW_STOP : 0;
}

static int count_rows(struct sqlite_conn *c, const struct device_query *q, struct arena *a,
		      int64_t *ret)
{
	struct counter_state s = { c, 0 };
	CLEANUP(where_fini) struct where w;
	struct plan plan;
	where_init(&w, 2, false);
	int r = query_plan_make(c, q, a, &plan);
	if (r == 0 && !plan.everything)
		r = query_runs(c, q, &plan, &w, count_one, &s);
	if (r == 0 && !plan.everything) {
		*ret = s.n;
		return 0;
	}
	return r == 0 || r == ROW_STOP ? count_sql(c, q, "", ret) : r;
}

static int count(struct sqlite_conn *c, const struct device_query *q, struct arena *a, int64_t *ret)
{
	const unsigned fleets = 1u << FILTER_FLEET | 1u << FILTER_WITHIN;
	const unsigned classes = 1u << FILTER_KIND | 1u << FILTER_CHANNEL;
	unsigned fields = q->filter ? filter_fields(q->filter) : 0, mask;
	if (!q->managed_only)
		return count_rows(c, q, a, ret);
	if (fields == 0)
		return count_sql(c, q, " INDEXED BY device_by_org", ret);
	if (plan_verdicts(q->filter, &mask))
		return count_verdicts(c, q, mask, a, ret);
	if ((fields & ~fleets) == 0)
		return count_fleets(c, q, a, ret);
	if ((fields & ~classes) == 0)
		return count_sql(c, q, " INDEXED BY device_by_class", ret);
	return count_rows(c, q, a, ret);
}

int sqlite_count_devices(void *conn, const struct device_query *q, int64_t *ret)
{
	struct sqlite_conn *c = conn;
	const struct fleet_tree *outer = c->tree;
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	c->tree = q->tree;
	int r = count(c, q, &a, ret);
	c->tree = outer;
	return r;
}
