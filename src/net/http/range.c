/* SPDX-License-Identifier: Apache-2.0
 *
 * Range and entity tag headers; range.h has the rules.
 */
#include "net/http/range.h"
#include <strings.h>

static const char *skip_space(const char *s)
{
	return s + strspn(s, " \t");
}

/* Digits at *s, which moves behind them. false: none, or more than 64 bits hold. */
static bool get_number(const char **s, uint64_t *ret)
{
	const char *p = *s;
	uint64_t v = 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (p == *s)
		return false;
	*s = p;
	*ret = v;
	return true;
}

/* "-n": the last n bytes. */
static enum range parse_suffix(const char *s, uint64_t size, uint64_t *ret_first,
			       uint64_t *ret_last)
{
	uint64_t n;
	if (!get_number(&s, &n) || *skip_space(s))
		return RANGE_WHOLE;
	if (n == 0 || size == 0)
		return RANGE_UNSATISFIABLE;
	*ret_first = n < size ? size - n : 0;
	*ret_last = size - 1;
	return RANGE_PART;
}

enum range range_parse(const char *value, uint64_t size, uint64_t *ret_first, uint64_t *ret_last)
{
	uint64_t first, last = UINT64_MAX;
	if (strncasecmp(value, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	const char *s = skip_space(value + 6);
	if (*s == '-')
		return parse_suffix(s + 1, size, ret_first, ret_last);
	if (!get_number(&s, &first) || *s++ != '-')
		return RANGE_WHOLE;
	bool open_end = *skip_space(s) == '\0';
	if (!open_end && (!get_number(&s, &last) || *skip_space(s)))
		return RANGE_WHOLE;
	if (last < first)
		return RANGE_WHOLE;
	if (first >= size)
		return RANGE_UNSATISFIABLE;
	*ret_first = first;
	*ret_last = last < size ? last : size - 1;
	return RANGE_PART;
}

static const char *skip_weak(const char *etag)
{
	return strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag;
}

/* The quoted string at s: its length with quotes, 0: none. */
static size_t quoted_length(const char *s)
{
	if (*s != '"')
		return 0;
	size_t n = strcspn(s + 1, "\"");
	return s[1 + n] ? n + 2 : 0;
}

bool etag_in_list(const char *list, const char *etag)
{
	const char *opaque = skip_weak(etag);
	const char *s = skip_space(list);
	if (s[0] == '*' && !*skip_space(s + 1))
		return true;
	while (*s) {
		s = skip_weak(s);
		size_t n = quoted_length(s);
		if (n == 0)
			return false; /* not a list of tags */
		if (strlen(opaque) == n && memcmp(s, opaque, n) == 0)
			return true;
		s += n;
		s += strspn(s, " \t,");
	}
	return false;
}

bool etag_if_range(const char *value, const char *etag)
{
	size_t n = quoted_length(value); /* 0 for weak tags and dates */
	return n > 0 && !*skip_space(value + n) && strlen(etag) == n && memcmp(value, etag, n) == 0;
}
