/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server has told this device, see told.h.
 */
#include "agent/flyve/told.h"

#include "model/flyve-word.h"
#include <inttypes.h>

void told_init(struct told *t, const char *root)
{
	*t = (struct told){ .fleets = json_array(), .messages = json_object() };
	while (*root == '/')
		root++;
	snprintf(t->root, sizeof t->root, "%s", root);
	for (size_t n = strlen(t->root); n > 0 && t->root[n - 1] == '/'; n--)
		t->root[n - 1] = '\0';
}

void told_fini(struct told *t)
{
	json_decref(t->fleets);
	json_decref(t->messages);
	*t = (struct told){ 0 };
}

void told_forget(struct told *t)
{
	json_array_clear(t->fleets);
	json_object_clear(t->messages);
}

/* ---- small readers: agents and servers write numbers as texts, too ---- */

static bool read_number(const json_t *v, int64_t *ret)
{
	const char *s = json_string_value(v);
	char *end;
	if (json_is_integer(v)) {
		*ret = json_integer_value(v);
		return true;
	}
	if (!s || !*s)
		return false;
	long long n = strtoll(s, &end, 10);
	*ret = n;
	return !*end && (n != 0 || strcmp(s, "0") == 0) && n != INT64_MAX && n != INT64_MIN;
}

static bool read_boolean(const json_t *v, bool *ret)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = { { "true", true }, { "1", true }, { "false", false }, { "0", false } };
	const char *s = json_string_value(v);
	if (json_is_boolean(v)) {
		*ret = json_is_true(v);
		return true;
	}
	for (size_t i = 0; s && i < ARRAY_SIZE(words); i++)
		if (strcasecmp(s, words[i].word) == 0) {
			*ret = words[i].value;
			return true;
		}
	return false;
}

/* ---- topics ---- */

/* What follows "<root>/", or NULL: another root. */
static const char *below(const char *topic, const char *root)
{
	while (*root == '/')
		root++;
	size_t n = strlen(root);
	if (n == 0 || strncmp(topic, root, n) != 0 || topic[n] != '/' || !topic[n + 1])
		return NULL;
	return topic + n + 1;
}

static bool is_fleets(const struct told *t, const char *topic)
{
	const json_t *root;
	size_t i;
	json_array_foreach (t->fleets, i, root)
		if (below(topic, json_string_value(root)))
			return true;
	return false;
}

static int parse(struct span payload, json_t **ret, struct error *err)
{
	int r = payload.n > TOLD_PAYLOAD_MAX ? error_set(err, ERR_TOO_LARGE, "too large a message")
					     : json_parse(payload, ret, err);
	if (r == 0 && !json_is_object(*ret)) {
		json_decref(TAKE(*ret));
		r = error_set(err, ERR_INVALID, "the message is not a JSON object");
	}
	return r;
}

/* ---- commands ---- */

static const struct command_word {
	const char *suffix, *key, *value, *type;
	bool query;
} command_words[] = {
	{ "Ping", "query", "Ping", "ping", true },
	{ "Geolocate", "query", "Geolocate", "locate", true },
	{ "Inventory", "query", "Inventory", "inventory", true },
	{ "Lock", "lock", "now", "lock", false },
	{ "Lock", "lock", "unlock", "unlock", false },
	{ "Wipe", "wipe", "now", "wipe", false },
	{ "Unenroll", "unenroll", "now", "unenroll", false },
	{ "ResetPassword", NULL, NULL, "reset_password", false },
};

static const struct command_word *find_command(const char *suffix, const json_t *message)
{
	for (size_t i = 0; i < ARRAY_SIZE(command_words); i++) {
		const struct command_word *w = &command_words[i];
		const char *value =
			w->key ? json_string_value(json_object_get(message, w->key)) : "";
		if (strcmp(w->suffix, suffix) == 0 &&
		    (!w->value || (value && strcasecmp(value, w->value) == 0)))
			return w;
	}
	return NULL;
}

/* The full set: what is missing is left, and null is nothing. What was said there is forgotten. */
static int take_fleets(struct told *t, const json_t *message, struct told_news *ret,
		       struct error *err)
{
	json_t *list = NULL;
	const json_t *entry;
	AUTO_JSON fleets = json_array();
	size_t i;
	int r = json_read_array(message, "subscribe", true, &list, err);
	if (r == 0 && json_array_size(list) > TOLD_FLEETS_MAX)
		r = error_set(err, ERR_TOO_LARGE, "more than %d fleets", TOLD_FLEETS_MAX);
	if (r)
		return r;
	json_array_foreach (list, i, entry) {
		const char *topic = json_string_value(json_object_get(entry, "topic"));
		if (topic && *topic && strlen(topic) < TOLD_TOPIC_MAX && !strpbrk(topic, "+#"))
			json_array_append_new(fleets, json_string(topic));
	}
	if (json_equal(fleets, t->fleets))
		return 0;
	json_decref(t->fleets);
	t->fleets = json_incref(fleets);
	ret->kind = TOLD_FLEETS;
	const char *topic;
	json_t *said;
	void *next;
	json_object_foreach_safe (t->messages, next, topic, said)
		if (!below(topic, t->root) && !is_fleets(t, topic))
			json_object_del(t->messages, topic);
	return 0;
}

static int take_command(struct told *t, const char *suffix, struct span payload,
			struct told_news *ret, struct error *err)
{
	AUTO_JSON message = NULL;
	int r = payload.n == 0 ? 0 : parse(payload, &message, err);
	if (r || !message) /* empty: the order was taken back */
		return r;
	if (strcmp(suffix, "Subscribe") == 0)
		return take_fleets(t, message, ret, err);
	const struct command_word *w = find_command(suffix, message);
	if (!w)
		return error_set(err, ERR_INVALID, "Command/%.40s: not a command", suffix);
	*ret = (struct told_news){ .kind = TOLD_COMMAND, .type = w->type, .query = w->query };
	if (!read_number(json_object_get(message, "taskId"), &ret->id) || ret->id < 0)
		ret->id = 0;
	if (!read_number(json_object_get(message, "datetime"), &ret->issued_s))
		ret->issued_s = 0;
	return 0;
}

/* ---- policies ---- */

static int take_policies(struct told *t, const char *topic, struct span payload,
			 struct told_news *ret, struct error *err)
{
	json_t *message = NULL;
	if (payload.n == 0) {
		if (json_object_del(t->messages, topic) == 0)
			ret->kind = TOLD_POLICIES;
		return 0;
	}
	int r = parse(payload, &message, err);
	if (r)
		return r;
	if (json_equal(message, json_object_get(t->messages, topic))) {
		json_decref(message);
		return 0;
	}
	if (json_object_size(t->messages) >= TOLD_MESSAGES_MAX) {
		json_decref(message);
		return error_set(err, ERR_TOO_LARGE, "more than %d topics", TOLD_MESSAGES_MAX);
	}
	json_object_set_new(t->messages, topic, message);
	ret->kind = TOLD_POLICIES;
	return 0;
}

static bool is_policy(const char *suffix)
{
	return strncmp(suffix, "Policy/", 7) == 0 || !strchr(suffix, '/');
}

int told_take(struct told *t, const char *topic, struct span payload, struct told_news *ret,
	      struct error *err)
{
	*ret = (struct told_news){ 0 };
	if (*topic == '/')
		topic++;
	const char *ours = below(topic, t->root);
	if (ours && strncmp(ours, "Command/", 8) == 0)
		return take_command(t, ours + 8, payload, ret, err);
	if (ours ? is_policy(ours) : is_fleets(t, topic))
		return take_policies(t, topic, payload, ret, err);
	return 0;
}

/* ---- what it comes to ---- */

struct entry { /* one thing said; borrowed from a message */
	const char *key;
	json_t *value;
	const json_t *all; /* the object that it stands in */
	int64_t task;
	bool ours; /* to this device, not to its fleet */
	bool grouped;
};

struct entries {
	struct entry *items; /* heap */
	size_t n, room;
};

/* "taskId" and what describes a deployable stand beside the key that says what is meant. */
static const char *key_of(const json_t *o)
{
	static const char *const beside[] = { "taskId", "id",   "version", "versionCode", "sha256",
					      "size",   "path", "name",    "datetime" };
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)o, key, value) {
		bool is_beside = false;
		for (size_t i = 0; i < ARRAY_SIZE(beside) && !is_beside; i++)
			is_beside = strcmp(key, beside[i]) == 0;
		if (!is_beside)
			return key;
	}
	return NULL;
}

static void add(struct entries *e, const json_t *o, bool ours, bool grouped)
{
	const char *key = json_is_object(o) ? key_of(o) : NULL;
	if (!key)
		return;
	struct entry found = { key, json_object_get(o, key), o, 0, ours, grouped };
	const json_t *id = json_object_get(o, "taskId");
	if (!id && json_is_object(found.value)) /* the launcher's stands inside */
		id = json_object_get(found.value, "taskId");
	if (!read_number(id, &found.task) || found.task <= 0)
		return;
	if (e->n == e->room) {
		e->room = e->room ? 2 * e->room : 64;
		e->items = realloc(e->items, e->room * sizeof *e->items);
		if (!e->items)
			abort();
	}
	e->items[e->n++] = found;
}

static void gather(const struct told *t, struct entries *e)
{
	const char *topic, *group;
	json_t *message, *list;
	const json_t *o;
	size_t i;
	json_object_foreach (t->messages, topic, message) {
		bool ours = below(topic, t->root) != NULL, grouped = false;
		json_object_foreach (message, group, list)
			if (json_is_array(list)) {
				grouped = true;
				json_array_foreach (list, i, o)
					add(e, o, ours, true);
			}
		if (!grouped)
			add(e, message, ours, strstr(topic, "/Policy/") == NULL);
	}
}

/* The fleet's first, so that the device's own win; then by age. */
static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	if (x->ours != y->ours)
		return x->ours ? 1 : -1;
	return x->task < y->task ? -1 : x->task > y->task;
}

static json_t *deployable(const struct entry *e, bool app)
{
	int64_t id;
	const char *path = json_string_value(json_object_get(e->all, "path"));
	if (!read_number(json_object_get(e->all, "id"), &id) || id <= 0 ||
	    !json_is_string(e->value))
		return NULL;
	if (app)
		return json_pack("{s:I}", "app", (json_int_t)id);
	return json_pack("{s:I, s:s}", "file", (json_int_t)id, "destination",
			 path ? path : json_string_value(e->value));
}

/* The value in the catalogue's words (for lists: one element), owned; NULL: it is none. */
static json_t *value_of(const struct setting_type *t, const struct entry *e)
{
	int64_t number;
	bool flag;
	switch (t->kind) {
	case SETTING_BOOL:
		return read_boolean(e->value, &flag) ? json_boolean(flag) : NULL;
	case SETTING_INT:
		return read_number(e->value, &number) ? json_integer(number) : NULL;
	case SETTING_ENUM:
		return catalogue_choice(t, e->value) < 0 ? NULL : catalogue_canonical(t, e->value);
	case SETTING_OBJECTS:
		return deployable(e, strcmp(e->key, "deployApp") == 0);
	case SETTING_LIST:
	case SETTING_STRING:
		return json_is_string(e->value) ? json_incref(e->value) : NULL;
	case SETTING_JSON:
		break;
	}
	return NULL;
}

static bool is_list(const struct setting_type *t)
{
	return t->kind == SETTING_LIST || t->kind == SETTING_OBJECTS;
}

/* Into the settings; *ret_task gets what it is about. A sentence when it cannot be, or NULL. */
static const char *apply(const struct setting_type *t, const struct entry *e, json_t *settings,
			 json_t *task)
{
	struct error err = { 0 };
	AUTO_JSON value = value_of(t, e);
	AUTO_JSON whole = NULL;
	if (!value)
		return "the value makes no sense";
	const json_t *before = json_object_get(json_object_get(settings, t->name), "value");
	if (is_list(t)) {
		json_object_set(task, "item", value);
		whole = before ? json_copy((json_t *)before) : json_array();
		json_array_append(whole, value);
	} else {
		whole = json_incref(value);
	}
	if (catalogue_check(t, whole, &err) != 0)
		return "the value is out of range";
	json_object_set_new(settings, t->name,
			    json_pack("{s:O, s:s}", "value", whole, "level", "mandatory"));
	return NULL;
}

void told_desired(const struct told *t, json_t **ret_settings, json_t **ret_tasks)
{
	struct entries e = { 0 };
	AUTO_JSON last = json_object(); /* setting -> the task that set it */
	json_t *settings = json_object(), *tasks = json_array();
	gather(t, &e);
	if (e.n)
		qsort(e.items, e.n, sizeof *e.items, compare);
	for (size_t i = 0; i < e.n; i++) {
		const struct entry *x = &e.items[i];
		const struct setting_type *type = flyve_word_find(x->key);
		json_t *task = json_pack("{s:I, s:b, s:s?}", "id", (json_int_t)x->task, "grouped",
					 x->grouped, "setting", type ? type->name : NULL);
		json_array_append_new(tasks, task);
		if (!type)
			continue;
		const char *wrong = apply(type, x, settings, task);
		if (wrong)
			json_object_set_new(task, "wrong", json_string(wrong));
		else if (!is_list(type)) {
			json_t *other = json_object_get(last, type->name);
			if (other)
				json_object_set_new(other, "overridden", json_true());
			json_object_set(last, type->name, task);
		}
	}
	free(e.items);
	*ret_settings = settings;
	*ret_tasks = tasks;
}
