/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsing under a depth bound, and typed reads whose errors name the key; json.h has the contract.
 */
#include "base/json.h"

/* Far more than any document of ours; jansson's own bound (2048) is recursion enough to matter on
 * the small stacks of worker threads, here and in everyone who walks the value afterwards. */
#define DEPTH_MAX 128

/* Deepest nesting of brackets outside strings; right for valid JSON, and an upper bound matters
 * only there. */
static bool depth_ok(struct span text)
{
	int depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '[' || c == '{') && ++depth > DEPTH_MAX)
			return false;
		else if (!in_string && (c == ']' || c == '}'))
			depth--;
	}
	return true;
}

int json_parse(struct span text, json_t **ret, struct error *err)
{
	json_error_t e;
	if (text.n > 0 &&
	    memchr(text.p, '\0', text.n)) /* jansson takes it for the end of the text */
		return error_set(err, ERR_INVALID, "not valid JSON: a NUL byte");
	if (!depth_ok(text))
		return error_set(err, ERR_INVALID, "JSON is nested deeper than %d", DEPTH_MAX);
	json_t *j = json_loadb(text.n ? (const char *)text.p : "", text.n,
			       JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!j)
		return error_set(err, ERR_INVALID, "not valid JSON: line %d, column %d: %s", e.line,
				 e.column, e.text);
	*ret = j;
	return 0;
}

char *json_text(const json_t *j)
{
	char *s = j ? json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("null");
	if (!s)
		abort();
	return s;
}

static const char *type_name(const json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		return "null";
	}
	return "something else";
}

static int wrong_type(const char *key, const char *wanted, const json_t *found, struct error *err)
{
	return error_set(err, ERR_INVALID, "\"%s\" must be %s, not %s", key, wanted,
			 type_name(found));
}

/* The value of a key that is there and not null, else *ret = NULL (an error when required). */
static int find(const json_t *o, const char *key, bool required, json_t **ret, struct error *err)
{
	*ret = NULL;
	if (!json_is_object(o))
		return error_set(err, ERR_INVALID, "must be an object with \"%s\", not %s", key,
				 o ? type_name(o) : "nothing");
	json_t *v = json_object_get(o, key);
	if (v && !json_is_null(v))
		*ret = v;
	else if (required)
		return error_set(err, ERR_INVALID, "\"%s\" is missing", key);
	return 0;
}

int json_read_str(const json_t *o, const char *key, bool required, const char **ret,
		  struct error *err)
{
	json_t *v;
	int r = find(o, key, required, &v, err);
	if (r != 0 || !v)
		return r;
	if (!json_is_string(v))
		return wrong_type(key, "a string", v, err);
	*ret = json_string_value(v);
	return 0;
}

int json_read_int(const json_t *o, const char *key, bool required, int64_t *ret, struct error *err)
{
	json_t *v;
	int r = find(o, key, required, &v, err);
	if (r != 0 || !v)
		return r;
	if (!json_is_integer(v))
		return wrong_type(key, "an integer", v, err);
	*ret = json_integer_value(v);
	return 0;
}

int json_read_bool(const json_t *o, const char *key, bool required, bool *ret, struct error *err)
{
	json_t *v;
	int r = find(o, key, required, &v, err);
	if (r != 0 || !v)
		return r;
	if (!json_is_boolean(v))
		return wrong_type(key, "a boolean", v, err);
	*ret = json_is_true(v);
	return 0;
}

int json_read_object(const json_t *o, const char *key, bool required, json_t **ret,
		     struct error *err)
{
	json_t *v;
	int r = find(o, key, required, &v, err);
	if (r != 0 || !v)
		return r;
	if (!json_is_object(v))
		return wrong_type(key, "an object", v, err);
	*ret = v;
	return 0;
}

int json_read_array(const json_t *o, const char *key, bool required, json_t **ret,
		    struct error *err)
{
	json_t *v;
	int r = find(o, key, required, &v, err);
	if (r != 0 || !v)
		return r;
	if (!json_is_array(v))
		return wrong_type(key, "an array", v, err);
	*ret = v;
	return 0;
}

static bool listed(const char *key, const char *const *keys)
{
	for (; *keys; keys++)
		if (strcmp(key, *keys) == 0)
			return true;
	return false;
}

int json_only_keys(const json_t *o, const char *const *keys, struct error *err)
{
	const char *key;
	json_t *v;
	if (!json_is_object(o))
		return error_set(err, ERR_INVALID, "must be an object, not %s",
				 o ? type_name(o) : "nothing");
	json_object_foreach ((json_t *)o, key, v) /* the macro's iterator wants it mutable */
		if (!listed(key, keys))
			return error_set(err, ERR_INVALID, "unknown key \"%s\"", key);
	return 0;
}
