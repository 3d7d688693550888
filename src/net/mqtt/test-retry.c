/* SPDX-License-Identifier: Apache-2.0
 *
 * Waits at both ends of the jitter.
 */
#include "base/macros.h"
#include "net/mqtt/retry.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t lowest(uint64_t bound)
{
	(void)bound;
	return 0;
}

static uint64_t highest(uint64_t bound)
{
	return bound - 1;
}

static void test_grows(void **state)
{
	static const int64_t longest_ms[] = { 100, 200, 400, 800, 1000, 1000 };
	struct retry slow = { .first_ms = 100, .max_ms = 1000, .random = lowest };
	struct retry fast = { .first_ms = 100, .max_ms = 1000, .random = highest };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(longest_ms); i++) {
		assert_int_equal(retry_failed(&slow), longest_ms[i]);
		assert_int_equal(retry_failed(&fast), longest_ms[i] / 2);
	}
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(retry_failed(&slow), 1000);
	retry_succeeded(&slow);
	assert_int_equal(retry_failed(&slow), 100);
}

static void test_no_overflow(void **state)
{
	struct retry r = { .first_ms = 60000, .max_ms = INT64_MAX / 2, .random = lowest };
	int64_t last = 0;
	(void)state;
	for (int i = 0; i < 100; i++) {
		int64_t wait_ms = retry_failed(&r);
		assert_true(wait_ms >= last);
		last = wait_ms;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_grows),
					    cmocka_unit_test(test_no_overflow) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
