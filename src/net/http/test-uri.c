/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http/uri.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_target(void **state)
{
	static const struct {
		const char *target, *path, *query; /* path NULL: refused */
	} cases[] = {
		{ "/", "/", NULL },
		{ "/a/b", "/a/b", NULL },
		{ "/a?", "/a", "" },
		{ "/a?b?c=/d", "/a", "b?c=/d" },
		{ "http://host/a?b", "/a", "b" },
		{ "HTTPS://host:8081/a//b", "/a//b", NULL },
		{ "http://host", "/", NULL },
		{ "http://h?q=1", "/", "q=1" },
		{ "https://[::1]:1/x", "/x", NULL },
		{ "", NULL, NULL },
		{ "*", NULL, NULL },
		{ "a/b", NULL, NULL },
		{ "?a", NULL, NULL },
		{ "http://", NULL, NULL },
		{ "http:///a", NULL, NULL },
		{ "ftp://host/a", NULL, NULL },
		{ "host:443", NULL, NULL },
		{ "%2fa", NULL, NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64], *query;
		snprintf(text, sizeof text, "%s", cases[i].target);
		char *path = uri_target(text, &query);
		if (!cases[i].path) {
			assert_null(path);
			continue;
		}
		assert_non_null(path);
		assert_string_equal(path, cases[i].path);
		if (cases[i].query)
			assert_string_equal(query, cases[i].query);
		else
			assert_null(query);
	}
}

/* Segments joined by '|'; "!": an error. */
static void split(const char *path, char *out, size_t n_out)
{
	struct uri_path p;
	struct error err;
	char text[512];
	size_t n = 0;
	snprintf(text, sizeof text, "%s", path);
	if (uri_split_path(text, &p, &err)) {
		snprintf(out, n_out, "!");
		return;
	}
	assert_int_equal(p.n, strlen(p.text));
	out[0] = '\0';
	for (size_t i = 0; i < p.n_segments; i++)
		n += (size_t)snprintf(out + n, n_out - n, "%s%.*s", i ? "|" : "",
				      (int)p.segments[i].n, p.text + p.segments[i].at);
}

static void test_path(void **state)
{
	static const char *const cases[][2] = {
		{ "/", "" },
		{ "/a", "a" },
		{ "/a/", "a|" },
		{ "//", "|" },
		{ "/a//b", "a||b" },
		{ "/a/b/c", "a|b|c" },
		{ "/./../a", ".|..|a" },
		{ "/%2e%2e/a", "..|a" },
		{ "/a%2Fb/c", "a/b|c" },
		{ "/%41%6a", "Aj" },
		{ "/a+b", "a+b" },
		{ "/%c3%a9", "\xc3\xa9" },
		{ "/\xc3\xa9", "\xc3\xa9" },
		{ "/%0a", "\n" },
		{ "/%25zz", "%zz" },
		{ "/%", "!" },
		{ "/%1", "!" },
		{ "/%zz", "!" },
		{ "/%1g/a", "!" },
		{ "/%00", "!" },
		{ "/a%00b/c", "!" },
		{ "/%ff", "!" },
		{ "/%c3/%a9", "!" },   /* a character may not straddle a slash */
		{ "/%ed%a0%80", "!" }, /* a surrogate */
		{ "/%c0%af", "!" },    /* an overlong slash */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char out[128];
		split(cases[i][0], out, sizeof out);
		assert_string_equal(out, cases[i][1]);
	}
}

static void test_path_depth(void **state)
{
	char path[512] = "", out[512];
	for (size_t i = 0; i < URI_SEGMENTS_MAX; i++)
		memcpy(path + 2 * i, "/a", 3);
	split(path, out, sizeof out);
	assert_string_not_equal(out, "!");
	memcpy(path + 2 * URI_SEGMENTS_MAX, "/a", 3);
	split(path, out, sizeof out);
	assert_string_equal(out, "!");
}

static void test_query(void **state)
{
	static const struct {
		const char *query, *out; /* name=value joined by '|'; "!": an error */
	} cases[] = {
		{ "", "" },
		{ "a=1", "a=1" },
		{ "a=1&b=2", "a=1|b=2" },
		{ "a", "a=" },
		{ "a&b=", "a=|b=" },
		{ "&&a=1&&", "a=1" },
		{ "a=b=c", "a=b=c" },
		{ "=x", "=x" },
		{ "a+b=c+d", "a b=c d" },
		{ "a=%2B%26%3d", "a=+&=" },
		{ "%61=1", "a=1" },
		{ "a=%c3%a9", "a=\xc3\xa9" },
		{ "q=kind%3Dlinux+and+verdict!=COMPLIANT", "q=kind=linux and verdict!=COMPLIANT" },
		{ "a=1&a=2", "!" },
		{ "a=1&%61=2", "!" },
		{ "a=%", "!" },
		{ "a=%4", "!" },
		{ "a=%g0", "!" },
		{ "a=%00", "!" },
		{ "%00=a", "!" },
		{ "a=%ff", "!" },
		{ "%c3=a", "!" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct uri_param p[8];
		struct error err;
		char text[128], out[128] = "";
		size_t n, len = 0;
		snprintf(text, sizeof text, "%s", cases[i].query);
		if (uri_split_query(text, p, ARRAY_SIZE(p), &n, &err)) {
			assert_string_equal("!", cases[i].out);
			assert_int_equal(err.code, ERR_INVALID);
			continue;
		}
		for (size_t k = 0; k < n; k++)
			len += (size_t)snprintf(out + len, sizeof out - len, "%s%s=%s",
						k ? "|" : "", p[k].name, p[k].value);
		assert_string_equal(out, cases[i].out);
	}
}

static void test_query_bound(void **state)
{
	char text[] = "a=1&b=2&c=3";
	struct uri_param p[2];
	struct error err;
	size_t n;
	assert_int_equal(uri_split_query(text, p, 2, &n, &err), ERR_INVALID);
	assert_int_equal(n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_target),      cmocka_unit_test(test_path),
		cmocka_unit_test(test_path_depth),  cmocka_unit_test(test_query),
		cmocka_unit_test(test_query_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
