/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields to JSON and CSV, and the check of request bodies: see field.h. The schemas are made in
 * schema.c from the same tables.
 */
#include "server/api/field.h"
#include "base/clock.h"
#include "server/api/csv.h"
#include <string.h>

#define CSV_CELL_MAX (16u << 20)

static const char *member_text(const struct field *f, const void *row)
{
	const char *text = *(const char *const *)((const char *)row + f->offset);
	return text ? text : "";
}

static int64_t member_int(const struct field *f, const void *row)
{
	return *(const int64_t *)((const char *)row + f->offset);
}

static json_t *words_to_json(const char *words)
{
	json_t *list = json_array();
	for (size_t n; *words; words += n) {
		words += strspn(words, " ");
		n = strcspn(words, " ");
		if (n > 0)
			json_array_append_new(list, json_stringn(words, n));
	}
	return list;
}

static json_t *time_to_json(int64_t utc_ms)
{
	char text[CLOCK_TEXT_SIZE];
	return utc_ms ? json_string(clock_format(utc_ms, text)) : json_null();
}

/* Stored JSON was written by us; one that does not parse is shown as null rather than lost. */
static json_t *text_to_json(const char *text)
{
	json_t *value = NULL;
	struct error err;
	if (!*text || json_parse(span_str(text), &value, &err) != 0)
		return json_null();
	return value;
}

static json_t *member_to_json(const struct field *f, const void *row)
{
	bool nullable = f->flags & FIELD_NULL;
	switch (f->as) {
	case AS_INT: {
		int64_t n = member_int(f, row);
		return nullable && n == 0 ? json_null() : json_integer(n);
	}
	case AS_TEXT: {
		const char *text = member_text(f, row);
		return nullable && !*text ? json_null() : json_string(text);
	}
	case AS_BOOL:
		return json_boolean(*(const bool *)((const char *)row + f->offset));
	case AS_TIME:
		return time_to_json(member_int(f, row));
	case AS_WORDS:
		return words_to_json(member_text(f, row));
	case AS_JSON:
	case AS_OBJECT:
	case AS_ARRAY:
	case AS_TEXTS:
	case AS_COUNTS:
	case AS_REF:
		return text_to_json(member_text(f, row));
	}
	return json_null();
}

static json_t *field_to_json(const struct field *f, const void *row)
{
	json_t *value = NULL;
	if (f->flags & FIELD_KEY)
		value = json_incref(json_object_get(row, f->name));
	else if (f->get)
		value = f->get(row);
	else
		value = member_to_json(f, row);
	if (!value && (f->flags & FIELD_OPTIONAL))
		return NULL;
	return value ? value : json_null();
}

json_t *fields_to_json(const struct field *fields, const void *row)
{
	json_t *object = json_object();
	for (const struct field *f = fields; f->name; f++) {
		json_t *value = field_to_json(f, row);
		if (value)
			json_object_set_new(object, f->name, value);
	}
	return object;
}

/* ---- CSV ---- */

void fields_csv_header(const struct field *fields, struct buf *out)
{
	for (const struct field *f = fields; f->name; f++)
		csv_add_cell(out, f == fields, span_str(f->name), false);
	csv_end_row(out);
}

static void csv_add_json(struct buf *out, bool first, const json_t *value)
{
	if (!value || json_is_null(value)) {
		csv_add_cell(out, first, span_str(""), false);
	} else if (json_is_string(value)) {
		struct span text = { (const uint8_t *)json_string_value(value),
				     json_string_length(value) };
		csv_add_cell(out, first, text, true);
	} else {
		CLEANUP(free_charp) char *text = json_text(value);
		csv_add_cell(out, first, span_str(text), !json_is_number(value));
	}
}

/* Plain columns skip the detour through a JSON value: a list may have a million rows. */
static void csv_add_member(struct buf *out, const struct field *f, bool first, const void *row)
{
	char text[CLOCK_TEXT_SIZE] = "";
	if (f->as == AS_TEXT) {
		csv_add_cell(out, first, span_str(member_text(f, row)), true);
		return;
	}
	int64_t n = member_int(f, row);
	if (f->as == AS_TIME && n)
		clock_format(n, text);
	else if (f->as == AS_INT && (n || !(f->flags & FIELD_NULL)))
		snprintf(text, sizeof text, "%lld", (long long)n);
	csv_add_cell(out, first, span_str(text), false);
}

void fields_csv_row(const struct field *fields, const void *row, struct buf *out)
{
	for (const struct field *f = fields; f->name; f++) {
		bool plain = f->as == AS_TEXT || f->as == AS_INT || f->as == AS_TIME;
		if (plain && !f->get && !(f->flags & FIELD_KEY)) {
			csv_add_member(out, f, f == fields, row);
			continue;
		}
		AUTO_JSON value = field_to_json(f, row);
		csv_add_json(out, f == fields, value);
	}
	csv_end_row(out);
}

/* ---- request bodies ---- */

static bool is_int(const json_t *v)
{
	return json_is_integer(v);
}

static bool is_text(const json_t *v)
{
	return json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v);
}

static bool is_bool(const json_t *v)
{
	return json_is_boolean(v);
}

static bool is_ref(const json_t *v)
{
	return is_text(v) || json_is_integer(v);
}

static bool is_any(const json_t *v)
{
	return v != NULL;
}

static bool is_object(const json_t *v)
{
	return json_is_object(v);
}

static bool is_array(const json_t *v)
{
	return json_is_array(v);
}

static bool is_texts(const json_t *v)
{
	size_t i;
	const json_t *item;
	json_array_foreach (v, i, item) {
		if (!is_text(item))
			return false;
	}
	return json_is_array(v);
}

static const struct {
	const char *wanted;
	bool (*is)(const json_t *v);
} checks[] = {
	[AS_INT] = { "an integer", is_int },
	[AS_TEXT] = { "a string", is_text },
	[AS_BOOL] = { "true or false", is_bool },
	[AS_TIME] = { "a time as text", is_text },
	[AS_JSON] = { "a value", is_any },
	[AS_WORDS] = { "a list of strings", is_texts },
	[AS_OBJECT] = { "an object", is_object },
	[AS_ARRAY] = { "a list", is_array },
	[AS_TEXTS] = { "a list of strings", is_texts },
	[AS_COUNTS] = { "an object", is_object },
	[AS_REF] = { "an id or a name", is_ref },
};

static const struct field *field_named(const struct field *fields, const char *name)
{
	for (const struct field *f = fields; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static int check_key(const struct field *fields, const char *key, const json_t *value,
		     struct error *err)
{
	const struct field *f = field_named(fields, key);
	if (!f)
		return error_set(err, ERR_INVALID, "unknown key \"%.80s\"", key);
	if (json_is_null(value) && f->as != AS_JSON) /* the same as a missing key */
		return 0;
	if (!checks[f->as].is(value))
		return error_set(err, ERR_INVALID, "\"%s\" must be %s", key, checks[f->as].wanted);
	return 0;
}

int fields_check(const struct field *fields, const json_t *object, struct error *err)
{
	const char *key;
	json_t *value;
	if (!json_is_object(object))
		return error_set(err, ERR_INVALID, "the body must be a JSON object");
	json_object_foreach ((json_t *)object, key, value) {
		int r = check_key(fields, key, value, err);
		if (r != 0)
			return r;
	}
	for (const struct field *f = fields; f->name; f++) {
		value = json_object_get(object, f->name);
		bool missing = !value || (json_is_null(value) && f->as != AS_JSON);
		if ((f->flags & FIELD_NEEDED) && missing)
			return error_set(err, ERR_INVALID, "\"%s\" is missing", f->name);
	}
	return 0;
}
