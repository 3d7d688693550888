/* SPDX-License-Identifier: Apache-2.0
 *
 * stamp: versions in timestamps and back, whatever the clocks do.
 */
#include "base/macros.h"
#include "channel/chrome/policy/stamp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

#define NOW INT64_C(1764000000500)

static void test_make(void **state)
{
	static const struct {
		int64_t version, epoch, now, floor, wanted;
	} cases[] = {
		{ 7, 0, NOW, 0, INT64_C(1764000000007) },
		{ 500, 0, NOW, 0, NOW },
		{ 501, 0, NOW, 0, INT64_C(1763999999501) },   /* not in the future … */
		{ 501, 0, NOW, NOW, INT64_C(1764000000501) }, /* … unless it must */
		{ 7, 0, NOW, INT64_C(1764000000007),
		  INT64_C(1764000000007) }, /* equal is allowed */
		{ 7, 0, NOW, INT64_C(1764000000008), INT64_C(1764000001007) },
		{ 6, 0, NOW, INT64_C(1764000000007), INT64_C(1764000001006) },
		{ 7, 0, 0, INT64_C(1764000000007), INT64_C(1764000000007) }, /* a clock set back */
		{ 7, 995, NOW, 0, INT64_C(1764000000002) },
		{ 1000000007, 0, NOW, 0, INT64_C(1764000000007) },
		{ 1, 0, NOW, STAMP_MAX, STAMP_MAX + 1 },
		{ 1, 0, -5, 0, 1 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t found =
			stamp_make(cases[i].version, cases[i].epoch, cases[i].now, cases[i].floor);
		assert_int_equal(found, cases[i].wanted);
		assert_true(found >= cases[i].floor);
	}
}

static void test_version(void **state)
{
	static const struct {
		int64_t stamp, epoch, current, wanted;
	} cases[] = {
		{ INT64_C(1764000000007), 0, 7, 7 },
		{ INT64_C(1764000000007), 0, 8, 7 },
		{ INT64_C(1764000000007), 0, 1006, 7 },
		{ INT64_C(1764000000007), 0, 1007, 1007 },
		{ INT64_C(1764000000007), 0, 6, 0 }, /* it would be -993 */
		{ INT64_C(1764000000000), 0, 1000, 1000 },
		{ INT64_C(1764000000002), 995, 7, 7 },
		{ INT64_C(1764000000002), 0, 7, 2 },
		{ 0, 0, 7, 0 },
		{ -1, 0, 7, 0 },
		{ INT64_MAX, 0, 7, 0 },
		{ INT64_MIN, 0, 7, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(stamp_version(cases[i].stamp, cases[i].epoch, cases[i].current),
				 cases[i].wanted);
}

/* Through a thousand changes, many within the same second. */
static void test_monotonic(void **state)
{
	int64_t last = 0;
	for (int64_t v = 1; v <= 3000; v++) {
		int64_t stamp = stamp_make(v, 42, NOW + v / 100, last);
		assert_true(stamp >= last);
		assert_int_equal(stamp_version(stamp, 42, v), v);
		assert_int_equal(stamp_version(stamp, 42, v + 999), v);
		last = stamp;
	}
}

static void test_token(void **state)
{
	char text[STAMP_TOKEN_SIZE];
	int64_t version, stamp;
	stamp_token(INT64_C(1) << 53, STAMP_MAX, UINT32_MAX, text);
	assert_true(stamp_token_parse(text, &version, &stamp));
	assert_int_equal(version, INT64_C(1) << 53);
	assert_int_equal(stamp, STAMP_MAX);
	stamp_token(7, NOW, 1, text);
	assert_string_equal(text, "7.1764000000500.1");
	static const char *const bad[] = {
		"",
		".",
		"7",
		"7.",
		".5.1",
		"7.5",
		"7.5.",
		"7..1",
		"07.5.1",
		"7.05.1",
		"7.5.01",
		"-7.5.1",
		"7.5.1.",
		"7.5.1 ",
		" 7.5.1",
		"+7.5.1",
		"7,5,1",
		"x.5.1",
		"9007199254740993.5.1",
		"7.253402300799001.1",
		"7.5.4294967296",
		"99999999999999999999999.5.1",
		"0.5.1",
		"7.0.1",
		"7.5.0",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(stamp_token_parse(bad[i], &version, &stamp));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_monotonic),
		cmocka_unit_test(test_token),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
