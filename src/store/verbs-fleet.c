/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs of fleets.
 *
 * Versions (model/version.h): a fleet that is moved changes its own counter so that every device below
 * grows by exactly one, whatever the chains above say. A fleet that is deleted hands its sub-fleets
 * up in the same way; its devices are rewritten one by one, which is the only verb here whose cost
 * grows with the number of devices.
 */
#include "store/verbs.h"

#include "model/version.h"
#include <inttypes.h>

static int fleet_get(struct store_conn *c, int64_t id, struct arena *a, struct fleet *ret,
		     struct error *err)
{
	int r = row_get(c, TABLE_fleet, &(struct fleet){ .id = id }, a, ret);
	return found(r, "fleet", id, err);
}

/* For reading before a change. */
static int fleet_get_revision(struct store_conn *c, int64_t id, int64_t if_revision,
			      struct arena *a, struct fleet *ret, struct error *err)
{
	int r = fleet_get(c, id, a, ret, err);
	return r ? r : check_revision("fleet", id, ret->revision, if_revision, err);
}

static int taken(const char *name, struct error *err)
{
	return error_set(err, ERR_CONFLICT, "there is a fleet \"%s\" in the same place already",
			 name);
}

/* A '/' separates the fleets of a path. */
static int check_fleet_name(const char *name, struct error *err)
{
	int r = check_name("a fleet", name, err);
	if (r == 0 && strchr(name, '/'))
		return error_set(err, ERR_INVALID, "the name of a fleet has no \"/\"");
	return r;
}

int store_fleets(struct store_conn *c, int64_t org_id, const struct fleet_tree **ret)
{
	int r = row_read_begin(c);
	if (r)
		return r;
	r = cache_tree(c, org_id, ret);
	row_read_end(c);
	return r;
}

int store_fleet_create(struct store_conn *tx, const struct change *by, int64_t org_id,
		       int64_t parent_id, const char *name, struct arena *a, struct fleet *ret,
		       struct error *err)
{
	const struct fleet_tree *tree;
	int r = check_fleet_name(name, err);
	if (r == 0)
		r = store_fleets(tx, org_id, &tree);
	if (r)
		return r;
	const struct fleet *root = fleet_tree_root(tree);
	if (root == NULL)
		return found(ROW_NOT_FOUND, "organization", org_id, err);
	struct fleet f = { .org_id = org_id,
			   .parent_id = parent_id ? parent_id : root->id,
			   .name = arena_strdup(a, name),
			   .created_ms = by->now_ms,
			   .revision = 1 };
	r = fleet_tree_check_move(tree, 0, f.parent_id, err);
	if (r)
		return r;
	r = row_insert(tx, TABLE_fleet, &f);
	if (r)
		return r == ROW_EXISTS ? taken(name, err) : r;
	*ret = f;
	return event_add(tx, by,
			 &(struct event_new){ .type = EVENT_FLEET_CREATED,
					      .org_id = org_id,
					      .fleet_id = f.id,
					      .object = f.name,
					      .after = record_json(TABLE_fleet, &f) });
}

/* Writes name, parent, counter and revision; the event says what changed. */
static int write_fleet(struct store_conn *tx, const struct change *by, enum event_type type,
		       const struct fleet *before, struct fleet *after, struct error *err)
{
	after->revision = before->revision + 1;
	int r = row_put(tx, TABLE_fleet, after);
	if (r)
		return r == ROW_EXISTS ? taken(after->name, err) : r;
	return event_add_change(tx, by,
				&(struct event_new){ .type = type,
						     .org_id = after->org_id,
						     .fleet_id = after->id,
						     .object = after->name },
				TABLE_fleet, before, after);
}

int store_fleet_rename(struct store_conn *tx, const struct change *by, int64_t id, const char *name,
		       int64_t if_revision, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct fleet before, after;
	arena_init(&a);
	int r = fleet_get_revision(tx, id, if_revision, &a, &before, err);
	if (r == 0)
		r = check_fleet_name(name, err);
	if (r || strcmp(before.name, name) == 0)
		return r;
	after = before;
	after.name = name;
	return write_fleet(tx, by, EVENT_FLEET_CHANGED, &before, &after, err);
}

/* Hangs the fleet below another; its devices' versions grow by one. */
static int hang(struct store_conn *tx, const struct change *by, const struct fleet_tree *tree,
		const struct fleet *before, int64_t parent_id, struct error *err)
{
	struct fleet after = *before;
	after.parent_id = parent_id;
	after.changes += version_fleet_move_delta(fleet_tree_chain_changes(tree, before->parent_id),
						  fleet_tree_chain_changes(tree, parent_id));
	return write_fleet(tx, by, EVENT_FLEET_MOVED, before, &after, err);
}

int store_fleet_move(struct store_conn *tx, const struct change *by, int64_t id, int64_t parent_id,
		     int64_t if_revision, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	const struct fleet_tree *tree = NULL;
	struct fleet before;
	arena_init(&a);
	int r = fleet_get_revision(tx, id, if_revision, &a, &before, err);
	if (r == 0)
		r = store_fleets(tx, before.org_id, &tree);
	if (r == 0)
		r = fleet_tree_check_move(tree, id, parent_id, err);
	if (r || before.parent_id == parent_id)
		return r;
	return hang(tx, by, tree, &before, parent_id, err);
}

/* ---- deleting ---- */

struct deletion {
	struct store_conn *tx;
	const struct change *by;
	const struct fleet_tree *tree; /* as it was before */
	struct fleet fleet;
	struct error *err;
};

static int hand_up_fleets(struct deletion *x, struct arena *a)
{
	struct scan s = { .table = TABLE_fleet,
			  .index = INDEX_OF(fleet, by_parent_name),
			  .n_equal = 2,
			  .key = &(struct fleet){ .org_id = x->fleet.org_id,
						  .parent_id = x->fleet.id } };
	void *rows = NULL;
	size_t n = 0;
	int r = list_rows(x->tx, &s, a, &rows, &n);
	const struct fleet *children = rows;
	for (size_t i = 0; i < n && r == 0; i++)
		r = hang(x->tx, x->by, x->tree, &children[i], x->fleet.parent_id, x->err);
	return r;
}

#define PIECE 256
struct piece {
	struct device devices[PIECE]; /* only the numbers are used */
	size_t n;
};

static int add_to_piece(void *user, const void *record)
{
	struct piece *p = user;
	p->devices[p->n++] = *(const struct device *)record;
	return p->n == PIECE ? ROW_STOP : 0;
}

/* Old version + 1 in the new chain. */
static int hand_up_device(struct deletion *x, struct device *d)
{
	int64_t old_chain = fleet_tree_chain_changes(x->tree, d->fleet_id);
	int64_t new_chain = fleet_tree_chain_changes(x->tree, x->fleet.parent_id);
	d->fleet_id = x->fleet.parent_id;
	d->version_base = version_base_for(version_of(d, old_chain) + 1, d->changes, new_chain);
	d->lag = version_lag(d);
	d->revision++;
	return row_update(x->tx, TABLE_device,
			  COLUMN_BIT(device, fleet_id) | COLUMN_BIT(device, version_base) |
				  COLUMN_BIT(device, lag) | COLUMN_BIT(device, revision),
			  d);
}

static int hand_up_devices(struct deletion *x, struct arena *a)
{
	struct piece *p = arena_new(a, struct piece);
	int r = 0;
	do { /* those handed up are not found again */
		struct scan s = { .table = TABLE_device,
				  .index = INDEX_OF(device, by_fleet),
				  .n_equal = 1,
				  .key = &(struct device){ .fleet_id = x->fleet.id },
				  .limit = PIECE };
		p->n = 0;
		r = row_scan(x->tx, &s, add_to_piece, p);
		for (size_t i = 0; i < p->n && r == 0; i++)
			r = hand_up_device(x, &p->devices[i]);
	} while (r == 0 && p->n == PIECE);
	return r;
}

/* Tokens that admit into the fleet admit into its parent. */
static int hand_up_tokens(struct deletion *x, struct arena *a)
{
	struct scan s = { .table = TABLE_enrollment_token, .index = INDEX_PRIMARY };
	void *rows = NULL;
	size_t n = 0;
	int r = list_rows(x->tx, &s, a, &rows, &n);
	struct enrollment_token *tokens = rows;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (tokens[i].fleet_id != x->fleet.id)
			continue;
		tokens[i].fleet_id = x->fleet.parent_id;
		r = row_update(x->tx, TABLE_enrollment_token,
			       COLUMN_BIT(enrollment_token, fleet_id), &tokens[i]);
	}
	return r;
}

static int delete_settings(struct deletion *x)
{
	int64_t n;
	struct scan s = { .table = TABLE_setting,
			  .index = INDEX_PRIMARY,
			  .n_equal = 2,
			  .key = &(struct setting){ .scope = scope_name(SCOPE_FLEET),
						    .scope_id = x->fleet.id } };
	return row_delete_where(x->tx, &s, &n);
}

static int delete_fleet(struct deletion *x, struct arena *a)
{
	int r = hand_up_devices(x, a);
	if (r == 0)
		r = hand_up_tokens(x, a);
	if (r == 0)
		r = delete_settings(x);
	if (r == 0) /* before its children come up: one may have its name */
		r = row_delete(x->tx, TABLE_fleet, &x->fleet);
	if (r == 0)
		r = hand_up_fleets(x, a);
	if (r)
		return r;
	return event_add(x->tx, x->by,
			 &(struct event_new){ .type = EVENT_FLEET_DELETED,
					      .org_id = x->fleet.org_id,
					      .fleet_id = x->fleet.id,
					      .object = x->fleet.name,
					      .before = record_json(TABLE_fleet, &x->fleet) });
}

int store_fleet_delete(struct store_conn *tx, const struct change *by, int64_t id,
		       int64_t if_revision, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct deletion x = { .tx = tx, .by = by, .err = err };
	arena_init(&a);
	int r = fleet_get_revision(tx, id, if_revision, &a, &x.fleet, err);
	if (r == 0 && x.fleet.parent_id == 0)
		return error_set(err, ERR_CONFLICT,
				 "fleet \"%s\" is the root; it cannot be deleted", x.fleet.name);
	if (r == 0)
		r = store_fleets(tx, x.fleet.org_id, &x.tree);
	return r ? r : delete_fleet(&x, &a);
}
