/* SPDX-License-Identifier: Apache-2.0
 *
 * Making JSON of what Chromium takes for JSON; relaxed-json.h has the contract.
 */
#include "agent/providers/chrome/relaxed-json.h"

static bool starts(struct span s, size_t at, const char *what)
{
	size_t n = strlen(what);
	return s.n - at >= n && memcmp(s.p + at, what, n) == 0;
}

/* The end of the string that starts at 'at'. */
static size_t skip_string(struct span s, size_t at)
{
	for (at++; at < s.n && s.p[at] != '"'; at++)
		if (s.p[at] == '\\' && at + 1 < s.n)
			at++;
	return at < s.n ? at + 1 : s.n;
}

static size_t skip_comment(struct span s, size_t at)
{
	bool block = s.p[at + 1] == '*';
	for (at += 2; at < s.n; at++) {
		if (!block && s.p[at] == '\n')
			return at;
		if (block && starts(s, at, "*/"))
			return at + 2;
	}
	return s.n;
}

/* The next byte that is neither white space nor in a comment. */
static size_t skip_blank(struct span s, size_t at)
{
	while (at < s.n) {
		if (starts(s, at, "//") || starts(s, at, "/*"))
			at = skip_comment(s, at);
		else if (s.p[at] && strchr(" \t\r\n", s.p[at]))
			at++;
		else
			break;
	}
	return at;
}

static bool closes(struct span s, size_t at)
{
	return at < s.n && (s.p[at] == '}' || s.p[at] == ']');
}

void relaxed_json_strip(struct span s, struct buf *out)
{
	for (size_t at = skip_blank(s, 0); at < s.n; at = skip_blank(s, at)) {
		if (s.p[at] == ',' && closes(s, skip_blank(s, at + 1))) {
			at++;
			continue;
		}
		size_t end = s.p[at] == '"' ? skip_string(s, at) : at + 1;
		bool word = s.p[at] != '"' && !strchr("{}[]:,", s.p[at]);
		while (word && end < s.n && !strchr(" \t\r\n{}[]:,\"/", s.p[end]))
			end++;
		buf_add(out, s.p + at, end - at);
		if (word) /* so that words do not grow together */
			buf_add_char(out, ' ');
		at = end;
	}
}

json_t *relaxed_json_parse(struct span text)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 2 * text.n + 1);
	if (text.n == 0 ||
	    memchr(text.p, 0, text.n)) /* jansson takes some zero bytes for nothing */
		return NULL;
	relaxed_json_strip(text, &out);
	/* Of keys given twice the last counts, as in Chromium. */
	json_t *ret = out.failed ? NULL : json_loadb(buf_str(&out), out.n, 0, NULL);
	if (json_is_object(ret))
		return ret;
	json_decref(ret);
	return NULL;
}
