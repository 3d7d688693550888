/* SPDX-License-Identifier: Apache-2.0
 *
 * The page of one device; see device-page.h.
 */
#include "reeve/device-page.h"
#include "reeve/text.h"

#define INDENT 2

/* A fact may say more than one key; these look at the whole row. */
static void cell_fleet(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	const json_t *path = json_object_get(row, "fleet_path");
	value_add(&ret->text, path ? path : v);
}

static void cell_kind(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	value_add(&ret->text, v);
	buf_add_str(&ret->text, ", by the ");
	value_add(&ret->text, json_object_get(row, "channel"));
	buf_add_str(&ret->text, " channel");
}

static void cell_versions(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	const json_t *applied = json_object_get(row, "applied_version");
	value_add(&ret->text, v);
	if (!json_is_integer(applied) || json_integer_value(applied) == 0)
		buf_add_str(&ret->text, " desired, nothing applied yet");
	else if (json_equal(applied, v))
		buf_add_str(&ret->text, " desired and applied");
	else
		buf_addf(&ret->text, " desired, %lld applied",
			 (long long)json_integer_value(applied));
}

/* "3m ago (2026-11-25 14:06:06 UTC)" */
static void cell_moment(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	cell_seen(ret, v, row, now_ms);
	if (json_is_null(v))
		return;
	buf_add_str(&ret->text, " (");
	cell_time(ret, v, row, now_ms);
	buf_add_str(&ret->text, " UTC)");
}

static const struct column facts[] = {
	{ "id", "id", NULL, COLUMN_TEXT },
	{ "verdict", "verdict", cell_verdict, COLUMN_TEXT },
	{ "kind", "kind", cell_kind, COLUMN_TEXT },
	{ "fleet", "fleet", cell_fleet, COLUMN_TEXT },
	{ "serial", "serial", NULL, COLUMN_TEXT },
	{ "external id", "external_id", NULL, COLUMN_TEXT },
	{ "model", "model", NULL, COLUMN_TEXT },
	{ "system", "os_version", NULL, COLUMN_TEXT },
	{ "agent", "agent_version", NULL, COLUMN_TEXT },
	{ "version", "version", cell_versions, COLUMN_TEXT },
	{ "last seen", "last_seen", cell_moment, COLUMN_TEXT },
	{ "enrolled", "enrolled", cell_moment, COLUMN_TEXT },
	{ "parent", "parent", NULL, COLUMN_TEXT },
	{ "commands", "commands_waiting", NULL, COLUMN_TEXT },
	{ .title = NULL },
};

/* Is there something to say? Nobody reads a column of dashes. */
static bool says_something(const json_t *v)
{
	if (!v || json_is_null(v) || (json_is_string(v) && !*json_string_value(v)))
		return false;
	return !(json_is_integer(v) && json_integer_value(v) == 0);
}

static void add_fact(struct table *t, const char *name, const char *text, enum color color)
{
	table_cell(t, name, COLOR_DIM);
	table_cell(t, text, color);
}

static void init_facts(struct table *t)
{
	table_init(t);
	table_column(t, NULL, COLUMN_TEXT);
	table_column(t, NULL, COLUMN_ELASTIC);
}

static void add_facts(struct buf *out, const json_t *device, const struct output *o)
{
	struct table t;
	init_facts(&t);
	for (const struct column *c = facts; c->title; c++) {
		struct cell cell;
		bool always = strcmp(c->key, "last_seen") == 0;
		if (!always && !says_something(json_object_get(device, c->key)))
			continue;
		cell_make(&cell, c, device, o->now_ms);
		if (strcmp(c->key, "commands_waiting") == 0)
			buf_add_str(&cell.text, " waiting");
		add_fact(&t, c->title, buf_str(&cell.text), cell.color);
		buf_fini(&cell.text);
	}
	if (json_is_false(json_object_get(device, "managed")))
		add_fact(&t, "managed", "no: it was unenrolled", COLOR_RED);
	table_render(&t, o->width, INDENT, o->color, out);
	table_fini(&t);
}

static void add_heading(struct buf *out, const char *text, const struct output *o)
{
	buf_add_char(out, '\n');
	color_add(out, o->color, COLOR_BOLD, text);
	buf_add_char(out, '\n');
}

/* ---- settings ---- */

static void cell_satisfied(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	const json_t *desired = json_object_get(row, "desired");
	if (json_is_true(v)) {
		buf_add_str(&ret->text, "yes");
		ret->color = COLOR_GREEN;
	} else if (json_is_false(v)) {
		buf_add_str(&ret->text, "NO");
		ret->color = COLOR_RED;
	} else {
		buf_add_str(&ret->text, desired && !json_is_null(desired) ? "?" : "");
		ret->color = COLOR_DIM;
	}
}

static const struct column settings[] = {
	{ "SETTING", "name", NULL, COLUMN_TEXT },
	{ "DESIRED", "desired", cell_json, COLUMN_ELASTIC },
	{ "OBSERVED", "observed", cell_json, COLUMN_ELASTIC },
	{ "OK", "satisfied", cell_satisfied, COLUMN_TEXT },
	{ "STATE", "state", cell_state, COLUMN_TEXT },
	{ "FROM", "source", NULL, COLUMN_ELASTIC },
	{ .title = NULL },
};

static void add_setting_row(struct table *t, const json_t *item, int64_t now_ms)
{
	for (const struct column *c = settings; c->title; c++) {
		struct cell cell;
		cell_make(&cell, c, item, now_ms);
		table_cell(t, buf_str(&cell.text), cell.color);
		buf_fini(&cell.text);
	}
}

static void add_settings(struct buf *out, const json_t *items, const struct output *o)
{
	struct table t;
	size_t i;
	json_t *item;
	if (json_array_size(items) == 0)
		return;
	add_heading(out, "Settings", o);
	table_init(&t);
	for (const struct column *c = settings; c->title; c++)
		table_column(&t, c->title, c->kind);
	json_array_foreach ((json_t *)items, i, item)
		add_setting_row(&t, item, o->now_ms);
	table_render(&t, o->width, INDENT, o->color, out);
	table_fini(&t);
}

/* ---- paragraphs: what may be long ---- */

#define KEY_WIDTH_MAX 30

struct paragraphs { /* of names and texts, by name */
	json_t *texts;
	size_t width; /* of the widest name */
};

static void paragraph(struct paragraphs *p, const char *name, const char *text)
{
	CLEANUP(buf_fini) struct buf clean_name, clean_text;
	buf_init(&clean_name, 4096);
	buf_init(&clean_text, 64u << 10);
	text_add_clean(&clean_name, name);
	text_add_clean(&clean_text, text);
	size_t width = text_width(buf_str(&clean_name));
	if (width > p->width)
		p->width = width < KEY_WIDTH_MAX ? width : KEY_WIDTH_MAX;
	json_object_set_new(p->texts, buf_str(&clean_name), json_string(buf_str(&clean_text)));
}

/* Names in a column, texts beside it, wrapped where the terminal ends. */
static void add_paragraphs(struct buf *out, const struct paragraphs *p, const struct output *o)
{
	const char *name;
	json_t *v;
	size_t left = INDENT + p->width + 2;
	json_object_foreach (p->texts, name, v) {
		CLEANUP(buf_fini) struct buf key, text;
		buf_init(&key, 4096);
		buf_init(&text, 1u << 20);
		text_add_cut(&key, name, p->width);
		text_add_wrapped(&text, json_string_value(v),
				 o->width > left + 20 ? o->width : SIZE_MAX, left);
		buf_addf(out, "%*s", INDENT, "");
		color_add(out, o->color, COLOR_DIM, buf_str(&key));
		buf_addf(out, "%*s", (int)(p->width - text_width(buf_str(&key)) + 2), "");
		buf_add_str(out, text.n > left ? buf_str(&text) + left : "\n");
	}
}

/* Several settings often say the same: each message once, with the settings that have it. */
static void add_messages(struct buf *out, const json_t *items, const struct output *o)
{
	size_t i;
	json_t *item, *names;
	const char *message;
	AUTO_JSON by_message = json_object();
	AUTO_JSON texts = json_object();
	struct paragraphs p = { .texts = texts };
	json_array_foreach ((json_t *)items, i, item) {
		message = json_string_value(json_object_get(item, "message"));
		if (!message || !*message)
			continue;
		if (!json_object_get(by_message, message))
			json_object_set_new(by_message, message, json_array());
		json_array_append(json_object_get(by_message, message),
				  json_object_get(item, "name"));
	}
	json_object_foreach (by_message, message, names) {
		CLEANUP(buf_fini) struct buf name;
		buf_init(&name, 4096);
		value_add(&name, json_array_get(names, 0));
		if (json_array_size(names) > 1)
			buf_addf(&name, " +%zu", json_array_size(names) - 1);
		paragraph(&p, buf_str(&name), message);
	}
	if (json_object_size(texts) == 0)
		return;
	add_heading(out, "Messages", o);
	add_paragraphs(out, &p, o);
}

/* ---- attributes and inventory ---- */

static bool is_size(const char *key)
{
	return strcmp(key, "memory") == 0 || strcmp(key, "size") == 0;
}

static void add_size(struct buf *out, const json_t *v)
{
	struct cell cell = { .color = COLOR_NONE };
	buf_init(&cell.text, 100);
	cell_size(&cell, v, NULL, 0);
	buf_add_str(out, buf_str(&cell.text));
	buf_fini(&cell.text);
}

/* "name Debian, version 12"; what is nested is counted. */
static void add_pairs(struct buf *out, const json_t *o)
{
	const char *key;
	json_t *v;
	size_t n = 0;
	json_object_foreach ((json_t *)o, key, v) {
		if (!says_something(v))
			continue;
		buf_addf(out, "%s%s ", n++ > 0 ? ", " : "", key);
		if (json_is_object(v) || json_is_array(v))
			buf_addf(out, "(%zu)",
				 json_is_object(v) ? json_object_size(v) : json_array_size(v));
		else if (is_size(key) && json_is_integer(v))
			add_size(out, v);
		else
			value_add(out, v);
	}
}

/* "312: adduser, apt, base-files, …" */
static void add_items(struct buf *out, const json_t *a)
{
	size_t i;
	json_t *item;
	buf_addf(out, "%zu", json_array_size(a));
	json_array_foreach ((json_t *)a, i, item) {
		const json_t *name = json_is_object(item) ? json_object_get(item, "name") : item;
		if (i == 8 || !name || json_is_object(name) || json_is_array(name)) {
			buf_add_str(out, i > 0 ? ", …" : "");
			return;
		}
		buf_add_str(out, i > 0 ? ", " : ": ");
		value_add(out, name);
	}
}

static void add_summary(struct buf *out, const json_t *v)
{
	if (json_is_object(v))
		add_pairs(out, v);
	else if (json_is_array(v))
		add_items(out, v);
	else
		value_add(out, v);
}

static void add_section(struct buf *out, const char *heading, const json_t *values,
			const struct output *o)
{
	const char *key;
	json_t *v;
	AUTO_JSON texts = json_object();
	struct paragraphs p = { .texts = texts };
	if (json_object_size(values) == 0)
		return;
	json_object_foreach ((json_t *)values, key, v) {
		CLEANUP(buf_fini) struct buf text;
		buf_init(&text, 64u << 10);
		add_summary(&text, v);
		paragraph(&p, key, buf_str(&text));
	}
	add_heading(out, heading, o);
	add_paragraphs(out, &p, o);
}

void device_page_add(struct buf *out, const json_t *device, const struct output *o)
{
	CLEANUP(buf_fini) struct buf name;
	const json_t *v = json_object_get(device, "name");
	buf_init(&name, 4096);
	text_add_clean(&name, json_is_string(v) && json_string_length(v) > 0 ? json_string_value(v)
									     : "(no name)");
	color_add(out, o->color, COLOR_BOLD, buf_str(&name));
	buf_add_char(out, '\n');
	add_facts(out, device, o);
	add_settings(out, json_object_get(device, "settings"), o);
	add_messages(out, json_object_get(device, "settings"), o);
	add_section(out, "Attributes", json_object_get(device, "attributes"), o);
	add_section(out, "Inventory", json_object_get(device, "inventory"), o);
}
