/* SPDX-License-Identifier: Apache-2.0
 *
 * timeout: units, rounding, and what is no timeout.
 */
#include "base/macros.h"
#include "net/grpc/timeout.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: not a timeout */
	} cases[] = {
		{ "1H", 3600000 },    { "2M", 120000 }, { "10S", 10000 },
		{ "250m", 250 },      { "1u", 1 },      { "1000u", 1 },
		{ "1001u", 2 },       { "1n", 1 },      { "0n", 0 },
		{ "99999999n", 100 }, { "0m", 0 },      { "99999999H", INT64_C(359999996400000) },
		{ "", -1 },           { "m", -1 },      { "1", -1 },
		{ "100000000m", -1 }, { "-1m", -1 },    { "1.5S", -1 },
		{ " 1S", -1 },        { "1s", -1 },     { "1 S", -1 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t ms = -1;
		bool ok = grpc_timeout_parse(span_str(cases[i].text), &ms);
		assert_int_equal(ok, cases[i].ms >= 0);
		assert_int_equal(ms, cases[i].ms);
	}
}

static void test_format(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ -5, "0m" },
		{ 0, "0m" },
		{ 1, "1m" },
		{ 99999999, "99999999m" },
		{ 100000000, "100000S" },
		{ INT64_C(100000000000), "1666666M" },
		{ INT64_MAX, "99999999H" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[GRPC_TIMEOUT_TEXT_SIZE];
		int64_t back;
		assert_string_equal(grpc_timeout_format(cases[i].ms, text), cases[i].text);
		assert_true(grpc_timeout_parse(span_str(text), &back));
		assert_true(back <= (cases[i].ms < 0 ? 0 : cases[i].ms));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
