/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of what mosquitto writes.
 */
#include "server/broker/words.h"

#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text, *last;
} cases[] = {
	{ "", "" },
	{ "\n\n", "" },
	{ "one\ntwo\n", "two" },
	{ "no end", "no end" },
	{ "1795665682: a time before it\n", "a time before it" },
	{ "12 monkeys\n", "12 monkeys" },
	/* a reason is not covered by what comes after it, but by another one */
	{ "Error: Address in use.\nmosquitto terminating\n", "Error: Address in use." },
	{ "1795665682: Error: one\n1795665682: Error: two\nbye\n", "Error: two" },
};

static void test_whole_and_split(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t cut = 0; cut <= strlen(cases[i].text); cut++) {
			struct words w = { 0 };
			struct span text = span_str(cases[i].text);
			words_add(&w, (struct span){ text.p, cut });
			words_add(&w, (struct span){ text.p + cut, text.n - cut });
			words_end(&w);
			assert_string_equal(w.last, cases[i].last);
		}
}

static void test_long_line(void **state)
{
	struct words w = { 0 };
	char text[3 * WORDS_LINE_MAX + 8];
	memset(text, 'x', sizeof text);
	words_add(&w, (struct span){ (const uint8_t *)text, sizeof text });
	assert_int_equal(strlen(w.last), WORDS_LINE_MAX);
	words_end(&w);
	assert_int_equal(strlen(w.last), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_and_split),
		cmocka_unit_test(test_long_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
