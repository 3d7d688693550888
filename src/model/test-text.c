/* SPDX-License-Identifier: Apache-2.0
 *
 * Words in tables, excerpts cut between characters, and the nearest name.
 */
#include "base/utf8.h"
#include "model/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_index(void **state)
{
	static const char *const words[] = { "one", "two" };
	assert_int_equal(text_index(words, 2, "two"), 1);
	assert_int_equal(text_index(words, 2, "Two"), -1);
	assert_int_equal(text_index(words, 2, ""), -1);
	assert_int_equal(text_index(words, 2, NULL), -1);
	assert_int_equal(text_index(words, 0, "one"), -1);
}

/* Every length around the limit, with characters of one to four bytes at the cut. */
static void test_excerpt(void **state)
{
	static const char *const units[] = { "a", "é", "€", "😀" };
	for (size_t u = 0; u < ARRAY_SIZE(units); u++)
		for (size_t shift = 0; shift < 4; shift++)
			for (size_t n = 0; n < 120; n++) {
				char in[600], out[EXCERPT_SIZE];
				size_t at = 0;
				for (size_t i = 0; i < shift; i++)
					in[at++] = '-';
				for (size_t i = 0; i < n; i++)
					at += (size_t)snprintf(in + at, sizeof in - at, "%s",
							       units[u]);
				in[at] = '\0';
				assert_ptr_equal(text_excerpt(in, out), out);
				assert_true(strlen(out) < EXCERPT_SIZE);
				assert_true(utf8_valid(span_str(out)));
				if (at < EXCERPT_SIZE)
					assert_string_equal(out, in);
				else
					assert_string_equal(out + strlen(out) - 3, "…");
			}
}

static void test_excerpt_json(void **state)
{
	char out[EXCERPT_SIZE];
	AUTO_JSON j = json_pack("{s:[i,b]}", "a", 1, 1);
	assert_string_equal(text_excerpt_json(j, out), "{\"a\":[1,true]}");
	assert_string_equal(text_excerpt_json(NULL, out), "nothing");
}

static void test_distance(void **state)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} cases[] = {
		{ "", "", 0 },          { "", "abc", 3 },           { "abc", "", 3 },
		{ "abc", "abc", 0 },    { "abc", "ABC", 0 },        { "abc", "abd", 1 },
		{ "abc", "acb", 2 },    { "kitten", "sitting", 3 }, { "camera", "camra", 1 },
		{ "wifi", "wi-fi", 1 },
	};
	char longest[130];
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(text_distance(cases[i].a, cases[i].b), cases[i].distance);
	memset(longest, 'x', sizeof longest);
	longest[129] = '\0';
	assert_true(text_distance(longest, "x") == SIZE_MAX);
	assert_true(text_distance("x", longest) == SIZE_MAX);
	assert_int_equal(text_distance(longest + 1, "x"), 127);
}

static void test_nearest(void **state)
{
	static const struct {
		const char *wrong, *hint;
	} cases[] = {
		{ "rebot", "; did you mean \"reboot\"?" },
		{ "REBOOT", "; did you mean \"reboot\"?" },
		{ "lok", "; did you mean \"lock\"?" },
		{ "xyz", "" },
		{ "", "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nearest n;
		char out[EXCERPT_SIZE];
		nearest_init(&n, cases[i].wrong);
		nearest_add(&n, "unlock", "unlock");
		nearest_add(&n, "lock", "lock");
		nearest_add(&n, "reboot", "reboot");
		assert_string_equal(nearest_hint(&n, out), cases[i].hint);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index),        cmocka_unit_test(test_excerpt),
		cmocka_unit_test(test_excerpt_json), cmocka_unit_test(test_distance),
		cmocka_unit_test(test_nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
