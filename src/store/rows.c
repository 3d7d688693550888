/* SPDX-License-Identifier: Apache-2.0
 *
 * Row operations: checks the contract of rows.h, notes what a write changes for others, and hands
 * over to the backend.
 */
#include "store/rows.h"
#include "store/conn.h"

#include <assert.h>
#include <errno.h>

#define ALL_COLUMNS UINT64_MAX

/* Columns whose change is a step of a generation; inserting and deleting count when any does. */
static const struct {
	uint64_t generation, tree;
} effects[TABLE_N] = {
	[TABLE_organization] = { .generation = ALL_COLUMNS },
	[TABLE_fleet] = { .generation = ALL_COLUMNS, .tree = ALL_COLUMNS },
	[TABLE_device] = { .generation =
				   COLUMN_BIT(device, fleet_id) | COLUMN_BIT(device, parent_id) |
				   COLUMN_BIT(device, channel) | COLUMN_BIT(device, external_id) |
				   COLUMN_BIT(device, token_hash) |
				   COLUMN_BIT(device, unenrolled_ms) |
				   COLUMN_BIT(device, version_base) | COLUMN_BIT(device, changes) },
	[TABLE_setting] = { .generation = ALL_COLUMNS, .tree = ALL_COLUMNS },
	[TABLE_api_token] = { .generation = COLUMN_BIT(api_token, revoked_ms) },
	[TABLE_administrator] = { .generation = COLUMN_BIT(administrator, password) |
						COLUMN_BIT(administrator, scopes) |
						COLUMN_BIT(administrator, org_id) |
						COLUMN_BIT(administrator, disabled_ms) },
	[TABLE_signing_key] = { .generation = ALL_COLUMNS },
	[TABLE_device_token] = { .generation = ALL_COLUMNS },
};

/* The settings of a device are never cached, so writing them leaves the cached trees alone. */
static bool concerns_tree(enum table_id t, const void *record)
{
	return t != TABLE_setting || strcmp(((const struct setting *)record)->scope, "device") != 0;
}

static void note_write(struct store_conn *c, enum table_id t, uint64_t columns, const void *record)
{
	assert(c->writer && c->n_scans == 0);
	c->notes.n_writes++;
	c->notes.generation |= (effects[t].generation & columns) != 0;
	if ((effects[t].tree & columns) == 0 || !concerns_tree(t, record))
		return;
	c->notes.tree = true;
	cache_drop(&c->cache);
}

static int ready(struct store_conn *c)
{
	if (c->handle)
		return 0;
	return c->store->backend->connect(c->store->db, c->writer, &c->handle);
}

int row_get(struct store_conn *c, enum table_id t, const void *key, struct arena *a, void *ret)
{
	int r = ready(c);
	return r ? r : c->store->backend->get(c->handle, t, ALL_COLUMNS, key, a, ret);
}

int row_get_columns(struct store_conn *c, enum table_id t, uint64_t columns, const void *key,
		    struct arena *a, void *ret)
{
	int r = ready(c);
	return r ? r : c->store->backend->get(c->handle, t, columns, key, a, ret);
}

int row_find(struct store_conn *c, enum table_id t, int index, const void *key, struct arena *a,
	     void *ret)
{
	assert(index >= 0 && (size_t)index < tables[t].n_indexes &&
	       tables[t].indexes[index].unique);
	int r = ready(c);
	return r ? r : c->store->backend->find(c->handle, t, index, key, a, ret);
}

int row_insert(struct store_conn *c, enum table_id t, void *record)
{
	note_write(c, t, ALL_COLUMNS, record);
	return c->store->backend->insert(c->handle, t, record);
}

int row_put(struct store_conn *c, enum table_id t, const void *record)
{
	note_write(c, t, ALL_COLUMNS, record);
	return c->store->backend->put(c->handle, t, record);
}

int row_update(struct store_conn *c, enum table_id t, uint64_t columns, const void *record)
{
	note_write(c, t, columns, record);
	return c->store->backend->update(c->handle, t, columns, record);
}

int row_delete(struct store_conn *c, enum table_id t, const void *key)
{
	note_write(c, t, ALL_COLUMNS, key);
	return c->store->backend->delete (c->handle, t, key);
}

int row_delete_where(struct store_conn *c, const struct scan *s, int64_t *ret_n)
{
	note_write(c, s->table, ALL_COLUMNS, s->key);
	return c->store->backend->delete_where(c->handle, s, ret_n);
}

int row_scan(struct store_conn *c, const struct scan *s, row_fn *fn, void *user)
{
	int r = ready(c);
	if (r)
		return r;
	c->n_scans++;
	r = c->store->backend->scan(c->handle, s, fn, user);
	c->n_scans--;
	return r;
}

int row_query_devices(struct store_conn *c, const struct device_query *q, row_fn *fn, void *user)
{
	int r = ready(c);
	if (r)
		return r;
	c->n_scans++;
	r = c->store->backend->query_devices(c->handle, q, fn, user);
	c->n_scans--;
	return r;
}

int row_count_devices(struct store_conn *c, const struct device_query *q, int64_t *ret)
{
	int r = ready(c);
	return r ? r : c->store->backend->count_devices(c->handle, q, ret);
}

int row_read_begin(struct store_conn *c)
{
	if (c->writer || c->n_reads > 0) {
		c->n_reads++;
		return 0;
	}
	int r = ready(c);
	if (r)
		return r;
	/* Read before the state is fixed: the cache may then hold something newer than its
	 * generation says, and is dropped once too often, never once too seldom. */
	uint64_t now = atomic_load(&c->store->tree_generation);
	if (c->cache.generation != now)
		cache_drop(&c->cache);
	c->cache.generation = now;
	r = c->store->backend->read_begin(c->handle);
	if (r == 0)
		c->n_reads = 1;
	return r;
}

void row_read_end(struct store_conn *c)
{
	assert(c->n_reads > 0);
	if (--c->n_reads == 0 && !c->writer)
		c->store->backend->read_end(c->handle);
}
