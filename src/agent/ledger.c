/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger of commands; ledger.h has the life of an entry. Pure: state.c makes it durable.
 */
#include "agent/ledger.h"
#include "agent/text.h"

static const char *const state_names[] = {
	[LEDGER_TAKEN] = "taken",
	[LEDGER_ACKNOWLEDGED] = "acknowledged",
	[LEDGER_STARTED] = "started",
	[LEDGER_FINISHED] = "finished",
};

void ledger_init(struct ledger *l)
{
	*l = (struct ledger){ 0 };
}

static void entry_fini(struct ledger_entry *e)
{
	json_decref(e->params);
	json_decref(e->result);
}

void ledger_fini(struct ledger *l)
{
	for (size_t i = 0; i < l->n; i++)
		entry_fini(&l->items[i]);
	ledger_init(l);
}

bool ledger_ends_boot(const char *type)
{
	return strcmp(type, "reboot") == 0;
}

struct ledger_entry *ledger_find(struct ledger *l, int64_t id)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].id == id)
			return &l->items[i];
	return NULL;
}

static bool was_run(const struct ledger *l, int64_t id)
{
	for (size_t i = 0; i < l->n_run; i++)
		if (l->run[i] == id)
			return true;
	return false;
}

static void remember(struct ledger *l, int64_t id)
{
	if (was_run(l, id))
		return;
	if (l->n_run == LEDGER_REMEMBERED)
		memmove(l->run, l->run + 1, --l->n_run * sizeof l->run[0]);
	l->run[l->n_run++] = id;
}

static void forget(struct ledger *l, struct ledger_entry *e)
{
	size_t i = (size_t)(e - l->items);
	remember(l, e->id);
	entry_fini(e);
	memmove(e, e + 1, (--l->n - i) * sizeof *e);
}

bool ledger_take(struct ledger *l, int64_t id, const char *type, const json_t *params,
		 int64_t expires_ms)
{
	if (ledger_find(l, id) || l->n == LEDGER_MAX)
		return false;
	struct ledger_entry *e = &l->items[l->n++];
	*e = (struct ledger_entry){ .id = id, .expires_ms = expires_ms };
	text_copy(e->type, sizeof e->type, type);
	e->params = params ? json_deep_copy(params) : json_object();
	if (was_run(l, id))
		ledger_finish(e, false, "it was run before, and is not run twice", NULL);
	return true;
}

static bool has_news(const struct ledger_entry *e)
{
	return e->state == LEDGER_TAKEN || e->state == LEDGER_FINISHED;
}

const struct ledger_entry *ledger_to_deliver(const struct ledger *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (has_news(&l->items[i]))
			return &l->items[i];
	return NULL;
}

void ledger_delivered(struct ledger *l, int64_t id, bool accepted)
{
	struct ledger_entry *e = ledger_find(l, id);
	if (!e || !has_news(e))
		return;
	if (e->state == LEDGER_TAKEN && accepted)
		e->state = LEDGER_ACKNOWLEDGED;
	else
		forget(l, e);
}

struct ledger_entry *ledger_to_run(struct ledger *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].state == LEDGER_STARTED)
			return NULL;
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].state == LEDGER_ACKNOWLEDGED)
			return &l->items[i];
	return NULL;
}

void ledger_start(struct ledger_entry *e, const char *boot_id)
{
	e->state = LEDGER_STARTED;
	text_copy(e->boot_id, sizeof e->boot_id, boot_id);
}

static bool too_large(const json_t *result)
{
	return json_dumpb(result, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) > LEDGER_RESULT_MAX;
}

void ledger_finish(struct ledger_entry *e, bool done, const char *message, json_t *steals_result)
{
	AUTO_JSON result = steals_result;
	e->state = LEDGER_FINISHED;
	e->done = done;
	if (result && too_large(result)) {
		message = "its result is too large to be sent";
		json_decrefp(&result);
	}
	text_copy(e->message, sizeof e->message, message);
	e->result = TAKE(result);
}

void ledger_recover(struct ledger *l, const char *boot_id)
{
	for (size_t i = 0; i < l->n; i++) {
		struct ledger_entry *e = &l->items[i];
		if (e->state != LEDGER_STARTED)
			continue;
		if (!ledger_ends_boot(e->type))
			ledger_finish(e, false, "interrupted: the agent ended while it ran", NULL);
		else if (strcmp(e->boot_id, boot_id) != 0)
			ledger_finish(e, true, "", NULL);
		else
			ledger_finish(e, false,
				      "interrupted: the agent ended, the machine did not reboot",
				      NULL);
	}
}

struct ledger_counts ledger_count(const struct ledger *l)
{
	struct ledger_counts c = { .room = l->n < LEDGER_MAX };
	for (size_t i = 0; i < l->n; i++) {
		const struct ledger_entry *e = &l->items[i];
		if (has_news(e))
			c.results++;
		if (e->state != LEDGER_FINISHED &&
		    !(e->state == LEDGER_STARTED && ledger_ends_boot(e->type)))
			c.open++;
	}
	return c;
}

/* ---- as a document ---- */

static json_t *entry_to_json(const struct ledger_entry *e)
{
	json_t *j = json_pack("{s:I, s:s, s:O, s:s, s:I, s:s, s:b, s:s}", "id", (json_int_t)e->id,
			      "type", e->type, "params", e->params, "state", state_names[e->state],
			      "expires_ms", (json_int_t)e->expires_ms, "boot_id", e->boot_id,
			      "done", e->done, "message", e->message);
	if (j && e->result)
		json_object_set(j, "result", e->result);
	return j;
}

json_t *ledger_to_json(const struct ledger *l)
{
	json_t *commands = json_array(), *run = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(commands, entry_to_json(&l->items[i]));
	for (size_t i = 0; i < l->n_run; i++)
		json_array_append_new(run, json_integer(l->run[i]));
	return json_pack("{s:o, s:o}", "commands", commands, "run", run);
}

static bool state_parse(const char *s, enum ledger_state *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(state_names); i++)
		if (strcmp(s, state_names[i]) == 0) {
			*ret = (enum ledger_state)i;
			return true;
		}
	return false;
}

/* One entry into the next free place; false: not understood. */
static bool entry_from_json(struct ledger *l, const json_t *j)
{
	const char *type = NULL, *state = NULL, *boot_id = "", *message = "";
	json_t *params = NULL;
	struct ledger_entry e = { 0 };
	struct error err;
	if (json_read_int(j, "id", true, &e.id, &err) ||
	    json_read_str(j, "type", true, &type, &err) ||
	    json_read_str(j, "state", true, &state, &err) ||
	    json_read_object(j, "params", false, &params, &err) ||
	    json_read_int(j, "expires_ms", false, &e.expires_ms, &err) ||
	    json_read_str(j, "boot_id", false, &boot_id, &err) ||
	    json_read_bool(j, "done", false, &e.done, &err) ||
	    json_read_str(j, "message", false, &message, &err) || !state_parse(state, &e.state) ||
	    ledger_find(l, e.id) || l->n == LEDGER_MAX)
		return false;
	text_copy(e.type, sizeof e.type, type);
	text_copy(e.boot_id, sizeof e.boot_id, boot_id);
	text_copy(e.message, sizeof e.message, message);
	e.params = params ? json_incref(params) : json_object();
	e.result = json_incref(json_object_get(j, "result"));
	l->items[l->n++] = e;
	return true;
}

size_t ledger_from_json(struct ledger *l, const json_t *j)
{
	size_t i, left_out = 0;
	json_t *item;
	json_array_foreach (json_object_get(j, "run"), i, item)
		if (json_is_integer(item))
			remember(l, json_integer_value(item));
	json_array_foreach (json_object_get(j, "commands"), i, item)
		left_out += !entry_from_json(l, item);
	return left_out;
}
