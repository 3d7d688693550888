/* SPDX-License-Identifier: Apache-2.0
 *
 * See json-line.h. Text is copied in stretches that need no escape; fractions, which are rare, are
 * left to jansson, whose shortest form is not worth repeating.
 */
#include "store/json-line.h"

#include "base/macros.h"
#include <inttypes.h>

static const char escapes[256] = {
	['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
	['\t'] = 't', [0] = 'u',     [1] = 'u',    [2] = 'u',    [3] = 'u',    [4] = 'u',
	[5] = 'u',    [6] = 'u',     [7] = 'u',    [11] = 'u',   [14] = 'u',   [15] = 'u',
	[16] = 'u',   [17] = 'u',    [18] = 'u',   [19] = 'u',   [20] = 'u',   [21] = 'u',
	[22] = 'u',   [23] = 'u',    [24] = 'u',   [25] = 'u',   [26] = 'u',   [27] = 'u',
	[28] = 'u',   [29] = 'u',    [30] = 'u',   [31] = 'u',
};

struct line { /* bytes on their way: most appends are one byte */
	struct buf *out;
	size_t n;
	char bytes[512];
};

static void flush(struct line *l)
{
	buf_add(l->out, l->bytes, l->n);
	l->n = 0;
}

static void add_char(struct line *l, char c)
{
	if (l->n == sizeof l->bytes)
		flush(l);
	l->bytes[l->n++] = c;
}

static void add(struct line *l, const char *p, size_t n)
{
	if (n > sizeof l->bytes - l->n)
		flush(l);
	if (n > sizeof l->bytes) {
		buf_add(l->out, p, n);
		return;
	}
	memcpy(l->bytes + l->n, p, n);
	l->n += n;
}

static void add_text(struct line *l, const char *text, size_t n)
{
	size_t from = 0;
	add_char(l, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		char escape = escapes[c], code[8];
		if (escape == '\0')
			continue;
		add(l, text + from, i - from);
		from = i + 1;
		if (escape == 'u')
			add(l, code, (size_t)snprintf(code, sizeof code, "\\u%04X", c));
		else
			add(l, (const char[]){ '\\', escape }, 2);
	}
	add(l, text + from, n - from);
	add_char(l, '"');
}

static void add_integer(struct line *l, json_int_t v)
{
	char digits[24], *p = digits + sizeof digits;
	uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;
	do {
		*--p = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (v < 0)
		*--p = '-';
	add(l, p, (size_t)(digits + sizeof digits - p));
}

static void add_real(struct line *l, const json_t *j)
{
	CLEANUP(free_charp) char *text = json_dumps(j, JSON_ENCODE_ANY);
	const char *shown = text ? text : "null";
	add(l, shown, strlen(shown));
}

static void add_value(struct line *l, const json_t *j);

static void add_array(struct line *l, const json_t *j)
{
	size_t n = json_array_size(j);
	add_char(l, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			add_char(l, ',');
		add_value(l, json_array_get(j, i));
	}
	add_char(l, ']');
}

static void add_object(struct line *l, const json_t *j)
{
	const char *key;
	json_t *value;
	bool first = true;
	add_char(l, '{');
	json_object_foreach ((json_t *)j, key, value) { /* the macro wants it mutable */
		if (!first)
			add_char(l, ',');
		first = false;
		add_text(l, key, strlen(key));
		add_char(l, ':');
		add_value(l, value);
	}
	add_char(l, '}');
}

static void add_value(struct line *l, const json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		add_object(l, j);
		break;
	case JSON_ARRAY:
		add_array(l, j);
		break;
	case JSON_STRING:
		add_text(l, json_string_value(j), json_string_length(j));
		break;
	case JSON_INTEGER:
		add_integer(l, json_integer_value(j));
		break;
	case JSON_REAL:
		add_real(l, j);
		break;
	case JSON_TRUE:
		add(l, "true", 4);
		break;
	case JSON_FALSE:
		add(l, "false", 5);
		break;
	case JSON_NULL:
		add(l, "null", 4);
		break;
	}
}

void json_line_add(struct buf *out, const json_t *j)
{
	struct line l;
	l.out = out;
	l.n = 0;
	add_value(&l, j);
	flush(&l);
}
