/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of settings: what a row allows (check, parse), and when an observed value satisfies a
 * desired one. Values come from administrators and from devices, so nothing here trusts their
 * shape. The size of one whole value is bounded by whoever received it.
 */
#include "model/catalogue-value.h"
#include "base/buf.h"
#include "model/shape.h"
#include "model/text.h"
#include <ctype.h>
#include <strings.h>

#define STRING_BYTES_MAX 65536
#define LIST_ITEMS_MAX   10000

/* ---- what a row allows ---- */

bool setting_bounds(const struct setting_type *t, int64_t *ret_min, int64_t *ret_max)
{
	static const struct {
		bool bounded;
		int64_t max;
	} defaults[] = {
		[SETTING_BOOL] = { false, 0 },
		[SETTING_INT] = { true, INT32_MAX },
		[SETTING_STRING] = { true, STRING_BYTES_MAX },
		[SETTING_ENUM] = { false, 0 },
		[SETTING_LIST] = { true, LIST_ITEMS_MAX },
		[SETTING_JSON] = { false, 0 },
		[SETTING_OBJECTS] = { true, LIST_ITEMS_MAX },
	};
	bool own = t->min || t->max;
	*ret_min = own ? t->min : 0;
	*ret_max = own ? t->max : defaults[t->kind].max;
	return defaults[t->kind].bounded;
}

/* Reads the next word of 'choices': its spellings are separated by '|', the first is our own. */
static bool choice_next(const char **choices, struct span *ret)
{
	const char *s = *choices + strspn(*choices, " ");
	size_t n = strcspn(s, " ");
	*ret = (struct span){ (const uint8_t *)s, n };
	*choices = s + n;
	return n > 0;
}

static struct span first_spelling(struct span choice)
{
	const void *bar = memchr(choice.p, '|', choice.n);
	return bar ? (struct span){ choice.p, (size_t)((const uint8_t *)bar - choice.p) } : choice;
}

static bool spelled(struct span choice, const char *s)
{
	while (choice.n) {
		struct span one = first_spelling(choice);
		if (span_ieq_str(one, s))
			return true;
		size_t n_skip = one.n < choice.n ? one.n + 1 : one.n;
		choice = (struct span){ choice.p + n_skip, choice.n - n_skip };
	}
	return false;
}

/* "PASSWORD_QUALITY_COMPLEX" -> "COMPLEX": what Flyve and Android call a choice. */
static const char *without_prefix(const struct setting_type *t, const char *s)
{
	const char *prefix = t->flyve ? strchr(t->flyve, '=') : NULL;
	size_t n = prefix ? strlen(++prefix) : 0;
	return n && strncasecmp(s, prefix, n) == 0 ? s + n : s;
}

static int choice_find(const struct setting_type *t, const json_t *value, struct span *ret)
{
	const char *choices = t->choices;
	const char *s = json_is_true(value)    ? "true"
			: json_is_false(value) ? "false"
					       : json_string_value(value);
	struct span choice;
	if (!s || !choices)
		return -1;
	s = without_prefix(t, s);
	for (int i = 0; choice_next(&choices, &choice); i++)
		if (spelled(choice, s)) {
			*ret = first_spelling(choice);
			return i;
		}
	return -1;
}

int catalogue_choice(const struct setting_type *t, const json_t *value)
{
	struct span word;
	return choice_find(t, value, &word);
}

json_t *catalogue_canonical(const struct setting_type *t, json_t *value)
{
	struct span word;
	if (t->kind == SETTING_ENUM && choice_find(t, value, &word) >= 0)
		return json_stringn((const char *)word.p, word.n);
	return json_incref(value);
}

json_t *setting_choices(const struct setting_type *t)
{
	json_t *all = json_array();
	const char *choices = t->choices ? t->choices : "";
	struct span choice;
	while (choice_next(&choices, &choice)) {
		struct span word = first_spelling(choice);
		json_array_append_new(all, json_stringn((const char *)word.p, word.n));
	}
	return all;
}

/* ---- check: one sentence that names setting, wanted and found ---- */

/* "camera.disabled must be true or false, not "x"" */
static int refuse(const struct setting_type *t, const json_t *found, struct error *err,
		  const char *wanted_fmt, ...) FORMAT_PRINTF(4, 5);
static int refuse(const struct setting_type *t, const json_t *found, struct error *err,
		  const char *wanted_fmt, ...)
{
	char wanted[200], text[EXCERPT_SIZE];
	va_list ap;
	va_start(ap, wanted_fmt);
	vsnprintf(wanted, sizeof wanted, wanted_fmt, ap);
	va_end(ap);
	return error_set(err, ERR_INVALID, "%s must be %s, not %s", t->name, wanted,
			 text_excerpt_json(found, text));
}

static int check_bool(const struct setting_type *t, const json_t *v, struct error *err)
{
	return json_is_boolean(v) ? 0 : refuse(t, v, err, "true or false");
}

static int check_int(const struct setting_type *t, const json_t *v, struct error *err)
{
	int64_t min, max;
	(void)setting_bounds(t, &min, &max);
	if (json_is_integer(v) && json_integer_value(v) >= min && json_integer_value(v) <= max)
		return 0;
	return refuse(t, v, err, "an integer from %lld to %lld", (long long)min, (long long)max);
}

static int check_string(const struct setting_type *t, const json_t *v, struct error *err)
{
	int64_t min, max;
	(void)setting_bounds(t, &min, &max);
	size_t n = json_string_length(v);
	if (json_is_string(v) && n >= (size_t)min && n <= (size_t)max)
		return 0;
	return refuse(t, v, err, "a string of %lld to %lld bytes", (long long)min, (long long)max);
}

static int check_enum(const struct setting_type *t, const json_t *v, struct error *err)
{
	if (catalogue_choice(t, v) >= 0)
		return 0;
	AUTO_JSON words = setting_choices(t);
	CLEANUP(buf_fini) struct buf list;
	buf_init(&list, 160);
	size_t i;
	json_t *word;
	json_array_foreach (words, i, word)
		buf_addf(&list, "%s%s", i ? ", " : "", json_string_value(word));
	return refuse(t, v, err, "one of %s", buf_str(&list));
}

static int check_list_length(const struct setting_type *t, const json_t *v, const char *of,
			     struct error *err)
{
	int64_t min, max;
	(void)setting_bounds(t, &min, &max);
	size_t n = json_array_size(v);
	if (!json_is_array(v))
		return refuse(t, v, err, "a list of %s", of);
	if (n < (size_t)min || n > (size_t)max)
		return error_set(err, ERR_INVALID, "%s must have %lld to %lld elements, not %zu",
				 t->name, (long long)min, (long long)max, n);
	return 0;
}

static int check_list(const struct setting_type *t, const json_t *v, struct error *err)
{
	char found[EXCERPT_SIZE];
	size_t i;
	json_t *element;
	int r = check_list_length(t, v, "strings", err);
	if (r)
		return r;
	json_array_foreach (v, i, element)
		if (!json_is_string(element) || json_string_length(element) > STRING_BYTES_MAX)
			return error_set(err, ERR_INVALID,
					 "%s must be a list of strings, but element %zu is %s",
					 t->name, i + 1, text_excerpt_json(element, found));
	return 0;
}

static int check_objects(const struct setting_type *t, const json_t *v, struct error *err)
{
	size_t i;
	json_t *element;
	int r = check_list_length(t, v, "objects", err);
	json_array_foreach (v, i, element) {
		char what[160];
		if (r)
			break;
		snprintf(what, sizeof what, "%s: element %zu", t->name, i + 1);
		r = shape_check(t->fields, element, what, err);
	}
	return r;
}

static int check_json(const struct setting_type *t, const json_t *v, struct error *err)
{
	return 0; /* whatever was read is JSON */
}

int catalogue_check(const struct setting_type *t, const json_t *value, struct error *err)
{
	static int (*const checks[])(const struct setting_type *, const json_t *,
				     struct error *) = {
		[SETTING_BOOL] = check_bool,       [SETTING_INT] = check_int,
		[SETTING_STRING] = check_string,   [SETTING_ENUM] = check_enum,
		[SETTING_LIST] = check_list,       [SETTING_JSON] = check_json,
		[SETTING_OBJECTS] = check_objects,
	};
	if (!value)
		return refuse(t, value, err, "given");
	int r = checks[t->kind](t, value, err);
	return r ? r : setting_check_chrome(t, value, err);
}

/* ---- the command line's VALUE ---- */

/* What begins like JSON's brackets and quotes was meant as JSON: then its error is the answer. */
static bool looks_structured(const char *text)
{
	text += strspn(text, " \t\r\n");
	return *text && strchr("{[\"", *text);
}

int catalogue_parse(const struct setting_type *t, const char *text, json_t **ret, struct error *err)
{
	struct error why;
	AUTO_JSON value = NULL;
	int r = json_parse(span_str(text), &value, &why);
	if (r < 0)
		return r;
	if (r > 0 && looks_structured(text))
		return error_set(err, ERR_INVALID, "%s: %s", t->name, why.message);
	bool wants_text = t->kind == SETTING_STRING || t->kind == SETTING_ENUM;
	if (r > 0 || (wants_text && !json_is_string(value))) { /* 5 may be a string's text, too */
		json_decref(value);
		value = json_string(text);
	}
	if (!value)
		return error_set(err, ERR_INVALID, "%s: the value is not UTF-8", t->name);
	r = catalogue_check(t, value, err);
	if (r == 0)
		*ret = TAKE(value);
	return r;
}

/* ---- when an observed value satisfies ---- */

/* A number by which values of this setting are ordered; false: the value has no place there. */
static bool rank(const struct setting_type *t, const json_t *value, double *ret)
{
	if (t->kind == SETTING_ENUM) {
		int choice = catalogue_choice(t, value);
		*ret = choice;
		return choice >= 0;
	}
	if (t->kind == SETTING_BOOL) {
		*ret = json_is_true(value) ? 1 : 0;
		return json_is_boolean(value);
	}
	*ret = json_number_value(value);
	return json_is_number(value);
}

static bool equal(const struct setting_type *t, const json_t *desired, const json_t *observed)
{
	double d, o;
	if (json_equal(desired, observed))
		return true;
	/* other spellings of the same: a choice's, and 5.0 for 5 */
	bool spellings = t->kind == SETTING_ENUM || json_is_real(observed);
	return spellings && rank(t, desired, &d) && rank(t, observed, &o) && d == o;
}

static bool at_least(const struct setting_type *t, const json_t *desired, const json_t *observed)
{
	double d, o;
	return rank(t, desired, &d) && rank(t, observed, &o) && o >= d;
}

static bool at_most(const struct setting_type *t, const json_t *desired, const json_t *observed)
{
	double d, o;
	if (!rank(t, desired, &d) || !rank(t, observed, &o))
		return false;
	return d == 0 || (o > 0 && o <= d);
}

static bool element_same(const struct setting_type *t, const json_t *a, const json_t *b)
{
	return t->fields ? shape_same(t->fields, a, b) : json_equal(a, b);
}

static bool all_done(const struct setting_type *t, const json_t *desired, const json_t *observed)
{
	size_t i, j;
	json_t *wanted, *done;
	if (json_is_true(observed))
		return true;
	if (!json_is_array(desired) || !json_is_array(observed))
		return false;
	json_array_foreach (desired, i, wanted) {
		bool found = false;
		json_array_foreach (observed, j, done)
			found = found || element_same(t, wanted, done);
		if (!found)
			return false;
	}
	return true;
}

bool catalogue_satisfied(const struct setting_type *t, const json_t *desired,
			 const json_t *observed)
{
	switch (t->rule) {
	case RULE_EQUAL:
		return equal(t, desired, observed);
	case RULE_AT_LEAST:
		return at_least(t, desired, observed);
	case RULE_AT_MOST:
		return at_most(t, desired, observed);
	case RULE_ALL_DONE:
		return all_done(t, desired, observed);
	case RULE_NONE:
		return true;
	}
	return false;
}
