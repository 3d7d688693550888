/* SPDX-License-Identifier: Apache-2.0
 *
 * Machines that another device speaks for; children.h has the rules.
 *
 * The tree of devices is shallow, but only store_child_enroll() makes sure of that: whoever walks it
 * bounds the way up, and on the way down every device is met once, as it has one parent.
 */
#include "store/children.h"
#include "store/verbs.h"

#include "model/version.h"
#include <inttypes.h>

#define PRUNED_AT_ONCE                                                                             \
	2 /* of those that are gone, with each that comes: the number falls to the limit */

/* ---- the tree ---- */

/* Appends the children of 'parent_id'. A device that is (wrongly) below itself is not met again. */
static int add_children(struct store_conn *c, int64_t parent_id, int64_t root_id, struct arena *a,
			struct device **list, size_t *n)
{
	struct scan s = { .table = TABLE_device,
			  .index = INDEX_OF(device, by_parent),
			  .n_equal = 1,
			  .key = &(struct device){ .parent_id = parent_id } };
	void *rows = NULL;
	size_t n_rows = 0;
	int r = list_rows(c, &s, a, &rows, &n_rows);
	if (r || n_rows == 0)
		return r;
	const struct device *children = rows;
	struct device *all = arena_new_n(a, struct device, *n + n_rows);
	if (*n > 0)
		memcpy(all, *list, *n * sizeof *all);
	for (size_t i = 0; i < n_rows; i++)
		if (children[i].id != root_id)
			all[(*n)++] = children[i];
	*list = all;
	return 0;
}

int list_below(struct store_conn *c, int64_t id, struct arena *a, struct device **ret,
	       size_t *ret_n)
{
	*ret = NULL;
	*ret_n = 0;
	int r = add_children(c, id, id, a, ret, ret_n);
	for (size_t next = 0; next < *ret_n && r == 0; next++)
		r = add_children(c, (*ret)[next].id, id, a, ret, ret_n);
	return r;
}

int store_device_above(struct store_conn *c, int64_t id, int64_t ret[CHILD_DEPTH_MAX - 1],
		       size_t *ret_n)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d = { .id = id };
	arena_init(&a);
	for (*ret_n = 0; *ret_n < CHILD_DEPTH_MAX - 1;) {
		int r = row_get_columns(c, TABLE_device, COLUMN_BIT(device, parent_id), &d, &a, &d);
		if (r)
			return r == ROW_NOT_FOUND ? 0 : r;
		if (d.parent_id == 0)
			return 0;
		ret[(*ret_n)++] = d.parent_id;
		d = (struct device){ .id = d.parent_id };
	}
	return 0;
}

/* The key by which this host calls the device; NULL: it has none. */
static const char *key_of(const struct device *d, int64_t host_id)
{
	char prefix[24];
	int n = snprintf(prefix, sizeof prefix, "%" PRId64 ":", host_id);
	bool child = strcmp(d->channel, channel_name(CHANNEL_VM)) == 0;
	return child && strncmp(d->external_id, prefix, (size_t)n) == 0 ? d->external_id + n : NULL;
}

static const struct device *by_id(const struct device *list, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].id == id)
			return &list[i];
	return NULL;
}

static const struct device *by_key(const struct device *list, size_t n, int64_t host_id,
				   const char *key)
{
	for (size_t i = 0; i < n; i++) {
		const char *its = key_of(&list[i], host_id);
		if (its && strcmp(its, key) == 0)
			return &list[i];
	}
	return NULL;
}

/* ---- enrollment ---- */

struct place {               /* where a child is to be */
	struct device *list; /* everything below the host */
	size_t n;
	const struct device *known;  /* the record with this key; NULL: new */
	const struct device *parent; /* the host, or one of its children */
};

static int find_parent(const struct child_enrollment *n, struct place *p, struct error *err)
{
	p->parent = n->host;
	if (n->parent_key && *n->parent_key)
		p->parent = by_key(p->list, p->n, n->host->id, n->parent_key);
	if (!p->parent || p->parent->unenrolled_ms)
		return error_set(err, ERR_CONFLICT,
				 "the host has no machine \"%.100s\" for it to be in",
				 n->parent_key);
	if (strcmp(p->parent->kind, kind_name(KIND_VM)) != 0 &&
	    strcmp(p->parent->kind, kind_name(KIND_LINUX)) != 0)
		return error_set(err, ERR_CONFLICT,
				 "device %" PRId64
				 " is of kind %s: only linux and vm have children",
				 p->parent->id, p->parent->kind);
	return 0;
}

/* How many levels there are below the device, itself counted. */
static int height(const struct place *p, const struct device *d)
{
	int deepest = 1;
	for (size_t i = 0; d && i < p->n; i++) {
		int level = 1;
		const struct device *up = &p->list[i];
		for (; up && up->id != d->id && level <= CHILD_DEPTH_MAX; level++)
			up = by_id(p->list, p->n, up->parent_id);
		if (up && up->id == d->id && level > deepest)
			deepest = level;
	}
	return deepest;
}

static int check_depth(struct store_conn *tx, const struct place *p, struct error *err)
{
	int64_t above[CHILD_DEPTH_MAX - 1];
	size_t n_above = 0;
	int r = store_device_above(tx, p->parent->id, above, &n_above);
	if (r)
		return r;
	bool loop = p->known && p->parent->id == p->known->id;
	for (size_t i = 0; p->known && i < n_above; i++)
		loop |= above[i] == p->known->id;
	if (loop)
		return error_set(err, ERR_CONFLICT, "a machine cannot run in itself");
	if ((int)n_above + 1 + height(p, p->known) > CHILD_DEPTH_MAX)
		return error_set(err, ERR_CONFLICT,
				 "below device %" PRId64
				 " there is no room: %d levels are the most",
				 p->parent->id, CHILD_DEPTH_MAX);
	return 0;
}

static int check_known(const struct child_enrollment *n, const struct device *known,
		       struct error *err)
{
	if (strcmp(known->kind, kind_name(n->e.kind)) != 0)
		return error_set(err, ERR_CONFLICT, "the key \"%.100s\" is that of a %s", n->key,
				 known->kind);
	if (known->unenrolled_ms && known->unenrolled_ms >= n->host->enrolled_ms)
		return error_set(err, ERR_GONE, "An administrator unenrolled \"%.100s\".", n->key);
	return 0;
}

static int check_room(const struct child_enrollment *n, const struct place *p, struct error *err)
{
	int64_t n_keys = 0;
	for (size_t i = 0; i < p->n; i++)
		n_keys += key_of(&p->list[i], n->host->id) != NULL;
	if (n_keys >= n->max)
		return error_set(err, ERR_CONFLICT,
				 "device %" PRId64 " has %" PRId64 " machines already", n->host->id,
				 n_keys);
	return 0;
}

/* Records of what is gone make room for newer ones. */
static int prune(struct store_conn *tx, const struct change *by, const struct child_enrollment *n,
		 const struct place *p, struct error *err)
{
	int64_t n_gone = 0;
	for (size_t i = 0; i < p->n; i++)
		n_gone += p->list[i].unenrolled_ms && !key_of(&p->list[i], n->host->id);
	for (int tries = 0; tries < PRUNED_AT_ONCE && n_gone > n->max; tries++, n_gone--) {
		struct device *oldest = NULL;
		for (size_t i = 0; i < p->n; i++) {
			struct device *d = &p->list[i];
			if (d->unenrolled_ms && !key_of(d, n->host->id) &&
			    (!oldest || d->unenrolled_ms < oldest->unenrolled_ms))
				oldest = d;
		}
		int r = oldest ? store_device_delete(tx, by, oldest->id, 0, err) : 0;
		if (r && r != ERR_NOT_FOUND)
			return r;
		if (oldest)
			oldest->unenrolled_ms = 0;
	}
	return 0;
}

static int find_child_place(struct store_conn *tx, const struct child_enrollment *n,
			    struct arena *a, struct place *p, struct error *err)
{
	int r = check_name("a machine's key", n->key, err);
	if (r == 0 && strlen(n->key) > CHILD_KEY_MAX)
		r = error_set(err, ERR_INVALID, "a machine's key has at most %d bytes",
			      CHILD_KEY_MAX);
	if (r == 0 && n->e.kind != KIND_VM && n->e.kind != KIND_CONTAINER)
		r = error_set(err, ERR_INVALID, "only kinds vm and container have a host");
	if (r == 0)
		r = list_below(tx, n->host->id, a, &p->list, &p->n);
	if (r)
		return r;
	p->known = by_key(p->list, p->n, n->host->id, n->key);
	r = p->known ? check_known(n, p->known, err) : check_room(n, p, err);
	if (r == 0)
		r = find_parent(n, p, err);
	return r ? r : check_depth(tx, p, err);
}

int store_child_enroll(struct store_conn *tx, const struct change *by, struct child_enrollment *n,
		       struct arena *a, struct device *ret, struct error *err)
{
	struct place p = { 0 };
	int r = find_child_place(tx, n, a, &p, err);
	if (r)
		return r;
	n->e.org_id = n->host->org_id;
	n->e.fleet_id = p.parent->fleet_id;
	n->e.parent_id = p.parent->id;
	n->e.channel = CHANNEL_VM;
	n->e.external_id = arena_printf(a, "%" PRId64 ":%s", n->host->id, n->key);
	if (p.known)
		return store_device_reenroll(tx, by, p.known->id, &n->e, a, ret, err);
	r = store_device_enroll(tx, by, &n->e, a, ret, err);
	return r ? r : prune(tx, by, n, &p, err);
}

/* ---- lists ---- */

static int compare_ids(const void *x, const void *y)
{
	const struct child *a = x, *b = y;
	return a->d.id < b->d.id ? -1 : a->d.id > b->d.id;
}

int store_child_list(struct store_conn *c, const struct device *host, struct arena *a,
		     struct child **ret, size_t *ret_n)
{
	const struct fleet_tree *tree;
	struct device *list = NULL;
	size_t n = 0;
	*ret = NULL;
	*ret_n = 0;
	int r = store_fleets(c, host->org_id, &tree);
	if (r == 0)
		r = list_below(c, host->id, a, &list, &n);
	if (r || n == 0)
		return r;
	*ret = arena_new_n(a, struct child, n);
	for (size_t i = 0; i < n; i++) {
		const char *key = key_of(&list[i], host->id), *parent_key = NULL;
		const struct device *parent = by_id(list, n, list[i].parent_id);
		if (!key)
			continue;
		if (parent)
			parent_key = key_of(parent, host->id);
		(*ret)[(*ret_n)++] = (struct child){
			.d = list[i],
			.version = version_of(&list[i],
					      fleet_tree_chain_changes(tree, list[i].fleet_id)),
			.key = key,
			.parent_key = parent_key ? parent_key : "",
		};
	}
	qsort(*ret, *ret_n, sizeof **ret, compare_ids);
	return 0;
}

/* ---- leaving ---- */

static int free_key(struct store_conn *tx, struct arena *a, struct device *d)
{
	if (strcmp(d->channel, channel_name(CHANNEL_VM)) != 0 || !strchr(d->external_id, ':'))
		return 0;
	d->revision++;
	int r = give_number(tx, a, d);
	return r ? r : row_update(tx, TABLE_device, COLUMN_BIT(device, revision), d);
}

/* Reads it again: the unenrollment before it wrote the row. */
static int free_key_of(struct store_conn *tx, int64_t id, struct arena *a, struct error *err)
{
	struct device d;
	int r = store_device_get(tx, id, a, &d, err);
	return r ? r : free_key(tx, a, &d);
}

int store_child_gone(struct store_conn *tx, const struct change *by, int64_t host_id, int64_t id,
		     struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	int64_t above[CHILD_DEPTH_MAX - 1];
	struct device *list = NULL;
	size_t n_above = 0, n = 0;
	bool below = false;
	arena_init(&a);
	int r = store_device_above(tx, id, above, &n_above);
	if (r)
		return r;
	for (size_t i = 0; i < n_above; i++)
		below |= above[i] == host_id;
	if (!below)
		return error_set(err, ERR_NOT_FOUND, "you have no machine %" PRId64, id);
	r = store_device_unenroll(tx, by, id, err);
	if (r == 0)
		r = free_key_of(tx, id, &a, err);
	if (r == 0)
		r = list_below(tx, id, &a, &list, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = free_key(tx, &a, &list[i]);
	return r;
}
