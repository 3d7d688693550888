/* SPDX-License-Identifier: Apache-2.0
 *
 * See fleet-tree.h. Nodes are sorted by id, so a lookup is a binary search. One walk from the root,
 * when the tree is built, numbers them in the order of the walk: the fleets below one are then a
 * range of numbers, and whatever the walk does not reach hangs on a cycle.
 */
#include "model/fleet-tree.h"
#include "base/buf.h"
#include "model/text.h"
#include <errno.h>
#include <inttypes.h>

#define NONE SIZE_MAX

struct node {
	struct fleet fleet;               /* its name belongs to the arena */
	size_t parent;                    /* position in nodes; NONE: the root */
	size_t first_child, next_sibling; /* positions; NONE ends the list */
	size_t order;                     /* number in the walk */
	size_t n_below;                   /* nodes below: numbers order + 1 … order + n_below */
	unsigned depth, height;           /* root: depth 1; leaf: height 1 */
};

struct fleet_tree {
	struct arena arena; /* names */
	struct node *nodes; /* sorted by id; owned */
	size_t *by_order;   /* number in the walk -> position; owned */
	size_t n, n_walked;
	size_t root; /* NONE: no fleets */
};

static int by_id(const void *a, const void *b)
{
	int64_t x = ((const struct node *)a)->fleet.id, y = ((const struct node *)b)->fleet.id;
	return x < y ? -1 : x > y;
}

static struct node *find(const struct fleet_tree *t, int64_t id)
{
	struct node key = { .fleet.id = id };
	return t->n ? bsearch(&key, t->nodes, t->n, sizeof key, by_id) : NULL;
}

static const char *copy_text(struct fleet_tree *t, const char *s)
{
	return arena_strdup(&t->arena, s ? s : "");
}

static void copy_rows(struct fleet_tree *t, const struct fleet *rows)
{
	for (size_t i = 0; i < t->n; i++) {
		t->nodes[i] = (struct node){
			.fleet = rows[i], .parent = NONE, .first_child = NONE, .next_sibling = NONE
		};
		t->nodes[i].fleet.name = copy_text(t, rows[i].name);
	}
	if (t->n)
		qsort(t->nodes, t->n, sizeof *t->nodes, by_id);
}

/* Hangs every node below its parent. -EINVAL: no such parent, two roots, or an id twice. */
static int link_nodes(struct fleet_tree *t)
{
	for (size_t i = t->n; i-- > 0;) { /* backwards: lists of children end up in order of id */
		struct node *node = &t->nodes[i];
		if (i > 0 && node[-1].fleet.id == node->fleet.id)
			return -EINVAL;
		if (node->fleet.parent_id == 0) {
			if (t->root != NONE)
				return -EINVAL;
			t->root = i;
			continue;
		}
		struct node *parent = find(t, node->fleet.parent_id);
		if (!parent)
			return -EINVAL;
		node->parent = (size_t)(parent - t->nodes);
		node->next_sibling = parent->first_child;
		parent->first_child = i;
	}
	return t->n > 0 && t->root == NONE ? -EINVAL : 0;
}

/* The walk. Its recursion is bounded by FLEET_DEPTH_MAX. */
static int walk(struct fleet_tree *t, size_t at, unsigned depth)
{
	struct node *node = &t->nodes[at];
	if (depth > FLEET_DEPTH_MAX)
		return -EINVAL;
	node->depth = depth;
	node->height = 1;
	node->order = t->n_walked++;
	t->by_order[node->order] = at;
	for (size_t i = node->first_child; i != NONE; i = t->nodes[i].next_sibling) {
		int r = walk(t, i, depth + 1);
		if (r)
			return r;
		if (t->nodes[i].height + 1 > node->height)
			node->height = t->nodes[i].height + 1;
	}
	node->n_below = t->n_walked - node->order - 1;
	return 0;
}

static void *new_array(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);
	if (!p)
		abort();
	return p;
}

int fleet_tree_new(const struct fleet *rows, size_t n, struct fleet_tree **ret)
{
	struct fleet_tree *t = new_array(1, sizeof *t);
	arena_init(&t->arena);
	t->n = n;
	t->root = NONE;
	t->nodes = new_array(n, sizeof *t->nodes);
	t->by_order = new_array(n, sizeof *t->by_order);
	copy_rows(t, rows);
	int r = link_nodes(t);
	if (r == 0 && n > 0)
		r = walk(t, t->root, 1);
	if (r == 0 && t->n_walked != n)
		r = -EINVAL; /* the rest is a cycle */
	if (r) {
		fleet_tree_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void fleet_tree_free(struct fleet_tree *t)
{
	if (!t)
		return;
	arena_fini(&t->arena);
	free(t->nodes);
	free(t->by_order);
	free(t);
}

const struct fleet *fleet_tree_get(const struct fleet_tree *t, int64_t id)
{
	const struct node *node = find(t, id);
	return node ? &node->fleet : NULL;
}

const struct fleet *fleet_tree_root(const struct fleet_tree *t)
{
	return t->root == NONE ? NULL : &t->nodes[t->root].fleet;
}

static const struct node *parent_of(const struct fleet_tree *t, const struct node *node)
{
	return node->parent == NONE ? NULL : &t->nodes[node->parent];
}

size_t fleet_tree_chain(const struct fleet_tree *t, int64_t id, int64_t ret_ids[FLEET_DEPTH_MAX])
{
	size_t n = 0;
	for (const struct node *node = find(t, id); node; node = parent_of(t, node))
		ret_ids[n++] = node->fleet.id;
	return n;
}

int64_t fleet_tree_chain_changes(const struct fleet_tree *t, int64_t id)
{
	int64_t sum = 0;
	for (const struct node *node = find(t, id); node; node = parent_of(t, node))
		sum += node->fleet.changes;
	return sum;
}

static bool node_within(const struct node *node, const struct node *ancestor)
{
	return node && ancestor && node->order - ancestor->order <= ancestor->n_below;
}

bool fleet_tree_within(const struct fleet_tree *t, int64_t id, int64_t ancestor_id)
{
	return node_within(find(t, id), find(t, ancestor_id));
}

size_t fleet_tree_subtree(const struct fleet_tree *t, int64_t id, struct arena *a,
			  int64_t **ret_ids)
{
	const struct node *node = find(t, id);
	size_t n = node ? node->n_below + 1 : 0;
	*ret_ids = arena_new_n(a, int64_t, n ? n : 1);
	for (size_t i = 0; i < n; i++)
		(*ret_ids)[i] = t->nodes[t->by_order[node->order + i]].fleet.id;
	return n;
}

/* ---- names ---- */

char *fleet_tree_path(const struct fleet_tree *t, int64_t id, struct arena *a)
{
	char *path = NULL;
	for (const struct node *node = find(t, id); node; node = parent_of(t, node))
		path = path ? arena_printf(a, "%s/%s", node->fleet.name, path)
			    : arena_strdup(a, node->fleet.name);
	return path ? path : arena_strdup(a, "");
}

enum match { MATCH_NONE, MATCH_TAIL, MATCH_WHOLE };

/* Compares from the end: the last name, then its parent's, as long as 'ref' has something left. */
static enum match path_match(const struct fleet_tree *t, const struct node *node, const char *ref)
{
	size_t left = strlen(ref);
	while (node) {
		size_t n = strlen(node->fleet.name);
		if (n > left || memcmp(ref + left - n, node->fleet.name, n) != 0)
			return MATCH_NONE;
		left -= n;
		node = parent_of(t, node);
		if (left == 0)
			return node ? MATCH_TAIL : MATCH_WHOLE;
		if (ref[--left] != '/')
			return MATCH_NONE;
	}
	return MATCH_NONE;
}

static int ambiguous(const struct fleet_tree *t, const char *ref, struct error *err)
{
	struct arena arena;
	CLEANUP(buf_fini) struct buf list;
	char shown[EXCERPT_SIZE];
	arena_init(&arena);
	buf_init(&list, 256);
	for (size_t i = 0; i < t->n && !list.failed; i++) {
		const struct node *node = &t->nodes[t->by_order[i]];
		if (path_match(t, node, ref) != MATCH_NONE)
			buf_addf(&list, "%s%s", list.n ? ", " : "",
				 fleet_tree_path(t, node->fleet.id, &arena));
	}
	arena_fini(&arena);
	return error_set(err, ERR_CONFLICT, "fleet \"%s\" may be %s%s", text_excerpt(ref, shown),
			 buf_str(&list), list.failed ? ", …" : "");
}

static const struct node *find_by_number(const struct fleet_tree *t, const char *ref)
{
	char *end;
	if (*ref < '0' || *ref > '9')
		return NULL;
	errno = 0;
	intmax_t id = strtoimax(ref, &end, 10);
	return *end || errno ? NULL : find(t, id);
}

/* How many fleets the path means; a whole path means exactly one. */
static size_t find_by_path(const struct fleet_tree *t, const char *ref, const struct node **ret)
{
	size_t n_found = 0;
	for (size_t i = 0; i < t->n; i++) {
		enum match match = path_match(t, &t->nodes[i], ref);
		if (match == MATCH_NONE)
			continue;
		*ret = &t->nodes[i];
		if (match == MATCH_WHOLE)
			return 1;
		n_found++;
	}
	return n_found;
}

int fleet_tree_find(const struct fleet_tree *t, const char *ref, const struct fleet **ret,
		    struct error *err)
{
	char shown[EXCERPT_SIZE];
	const struct node *found = find_by_number(t, ref);
	size_t n_found = found ? 1 : find_by_path(t, ref, &found);
	if (n_found > 1)
		return ambiguous(t, ref, err);
	if (n_found == 0)
		return error_set(err, ERR_NOT_FOUND, "there is no fleet \"%s\"",
				 text_excerpt(ref, shown));
	*ret = &found->fleet;
	return 0;
}

/* ---- moves ---- */

int fleet_tree_check_move(const struct fleet_tree *t, int64_t id, int64_t new_parent_id,
			  struct error *err)
{
	static const struct node single = { .height = 1, .parent = 0 }; /* one that is to be made */
	const struct node *moved = id ? find(t, id) : &single;
	const struct node *parent = find(t, new_parent_id);
	if (!moved || !parent)
		return error_set(err, ERR_NOT_FOUND, "there is no fleet %lld",
				 (long long)(moved ? new_parent_id : id));
	if (moved->parent == NONE)
		return error_set(err, ERR_CONFLICT, "fleet \"%s\" is the root; it cannot be moved",
				 moved->fleet.name);
	if (moved != &single && node_within(parent, moved))
		return error_set(err, ERR_CONFLICT, "fleet \"%s\" cannot be moved below itself",
				 moved->fleet.name);
	if (parent->depth + moved->height > FLEET_DEPTH_MAX)
		return error_set(err, ERR_CONFLICT,
				 "fleets may be at most %d deep, below \"%s\" it "
				 "would be %u",
				 FLEET_DEPTH_MAX, parent->fleet.name,
				 parent->depth + moved->height);
	return 0;
}
