/* SPDX-License-Identifier: Apache-2.0
 *
 * What requests are made of: cursors, entity tags, names, log-in attempts.
 */
#include "server/api/attempts.h"
#include "server/api/list.h"
#include "server/api/request.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_cursors(void **state)
{
	static const char *const keys[] = { "1", "9223372036854775807", "chrome.HomepageLocation",
					    "",  "with:colon",          "\xc3\xa4" };
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *key = NULL;
		struct error err;
		char *cursor = cursor_make(&a, "devices", keys[i]);
		assert_int_equal(strspn(cursor,
					"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					"0123456789-_"),
				 strlen(cursor));
		assert_int_equal(cursor_read(cursor, "devices", &a, &key, &err), 0);
		assert_string_equal(key, keys[i]);
		assert_int_equal(cursor_read(cursor, "device", &a, &key, &err), ERR_INVALID);
		assert_int_equal(cursor_read(cursor, "devicesx", &a, &key, &err), ERR_INVALID);
		assert_int_equal(cursor_read(cursor, "fleets", &a, &key, &err), ERR_INVALID);
	}
}

static void test_bad_cursors(void **state)
{
	static const char *const bad[] = { "",     "x",
					   "????", "ZGV2aWNlcw",      /* devices */
					   "AAAA", "ZGV2aWNlczoxADI", /* devices:1\0002 */
					   "====", "devices:1" };
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *key = NULL;
		struct error err;
		if (cursor_read(bad[i], "devices", &a, &key, &err) != ERR_INVALID)
			fail_msg("taken: %s", bad[i]);
	}
	char *huge = arena_alloc(&a, 100000);
	memset(huge, 'A', 99999);
	const char *key = NULL;
	struct error err;
	assert_int_equal(cursor_read(huge, "devices", &a, &key, &err), ERR_INVALID);
}

static void test_if_match(void **state)
{
	static const struct {
		const char *header;
		int r;
		int64_t revision;
	} cases[] = {
		{ NULL, 0, 0 },
		{ "*", 0, 0 },
		{ "\"1\"", 0, 1 },
		{ "\"123456789\"", 0, 123456789 },
		{ "\"0\"", ERR_PRECONDITION, 0 },
		{ "", ERR_PRECONDITION, 0 },
		{ "1", ERR_PRECONDITION, 0 },
		{ "\"\"", ERR_PRECONDITION, 0 },
		{ "\"", ERR_PRECONDITION, 0 },
		{ "\"1", ERR_PRECONDITION, 0 },
		{ "\"1\" ", ERR_PRECONDITION, 0 },
		{ "\"-1\"", ERR_PRECONDITION, 0 },
		{ "\"abc\"", ERR_PRECONDITION, 0 },
		{ "W/\"1\"", ERR_PRECONDITION, 0 },
		{ "\"99999999999999999999\"", ERR_PRECONDITION, 0 },
		{ "\"1\", \"2\"", ERR_INVALID, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err;
		int64_t revision = -1;
		int r = if_match_parse(cases[i].header, &revision, &err);
		if (r != cases[i].r || revision != cases[i].revision)
			fail_msg("%s: %d, %lld", cases[i].header, r, (long long)revision);
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} cases[] = {
		{ "a", true },
		{ "Sales & Marketing", true },
		{ "\xe6\x9d\xb1\xe4\xba\xac", true },
		{ "", false },
		{ " a", false },
		{ "a ", false },
		{ "a/b", false },
		{ "a\nb", false },
		{ "a\x7f", false },
		{ "a\xff", false },
		{ "\xc0\x80", false },
		{ "a\xe2\x80\xae"
		  "b",
		  false }, /* right-to-left override */
	};
	struct error err;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if ((name_check("the name", cases[i].name, "/", &err) == 0) != cases[i].good)
			fail_msg("%s", cases[i].name);
	char long_name[130];
	memset(long_name, 'x', sizeof long_name);
	long_name[129] = '\0';
	assert_int_equal(name_check("the name", long_name, "/", &err), ERR_INVALID);
	long_name[128] = '\0';
	assert_int_equal(name_check("the name", long_name, "/", &err), 0);
}

static void test_domains(void **state)
{
	struct error err;
	assert_int_equal(domain_check("", &err), 0);
	assert_int_equal(domain_check("example.org", &err), 0);
	assert_int_equal(domain_check("xn--bcher-kva.example", &err), 0);
	assert_int_equal(domain_check("a b", &err), ERR_INVALID);
	assert_int_equal(domain_check("a@b", &err), ERR_INVALID);
}

/* ---- log-in attempts ---- */

#define MINUTE (60 * 1000)

static void test_attempts_minute(void **state)
{
	struct attempts *a = attempts_new();
	int64_t wait_s;
	for (int i = 0; i < 3; i++)
		assert_true(attempts_take(a, "name x", 3, 300, 1000, &wait_s));
	assert_false(attempts_take(a, "name x", 3, 300, 31000, &wait_s));
	assert_int_equal(wait_s, 30);
	assert_true(attempts_take(a, "name y", 3, 300, 31000, &wait_s));
	assert_true(attempts_take(a, "name x", 3, 300, 1000 + MINUTE, &wait_s));
	attempts_free(a);
}

static void test_attempts_day(void **state)
{
	struct attempts *a = attempts_new();
	int64_t wait_s, now = 1000;
	for (int i = 0; i < 5; i++, now += MINUTE)
		assert_true(attempts_take(a, "name x", 3, 5, now, &wait_s));
	assert_false(attempts_take(a, "name x", 3, 5, now, &wait_s));
	assert_int_equal(wait_s, 24 * 3600 - 5 * 60);
	assert_true(attempts_take(a, "name x", 3, 5, 1000 + 24 * 60 * MINUTE, &wait_s));
	attempts_free(a);
}

static void test_attempts_forgiven(void **state)
{
	struct attempts *a = attempts_new();
	int64_t wait_s;
	for (int i = 0; i < 100; i++) {
		assert_true(attempts_take(a, "name x", 3, 5, 1000, &wait_s));
		attempts_forgive(a, "name x");
	}
	attempts_forgive(a, "name x"); /* never below nothing */
	for (int i = 0; i < 3; i++)
		assert_true(attempts_take(a, "name x", 3, 5, 1000, &wait_s));
	assert_false(attempts_take(a, "name x", 3, 5, 1000, &wait_s));
	assert_true(attempts_take(a, "name x", 0, 5, 1000, &wait_s)); /* no limit */
	attempts_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cursors),      cmocka_unit_test(test_bad_cursors),
		cmocka_unit_test(test_if_match),     cmocka_unit_test(test_names),
		cmocka_unit_test(test_domains),      cmocka_unit_test(test_attempts_minute),
		cmocka_unit_test(test_attempts_day), cmocka_unit_test(test_attempts_forgiven),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
