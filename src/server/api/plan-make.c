/* SPDX-License-Identifier: Apache-2.0
 *
 * Planning: see plan.h. Reading the documents and comparing them with the state go hand in hand: a
 * document's organization, its fleets, its devices. Pruning comes last, when all documents have
 * named what they name; sorting the changes into the order they are carried out in is the end.
 */
#include "base/map.h"
#include "server/api/plan.h"
#include "server/api/request.h"
#include <errno.h>
#include <string.h>

struct planner {
	struct plan *plan;
	const struct plan_source *source;
	bool prune;
	size_t document;      /* 1 … */
	const char *path;     /* of what is being read: "fleets[2].settings" */
	struct plan_org *org; /* the document's */
};

/* ---- mistakes and changes ---- */

static void mistake(struct planner *pl, const char *key, const char *detail)
{
	struct plan *p = pl->plan;
	if (p->n_errors++ < PLAN_ERRORS_MAX)
		json_array_append_new(p->errors, json_pack("{s:i, s:s, s:s, s:s}", "document",
							   (int)pl->document, "path", pl->path,
							   "key", key, "detail", detail));
}

/* A positive result is a mistake of the document; the others go on up. */
static int judged(struct planner *pl, const char *key, int r, const struct error *err)
{
	if (r <= 0)
		return r;
	mistake(pl, key, err->message);
	return 0;
}

static struct plan_change *change_add(struct plan *p, enum plan_op op, enum plan_kind kind,
				      struct plan_org *org, const char *name)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 64;
		struct plan_change *grown = arena_new_n(p->arena, struct plan_change, cap);
		if (p->n > 0)
			memcpy(grown, p->changes, p->n * sizeof *grown);
		p->changes = grown;
		p->cap = cap;
	}
	p->n_of[op]++;
	struct plan_change *c = &p->changes[p->n];
	*c = (struct plan_change){ op, kind, org, .name = name, .order = p->n++ };
	return c;
}

static enum plan_op op_of(const json_t *before, const json_t *after)
{
	if (!before)
		return PLAN_ADD;
	return after ? PLAN_CHANGE : PLAN_DELETE;
}

/* ---- shapes ---- */

static void only_keys(struct planner *pl, const json_t *object, const char *const *keys)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)object, key, value) {
		const char *const *k = keys;
		while (*k && strcmp(*k, key) != 0)
			k++;
		if (!*k)
			mistake(pl, key, "unknown key");
	}
}

/* The member when it is there and of the type; a wrong type is a mistake. */
static json_t *member(struct planner *pl, const json_t *object, const char *key, json_type type,
		      const char *wanted)
{
	json_t *value = json_object_get(object, key);
	if (!value || json_typeof(value) == type)
		return value;
	mistake(pl, key, arena_printf(pl->plan->arena, "must be %s", wanted));
	return NULL;
}

/* A name that an organization or fleet may have: not a number, no part of a path. */
static int new_name(const char *what, const char *name, struct error *err)
{
	if (*name && strspn(name, "0123456789") == strlen(name))
		return error_set(err, ERR_INVALID, "%s must not be a number", what);
	return name_check(what, name, "/", err);
}

/* ---- settings ---- */

struct whose { /* settings of one fleet or device */
	enum scope scope;
	struct plan_fleet *fleet; /* SCOPE_FLEET */
	int64_t id;               /* 0: it is new and has none */
	struct setting *rows;
	size_t n;
};

static void setting_change(struct planner *pl, const struct whose *w, const char *name,
			   json_t *before, json_t *after)
{
	struct plan_change *c =
		change_add(pl->plan, op_of(before, after), PLAN_SETTING, pl->org, name);
	c->fleet = w->fleet;
	c->device_id = w->scope == SCOPE_DEVICE ? w->id : 0;
	c->before = json_incref(before);
	c->after = json_incref(after);
}

static const struct setting *row_named(const struct whose *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->rows[i].name, name) == 0)
			return &w->rows[i];
	return NULL;
}

/* The row as a document would write it. */
static int row_document(const struct setting *row, json_t **ret)
{
	AUTO_JSON value = NULL;
	struct error err;
	if (json_parse(span_str(row->value_json), &value, &err) != 0)
		return -EBADMSG; /* stored by us */
	*ret = document_setting(value, row->level);
	return 0;
}

static int setting_check(const struct setting_type *t, const char *name, const json_t *value,
			 struct error *err)
{
	const char *near = catalogue_nearest(name);
	if (t)
		return catalogue_check(t, value, err);
	if (near)
		return error_set(err, ERR_INVALID, "no such setting; did you mean %s?", near);
	return error_set(err, ERR_INVALID, "no such setting");
}

static int plan_setting(struct planner *pl, const struct whose *w, const char *name,
			const json_t *entry)
{
	const struct setting_type *t = catalogue_find(name);
	const struct setting *row = row_named(w, name);
	AUTO_JSON before = NULL;
	json_t *value;
	const char *level;
	struct error err;
	int r = document_setting_read(entry, &value, &level, &err);
	if (r == 0)
		r = setting_check(t, name, value, &err);
	if (r != 0)
		return judged(pl, name, r, &err);
	r = row ? row_document(row, &before) : 0;
	if (r != 0)
		return r;
	AUTO_JSON after = document_setting(value, level);
	if (!before || !json_equal(before, after))
		setting_change(pl, w, t->name, before, after);
	return 0;
}

/* What is set and the document does not have. Rows that the catalogue does not know (any more)
 * cannot be written in a document and stay. */
static int plan_unset(struct planner *pl, const struct whose *w, const json_t *settings)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct setting_type *t = catalogue_find(w->rows[i].name);
		AUTO_JSON before = NULL;
		if (!t || json_object_get(settings, t->name))
			continue;
		int r = row_document(&w->rows[i], &before);
		if (r != 0)
			return r;
		setting_change(pl, w, t->name, before, NULL);
	}
	return 0;
}

static int whose_load(struct planner *pl, struct whose *w)
{
	if (w->id == 0)
		return 0;
	return pl->source->settings(pl->source->user, w->scope, w->id, &w->rows, &w->n);
}

/* 'settings' is complete. */
static int plan_settings(struct planner *pl, struct whose *w, const json_t *settings)
{
	const char *name;
	json_t *entry;
	int r = whose_load(pl, w);
	json_object_foreach ((json_t *)settings, name, entry) {
		if (r == 0)
			r = plan_setting(pl, w, name, entry);
	}
	return r ? r : plan_unset(pl, w, settings);
}

/* ---- organizations ---- */

static struct plan_fleet *fleet_add(struct planner *pl, struct plan_org *org,
				    struct plan_fleet *parent, const char *name, const char *path)
{
	struct plan_fleet *f = arena_new(pl->plan->arena, struct plan_fleet);
	*f = (struct plan_fleet){ .next = org->fleets,
				  .org = org,
				  .parent = parent,
				  .name = name,
				  .path = path,
				  .depth = parent ? parent->depth + 1 : 1 };
	org->fleets = f;
	map_put(org->by_path, span_str(path), f);
	return f;
}

static struct plan_fleet *fleet_at(const struct plan_org *org, const char *path)
{
	return map_get(org->by_path, span_str(path));
}

/* The fleet with all above it, from the tree. */
static struct plan_fleet *load_fleet(struct planner *pl, struct plan_org *org,
				     const struct fleet_tree *tree, int64_t id)
{
	struct arena *a = pl->plan->arena;
	int64_t chain[FLEET_DEPTH_MAX];
	struct plan_fleet *at = NULL;
	for (size_t n = fleet_tree_chain(tree, id, chain); n > 0; n--) {
		const struct fleet *f = fleet_tree_get(tree, chain[n - 1]);
		const char *path = fleet_tree_path(tree, f->id, a);
		struct plan_fleet *known = fleet_at(org, path);
		if (!known) {
			known = fleet_add(pl, org, at, arena_strdup(a, f->name), path);
			known->id = f->id;
		}
		at = known;
	}
	return at;
}

static int load_fleets(struct planner *pl, struct plan_org *org)
{
	const struct fleet_tree *tree;
	int64_t *ids = NULL;
	int r = pl->source->fleets(pl->source->user, org->id, &tree);
	if (r != 0)
		return r;
	const struct fleet *root = fleet_tree_root(tree);
	if (!root)
		return -ENOENT; /* the store makes one with every organization */
	org->root = load_fleet(pl, org, tree, root->id);
	size_t n = fleet_tree_subtree(tree, root->id, pl->plan->arena, &ids);
	for (size_t i = 0; i < n; i++)
		load_fleet(pl, org, tree, ids[i]);
	return 0;
}

static struct plan_org *org_add(struct plan *p, const char *name)
{
	struct plan_org *org = arena_new(p->arena, struct plan_org);
	*org = (struct plan_org){ .next = p->orgs,
				  .name = arena_strdup(p->arena, name),
				  .domain = "",
				  .by_path = map_new(),
				  .config = json_object() };
	p->orgs = org;
	return org;
}

static struct plan_org *org_known(const struct plan *p, int64_t id, const char *name)
{
	struct plan_org *o = p->orgs;
	while (o && (id ? o->id != id : strcmp(o->name, name) != 0))
		o = o->next;
	return o;
}

/* One that is there already. */
static int org_load(struct planner *pl, const struct organization *row)
{
	struct error err;
	pl->org = org_known(pl->plan, row->id, row->name);
	if (pl->org)
		return 0;
	struct plan_org *org = org_add(pl->plan, row->name);
	org->id = row->id;
	org->domain = arena_strdup(pl->plan->arena, row->domain ? row->domain : "");
	if (row->config_json && *row->config_json) {
		json_decref(org->config);
		org->config = NULL;
		if (json_parse(span_str(row->config_json), &org->config, &err) != 0)
			return -EBADMSG; /* stored by us */
	}
	pl->org = org;
	return load_fleets(pl, org);
}

static int org_new(struct planner *pl, const char *name)
{
	struct error err;
	pl->org = org_known(pl->plan, 0, name);
	if (pl->org)
		return 0;
	int r = new_name("the name", name, &err);
	if (r != 0)
		return judged(pl, "organization", r, &err);
	pl->org = org_add(pl->plan, name);
	pl->org->root = fleet_add(pl, pl->org, NULL, "default", "default");
	change_add(pl->plan, PLAN_ADD, PLAN_ORGANIZATION, pl->org, pl->org->name);
	return 0;
}

/* The document's organization in pl->org; NULL after a mistake. */
static int plan_organization(struct planner *pl, const json_t *document)
{
	struct organization row;
	struct error err;
	const json_t *name = member(pl, document, "organization", JSON_STRING, "a string");
	const char *text = name ? json_string_value(name) : "";
	pl->org = NULL;
	if (!name && json_object_get(document, "organization"))
		return 0;
	int r = pl->source->organization(pl->source->user, text, &row, &err);
	if (r == 0)
		return org_load(pl, &row);
	if (r == ERR_NOT_FOUND && *text)
		return org_new(pl, text);
	return judged(pl, "organization", r, &err);
}

static void config_change(struct planner *pl, const char *name, json_t *before, json_t *after)
{
	struct plan_change *c = change_add(pl->plan, op_of(before, after), PLAN_CONFIG, pl->org,
					   arena_strdup(pl->plan->arena, name));
	c->before = json_incref(before);
	c->after = json_incref(after);
}

/* Only one document may say it. */
static bool named_first(struct planner *pl, const char *key, bool *named)
{
	if (*named)
		mistake(pl, key, "another document says it for this organization already");
	bool first = !*named;
	*named = true;
	return first;
}

static void plan_domain(struct planner *pl, const json_t *document)
{
	json_t *domain = member(pl, document, "domain", JSON_STRING, "a string");
	if (!domain || !named_first(pl, "domain", &pl->org->domain_named) ||
	    strcmp(json_string_value(domain), pl->org->domain) == 0)
		return;
	struct error err;
	if (domain_check(json_string_value(domain), &err) != 0) {
		mistake(pl, "domain", err.message);
		return;
	}
	AUTO_JSON before = json_string(pl->org->domain);
	config_change(pl, "domain", *pl->org->domain ? before : NULL,
		      *json_string_value(domain) ? domain : NULL);
}

static void plan_config(struct planner *pl, const json_t *document)
{
	json_t *config = member(pl, document, "config", JSON_OBJECT, "an object"), *value;
	const char *key;
	struct error err;
	if (!config || !named_first(pl, "config", &pl->org->config_named))
		return;
	pl->path = "config";
	json_object_foreach (config, key, value) {
		int r = pl->source->check_config(key, value, &err);
		json_t *before = json_object_get(pl->org->config, key);
		if (r != 0)
			mistake(pl, key, r > 0 ? err.message : "cannot be checked");
		else if (!before || !json_equal(before, value))
			config_change(pl, key, before, value);
	}
	json_object_foreach (pl->org->config, key, value) {
		if (pl->prune && !json_object_get(config, key))
			config_change(pl, key, value, NULL);
	}
	pl->path = "";
}

/* ---- fleets ---- */

/* One step down the path; a fleet that is not there is planned. NULL after a mistake. */
static struct plan_fleet *fleet_below(struct planner *pl, struct plan_fleet *parent,
				      const char *name, const char *path)
{
	struct error err;
	struct plan_fleet *f = fleet_at(pl->org, path);
	if (f)
		return f;
	int r = new_name("a fleet's name", name, &err);
	if (r == 0 && parent->depth >= FLEET_DEPTH_MAX)
		r = error_set(&err, ERR_INVALID, "deeper than %d fleets", FLEET_DEPTH_MAX);
	if (r != 0) {
		mistake(pl, "path", err.message);
		return NULL;
	}
	f = fleet_add(pl, pl->org, parent, name, path);
	struct plan_change *c = change_add(pl->plan, PLAN_ADD, PLAN_FLEET, pl->org, f->name);
	c->fleet = f;
	return f;
}

static struct plan_fleet *fleet_of_path(struct planner *pl, const char *path)
{
	struct arena *a = pl->plan->arena;
	size_t n = strcspn(path, "/");
	struct plan_fleet *f = pl->org->root;
	if (strlen(f->name) != n || strncmp(path, f->name, n) != 0) {
		mistake(pl, "path",
			arena_printf(a, "must begin with the root fleet, \"%s\"", f->name));
		return NULL;
	}
	while (f && path[n]) {
		const char *name = path + n + 1;
		size_t n_name = strcspn(name, "/");
		n += 1 + n_name;
		f = fleet_below(pl, f, arena_strndup(a, name, n_name), arena_strndup(a, path, n));
	}
	return f;
}

static int plan_fleet_entry(struct planner *pl, const json_t *entry, const char *at)
{
	static const char *const keys[] = { "path", "settings", NULL };
	pl->path = at;
	if (!json_is_object(entry)) {
		mistake(pl, "", "must be an object");
		return 0;
	}
	only_keys(pl, entry, keys);
	const json_t *path = member(pl, entry, "path", JSON_STRING, "a string");
	const json_t *settings = member(pl, entry, "settings", JSON_OBJECT, "an object");
	if (!path) {
		if (!json_object_get(entry, "path"))
			mistake(pl, "path", "is missing");
		return 0;
	}
	struct plan_fleet *f = fleet_of_path(pl, json_string_value(path));
	if (f && f->listed)
		mistake(pl, "path", "is named twice");
	if (!f || f->listed)
		return 0;
	f->listed = true;
	for (struct plan_fleet *up = f; up; up = up->parent)
		up->kept = true;
	if (!settings)
		return 0;
	struct whose w = { .scope = SCOPE_FLEET, .fleet = f, .id = f->id };
	pl->path = arena_printf(pl->plan->arena, "%s.settings", at);
	return plan_settings(pl, &w, settings);
}

/* ---- devices ---- */

static int plan_device_settings(struct planner *pl, int64_t id, const json_t *settings,
				const char *at)
{
	struct device d;
	struct error err;
	int r = pl->source->device(pl->source->user, id, &d, &err);
	if (r == 0 && d.org_id != pl->org->id)
		r = error_set(&err, ERR_NOT_FOUND, "the organization has no device %lld",
			      (long long)id);
	if (r != 0)
		return judged(pl, "id", r, &err);
	if (map_put(pl->plan->devices, map_key_int(&id), pl->plan)) {
		mistake(pl, "id", "is named twice");
		return 0;
	}
	if (!settings)
		return 0;
	struct whose w = { .scope = SCOPE_DEVICE, .id = id };
	pl->path = arena_printf(pl->plan->arena, "%s.settings", at);
	return plan_settings(pl, &w, settings);
}

/* "name" is for readers: the id says which. */
static int plan_device_entry(struct planner *pl, const json_t *entry, const char *at)
{
	static const char *const keys[] = { "id", "name", "settings", NULL };
	pl->path = at;
	if (!json_is_object(entry)) {
		mistake(pl, "", "must be an object");
		return 0;
	}
	only_keys(pl, entry, keys);
	const json_t *id = member(pl, entry, "id", JSON_INTEGER, "an integer");
	const json_t *settings = member(pl, entry, "settings", JSON_OBJECT, "an object");
	(void)member(pl, entry, "name", JSON_STRING, "a string");
	if (id)
		return plan_device_settings(pl, json_integer_value(id), settings, at);
	if (!json_object_get(entry, "id"))
		mistake(pl, "id", "is missing");
	return 0;
}

/* ---- documents ---- */

static int plan_list(struct planner *pl, const json_t *document, const char *key, bool *ret_named,
		     int (*fn)(struct planner *pl, const json_t *entry, const char *at))
{
	const json_t *list = member(pl, document, key, JSON_ARRAY, "a list"), *entry;
	size_t i;
	int r = 0;
	*ret_named |= list != NULL;
	json_array_foreach (list, i, entry) {
		if (r == 0)
			r = fn(pl, entry, arena_printf(pl->plan->arena, "%s[%zu]", key, i));
	}
	pl->path = "";
	return r;
}

static int plan_document(struct planner *pl, const json_t *document)
{
	static const char *const keys[] = { "organization", "domain",  "config",
					    "fleets",       "devices", NULL };
	pl->path = "";
	if (!json_is_object(document)) {
		mistake(pl, "", "a document must be an object");
		return 0;
	}
	only_keys(pl, document, keys);
	int r = plan_organization(pl, document);
	if (r != 0 || !pl->org)
		return r;
	plan_domain(pl, document);
	plan_config(pl, document);
	r = plan_list(pl, document, "fleets", &pl->org->fleets_named, plan_fleet_entry);
	if (r == 0)
		r = plan_list(pl, document, "devices", &pl->org->devices_named, plan_device_entry);
	return r;
}

/* ---- pruning ---- */

static void prune_fleets(struct planner *pl)
{
	for (struct plan_fleet *f = pl->org->fleets; f; f = f->next) {
		if (f->kept || f->id == 0 || !f->parent)
			continue;
		struct plan_change *c =
			change_add(pl->plan, PLAN_DELETE, PLAN_FLEET, pl->org, f->name);
		c->fleet = f;
	}
}

static int prune_devices(struct planner *pl)
{
	const struct plan_source *s = pl->source;
	int64_t id = 0;
	int r = s->device_next(s->user, pl->org->id, 0, &id);
	while (r == 0 && id != 0) {
		struct whose w = { .scope = SCOPE_DEVICE, .id = id };
		if (!map_get(pl->plan->devices, map_key_int(&id))) {
			r = whose_load(pl, &w);
			if (r == 0)
				r = plan_unset(pl, &w, NULL);
		}
		if (r == 0)
			r = s->device_next(s->user, pl->org->id, id, &id);
	}
	return r;
}

static int prune(struct planner *pl)
{
	int r = 0;
	for (struct plan_org *o = pl->plan->orgs; r == 0 && o; o = o->next) {
		pl->org = o;
		if (o->fleets_named)
			prune_fleets(pl);
		if (o->devices_named && o->id != 0)
			r = prune_devices(pl);
	}
	return r;
}

/* ---- order ---- */

static int rank(const struct plan_change *c)
{
	switch (c->kind) {
	case PLAN_ORGANIZATION:
		return 0;
	case PLAN_CONFIG:
		return 1;
	case PLAN_FLEET: /* deleted ones last, the deepest first */
		return c->op == PLAN_DELETE ? 100 - (int)c->fleet->depth : 2;
	case PLAN_SETTING:
		return c->op == PLAN_DELETE ? 4 : 3;
	}
	return 0;
}

static int compare_changes(const void *a, const void *b)
{
	const struct plan_change *x = a, *y = b;
	int by_rank = rank(x) - rank(y);
	return by_rank ? by_rank : (x->order > y->order) - (x->order < y->order);
}

int plan_make(struct plan *p, const struct plan_source *source, const json_t *documents,
	      bool prune_too)
{
	struct planner pl = { .plan = p, .source = source, .prune = prune_too, .path = "" };
	const json_t *document;
	size_t i;
	int r = 0;
	json_array_foreach (documents, i, document) {
		pl.document = i + 1;
		if (r == 0 && i < PLAN_DOCUMENTS_MAX)
			r = plan_document(&pl, document);
	}
	if (i > PLAN_DOCUMENTS_MAX)
		mistake(&pl, "documents", "too many documents");
	if (r == 0 && prune_too && p->n_errors == 0)
		r = prune(&pl);
	if (p->n > 0)
		qsort(p->changes, p->n, sizeof *p->changes, compare_changes);
	return r;
}
