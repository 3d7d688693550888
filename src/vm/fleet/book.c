/* SPDX-License-Identifier: Apache-2.0
 *
 * The book, see book.h. Loading and saving is in book-file.c.
 */
#include "vm/fleet/book.h"
#include "agent/text.h"
#include <errno.h>

#define ATTRIBUTES_MAX   64
#define ATTRIBUTE_NAME   64
#define ATTRIBUTE_TEXT   512
#define FACT_TEXT        250
#define SECTIONS_MAX     16
#define SEEN_AFTER_START 1000

static void set_json(json_t **to, json_t *steals)
{
	json_decref(*to);
	*to = steals;
}

void book_child_forget(struct book_child *c)
{
	if (c->token)
		secret_erase(c->token, strlen(c->token));
	free(c->token);
	c->token = NULL;
	c->id = c->version = c->commands = 0;
	c->reported = -1;
	set_json(&c->sent, json_object());
	c->inventory_due = c->inventory != NULL;
	c->refused = false;
}

static void child_init(struct book_child *c, const char *key)
{
	*c = (struct book_child){ .facts = json_object(),
				  .attributes = json_object(),
				  .sent = json_object(),
				  .reported = -1 };
	snprintf(c->key, sizeof c->key, "%s", key);
}

static void child_fini(struct book_child *c)
{
	book_child_forget(c);
	json_decref(c->facts);
	json_decref(c->attributes);
	json_decref(c->sent);
	json_decref(c->inventory);
}

static void command_fini(struct book_command *c)
{
	json_decref(c->params);
	json_decref(c->result);
}

void book_init(struct book *b)
{
	*b = (struct book){ 0 };
	child_init(&b->host, "");
}

void book_fini(struct book *b)
{
	while (b->n > 0) {
		child_fini(b->children[--b->n]);
		free(b->children[b->n]);
	}
	while (b->n_commands > 0)
		command_fini(&b->commands[--b->n_commands]);
	child_fini(&b->host);
	secret_erase(b->enrollment_key, sizeof b->enrollment_key);
	free(b->server);
}

/* ---- machines ---- */

struct book_child *book_find(struct book *b, const char *key)
{
	if (!*key)
		return &b->host;
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->children[i]->key, key) == 0)
			return b->children[i];
	return NULL;
}

static struct book_child *add(struct book *b, const char *key)
{
	size_t n = strlen(key);
	if (n == 0 || n >= BOOK_KEY_SIZE || b->n == FLEET_CHILDREN_MAX)
		return NULL;
	struct book_child *c = calloc(1, sizeof *c);
	if (!c)
		abort();
	child_init(c, key);
	b->children[b->n++] = c;
	return c;
}

/* What a machine says, as the server takes it: no control characters, not too long. */
static json_t *clean(const char *text, size_t size)
{
	char copy[ATTRIBUTE_TEXT + 1];
	text_copy(copy, size < sizeof copy ? size : sizeof copy, text);
	return json_string(copy);
}

static json_t *facts_of(const struct fleet_child *c)
{
	const struct {
		const char *name, *value;
	} texts[] = { { "name", c->name ? c->name : c->key },
		      { "model", c->model },
		      { "os_version", c->os_version },
		      { "agent_version", c->agent_version } };
	json_t *facts = json_pack("{s:s, s:s}", "key", c->key, "kind", c->kind);
	if (!facts) /* not UTF-8 */
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].value && *texts[i].value)
			json_object_set_new(facts, texts[i].name, clean(texts[i].value, FACT_TEXT));
	if (c->parent_key && *c->parent_key)
		json_object_set_new(facts, "parent", json_string(c->parent_key));
	return facts;
}

static json_t *attributes_of(const json_t *given)
{
	json_t *all = json_object(), *value;
	const char *name;
	json_object_foreach ((json_t *)given, name, value) {
		const char *text = json_string_value(value);
		if (!text || !*text || !*name || strlen(name) > ATTRIBUTE_NAME ||
		    json_object_size(all) == ATTRIBUTES_MAX)
			continue;
		json_object_set_new(all, name, clean(text, ATTRIBUTE_TEXT));
	}
	return all;
}

static void set_inventory(struct book_child *c, const json_t *given)
{
	json_t *all, *section;
	const char *name;
	if (!given || (c->inventory && json_equal(c->inventory, given)))
		return;
	all = json_object();
	json_object_foreach ((json_t *)given, name, section)
		if ((json_is_object(section) || json_is_array(section)) &&
		    json_object_size(all) < SECTIONS_MAX)
			json_object_set_new(all, name, json_deep_copy(section));
	set_json(&c->inventory, all);
	c->inventory_due = true;
}

struct book_child *book_put(struct book *b, const struct fleet_child *n)
{
	json_t *facts = facts_of(n);
	struct book_child *c = facts && *n->key ? book_find(b, n->key) : NULL;
	if (!c && facts)
		c = add(b, n->key);
	if (!c) {
		json_decref(facts);
		return NULL;
	}
	c->present = true;
	if (!json_equal(c->facts, facts)) {
		set_json(&c->facts, json_incref(facts));
		if (!c->refused) /* it enrolls again, as what it is now */
			book_child_forget(c);
		b->dirty = true;
	}
	json_decref(facts);
	set_json(&c->attributes, attributes_of(n->attributes));
	set_inventory(c, n->inventory);
	return c;
}

void book_gone_id(struct book *b, int64_t id)
{
	for (size_t i = 0; i < b->n_gone; i++)
		if (b->gone[i] == id)
			return;
	if (id == 0 || b->n_gone == BOOK_GONE_MAX)
		return; /* the server's list shows it again */
	b->gone[b->n_gone++] = id;
	b->dirty = true;
}

static void drop_commands_of(struct book *b, const char *key)
{
	size_t kept = 0;
	for (size_t i = 0; i < b->n_commands; i++) {
		if (strcmp(b->commands[i].key, key) == 0)
			command_fini(&b->commands[i]);
		else
			b->commands[kept++] = b->commands[i];
	}
	b->n_commands = kept;
}

static void remove_at(struct book *b, size_t i)
{
	struct book_child *c = b->children[i];
	b->children[i] = b->children[--b->n];
	book_gone_id(b, c->id);
	drop_commands_of(b, c->key);
	child_fini(c);
	free(c);
	b->dirty = true;
}

static const char *parent_of(const struct book_child *c)
{
	const char *key = json_string_value(json_object_get(c->facts, "parent"));
	return key ? key : "";
}

/* Those whose machine is not there any more, down to the last. */
static void remove_orphans(struct book *b)
{
	for (size_t i = 0; i < b->n;) {
		if (book_find(b, parent_of(b->children[i]))) {
			i++;
			continue;
		}
		remove_at(b, i);
		i = 0;
	}
}

static bool has_below(const struct book *b, const char *key)
{
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(parent_of(b->children[i]), key) == 0)
			return true;
	return false;
}

void book_gone(struct book *b, const char *key)
{
	for (size_t i = 0; i < b->n; i++) {
		if (strcmp(b->children[i]->key, key) != 0)
			continue;
		bool below = has_below(b, key);
		remove_at(b, i);
		if (below)
			remove_orphans(b);
		return;
	}
}

void book_complete(struct book *b)
{
	b->complete = true;
	for (size_t i = 0; i < b->n;) {
		if (b->children[i]->present) {
			i++;
			continue;
		}
		remove_at(b, i);
	}
}

/* ---- enrollment ---- */

void book_forget(struct book *b)
{
	b->leaving = false;
	book_child_forget(&b->host);
	for (size_t i = 0; i < b->n; i++)
		book_child_forget(b->children[i]);
	b->n_gone = 0;
	while (b->n_commands > 0)
		command_fini(&b->commands[--b->n_commands]);
	b->dirty = true;
}

void book_enrolled(struct book *b, const char *server, int64_t id, const char *token)
{
	char *copy = strdup(token), *whose = strdup(server);
	if (!copy || !whose)
		abort();
	book_forget(b);
	free(b->server);
	b->server = whose;
	b->host.id = id;
	b->host.token = copy;
	b->left[0] = '\0';
	secret_erase(b->enrollment_key, sizeof b->enrollment_key);
}

void book_row(struct book *b, const struct book_row *row)
{
	struct book_child *c = book_find(b, row->key);
	if (!*row->key || (c && c->id == row->id)) {
		c->version = row->version;
		c->commands = row->commands;
		b->dirty |= c->refused == row->managed;
		c->refused = !row->managed;
		return;
	}
	/* ours, but not as we know it: an answer that was lost, or a file that was */
	if (!c && b->complete)
		book_gone_id(b, row->id);
}

/* ---- commands ---- */

bool book_room(const struct book *b)
{
	return b->n_commands < FLEET_COMMANDS_MAX;
}

struct book_command *book_command(struct book *b, int64_t id)
{
	for (size_t i = 0; i < b->n_commands; i++)
		if (b->commands[i].id == id)
			return &b->commands[i];
	return NULL;
}

static bool has_run(const struct book *b, int64_t id)
{
	for (size_t i = 0; i < b->n_ran; i++)
		if (b->ran[i] == id)
			return true;
	return false;
}

bool book_take(struct book *b, const char *key, int64_t id, const char *type, const json_t *params)
{
	if (book_command(b, id) || !book_room(b))
		return false;
	struct book_command *c = &b->commands[b->n_commands++];
	*c = (struct book_command){ .id = id, .params = json_deep_copy(params) };
	if (!c->params)
		c->params = json_object();
	snprintf(c->key, sizeof c->key, "%s", key);
	snprintf(c->type, sizeof c->type, "%s", type);
	b->dirty = true;
	if (!has_run(b, id))
		return true;
	book_finish(c, false, "it was run before; what came of it is not known any more", NULL);
	return false;
}

void book_finish(struct book_command *c, bool done, const char *message, json_t *steals_result)
{
	c->state = BOOK_FINISHED;
	c->done = done;
	text_copy(c->message, sizeof c->message, message ? message : "");
	set_json(&c->result, json_is_object(steals_result) ? json_incref(steals_result) : NULL);
	json_decref(steals_result);
}

void book_over(struct book *b, int64_t id)
{
	struct book_command *c = book_command(b, id);
	if (!c)
		return;
	command_fini(c);
	size_t at = (size_t)(c - b->commands);
	memmove(c, c + 1, (--b->n_commands - at) * sizeof *c);
	if (b->n_ran == BOOK_REMEMBERED)
		memmove(b->ran, b->ran + 1, --b->n_ran * sizeof *b->ran);
	b->ran[b->n_ran++] = id;
	b->dirty = true;
}

/* ---- what next ---- */

json_t *book_attributes_delta(const struct book_child *c)
{
	json_t *delta = json_object(), *value;
	const char *name;
	json_object_foreach (c->attributes, name, value)
		if (!json_equal(value, json_object_get(c->sent, name)))
			json_object_set(delta, name, value);
	json_object_foreach (c->sent, name, value)
		if (!json_object_get(c->attributes, name))
			json_object_set_new(delta, name, json_string(""));
	return delta;
}

static bool is_running(const struct book_child *c)
{
	static const char *const names[] = { "vm.state", "container.state" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *state = json_string_value(json_object_get(c->attributes, names[i]));
		if (state && strcmp(state, "running") == 0)
			return true;
	}
	return false;
}

/* The host's own step, or that of a machine. The order is that of what others wait for. */
static enum book_step step_of(const struct book *b, const struct book_child *c, int64_t now)
{
	if (c->commands > 0 && book_room(b))
		return STEP_TAKE;
	if (!json_equal(c->attributes, c->sent))
		return STEP_ATTRIBUTES;
	if (c->inventory_due)
		return STEP_INVENTORY;
	if (c->version > 0 && c->version != c->reported)
		return STEP_REPORT;
	return is_running(c) && c->seen_at <= now ? STEP_SEEN : STEP_NONE;
}

static bool can_enroll(struct book *b, const struct book_child *c)
{
	const struct book_child *parent = book_find(b, parent_of(c));
	return c->present && parent && parent->token && !parent->refused;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Of one machine; false: nothing, and t->wake_at says when to look again. */
static bool child_next(struct book *b, struct book_child *c, int64_t now, struct book_todo *t)
{
	if (c->refused)
		return false;
	if (c->retry_at > now) {
		t->wake_at = earlier(t->wake_at, c->retry_at);
		return false;
	}
	if (!c->token)
		t->step = can_enroll(b, c) ? STEP_PUT : STEP_NONE;
	else
		t->step = step_of(b, c, now);
	if (t->step == STEP_NONE && c->token && is_running(c))
		t->wake_at = earlier(t->wake_at, c->seen_at);
	t->child = c;
	return t->step != STEP_NONE;
}

struct book_todo book_next(struct book *b, bool may_enroll, int64_t now)
{
	struct book_todo t = { .wake_at = INT64_MAX };
	if (!b->host.token) {
		t.step = may_enroll ? STEP_ENROLL : STEP_NONE;
		return t;
	}
	if (b->n_gone > 0) {
		t.step = STEP_GONE;
		return t;
	}
	for (size_t i = 0; i < b->n_commands; i++) {
		struct book_command *c = &b->commands[i];
		struct book_child *whose = book_find(b, c->key);
		if (c->state != BOOK_FINISHED || !whose || !whose->token || whose->refused)
			continue;
		return (struct book_todo){ STEP_RESULT, whose, c, now };
	}
	if (b->leaving) {
		t.step = STEP_LEAVE;
		t.child = &b->host;
		return t;
	}
	if (child_next(b, &b->host, now, &t))
		return t;
	for (size_t i = 0; i < b->n; i++)
		if (child_next(b, b->children[i], now, &t))
			return t;
	t.child = NULL;
	return t;
}
