/* SPDX-License-Identifier: Apache-2.0
 *
 * Deployments and removals that contradict each other. A device that is told both does one after the other for
 * ever, so a setting that would bring that about is refused.
 *
 * What counts is what is in force together somewhere: the nearest setting wins, so the other half of the pair is
 * looked for where the new value is in force, upwards (once) and below (each fleet and device that has a value
 * of its own). The cost is that of the places where the other half is set, not of the devices.
 *
 * Moves and replaced files can bring two together, too. They are not refused: what moves is usually right, and the
 * lists are to be put in order afterwards; channels and agents report the contradiction.
 */
#include "store/verbs.h"

#include "base/map.h"
#include "model/deploy.h"
#include <inttypes.h>

struct place { /* where a setting is set */
	enum scope scope;
	int64_t id;
};

struct search {
	struct store_conn *c;
	struct arena *arena;
	struct error *err;
	const struct fleet_tree *tree;
	const struct deploy_pair *pair;
	const char *name, *other; /* of the setting at hand, and of its opposite */
	struct place at;
	struct map *things; /* what the setting at hand names */
};

static void free_mapp(struct map **m)
{
	map_free(*m);
}

/* ---- places ---- */

static enum scope scope_of(const struct setting *s)
{
	return strcmp(s->scope, scope_name(SCOPE_FLEET)) == 0 ? SCOPE_FLEET : SCOPE_DEVICE;
}

static int device_at(const struct search *x, int64_t id, struct device *ret)
{
	struct error ignored;
	return store_device_get(x->c, id, x->arena, ret, &ignored);
}

/* ROW_NOT_FOUND: it is not set there. */
static int row_at(const struct search *x, const char *name, struct place p, struct setting *ret)
{
	const struct setting key = { .scope = scope_name(p.scope), .scope_id = p.id, .name = name };
	return row_get(x->c, TABLE_setting, &key, x->arena, ret);
}

/* The row that is in force at a place; ROW_NOT_FOUND: none. */
static int nearest(const struct search *x, const char *name, struct place p, struct setting *ret)
{
	int64_t chain[FLEET_DEPTH_MAX], fleet_id = p.id;
	if (p.scope == SCOPE_DEVICE) {
		struct device d;
		int r = row_at(x, name, p, ret);
		if (r != ROW_NOT_FOUND)
			return r;
		r = device_at(x, p.id, &d);
		if (r)
			return r > 0 ? ROW_NOT_FOUND : r;
		fleet_id = d.fleet_id;
	}
	size_t n = fleet_tree_chain(x->tree, fleet_id, chain);
	for (size_t i = 0; i < n; i++) {
		int r = row_at(x, name, (struct place){ SCOPE_FLEET, chain[i] }, ret);
		if (r != ROW_NOT_FOUND)
			return r;
	}
	return ROW_NOT_FOUND;
}

/* "device \"pc\"", "fleet \"default/Sales\"" */
static const char *place_text(const struct search *x, struct place p)
{
	struct device d = { .name = "" };
	if (p.scope == SCOPE_FLEET)
		return arena_printf(x->arena, "fleet \"%.60s\"",
				    fleet_tree_path(x->tree, p.id, x->arena));
	return arena_printf(x->arena, "device \"%.60s\"",
			    device_at(x, p.id, &d) == 0 ? d.name : "");
}

/* ---- what a setting names ---- */

/* A positive return ends it. */
typedef int thing_fn(void *user, const char *thing, const json_t *element);

static int each_thing(const struct search *x, const struct setting *s, thing_fn *fn, void *user)
{
	CLEANUP(arena_fini) struct arena a; /* a list may be long, and there may be many of them */
	AUTO_JSON list = NULL;
	const json_t *element;
	size_t i;
	bool deploys = strcmp(s->name, x->pair->deploy) == 0;
	int r = 0;
	arena_init(&a);
	if (json_parse(span_str(s->value_json), &list, NULL) != 0)
		return 0;
	json_array_foreach (list, i, element) {
		struct file f = { .package = "" };
		struct error ignored;
		if (deploys)
			r = store_file_get(
				x->c, json_integer_value(json_object_get(element, x->pair->field)),
				&a, &f, &ignored);
		if (r < 0)
			return r;
		const char *thing = r > 0     ? NULL
				    : deploys ? deploy_thing(x->pair, element, &f, &a)
					      : deploy_removed(x->pair, element, &a);
		r = thing ? fn(user, thing, element) : 0;
		if (r)
			return r;
	}
	return 0;
}

/* ---- twice ---- */

struct gathering {
	const struct search *search;
	struct map *elements;
};

/* Two versions of one application may stand side by side (the newer one wins); the same one twice may not. */
static int gather(void *user, const char *thing, const json_t *element)
{
	const struct gathering *g = user;
	const struct search *x = g->search;
	const json_t *app = json_object_get(element, "app");
	const char *key =
		app ? arena_printf(x->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(app))
		    : thing;
	map_put(x->things, span_str(thing), g->elements);
	if (!map_put(g->elements, span_str(key), g->elements))
		return 0;
	return error_set(x->err, ERR_CONFLICT, "%s names %.120s twice", x->name, thing);
}

/* ---- contradictions ---- */

struct comparing {
	const struct search *search;
	struct place there;
};

static int compare(void *user, const char *thing, const json_t *element)
{
	const struct comparing *c = user;
	const struct search *x = c->search;
	(void)element;
	if (!map_get(x->things, span_str(thing)))
		return 0;
	bool deploys = strcmp(x->name, x->pair->deploy) == 0;
	struct place one = deploys ? x->at : c->there, two = deploys ? c->there : x->at;
	return error_set(x->err, ERR_CONFLICT,
			 "%s of %s deploys %.80s, which %s of %s removes: take it out of one of "
			 "the two first",
			 x->pair->deploy, place_text(x, one), thing, x->pair->remove,
			 place_text(x, two));
}

static int compare_with(const struct search *x, const struct setting *s)
{
	struct comparing c = { x, { scope_of(s), s->scope_id } };
	return each_thing(x, s, compare, &c);
}

/* ---- below ---- */

struct places {
	const struct search *search;
	struct place *items; /* in the search's arena */
	size_t n, room;
};

static int add_place(void *user, const void *record)
{
	struct places *p = user;
	const struct setting *s = record;
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 16;
		struct place *items = arena_new_n(p->search->arena, struct place, room);
		if (p->n)
			memcpy(items, p->items, p->n * sizeof *items);
		p->items = items;
		p->room = room;
	}
	p->items[p->n++] = (struct place){ scope_of(s), s->scope_id };
	return 0;
}

static bool is_below(const struct search *x, struct place p)
{
	struct device d;
	if (p.scope == SCOPE_FLEET)
		return p.id != x->at.id && fleet_tree_within(x->tree, p.id, x->at.id);
	return device_at(x, p.id, &d) == 0 && d.unenrolled_ms == 0 &&
	       fleet_tree_within(x->tree, d.fleet_id, x->at.id);
}

/* A place below that has an opposite of its own: is the setting at hand in force there? */
static int look_at(struct search *x, struct place p)
{
	CLEANUP(arena_fini) struct arena a;
	struct arena *whole = x->arena;
	struct setting here, there;
	int r = 0;
	arena_init(&a);
	x->arena = &a;
	if (is_below(x, p)) {
		r = nearest(x, x->name, p, &here);
		if (r == 0 && scope_of(&here) == SCOPE_FLEET && here.scope_id == x->at.id)
			r = row_at(x, x->other, p, &there);
		else if (r == 0)
			r = ROW_NOT_FOUND;
		if (r == 0)
			r = compare_with(x, &there);
	}
	x->arena = whole;
	return r == ROW_NOT_FOUND ? 0 : r;
}

static int look_below(struct search *x)
{
	struct places p = { .search = x };
	struct scan s = { .table = TABLE_setting,
			  .index = INDEX_OF(setting, by_name),
			  .n_equal = 1,
			  .key = &(struct setting){ .scope = "", .name = x->other } };
	int r = row_scan(x->c, &s, add_place, &p);
	for (size_t i = 0; i < p.n && r == 0; i++)
		r = look_at(x, p.items[i]);
	return r;
}

/* ---- all of it ---- */

static int find_tree(struct search *x)
{
	struct fleet f = { 0 };
	struct device d = { 0 };
	int r = x->at.scope == SCOPE_FLEET
			? row_get(x->c, TABLE_fleet, &(struct fleet){ .id = x->at.id }, x->arena,
				  &f)
			: device_at(x, x->at.id, &d);
	return r ? r : store_fleets(x->c, f.id ? f.org_id : d.org_id, &x->tree);
}

static int look(struct search *x, const struct setting *own)
{
	CLEANUP(free_mapp) struct map *elements = map_new();
	struct gathering g = { x, elements };
	struct setting other;
	int r = each_thing(x, own, gather, &g);
	if (r || map_n(x->things) == 0)
		return r;
	r = nearest(x, x->other, x->at, &other);
	if (r == 0)
		r = compare_with(x, &other);
	if (r != 0 && r != ROW_NOT_FOUND)
		return r;
	return x->at.scope == SCOPE_FLEET ? look_below(x) : 0;
}

int store_setting_conflict(struct store_conn *c, enum scope s, int64_t id, const char *name,
			   struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(free_mapp) struct map *things = NULL;
	const struct deploy_pair *pair = deploy_pair_of(name);
	struct search x = { .c = c,
			    .arena = &a,
			    .err = err,
			    .pair = pair,
			    .name = name,
			    .at = { s, id },
			    .things = NULL };
	struct setting own;
	arena_init(&a);
	if (!pair)
		return 0;
	x.other = strcmp(name, pair->deploy) == 0 ? pair->remove : pair->deploy;
	x.things = things = map_new();
	int r = row_at(&x, name, x.at, &own);
	if (r == 0)
		r = find_tree(&x);
	if (r == 0)
		r = look(&x, &own);
	return r == ROW_NOT_FOUND ? 0 : r;
}
