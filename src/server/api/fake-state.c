/* SPDX-License-Identifier: Apache-2.0
 *
 * A state in memory for plans: see fake-state.h.
 */
#include "server/api/fake-state.h"
#include <errno.h>
#include <string.h>

static int fake_organization(void *user, const char *name, struct organization *ret,
			     struct error *err)
{
	struct fake *f = user;
	for (size_t i = 0; i < f->n_orgs; i++) {
		if (*name && strcmp(f->orgs[i].name, name) != 0)
			continue;
		*ret = f->orgs[i];
		return 0;
	}
	return error_set(err, ERR_NOT_FOUND, "there is no organization \"%.40s\"", name);
}

static int fake_fleets(void *user, int64_t org_id, const struct fleet_tree **ret)
{
	struct fake *f = user;
	struct fleet rows[FAKE_FLEETS];
	size_t n = 0;
	if (f->n_trees == ARRAY_SIZE(f->trees))
		return -ENOMEM;
	for (size_t i = 0; i < f->n_fleets; i++)
		if (f->fleets[i].org_id == org_id)
			rows[n++] = f->fleets[i];
	int r = fleet_tree_new(rows, n, &f->trees[f->n_trees]);
	if (r == 0)
		*ret = f->trees[f->n_trees++];
	return r;
}

static bool of_scope(const struct setting *s, enum scope scope, int64_t id)
{
	return strcmp(s->scope, scope == SCOPE_FLEET ? "fleet" : "device") == 0 &&
	       s->scope_id == id;
}

static int fake_settings(void *user, enum scope scope, int64_t id, struct setting **ret,
			 size_t *ret_n)
{
	struct fake *f = user;
	*ret = arena_new_n(&f->arena, struct setting, f->n_settings + 1);
	*ret_n = 0;
	for (size_t i = 0; i < f->n_settings; i++)
		if (of_scope(&f->settings[i], scope, id))
			(*ret)[(*ret_n)++] = f->settings[i];
	return 0;
}

static int fake_device(void *user, int64_t id, struct device *ret, struct error *err)
{
	struct fake *f = user;
	for (size_t i = 0; i < f->n_devices; i++) {
		if (f->devices[i].id != id)
			continue;
		*ret = f->devices[i];
		return 0;
	}
	return error_set(err, ERR_NOT_FOUND, "there is no device %lld", (long long)id);
}

static int fake_device_next(void *user, int64_t org_id, int64_t after_id, int64_t *ret_id)
{
	struct fake *f = user;
	struct device d = { 0 };
	struct error err;
	*ret_id = 0;
	for (size_t i = 0; i < f->n_settings; i++) {
		const struct setting *s = &f->settings[i];
		if (of_scope(s, SCOPE_DEVICE, s->scope_id) && s->scope_id > after_id &&
		    (*ret_id == 0 || s->scope_id < *ret_id) &&
		    fake_device(f, s->scope_id, &d, &err) == 0 && d.org_id == org_id)
			*ret_id = s->scope_id;
	}
	return 0;
}

static int fake_check_config(const char *key, const json_t *value, struct error *err)
{
	if (strcmp(key, "poll.interval") == 0 && json_is_string(value))
		return 0;
	return error_set(err, ERR_INVALID, "no such key, or a bad value");
}

struct plan_source fake_source(struct fake *f)
{
	return (struct plan_source){
		f,           fake_organization, fake_fleets,      fake_settings,
		fake_device, fake_device_next,  fake_check_config
	};
}

/* ---- making it ---- */

static int64_t add_org(struct fake *f, const char *name)
{
	if (f->n_orgs == FAKE_ORGS) {
		f->full = true;
		return 0;
	}
	f->orgs[f->n_orgs++] = (struct organization){ .id = ++f->next_id,
						      .name = arena_strdup(&f->arena, name),
						      .domain = "",
						      .config_json = "{}" };
	return f->next_id;
}

static int64_t add_fleet(struct fake *f, int64_t org_id, int64_t parent_id, const char *name)
{
	if (f->n_fleets == FAKE_FLEETS) {
		f->full = true;
		return 0;
	}
	f->fleets[f->n_fleets++] = (struct fleet){ .id = ++f->next_id,
						   .org_id = org_id,
						   .parent_id = parent_id,
						   .name = arena_strdup(&f->arena, name) };
	return f->next_id;
}

static void set(struct fake *f, enum scope scope, int64_t id, const char *name, const char *level,
		const char *value_json)
{
	struct setting *s = NULL;
	for (size_t i = 0; i < f->n_settings; i++)
		if (of_scope(&f->settings[i], scope, id) && strcmp(f->settings[i].name, name) == 0)
			s = &f->settings[i];
	if (!s && f->n_settings == FAKE_SETTINGS) {
		f->full = true;
		return;
	}
	if (!s)
		s = &f->settings[f->n_settings++];
	*s = (struct setting){ .scope = scope == SCOPE_FLEET ? "fleet" : "device",
			       .scope_id = id,
			       .name = arena_strdup(&f->arena, name),
			       .level = arena_strdup(&f->arena, level),
			       .value_json = arena_strdup(&f->arena, value_json) };
}

static void unset(struct fake *f, enum scope scope, int64_t id, const char *name)
{
	for (size_t i = 0; i < f->n_settings; i++)
		if (of_scope(&f->settings[i], scope, id) && strcmp(f->settings[i].name, name) == 0)
			f->settings[i--] = f->settings[--f->n_settings];
}

const struct setting *fake_setting(const struct fake *f, enum scope scope, int64_t id,
				   const char *name)
{
	for (size_t i = 0; i < f->n_settings; i++)
		if (of_scope(&f->settings[i], scope, id) && strcmp(f->settings[i].name, name) == 0)
			return &f->settings[i];
	return NULL;
}

void fake_init(struct fake *f)
{
	memset(f, 0, sizeof *f);
	arena_init(&f->arena);
	int64_t org = add_org(f, "default");
	int64_t root = add_fleet(f, org, 0, "default");
	int64_t sales = add_fleet(f, org, root, "Sales");
	int64_t berlin = add_fleet(f, org, sales, "Berlin");
	int64_t other = add_org(f, "other");
	add_fleet(f, other, 0, "default");
	set(f, SCOPE_FLEET, root, "camera.disabled", "mandatory", "true");
	set(f, SCOPE_FLEET, sales, "password.min_length", "recommended", "8");
	set(f, SCOPE_FLEET, berlin, "no.longer.known", "mandatory", "1");
	f->devices[f->n_devices++] = (struct device){ .id = 101, .org_id = org, .fleet_id = sales };
	f->devices[f->n_devices++] = (struct device){ .id = 102, .org_id = org, .fleet_id = root };
	set(f, SCOPE_DEVICE, 101, "wifi.disabled", "mandatory", "true");
	set(f, SCOPE_DEVICE, 102, "camera.disabled", "mandatory", "false");
}

void fake_fini(struct fake *f)
{
	for (size_t i = 0; i < f->n_trees; i++)
		fleet_tree_free(f->trees[i]);
	arena_fini(&f->arena);
}

/* ---- carrying out ---- */

static struct organization *org_of(struct fake *f, int64_t id)
{
	for (size_t i = 0; i < f->n_orgs; i++)
		if (f->orgs[i].id == id)
			return &f->orgs[i];
	return NULL;
}

static void apply_config(struct fake *f, const struct plan_change *c)
{
	struct organization *o = org_of(f, c->org->id);
	struct error err;
	json_t *config = NULL;
	if (!o || json_parse(span_str(o->config_json), &config, &err) != 0)
		return;
	if (strcmp(c->name, "domain") == 0)
		o->domain = arena_strdup(&f->arena, c->after ? json_string_value(c->after) : "");
	else if (c->after)
		json_object_set(config, c->name, c->after);
	else
		json_object_del(config, c->name);
	char *text = json_text(config);
	o->config_json = arena_strdup(&f->arena, text);
	free(text);
	json_decref(config);
}

/* What is below it goes to its parent. */
static void delete_fleet(struct fake *f, const struct plan_fleet *gone)
{
	for (size_t i = 0; i < f->n_fleets; i++) {
		if (f->fleets[i].parent_id == gone->id)
			f->fleets[i].parent_id = gone->parent->id;
		if (f->fleets[i].id == gone->id)
			f->fleets[i--] = f->fleets[--f->n_fleets];
	}
	for (size_t i = 0; i < f->n_settings; i++)
		if (of_scope(&f->settings[i], SCOPE_FLEET, gone->id))
			f->settings[i--] = f->settings[--f->n_settings];
}

static void apply_setting(struct fake *f, const struct plan_change *c)
{
	enum scope scope = c->fleet ? SCOPE_FLEET : SCOPE_DEVICE;
	int64_t id = c->fleet ? c->fleet->id : c->device_id;
	struct error err;
	json_t *value;
	const char *level;
	if (!c->after) {
		unset(f, scope, id, c->name);
		return;
	}
	if (document_setting_read(c->after, &value, &level, &err) != 0)
		abort();
	char *text = json_text(value);
	set(f, scope, id, c->name, level, text);
	free(text);
}

void fake_apply(struct fake *f, const struct plan *p)
{
	for (size_t i = 0; i < p->n && !f->full; i++) {
		const struct plan_change *c = &p->changes[i];
		if (c->kind == PLAN_ORGANIZATION) {
			c->org->id = add_org(f, c->org->name);
			c->org->root->id = add_fleet(f, c->org->id, 0, "default");
		} else if (c->kind == PLAN_CONFIG) {
			apply_config(f, c);
		} else if (c->kind == PLAN_FLEET && c->op == PLAN_DELETE) {
			delete_fleet(f, c->fleet);
		} else if (c->kind == PLAN_FLEET) {
			c->fleet->id =
				add_fleet(f, c->org->id, c->fleet->parent->id, c->fleet->name);
		} else {
			apply_setting(f, c);
		}
	}
}
