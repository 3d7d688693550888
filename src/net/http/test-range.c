/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "net/http/range.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_range(void **state)
{
	static const struct {
		const char *value;
		uint64_t size;
		enum range range;
		uint64_t first, last;
	} cases[] = {
		{ "bytes=0-4", 10, RANGE_PART, 0, 4 },
		{ "bytes=0-0", 10, RANGE_PART, 0, 0 },
		{ "bytes=5-", 10, RANGE_PART, 5, 9 },
		{ "bytes=9-", 10, RANGE_PART, 9, 9 },
		{ "bytes=0-99", 10, RANGE_PART, 0, 9 },
		{ "bytes=0-18446744073709551615", 10, RANGE_PART, 0, 9 },
		{ "bytes=-3", 10, RANGE_PART, 7, 9 },
		{ "bytes=-99", 10, RANGE_PART, 0, 9 },
		{ "BYTES=1-2", 10, RANGE_PART, 1, 2 },
		{ "bytes= 1-2 ", 10, RANGE_PART, 1, 2 },
		{ "bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=10-20", 10, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=-1", 0, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=18446744073709551615-", 10, RANGE_UNSATISFIABLE, 0, 0 },
		{ "", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=-", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=a-b", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=5", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=5-4", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=1-2,4-5", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=1-2x", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=--1", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=1--2", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=18446744073709551616-", 10, RANGE_WHOLE, 0, 0 },
		{ "lines=1-2", 10, RANGE_WHOLE, 0, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t first = 0, last = 0;
		assert_int_equal(range_parse(cases[i].value, cases[i].size, &first, &last),
				 cases[i].range);
		if (cases[i].range != RANGE_PART)
			continue;
		assert_int_equal(first, cases[i].first);
		assert_int_equal(last, cases[i].last);
	}
}

static void test_etag_list(void **state)
{
	static const struct {
		const char *list, *etag;
		bool in;
	} cases[] = {
		{ "\"a\"", "\"a\"", true },       { "\"b\", \"a\"", "\"a\"", true },
		{ "\"b\",\"a\"", "\"a\"", true }, { "W/\"a\"", "\"a\"", true },
		{ "\"a\"", "W/\"a\"", true },     { "*", "\"a\"", true },
		{ " * ", "\"a\"", true },         { "\"a,b\"", "\"a,b\"", true },
		{ "\"A\"", "\"a\"", false },      { "\"ab\"", "\"a\"", false },
		{ "\"b\"", "\"a\"", false },      { "a", "\"a\"", false },
		{ "\"a", "\"a\"", false },        { "", "\"a\"", false },
		{ "x, \"a\"", "\"a\"", false },   { ",", "\"a\"", false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(etag_in_list(cases[i].list, cases[i].etag), cases[i].in);
}

static void test_if_range(void **state)
{
	assert_true(etag_if_range("\"a\"", "\"a\""));
	assert_true(etag_if_range("\"a\" ", "\"a\""));
	assert_false(etag_if_range("W/\"a\"", "\"a\""));
	assert_false(etag_if_range("W/\"a\"", "W/\"a\""));
	assert_false(etag_if_range("\"b\"", "\"a\""));
	assert_false(etag_if_range("\"a\", \"b\"", "\"a\""));
	assert_false(etag_if_range("Wed, 25 Nov 2026 14:56:02 GMT", "\"a\""));
	assert_false(etag_if_range("", "\"a\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_etag_list),
		cmocka_unit_test(test_if_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
