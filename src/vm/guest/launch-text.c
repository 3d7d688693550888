/* SPDX-License-Identifier: Apache-2.0
 *
 * The text format, see launch-text.h. As much of it as one message of strings, flags and one map needs: comments,
 * both quotes, escapes, strings in pieces, lists, optional separators. Unknown fields are errors: a
 * misspelt one would otherwise be a program started the wrong way.
 */
#include "vm/guest/launch-text.h"
#include "base/buf.h"

#define STRING_MAX 16384

struct reader {
	struct span left;
	unsigned line;
	struct arena *arena;
	struct launch *out;
	const char **argv, **env;
	size_t n_argv, n_env;
	struct error *err;
};

static int bad(struct reader *r, const char *what)
{
	return error_set(r->err, ERR_INVALID, "line %u: %s", r->line, what);
}

/* ---- words ---- */

static bool peek(const struct reader *r, char *ret)
{
	if (r->left.n == 0)
		return false;
	*ret = (char)r->left.p[0];
	return true;
}

static void skip_one(struct reader *r)
{
	uint8_t c = 0;
	if (span_get_u8(&r->left, &c) && c == '\n')
		r->line++;
}

static void skip_space(struct reader *r)
{
	bool comment = false;
	for (char c; peek(r, &c); skip_one(r)) {
		if (c == '#')
			comment = true;
		else if (c == '\n')
			comment = false;
		else if (!comment && !strchr(" \t\r\f\v", c))
			return;
	}
}

static bool skip_char(struct reader *r, char wanted)
{
	char c;
	skip_space(r);
	if (!peek(r, &c) || c != wanted)
		return false;
	skip_one(r);
	return true;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static struct span read_word(struct reader *r)
{
	char c;
	skip_space(r);
	struct span word = { r->left.p, 0 };
	for (; peek(r, &c) && is_word(c); skip_one(r))
		word.n++;
	return word;
}

/* ---- strings ---- */

static bool read_digits(struct reader *r, unsigned base, int n_max, unsigned *ret)
{
	int n = 0;
	char c;
	*ret = 0;
	for (; n < n_max && peek(r, &c); n++, skip_one(r)) {
		int v = hex_value(c);
		if (v < 0 || (unsigned)v >= base)
			break;
		*ret = *ret * base + (unsigned)v;
	}
	return n > 0;
}

static int read_escape(struct reader *r, struct buf *out)
{
	static const char names[] = "abfnrtv\\'\"?", meanings[] = "\a\b\f\n\r\t\v\\'\"?";
	unsigned v;
	char c;
	if (!peek(r, &c))
		return bad(r, "the string does not end");
	const char *known = c ? strchr(names, c) : NULL;
	if (known) {
		skip_one(r);
		buf_add_char(out, meanings[known - names]);
		return 0;
	}
	if (c == 'x' || c == 'X')
		skip_one(r);
	bool ok = (c | 0x20) == 'x' ? read_digits(r, 16, 2, &v) : read_digits(r, 8, 3, &v);
	if (!ok || v == 0 || v > 255)
		return bad(r, "no such escape");
	buf_add_char(out, (char)v);
	return 0;
}

static int read_piece(struct reader *r, char quote, struct buf *out)
{
	for (char c; peek(r, &c) && c != '\n';) {
		skip_one(r);
		if (c == quote)
			return 0;
		if (c == '\0')
			return bad(r, "a NUL in a string");
		if (c != '\\') {
			buf_add_char(out, c);
			continue;
		}
		int e = read_escape(r, out);
		if (e)
			return e;
	}
	return bad(r, "the string does not end");
}

/* One string, perhaps in several pieces. */
static int read_string(struct reader *r, const char **ret)
{
	CLEANUP(buf_fini) struct buf text;
	int n = 0;
	buf_init(&text, STRING_MAX);
	for (;;) {
		char quote = skip_char(r, '"') ? '"' : skip_char(r, '\'') ? '\'' : 0;
		if (!quote)
			break;
		int e = read_piece(r, quote, &text);
		if (e)
			return e;
		n++;
	}
	if (n == 0)
		return bad(r, "a string is expected");
	if (text.failed)
		return bad(r, "the string is too long");
	*ret = arena_strdup(r->arena, buf_str(&text));
	return 0;
}

/* ---- fields ---- */

static int add_argument(struct reader *r)
{
	if (r->n_argv == LAUNCH_WORDS_MAX)
		return bad(r, "too many arguments");
	return read_string(r, &r->argv[r->n_argv++]);
}

static int read_argv(struct reader *r)
{
	if (!skip_char(r, ':'))
		return bad(r, "“:” is expected");
	if (!skip_char(r, '['))
		return add_argument(r);
	if (skip_char(r, ']'))
		return 0;
	do {
		int e = add_argument(r);
		if (e)
			return e;
	} while (skip_char(r, ','));
	return skip_char(r, ']') ? 0 : bad(r, "“]” is expected");
}

static int read_pair(struct reader *r, char end)
{
	const char *key = "", *value = "";
	while (!skip_char(r, end)) {
		struct span name = read_word(r);
		const char **to = span_eq_str(name, "key")     ? &key
				  : span_eq_str(name, "value") ? &value
							       : NULL;
		if (!to || !skip_char(r, ':'))
			return bad(r, "key: or value: is expected");
		int e = read_string(r, to);
		if (e)
			return e;
		(void)(skip_char(r, ',') || skip_char(r, ';'));
	}
	if (key[0] == '\0' || strchr(key, '='))
		return bad(r, "this is no name of a variable");
	r->env[r->n_env++] = arena_printf(r->arena, "%s=%s", key, value);
	return 0;
}

static int read_env(struct reader *r)
{
	(void)skip_char(r, ':');
	char end = skip_char(r, '{') ? '}' : skip_char(r, '<') ? '>' : 0;
	if (!end)
		return bad(r, "“{” is expected");
	if (r->n_env == LAUNCH_WORDS_MAX)
		return bad(r, "too many variables");
	return read_pair(r, end);
}

static int read_flag(struct reader *r, bool *ret)
{
	static const char *const yes[] = { "true", "t", "1", "True" };
	static const char *const no[] = { "false", "f", "0", "False" };
	if (!skip_char(r, ':'))
		return bad(r, "“:” is expected");
	struct span word = read_word(r);
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!span_eq_str(word, yes[i]) && !span_eq_str(word, no[i]))
			continue;
		*ret = span_eq_str(word, yes[i]);
		return 0;
	}
	return bad(r, "true or false is expected");
}

static int read_field(struct reader *r)
{
	struct span name = read_word(r);
	if (span_eq_str(name, "argv"))
		return read_argv(r);
	if (span_eq_str(name, "env"))
		return read_env(r);
	if (span_eq_str(name, "respawn"))
		return read_flag(r, &r->out->respawn);
	if (span_eq_str(name, "use_console"))
		return read_flag(r, &r->out->console);
	if (span_eq_str(name, "wait_for_exit"))
		return read_flag(r, &r->out->wait);
	return bad(r, "argv, env, respawn, use_console or wait_for_exit is expected");
}

int launch_text_parse(struct span text, struct arena *a, struct launch *ret, struct error *err)
{
	struct reader r = { .left = text, .line = 1, .arena = a, .out = ret, .err = err };
	*ret = (struct launch){ 0 };
	r.argv = arena_new_n(a, const char *, LAUNCH_WORDS_MAX + 1);
	r.env = arena_new_n(a, const char *, LAUNCH_WORDS_MAX + 1);
	for (skip_space(&r); r.left.n > 0; skip_space(&r)) {
		int e = read_field(&r);
		if (e)
			return e;
		(void)(skip_char(&r, ',') || skip_char(&r, ';'));
	}
	if (r.n_argv == 0)
		return bad(&r, "argv is missing");
	if (ret->respawn && ret->wait)
		return bad(&r, "respawn and wait_for_exit do not go together");
	ret->argv = r.argv;
	ret->env = r.env;
	return 0;
}
