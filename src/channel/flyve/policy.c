/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings in Flyve's words, see policy.h.
 */
#include "channel/flyve/policy.h"

#include "base/json.h"
#include "model/deploy.h"
#include "model/records.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* ---- values ---- */

static const char *value_text(const struct setting_type *t, const struct flyve_word *p,
			      json_t *value, struct arena *a)
{
	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (json_is_integer(value))
		return arena_printf(a, "%lld", (long long)json_integer_value(value));
	AUTO_JSON word = catalogue_canonical(t, value);
	if (!json_is_string(word))
		return NULL;
	char *text = arena_printf(a, "%s%s", p->prefix, json_string_value(word));
	if (*p->prefix)
		for (char *c = text; *c; c++)
			*c = (char)toupper((unsigned char)*c);
	return text;
}

static const char *text_of(json_t *steals, struct arena *a)
{
	CLEANUP(free_charp) char *text = json_text(steals);
	json_decref(steals);
	return arena_strdup(a, text);
}

/* ---- what settings say ---- */

struct saying {
	struct arena *arena;
	const struct desired *desired;
	flyve_file_fn *find;
	void *user;
	struct flyve_said *items;
	size_t n, room, n_left_out;
};

static void say(struct saying *s, struct flyve_said said)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 32;
		struct flyve_said *items = arena_new_n(s->arena, struct flyve_said, room);
		if (s->n)
			memcpy(items, s->items, s->n * sizeof *items);
		s->items = items;
		s->room = room;
	}
	s->items[s->n++] = said;
}

static bool is_number(const char *s)
{
	return s && *s && s[strspn(s, "0123456789")] == '\0' && strlen(s) < 10;
}

/* Agents know applications by versionCode, an integer; the seed calls it version. */
static const char *app_version(const struct file *f, struct arena *a)
{
	return is_number(f->package_version) ? arena_strdup(a, f->package_version)
					     : arena_printf(a, "%" PRId64, f->version);
}

static bool say_app(struct saying *s, const struct desired_setting *d, const json_t *element,
		    const struct file *f)
{
	if (!f->package || !*f->package)
		return false;
	const char *version = app_version(f, s->arena);
	const char *id = arena_printf(s->arena, "%" PRId64, f->id);
	json_t *entry = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "deployApp", f->package, "id",
				  id, "version", version, "versionCode", version, "sha256",
				  f->sha256, "size", arena_printf(s->arena, "%" PRId64, f->size));
	bool remove = json_is_true(json_object_get(element, "remove_on_delete"));
	say(s, (struct flyve_said){
		       .setting = d->type->name,
		       .item = arena_printf(s->arena, "app %s", id),
		       .entry = text_of(entry, s->arena),
		       .removal = remove ? text_of(json_pack("{s:s}", "removeApp", f->package),
						   s->arena)
					 : "" });
	return true;
}

/* Agents take a folder and put the file there under the name that its record has; a full path is
 * split into the two. */
static void split_path(const char *destination, const struct file *f, struct arena *a,
		       const char **ret_folder, const char **ret_path)
{
	size_t n = strlen(destination);
	const char *slash = strrchr(destination, '/');
	bool is_folder = n > 0 && destination[n - 1] == '/';
	size_t n_folder = is_folder || !slash ? n : (size_t)(slash - destination) + 1;
	const char *name = is_folder || !slash ? f->name : slash + 1;
	*ret_folder = arena_printf(a, "%.*s%s", (int)n_folder, destination, slash ? "" : "/");
	*ret_path = arena_printf(a, "%s%s", *ret_folder, name);
}

static bool say_file(struct saying *s, const struct desired_setting *d, const json_t *element,
		     const struct file *f)
{
	const char *destination = json_string_value(json_object_get(element, "destination"));
	const char *folder, *path, *id = arena_printf(s->arena, "%" PRId64, f->id);
	if (!destination || !*destination)
		return false;
	split_path(destination, f, s->arena, &folder, &path);
	json_t *entry =
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "deployFile", folder, "id", id, "version",
			  arena_printf(s->arena, "%" PRId64, f->version), "sha256", f->sha256,
			  "size", arena_printf(s->arena, "%" PRId64, f->size));
	if (strcmp(deploy_path(folder, f->name, s->arena), path) != 0) /* its own name is another */
		json_object_set_new(entry, "path", json_string(path));
	bool remove = json_is_true(json_object_get(element, "remove_on_delete"));
	say(s, (struct flyve_said){
		       .setting = d->type->name,
		       .item = arena_printf(s->arena, "file %s %s", id, destination),
		       .entry = text_of(entry, s->arena),
		       .removal = remove ? text_of(json_pack("{s:s}", "removeFile", path), s->arena)
					 : "" });
	return true;
}

/* Both may come to be in force by a move, or by another content of the deployable: removing wins, and the deployment is
 * not done. */
static bool is_removed(const struct saying *s, const struct deploy_pair *pair,
		       const json_t *element, const struct file *f)
{
	const struct desired_setting *removal = desired_get(s->desired, pair->remove);
	const char *thing = deploy_thing(pair, element, f, s->arena);
	const json_t *removed;
	size_t i;
	if (!removal || !thing)
		return false;
	json_array_foreach (removal->value, i, removed) {
		const char *other = deploy_removed(pair, removed, s->arena);
		if (other && strcmp(thing, other) == 0)
			return true;
	}
	return false;
}

static int say_deployables(struct saying *s, const struct desired_setting *d,
			   const struct flyve_word *p)
{
	const struct deploy_pair *pair = deploy_pair_of(d->type->name);
	bool app = strcmp(p->key, "deployApp") == 0;
	const json_t *element;
	size_t i;
	json_array_foreach (d->value, i, element) {
		struct file f = { 0 };
		json_t *id = json_object_get(element, app ? "app" : "file");
		int r = s->find(s->user, json_integer_value(id), &f);
		if (r < 0)
			return r;
		if (r > 0 || is_removed(s, pair, element, &f) ||
		    !(app ? say_app : say_file)(s, d, element, &f))
			s->n_left_out++;
	}
	return 0;
}

static void say_list(struct saying *s, const struct desired_setting *d, const struct flyve_word *p)
{
	const json_t *element;
	size_t i;
	json_array_foreach (d->value, i, element) {
		const char *text = json_string_value(element);
		if (!text || !*text)
			continue;
		say(s, (struct flyve_said){
			       .setting = d->type->name,
			       .item = arena_strdup(s->arena, text),
			       .entry = text_of(json_pack("{s:s}", p->key, text), s->arena),
			       .removal = "" });
	}
}

#define LAUNCHER_ENABLED "launcher.enabled"
#define LAUNCHER_APPS    "launcher.apps"

const char *flyve_task_setting(const char *setting)
{
	return strcmp(setting, LAUNCHER_APPS) == 0 ? LAUNCHER_ENABLED : setting;
}

/* Two settings, one message: {"launcher":{"code":…,"data":[{"name":…}]}}. */
static void say_launcher(struct saying *s, const struct desired *d)
{
	const struct desired_setting *enabled = desired_get(d, LAUNCHER_ENABLED);
	const struct desired_setting *apps = desired_get(d, LAUNCHER_APPS);
	const json_t *element;
	size_t i;
	if (!enabled && !apps)
		return;
	const char *code = !enabled ? "update" : json_is_true(enabled->value) ? "start" : "unlock";
	json_t *data = json_array();
	if (apps)
		json_array_foreach (apps->value, i, element)
			json_array_append_new(data, json_pack("{s:O}", "name", element));
	json_t *entry = json_pack("{s:{s:s, s:o}}", "launcher", "code", code, "data", data);
	say(s, (struct flyve_said){ LAUNCHER_ENABLED, "", text_of(entry, s->arena), "" });
}

static int say_setting(struct saying *s, const struct desired_setting *d)
{
	struct flyve_word p;
	if (!flyve_word_of(d->type, &p) || strcmp(p.group, "launcher") == 0)
		return 0;
	if (d->type->kind == SETTING_OBJECTS)
		return say_deployables(s, d, &p);
	if (d->type->kind == SETTING_LIST) {
		say_list(s, d, &p);
		return 0;
	}
	const char *text = value_text(d->type, &p, d->value, s->arena);
	if (text)
		say(s,
		    (struct flyve_said){ d->type->name, "",
					 text_of(json_pack("{s:s}", p.key, text), s->arena), "" });
	return 0;
}

int flyve_say(const struct desired *d, flyve_file_fn *find, void *user, struct arena *a,
	      struct flyve_said **ret, size_t *ret_n, size_t *ret_n_left_out)
{
	struct saying s = { .arena = a, .desired = d, .find = find, .user = user };
	int r = 0;
	for (size_t i = 0; i < d->n && r == 0; i++)
		r = say_setting(&s, &d->items[i]);
	say_launcher(&s, d);
	*ret = s.items;
	*ret_n = s.n;
	*ret_n_left_out = s.n_left_out;
	return r;
}

const char *flyve_default_entry(const struct setting_type *t, struct arena *a)
{
	struct flyve_word p;
	AUTO_JSON value = NULL;
	struct error ignored;
	if (!flyve_word_of(t, &p) || strcmp(p.group, "launcher") == 0 || !t->default_json ||
	    json_parse(span_str(t->default_json), &value, &ignored) != 0 || json_is_array(value))
		return NULL;
	const char *text = value_text(t, &p, value, a);
	return text ? text_of(json_pack("{s:s}", p.key, text), a) : NULL;
}

/* ---- groups ---- */

static const struct {
	const char *name;
	bool base;
} groups[] = {
	{ "policies", true },     { "encryption", true },   { "camera", true },
	{ "connectivity", true }, { "application", false }, { "file", false },
	{ "phone", false },       { "ui", false },          { "launcher", false },
};

size_t flyve_group_n(void)
{
	return ARRAY_SIZE(groups);
}

const char *flyve_group_at(size_t i)
{
	return groups[i].name;
}

bool flyve_group_is_base(const char *group)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (strcmp(groups[i].name, group) == 0)
			return groups[i].base;
	return false;
}

static bool in_group(const char *group, const struct setting_type *t)
{
	struct flyve_word p;
	return t && flyve_word_of(t, &p) && strcmp(p.group, group) == 0;
}

bool flyve_group_has(const char *group, const struct flyve_task *t)
{
	return in_group(group, catalogue_find(t->setting));
}

/* The task's entry, with its id as a text: every reader of every dialect takes that. */
static json_t *entry_json(const struct flyve_task *t)
{
	char id[24];
	json_t *entry = NULL;
	struct error ignored;
	if (json_parse(span_str(t->entry_json), &entry, &ignored) != 0)
		return NULL;
	snprintf(id, sizeof id, "%" PRId64, FLYVE_TASK_BASE + t->id);
	json_t *launcher = json_object_get(entry, "launcher");
	json_object_set_new(launcher ? launcher : entry, "taskId", json_string(id));
	return entry;
}

static const char *launcher_message(const struct flyve_task *tasks, size_t n, struct arena *a)
{
	for (size_t i = 0; i < n; i++)
		if (!tasks[i].neutral && flyve_group_has("launcher", &tasks[i])) {
			json_t *entry = entry_json(&tasks[i]);
			if (entry)
				return text_of(entry, a);
		}
	return "{\"launcher\":{\"code\":\"unlock\",\"data\":[]}}";
}

static bool is_applied(const struct setting_type *t, const struct flyve_task *tasks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!tasks[i].neutral && strcmp(tasks[i].setting, t->name) == 0)
			return true;
	return false;
}

/* Settings that D1 never had: its messages hold their defaults only to undo what was said once. */
static bool is_late(const struct setting_type *t)
{
	static const char *const keys[] = {
		"periodicGeolocation",        "disableUnknownAppSources",
		"disableStreamMusic",         "disableStreamRing",
		"disableStreamAlarm",         "disableStreamNotification",
		"disableStreamAccessibility", "disableStreamSystem",
		"disableStreamDTMF",          "defaultStreamType",
	};
	struct flyve_word p;
	for (size_t i = 0; i < ARRAY_SIZE(keys) && flyve_word_of(t, &p); i++)
		if (strcmp(p.key, keys[i]) == 0)
			return true;
	return false;
}

/* Of this group agents of D1 look at the first entry only. */
static void put_first(json_t *list, const char *key)
{
	size_t i;
	json_t *entry;
	json_array_foreach (list, i, entry) {
		if (i == 0 || !json_object_get(entry, key))
			continue;
		json_incref(entry);
		json_array_remove(list, i);
		json_array_insert_new(list, 0, entry);
		return;
	}
}

static bool was_unset(const struct setting_type *t, const struct flyve_task *tasks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (tasks[i].neutral && strcmp(tasks[i].setting, t->name) == 0)
			return true;
	return false;
}

static void add_default(json_t *list, const struct setting_type *t, struct arena *a)
{
	json_t *entry = NULL;
	struct error ignored;
	const char *text = flyve_default_entry(t, a);
	if (text && json_parse(span_str(text), &entry, &ignored) == 0)
		json_array_append_new(list, entry);
}

/* What was unset last comes first: agents that look at the first entry only undo at least that. */
static void add_defaults(json_t *list, const char *group, const struct flyve_task *tasks, size_t n,
			 struct arena *a)
{
	for (size_t i = n; i-- > 0;) {
		const struct setting_type *t = catalogue_find(tasks[i].setting);
		if (tasks[i].neutral && in_group(group, t) && !is_applied(t, tasks, n))
			add_default(list, t, a);
	}
	for (size_t i = 0; i < catalogue_n(); i++) {
		const struct setting_type *t = catalogue_at(i);
		if (in_group(group, t) && !is_applied(t, tasks, n) && !was_unset(t, tasks, n) &&
		    !is_late(t))
			add_default(list, t, a);
	}
}

const char *flyve_group_message(const char *group, const struct flyve_task *tasks, size_t n,
				struct arena *a)
{
	if (strcmp(group, "launcher") == 0)
		return launcher_message(tasks, n, a);
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		if (tasks[i].neutral || !flyve_group_has(group, &tasks[i]))
			continue;
		json_t *entry = entry_json(&tasks[i]);
		if (entry)
			json_array_append_new(list, entry);
	}
	add_defaults(list, group, tasks, n, a);
	put_first(list, "storageEncryption");
	return text_of(json_pack("{s:o}", group, list), a);
}

/* ---- D2 ---- */

/* The entry's first key is the symbol; settings that D2 renamed have another one there. NULL: none. */
static const char *symbol_of(const struct flyve_task *t, json_t *entry, struct arena *a)
{
	const struct setting_type *type = catalogue_find(t->setting);
	const char *key = json_object_iter_key(json_object_iter(entry));
	struct flyve_word p;
	if (!key || !type || !flyve_word_of(type, &p) || strcmp(key, p.key) != 0 ||
	    strcmp(p.key, p.key2) == 0)
		return key ? arena_strdup(a, key) : NULL;
	json_object_set(entry, p.key2, json_object_get(entry, p.key));
	json_object_del(entry, p.key);
	return arena_strdup(a, p.key2);
}

bool flyve_task_message(const char *root, const struct flyve_task *t, struct arena *a,
			struct flyve_message *ret)
{
	json_t *entry = entry_json(t);
	const char *symbol = entry ? symbol_of(t, entry, a) : NULL;
	if (!symbol) {
		json_decref(entry);
		return false;
	}
	if (strcmp(symbol, "launcher") == 0) /* the id is inside; D2 looks for it at the top */
		json_object_set(entry, "taskId",
				json_object_get(json_object_get(entry, "launcher"), "taskId"));
	ret->topic = arena_printf(a, "%s/Policy/%s/Task/%" PRId64, root, symbol,
				  FLYVE_TASK_BASE + t->id);
	ret->payload = text_of(entry, a);
	return true;
}
