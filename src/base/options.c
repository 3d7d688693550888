/* SPDX-License-Identifier: Apache-2.0
 *
 * Option tables: GNU-style parsing and the help text; options.h has the contract. A long name may
 * be shortened as long as it stays unambiguous. "-5" is an argument, unless some option is "-5".
 */
#include "base/options.h"
#include "base/buf.h"
#include "base/clock.h"
#include <errno.h>

struct scan {
	const struct option *rows;
	int argc, i; /* i: the word being looked at */
	char **argv;
	struct error *err;
};

static const struct option *row_of_letter(const struct option *rows, char letter)
{
	for (; rows->name; rows++)
		if (rows->letter == letter)
			return rows;
	return NULL;
}

size_t options_distance(const char *a, const char *b)
{
	size_t row[64], n = strlen(b);
	if (n >= ARRAY_SIZE(row) || strlen(a) >= ARRAY_SIZE(row))
		return SIZE_MAX;
	for (size_t k = 0; k <= n; k++)
		row[k] = k;
	for (; *a; a++) {
		size_t diagonal = row[0]++;
		for (size_t k = 1; k <= n; k++) {
			size_t best = diagonal + (*a != b[k - 1]);
			best = row[k] + 1 < best ? row[k] + 1 : best;
			best = row[k - 1] + 1 < best ? row[k - 1] + 1 : best;
			diagonal = row[k];
			row[k] = best;
		}
	}
	return row[n];
}

static int unknown(const struct option *rows, const char *name, struct error *err)
{
	const char *nearest = NULL;
	size_t best = strlen(name) / 2 + 1;
	for (; rows->name; rows++) {
		size_t d = options_distance(name, rows->name);
		if (d < best) {
			best = d;
			nearest = rows->name;
		}
	}
	if (nearest)
		return error_set(err, ERR_INVALID, "unknown option --%s; did you mean --%s?", name,
				 nearest);
	return error_set(err, ERR_INVALID, "unknown option --%s", name);
}

static int find_long(const struct option *rows, const char *name, const struct option **ret,
		     struct error *err)
{
	size_t n = strlen(name);
	const struct option *found = NULL;
	for (const struct option *o = rows; o->name; o++) {
		if (n == 0 || strncmp(o->name, name, n) != 0)
			continue;
		if (o->name[n] == '\0') {
			*ret = o;
			return 0;
		}
		if (found)
			return error_set(err, ERR_INVALID, "option --%s is ambiguous: --%s or --%s",
					 name, found->name, o->name);
		found = o;
	}
	if (!found)
		return unknown(rows, name, err);
	*ret = found;
	return 0;
}

static int set_int(const struct option *o, const char *what, const char *value, struct error *err)
{
	char *end;
	errno = 0;
	long long v = strtoll(value, &end, 10);
	if (errno != 0 || end == value || *end || *value == ' ')
		return error_set(err, ERR_INVALID, "%s: \"%s\" is not a whole number", what, value);
	if (o->ret)
		*(int64_t *)o->ret = v;
	return 0;
}

static int set_duration(const struct option *o, const char *what, const char *value,
			struct error *err)
{
	int64_t ms;
	if (!duration_parse(value, &ms))
		return error_set(err, ERR_INVALID,
				 "%s: \"%s\" is not a duration such as 90s, 15m, 24h or 7d", what,
				 value);
	if (o->ret)
		*(int64_t *)o->ret = ms;
	return 0;
}

static int add_item(const struct option *o, const char *what, const char *value, struct error *err)
{
	struct option_list *list = o->ret;
	if (!list)
		return 0;
	if (list->n >= (int)ARRAY_SIZE(list->items))
		return error_set(err, ERR_INVALID, "%s: given more than %zu times", what,
				 ARRAY_SIZE(list->items));
	list->items[list->n++] = value;
	return 0;
}

/* 'what' names the option or the variable in errors; value is NULL for a flag that is given. */
static int set(const struct option *o, const char *what, const char *value, struct error *err)
{
	switch (o->type) {
	case OPTION_FLAG:
		if (o->ret)
			*(bool *)o->ret = true;
		return 0;
	case OPTION_STR:
		if (o->ret)
			*(const char **)o->ret = value;
		return 0;
	case OPTION_INT:
		return set_int(o, what, value, err);
	case OPTION_DURATION:
		return set_duration(o, what, value, err);
	case OPTION_LIST:
		return add_item(o, what, value, err);
	}
	return 0;
}

static int set_flag_from_env(const struct option *o, const char *value, struct error *err)
{
	static const struct {
		const char *text;
		bool value;
	} words[] = { { "1", true },  { "true", true },   { "yes", true }, { "on", true },
		      { "0", false }, { "false", false }, { "no", false }, { "off", false } };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(value, words[i].text) == 0) {
			if (o->ret)
				*(bool *)o->ret = words[i].value;
			return 0;
		}
	return error_set(err, ERR_INVALID, "%s: \"%s\" is neither true nor false", o->env, value);
}

static int apply_environment(const struct option *rows, struct error *err)
{
	for (; rows->name; rows++) {
		const char *value = rows->env ? getenv(rows->env) : NULL;
		if (!value || !*value) /* empty is the way to unset in many places */
			continue;
		int r = rows->type == OPTION_FLAG ? set_flag_from_env(rows, value, err)
						  : set(rows, rows->env, value, err);
		if (r != 0)
			return r;
	}
	return 0;
}

/* The value that stands in the next word. */
static const char *next_word(struct scan *s)
{
	return s->i + 1 < s->argc ? s->argv[++s->i] : NULL;
}

static int take_long(struct scan *s, const char *word)
{
	const struct option *o;
	const char *equals = strchr(word, '='), *value = NULL;
	char name[128], what[132];
	size_t n = equals ? (size_t)(equals - word) : strlen(word);
	if (n >= sizeof name)
		return error_set(s->err, ERR_INVALID, "unknown option --%.40s…", word);
	memcpy(name, word, n);
	name[n] = '\0';
	int r = find_long(s->rows, name, &o, s->err);
	if (r != 0)
		return r;
	snprintf(what, sizeof what, "--%s", o->name);
	if (o->type == OPTION_FLAG) {
		if (equals)
			return error_set(s->err, ERR_INVALID, "%s takes no value", what);
		return set(o, what, NULL, s->err);
	}
	value = equals ? equals + 1 : next_word(s);
	if (!value)
		return error_set(s->err, ERR_INVALID, "%s needs a value: %s", what,
				 o->value ? o->value : "VALUE");
	return set(o, what, value, s->err);
}

/* "-x", "-xVALUE", "-x VALUE", "-abc" of flags. */
static int take_letters(struct scan *s, const char *letters)
{
	char what[] = "-x";
	for (; *letters; letters++) {
		const struct option *o = row_of_letter(s->rows, *letters);
		what[1] = *letters;
		if (!o)
			return error_set(s->err, ERR_INVALID, "unknown option %s", what);
		if (o->type == OPTION_FLAG) {
			int r = set(o, what, NULL, s->err);
			if (r != 0)
				return r;
			continue;
		}
		const char *value = letters[1] ? letters + 1 : next_word(s);
		if (!value)
			return error_set(s->err, ERR_INVALID, "%s needs a value: %s", what,
					 o->value ? o->value : "VALUE");
		return set(o, what, value, s->err);
	}
	return 0;
}

static bool is_argument(const struct option *rows, const char *word)
{
	if (word[0] != '-' || word[1] == '\0')
		return true;
	bool number = (word[1] >= '0' && word[1] <= '9') || word[1] == '.';
	return number && !row_of_letter(rows, word[1]);
}

int options_parse(const struct option *rows, int argc, char **argv, int *ret_n_args,
		  struct error *err)
{
	struct scan s = { .rows = rows, .argc = argc, .argv = argv, .err = err };
	int n = 0;
	bool ended = false; /* by "--" */
	int r = apply_environment(rows, err);
	for (s.i = 1; r == 0 && s.i < argc; s.i++) {
		char *word = argv[s.i];
		if (ended || is_argument(rows, word))
			argv[++n] = word; /* n < i: what is overwritten has been read */
		else if (strcmp(word, "--") == 0)
			ended = true;
		else if (word[1] == '-')
			r = take_long(&s, word + 2);
		else
			r = take_letters(&s, word + 1);
	}
	*ret_n_args = n;
	return r;
}

static size_t add_left(const struct option *o, struct buf *out)
{
	size_t start = out->n;
	if (o->letter)
		buf_addf(out, "  -%c, --%s", o->letter, o->name);
	else
		buf_addf(out, "      --%s", o->name);
	if (o->type != OPTION_FLAG)
		buf_addf(out, " %s", o->value ? o->value : "VALUE");
	return out->n - start;
}

void options_help(const struct option *rows, struct buf *out)
{
	CLEANUP(buf_fini) struct buf scratch;
	size_t width = 0;
	buf_init(&scratch, 1u << 16);
	for (const struct option *o = rows; o->name; o++) {
		size_t n = add_left(o, &scratch);
		if (n > width && n <= 34)
			width = n;
	}
	for (const struct option *o = rows; o->name; o++) {
		size_t n = add_left(o, out);
		if (n > width) /* too long for the column: the help starts on its own line */
			buf_addf(out, "\n%*s", (int)width, "");
		buf_addf(out, "%*s  %s", n < width ? (int)(width - n) : 0, "", o->help);
		if (o->env)
			buf_addf(out, " [$%s]", o->env);
		buf_add_char(out, '\n');
	}
}
