/* SPDX-License-Identifier: Apache-2.0
 *
 * See fields.h. The description is ours and well-formed (a test reads every one); the object is a
 * peer's and may be anything.
 */
#include "model/shape.h"
#include "base/buf.h"
#include "model/text.h"
#include <assert.h>

#define FIELD_STRING_MAX 4096
#define FIELD_NAME_MAX   48

static bool is_string(const json_t *v)
{
	return json_is_string(v) && json_string_length(v) <= FIELD_STRING_MAX;
}

static bool is_strings(const json_t *v)
{
	size_t i;
	json_t *element;
	json_array_foreach (v, i, element)
		if (!is_string(element))
			return false;
	return json_is_array(v);
}

static bool is_integer(const json_t *v)
{
	return json_is_integer(v);
}

static bool is_id(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) > 0;
}

static bool is_percent(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= 100;
}

static bool is_boolean(const json_t *v)
{
	return json_is_boolean(v);
}

static bool is_object(const json_t *v)
{
	return json_is_object(v);
}

static const struct field_type {
	const char *name, *wanted;
	bool (*check)(const json_t *v);
	bool secret;
} field_types[] = {
	{ "string", "a string of at most 4096 bytes", is_string, false },
	{ "strings", "a list of strings", is_strings, false },
	{ "integer", "an integer", is_integer, false },
	{ "id", "an integer above 0", is_id, false },
	{ "percent", "an integer from 0 to 100", is_percent, false },
	{ "boolean", "true or false", is_boolean, false },
	{ "object", "an object", is_object, false },
	{ "secret", "a string of at most 4096 bytes", is_string, true },
};

struct field {
	char name[FIELD_NAME_MAX];
	const struct field_type *type;
	bool required;
};

static const struct field_type *field_type_find(const char *s, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(field_types); i++)
		if (strlen(field_types[i].name) == n && memcmp(field_types[i].name, s, n) == 0)
			return &field_types[i];
	return NULL;
}

/* Reads the next field of the description; false at its end. */
static bool field_next(const char **spec, struct field *ret)
{
	const char *s = *spec + strspn(*spec, " ");
	if (*s == '\0')
		return false;
	size_t n_name = strcspn(s, ":"), n_all = strcspn(s, " ");
	assert(n_name < n_all && n_name < sizeof ret->name);
	memcpy(ret->name, s, n_name);
	ret->name[n_name] = '\0';
	ret->required = s[n_all - 1] != '?';
	ret->type = field_type_find(s + n_name + 1, n_all - n_name - (ret->required ? 1 : 2));
	assert(ret->type);
	*spec = s + n_all;
	return true;
}

static bool field_find(const char *spec, const char *name, struct field *ret)
{
	while (field_next(&spec, ret))
		if (strcmp(ret->name, name) == 0)
			return true;
	return false;
}

static int unknown_field(const char *spec, const char *name, const char *what, struct error *err)
{
	char found[EXCERPT_SIZE];
	struct field f;
	CLEANUP(buf_fini) struct buf known;
	buf_init(&known, 256);
	while (field_next(&spec, &f))
		buf_addf(&known, "%s%s", known.n ? ", " : "", f.name);
	return error_set(err, ERR_INVALID, "%s has no \"%s\"; it may have %s", what,
			 text_excerpt(name, found), known.n ? buf_str(&known) : "nothing");
}

int shape_check(const char *spec, const json_t *o, const char *what, struct error *err)
{
	char found[EXCERPT_SIZE];
	const char *name;
	json_t *v;
	struct field f;
	if (!json_is_object(o))
		return error_set(err, ERR_INVALID, "%s must be an object, not %s", what,
				 text_excerpt_json(o, found));
	json_object_foreach ((json_t *)o, name, v) {
		if (!field_find(spec, name, &f))
			return unknown_field(spec, name, what, err);
		if (json_is_null(v) && !f.required)
			continue;
		if (!f.type->check(v) && f.type->secret)
			return error_set(err, ERR_INVALID, "%s: %s must be %s", what, f.name,
					 f.type->wanted);
		if (!f.type->check(v))
			return error_set(err, ERR_INVALID, "%s: %s must be %s, not %s", what,
					 f.name, f.type->wanted, text_excerpt_json(v, found));
	}
	while (field_next(&spec, &f))
		if (f.required && !json_object_get(o, f.name))
			return error_set(err, ERR_INVALID, "%s: %s is missing (%s)", what, f.name,
					 f.type->wanted);
	return 0;
}

bool shape_has_secret(const char *spec)
{
	struct field f;
	while (field_next(&spec, &f))
		if (f.type->secret)
			return true;
	return false;
}

json_t *shape_masked(const char *spec, const json_t *o)
{
	struct field f;
	if (!json_is_object(o))
		return NULL;
	json_t *masked = json_copy((json_t *)o);
	while (field_next(&spec, &f))
		if (f.type->secret && json_object_get(o, f.name))
			json_object_set_new(masked, f.name, json_string(SHAPE_MASK));
	return masked;
}

bool shape_same(const char *spec, const json_t *a, const json_t *b)
{
	struct field f;
	if (!json_is_object(a) || !json_is_object(b))
		return false;
	while (field_next(&spec, &f))
		if (f.required &&
		    !json_equal(json_object_get(a, f.name), json_object_get(b, f.name)))
			return false;
	return true;
}

json_t *shape_to_json(const char *spec)
{
	json_t *all = json_array();
	struct field f;
	while (field_next(&spec, &f))
		json_array_append_new(all, json_pack("{s:s, s:s, s:b}", "name", f.name, "type",
						     f.type->name, "required", f.required));
	return all;
}
