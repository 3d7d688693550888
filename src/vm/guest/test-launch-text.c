/* SPDX-License-Identifier: Apache-2.0
 *
 * launch-text: what the format allows, what it does not, and the line that is named.
 */
#include "vm/guest/launch-text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
	const char *text;
	const char *argv[4], *env[4];
	bool respawn, console, wait;
} good[] = {
	{ "argv: \"vshd\"", { "vshd" }, { NULL }, false, false, false },
	{ "argv:\"a\"argv:'b'", { "a", "b" }, { NULL }, false, false, false },
	{ "argv: [ 'a' , \"b\", 'c']\nrespawn: true",
	  { "a", "b", "c" },
	  { NULL },
	  true,
	  false,
	  false },
	{ "argv: []; argv: 'a'", { "a" }, { NULL }, false, false, false },
	{ "# a comment\nargv: 'a' # another \"'\nuse_console: 1, wait_for_exit: t;",
	  { "a" },
	  { NULL },
	  false,
	  true,
	  true },
	{ "argv: 'a' env { key: 'K' value: 'v=w' } env: < value: '' key: \"L\" >",
	  { "a" },
	  { "K=v=w", "L=" },
	  false,
	  false,
	  false },
	{ "argv: 'a' 'b'\n\"c\"", { "abc" }, { NULL }, false, false, false },
	{ "argv: '\\n\\t\\\\\\'\\\"\\x41\\101\\7'",
	  { "\n\t\\'\"AA\7" },
	  { NULL },
	  false,
	  false,
	  false },
	{ "argv: '' respawn: false", { "" }, { NULL }, false, false, false },
};

static void assert_list(const char *const *got, const char *const *wanted)
{
	for (; *wanted; got++, wanted++)
		assert_string_equal(*got, *wanted);
	assert_null(*got);
}

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CLEANUP(arena_fini) struct arena a;
		struct launch l;
		struct error err;
		arena_init(&a);
		assert_int_equal(launch_text_parse(span_str(good[i].text), &a, &l, &err), 0);
		assert_list(l.argv, good[i].argv);
		assert_list(l.env, good[i].env);
		assert_int_equal(l.respawn, good[i].respawn);
		assert_int_equal(l.console, good[i].console);
		assert_int_equal(l.wait, good[i].wait);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *complaint;
	} cases[] = {
		{ "", "line 1: argv is missing" },
		{ "respawn: true", "argv is missing" },
		{ "\n\nargv 'a'", "line 3: “:” is expected" },
		{ "argv: a", "a string is expected" },
		{ "argv: 'a\nb'", "line 1: the string does not end" },
		{ "argv: 'a", "does not end" },
		{ "argv: 'a\\", "does not end" },
		{ "argv: '\\q'", "no such escape" },
		{ "argv: '\\0'", "no such escape" },
		{ "argv: '\\x'", "no such escape" },
		{ "argv: '\\777'", "no such escape" },
		{ "argv: ['a'", "“]” is expected" },
		{ "argv: ['a' 'b' 'c',]", "a string is expected" },
		{ "argv: 'a' respawn: maybe", "true or false" },
		{ "argv: 'a' respwan: true", "argv, env, respawn" },
		{ "argv: 'a' }", "argv, env, respawn" },
		{ "argv: 'a' env { key: '' }", "no name" },
		{ "argv: 'a' env { key: 'a=b' }", "no name" },
		{ "argv: 'a' env { key: 'a'", "key: or value:" },
		{ "argv: 'a' env 'a'", "“{” is expected" },
		{ "argv: 'a' respawn: true wait_for_exit: true", "do not go together" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(arena_fini) struct arena a;
		struct launch l;
		struct error err = { .message = "" };
		arena_init(&a);
		assert_int_equal(launch_text_parse(span_str(cases[i].text), &a, &l, &err),
				 ERR_INVALID);
		if (!strstr(err.message, cases[i].complaint))
			fail_msg("“%s”: %s", cases[i].text, err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
