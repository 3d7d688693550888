/* SPDX-License-Identifier: Apache-2.0
 *
 * Bounded text: never cut in a character, never control characters, always valid UTF-8.
 */
#include "agent/text.h"
#include "base/utf8.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_copies(void **state)
{
	static const struct {
		const char *from;
		size_t size;
		const char *to;
	} cases[] = {
		{ "", 8, "" },
		{ "abc", 8, "abc" },
		{ "abcdefgh", 4, "abc" },
		{ "a\xc3\xa4", 3, "a" },
		{ "a\xc3\xa4", 4, "a\xc3\xa4" },
		{ "a\n\x1b[1m", 16, "a  [1m" },
		{ "\xff", 8, "\xef\xbf\xbd" },
		{ "x", 1, "" },
	};
	char text[32];
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		text_copy(text, cases[i].size, cases[i].from);
		assert_string_equal(text, cases[i].to);
		assert_true(utf8_valid(span_str(text)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_copies) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
