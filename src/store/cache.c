/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache of one connection. See cache.h for when it is valid.
 *
 * Merged settings are made on demand and their number is bounded: when DESIRED_MAX fleets and
 * channels are there, all are dropped and the cache fills again with what is asked for.
 */
#include "store/cache.h"
#include "store/conn.h"

#include "base/map.h"
#include <errno.h>

#define DESIRED_MAX 256
#define ORGS_MAX    8

struct desired_key {
	int64_t fleet_id, channel;
};

struct org_cache {
	int64_t org_id;
	struct fleet_tree *tree;
	struct map *desired; /* struct desired_key -> struct desired *, owned */
	struct org_cache *next;
};

static void free_desired(void *user, struct span key, void *value)
{
	struct desired *d = value;
	desired_fini(d);
	free(d);
}

static void drop_desired(struct org_cache *o)
{
	if (o->desired)
		map_each(o->desired, free_desired, NULL);
	map_free(TAKE(o->desired));
}

/* Somebody may still hold the tree: store_fleets() lends it. */
static void retire(struct cache *c, struct fleet_tree *tree)
{
	struct fleet_tree **slot = &c->retired[c->next_retired++ % RETIRED_N];
	fleet_tree_free(*slot);
	*slot = tree;
}

void cache_drop(struct cache *c)
{
	while (c->orgs) {
		struct org_cache *o = c->orgs;
		c->orgs = o->next;
		drop_desired(o);
		retire(c, o->tree);
		free(o);
	}
}

void cache_fini(struct cache *c)
{
	cache_drop(c);
	for (size_t i = 0; i < RETIRED_N; i++)
		fleet_tree_free(TAKE(c->retired[i]));
}

struct fleet_rows {
	struct arena arena;
	struct fleet *rows;
	size_t n, cap;
};

static int add_fleet(void *user, const void *record)
{
	struct fleet_rows *f = user;
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 64;
		struct fleet *rows = arena_new_n(&f->arena, struct fleet, cap);
		if (f->n)
			memcpy(rows, f->rows, f->n * sizeof *rows);
		f->rows = rows;
		f->cap = cap;
	}
	struct fleet *row = &f->rows[f->n++];
	*row = *(const struct fleet *)record;
	row->name = arena_strdup(&f->arena, row->name);
	return 0;
}

static int load_tree(struct store_conn *c, int64_t org_id, struct fleet_tree **ret)
{
	struct fleet_rows f = { 0 };
	arena_init(&f.arena);
	struct scan s = { .table = TABLE_fleet,
			  .index = INDEX_OF(fleet, by_parent_name),
			  .n_equal = 1,
			  .key = &(struct fleet){ .org_id = org_id } };
	int r = row_scan(c, &s, add_fleet, &f);
	if (r == 0)
		r = fleet_tree_new(f.rows, f.n, ret);
	arena_fini(&f.arena);
	return r;
}

static int find_org(struct store_conn *c, int64_t org_id, struct org_cache **ret)
{
	size_t n = 0;
	for (struct org_cache *o = c->cache.orgs; o; o = o->next, n++)
		if (o->org_id == org_id) {
			*ret = o;
			return 0;
		}
	if (n >= ORGS_MAX && c->n_scans == 0 && c->n_reads <= 1)
		cache_drop(&c->cache);
	struct fleet_tree *tree = NULL;
	int r = load_tree(c, org_id, &tree);
	if (r)
		return r;
	struct org_cache *o = calloc(1, sizeof *o);
	if (o == NULL) {
		fleet_tree_free(tree);
		return -ENOMEM;
	}
	*o = (struct org_cache){ .org_id = org_id, .tree = tree, .next = c->cache.orgs };
	c->cache.orgs = o;
	*ret = o;
	return 0;
}

int cache_tree(struct store_conn *c, int64_t org_id, const struct fleet_tree **ret)
{
	struct org_cache *o;
	int r = find_org(c, org_id, &o);
	if (r == 0)
		*ret = o->tree;
	return r;
}

static int add_one_setting(void *user, const void *record)
{
	return desired_add(user, record, 1);
}

/* Nearest fleet first; desired_add() leaves alone what a nearer one has set. */
static int merge_chain(struct store_conn *c, const struct fleet_tree *tree, int64_t fleet_id,
		       struct desired *d)
{
	int64_t chain[FLEET_DEPTH_MAX];
	size_t n = fleet_tree_chain(tree, fleet_id, chain);
	for (size_t i = 0; i < n; i++) {
		struct scan s = { .table = TABLE_setting,
				  .index = INDEX_PRIMARY,
				  .n_equal = 2,
				  .key = &(struct setting){ .scope = "fleet",
							    .scope_id = chain[i] } };
		int r = row_scan(c, &s, add_one_setting, d);
		if (r)
			return r;
	}
	if (d->channel != CHANNEL_N)
		desired_add_defaults(d);
	return 0;
}

int cache_desired(struct store_conn *c, int64_t org_id, int64_t fleet_id, enum channel channel,
		  const struct desired **ret)
{
	struct org_cache *o;
	int r = find_org(c, org_id, &o);
	if (r)
		return r;
	struct desired_key key = { fleet_id, channel };
	struct span k = { (const uint8_t *)&key, sizeof key };
	struct desired *d = o->desired ? map_get(o->desired, k) : NULL;
	if (d == NULL) {
		if (o->desired && map_n(o->desired) >= DESIRED_MAX)
			drop_desired(o);
		if (o->desired == NULL)
			o->desired = map_new();
		d = calloc(1, sizeof *d);
		if (d == NULL)
			return -ENOMEM;
		desired_init(d, channel);
		r = merge_chain(c, o->tree, fleet_id, d);
		if (r) {
			desired_fini(d);
			free(d);
			return r;
		}
		map_put(o->desired, k, d);
	}
	*ret = d;
	return 0;
}
