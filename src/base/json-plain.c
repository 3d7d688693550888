/* SPDX-License-Identifier: Apache-2.0
 *
 * See json-plain.h. It may give up at any moment, and must never accept what jansson refuses or
 * understand it in another way: test-json.c and fuzz-json.c compare the two.
 */
#include "base/json-plain.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"

#define DIGITS_MAX 18 /* as many always fit an int64_t */

struct text {
	const uint8_t *p, *end;
	unsigned depth_left;
	struct buf scratch; /* the string at hand, when it has escapes */
};

static json_t *read_value(struct text *t);

/* The next byte that is not white space, or 0; not past the end. */
static uint8_t peek(struct text *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t' || *t->p == '\n' || *t->p == '\r'))
		t->p++;
	return t->p < t->end ? *t->p : 0;
}

static uint8_t take(struct text *t)
{
	uint8_t c = peek(t);
	if (t->p < t->end)
		t->p++;
	return c;
}

/* At a quote. Ends behind the closing one, or at a backslash, with *ret what is before it. */
static bool read_stretch(struct text *t, struct span *ret)
{
	const uint8_t *from = ++t->p;
	bool ascii = true;
	for (; t->p < t->end && *t->p != '"' && *t->p != '\\'; t->p++) {
		if (*t->p < 0x20)
			return false;
		ascii = ascii && *t->p < 0x80;
	}
	*ret = (struct span){ from, (size_t)(t->p - from) };
	if (t->p == t->end || (!ascii && !utf8_valid(*ret)))
		return false;
	t->p += *t->p == '"';
	return true;
}

/* A stretch ended there, and not at its quote. */
static bool at_escape(const struct text *t, struct span stretch)
{
	return t->p == stretch.p + stretch.n;
}

/* At a backslash; what it stands for. 0: ask jansson. */
static char read_escape(const struct text *t)
{
	static const char escapes[256] = {
		['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
		['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
	};
	return t->end - t->p < 2 ? '\0' : escapes[t->p[1]];
}

static json_t *read_string(struct text *t)
{
	struct span s;
	if (!read_stretch(t, &s))
		return NULL;
	if (!at_escape(t, s))
		return json_stringn_nocheck((const char *)s.p, s.n);
	buf_reset(&t->scratch);
	buf_add(&t->scratch, s.p, s.n);
	do {
		char c = read_escape(t);
		if (c == '\0')
			return NULL;
		buf_add_char(&t->scratch, c);
		t->p++; /* the escape's letter is where a quote would be */
		if (!read_stretch(t, &s))
			return NULL;
		buf_add(&t->scratch, s.p, s.n);
	} while (at_escape(t, s));
	return t->scratch.failed ? NULL : json_stringn_nocheck(buf_str(&t->scratch), t->scratch.n);
}

static json_t *read_number(struct text *t)
{
	bool negative = *t->p == '-';
	const uint8_t *from = t->p += negative;
	json_int_t v = 0;
	for (; t->p < t->end && *t->p >= '0' && *t->p <= '9' && t->p - from < DIGITS_MAX; t->p++)
		v = v * 10 + (*t->p - '0');
	ptrdiff_t n = t->p - from;
	uint8_t after = t->p < t->end ? *t->p : 0;
	if (n == 0 || (n > 1 && *from == '0') || (after >= '0' && after <= '9') || after == '.' ||
	    after == 'e' || after == 'E')
		return NULL;
	return json_integer(negative ? -v : v);
}

static json_t *read_word(struct text *t, const char *word, json_t *value)
{
	size_t n = strlen(word);
	if ((size_t)(t->end - t->p) < n || memcmp(t->p, word, n) != 0)
		return NULL;
	t->p += n;
	return value;
}

static json_t *read_array(struct text *t)
{
	AUTO_JSON a = json_array();
	t->p++;
	if (peek(t) == ']') {
		t->p++;
		return TAKE(a);
	}
	for (;;) {
		if (json_array_append_new(a, read_value(t)) != 0)
			return NULL;
		uint8_t c = take(t);
		if (c == ']')
			return TAKE(a);
		if (c != ',')
			return NULL;
	}
}

static json_t *read_object(struct text *t)
{
	AUTO_JSON o = json_object();
	t->p++;
	if (peek(t) == '}') {
		t->p++;
		return TAKE(o);
	}
	for (size_t n = 1;; n++) {
		struct span key;
		if (peek(t) != '"' || !read_stretch(t, &key) || at_escape(t, key) || take(t) != ':')
			return NULL;
		/* No larger afterwards: the key was there already. */
		if (json_object_setn_new_nocheck(o, (const char *)key.p, key.n, read_value(t)) !=
			    0 ||
		    json_object_size(o) != n)
			return NULL;
		uint8_t c = take(t);
		if (c == '}')
			return TAKE(o);
		if (c != ',')
			return NULL;
	}
}

static json_t *read_nested(struct text *t, json_t *(*read)(struct text *t))
{
	if (t->depth_left == 0)
		return NULL;
	t->depth_left--;
	json_t *v = read(t);
	t->depth_left++;
	return v;
}

static json_t *read_value(struct text *t)
{
	switch (peek(t)) {
	case '{':
		return read_nested(t, read_object);
	case '[':
		return read_nested(t, read_array);
	case '"':
		return read_string(t);
	case 't':
		return read_word(t, "true", json_true());
	case 'f':
		return read_word(t, "false", json_false());
	case 'n':
		return read_word(t, "null", json_null());
	default:
		return t->p < t->end ? read_number(t) : NULL;
	}
}

json_t *json_plain(struct span text, unsigned depth_max)
{
	struct text t = { .p = text.p, .end = text.p + text.n, .depth_left = depth_max };
	if (text.n == 0)
		return NULL;
	buf_init(&t.scratch, text.n);
	json_t *v = read_value(&t);
	(void)peek(&t); /* white space may follow */
	if (v && t.p != t.end) {
		json_decref(v);
		v = NULL;
	}
	buf_fini(&t.scratch);
	return v;
}
