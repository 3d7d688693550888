/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of key files, see keyfile.h.
 */
#include "vm/container/keyfile.h"
#include "base/utf8.h"
#include <string.h>

void keyfile_init(struct keyfile *k, struct span text)
{
	*k = (struct keyfile){ .rest = text };
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static struct span trim_left(struct span s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	return s;
}

static struct span trim_right(struct span s)
{
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

static struct span take_line(struct keyfile *k)
{
	struct span line;
	if (!span_get_until(&k->rest, '\n', &line)) {
		line = k->rest;
		k->rest.n = 0;
	}
	return trim_right(trim_left(line));
}

static bool is_header(struct span line)
{
	return line.n >= 2 && line.p[0] == '[' && line.p[line.n - 1] == ']';
}

/* "Name[fr]" is Name in French. */
static void split_locale(struct keyfile_line *l)
{
	struct span rest = l->key, name;
	if (rest.n < 3 || rest.p[rest.n - 1] != ']' || !span_get_until(&rest, '[', &name))
		return;
	l->key = name;
	l->locale = (struct span){ rest.p, rest.n - 1 };
}

static bool split(struct span line, struct keyfile_line *ret)
{
	struct span key, value = line;
	if (!span_get_until(&value, '=', &key))
		return false;
	*ret = (struct keyfile_line){ .key = trim_right(key),
				      .locale = { (const uint8_t *)"", 0 },
				      .value = trim_left(value) };
	split_locale(ret);
	return ret->key.n > 0 && ret->value.n > 0;
}

static bool is_text(struct span line)
{
	return utf8_valid(line) && !(line.n > 0 && memchr(line.p, '\0', line.n));
}

bool keyfile_next(struct keyfile *k, struct keyfile_line *ret)
{
	while (k->rest.n > 0) {
		struct span line = take_line(k);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (is_header(line)) {
			k->group = (struct span){ line.p + 1, line.n - 2 };
			k->n_groups++;
		} else if (is_text(line) && split(line, ret)) {
			return true;
		}
	}
	return false;
}

bool keyfile_number(struct span value, unsigned max, unsigned *ret)
{
	unsigned n = 0;
	for (size_t i = 0; i < value.n; i++) {
		unsigned digit = (unsigned)value.p[i] - '0';
		if (digit > 9 || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*ret = n;
	return value.n > 0;
}
