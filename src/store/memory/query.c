/* SPDX-License-Identifier: Apache-2.0
 *
 * Device queries in memory: every device of the organization, in order of id, through filter_match().
 */
#include "store/memory/memory.h"

struct attribute_lookup {
	const struct memory_table *attributes;
	int64_t device_id;
};

static const char *find_attribute(void *user, const char *name)
{
	const struct attribute_lookup *l = user;
	struct attribute key = { .device_id = l->device_id, .name = name };
	const struct attribute *a =
		table_find(l->attributes, TABLE_attribute, INDEX_PRIMARY, 2, &key);
	return a ? a->value : NULL;
}

static bool in_range(const struct device_query *q, const struct device *d)
{
	return d->org_id == q->org_id && (!q->managed_only || d->unenrolled_ms == 0) &&
	       (!q->fcm_only || *d->fcm_token != '\0') &&
	       (!q->uncertain_only || d->applied_version > d->judged_version);
}

static bool matches(const struct memory_db *db, const struct device_query *q,
		    const struct device *d)
{
	struct attribute_lookup l = { &db->tables[TABLE_attribute], d->id };
	return in_range(q, d) &&
	       (q->filter == NULL || filter_match(q->filter, d, q->tree, find_attribute, &l));
}

static bool is_uncertain(const struct device_query *q, const struct device *d)
{
	return in_range(q, d) && d->applied_version > d->judged_version &&
	       (filter_fields(q->filter) & 1u << FILTER_VERDICT);
}

struct query {
	const struct memory_db *db;
	const struct device_query *query;
	row_fn *fn;
	void *user;
	int64_t n;
};

static int give(void *user, const void *record)
{
	struct query *x = user;
	if (!matches(x->db, x->query, record) && !is_uncertain(x->query, record))
		return 0;
	return x->fn(x->user, record);
}

static int count(void *user, const void *record)
{
	struct query *x = user;
	x->n += matches(x->db, x->query, record);
	return 0;
}

static int each_device(struct memory_conn *c, struct query *x, row_fn *fn)
{
	struct scan s = { .table = TABLE_device,
			  .index = INDEX_PRIMARY,
			  .has_after = true,
			  .after = x->query->after_id };
	memory_lock(c);
	int r = table_scan(&c->db->tables[TABLE_device], &s, fn, x);
	memory_unlock(c);
	return r;
}

int memory_query_devices(void *conn, const struct device_query *q, row_fn *fn, void *user)
{
	struct memory_conn *c = conn;
	struct query x = { .db = c->db, .query = q, .fn = fn, .user = user };
	return each_device(c, &x, give);
}

int memory_count_devices(void *conn, const struct device_query *q, int64_t *ret)
{
	struct memory_conn *c = conn;
	struct query x = { .db = c->db, .query = q };
	int r = each_device(c, &x, count);
	*ret = x.n;
	return r;
}
