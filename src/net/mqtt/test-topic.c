/* SPDX-License-Identifier: Apache-2.0
 *
 * Topics, filters and what matches: the standard's own examples, and what a hostile serial brings.
 */
#include "base/macros.h"
#include "net/mqtt/mqtt.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_valid(void **state)
{
	static const struct {
		const char *text;
		bool topic, filter;
	} cases[] = {
		{ NULL, false, false },       { "", false, false },       { "/", true, true },
		{ "a", true, true },          { "/a//b/", true, true },   { "a b", true, true },
		{ "$SYS/x", true, true },     { "#", false, true },       { "+", false, true },
		{ "+/+", false, true },       { "/+/a/#", false, true },  { "a/#", false, true },
		{ "#/a", false, false },      { "a#", false, false },     { "a/#b", false, false },
		{ "a/b+/c", false, false },   { "++", false, false },     { "##", false, false },
		{ "a/+/#/b", false, false },  { "\xc3\xa9", true, true }, { "\xff", false, false },
		{ "\xc0\xaf", false, false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(mqtt_topic_valid(cases[i].text), cases[i].topic);
		assert_int_equal(mqtt_filter_valid(cases[i].text), cases[i].filter);
	}
}

static void test_length(void **state)
{
	char *text = malloc(65537);
	(void)state;
	memset(text, 'a', 65536);
	text[65536] = '\0';
	assert_false(mqtt_topic_valid(text));
	assert_false(mqtt_filter_valid(text));
	text[65535] = '\0';
	assert_true(mqtt_topic_valid(text));
	assert_true(mqtt_filter_valid(text));
	free(text);
}

static void test_matches(void **state)
{
	static const struct {
		const char *filter, *topic;
		bool matches;
	} cases[] = {
		{ "a/b/#", "a/b", true },     { "a/b/#", "a/b/c", true },
		{ "a/b/#", "a/b/c/d", true }, { "a/b/#", "a/bc", false },
		{ "a/b/#", "a", false },      { "#", "a/b", true },
		{ "#", "/a", true },          { "#", "$SYS/a", false },
		{ "$SYS/#", "$SYS/a", true }, { "+/a", "$SYS/a", false },
		{ "a/+", "a/b", true },       { "a/+", "a", false },
		{ "a/+", "a/", true },        { "a/+", "a/b/c", false },
		{ "+/+", "/a", true },        { "/+", "/a", true },
		{ "+", "/a", false },         { "+", "a", true },
		{ "a/+/c", "a/b/c", true },   { "a/+/c", "a//c", true },
		{ "a/+/#", "a/b", true },     { "a/+/#", "a", false },
		{ "a/b", "a/b", true },       { "a/b", "a/b/", false },
		{ "a/b/", "a/b", false },     { "a/b", "a/c", false },
		{ "a", "ab", false },         { "ab", "a", false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (mqtt_filter_matches(cases[i].filter, cases[i].topic) != cases[i].matches)
			fail_msg("%s against %s", cases[i].filter, cases[i].topic);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_valid),
					    cmocka_unit_test(test_length),
					    cmocka_unit_test(test_matches) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
