/* SPDX-License-Identifier: Apache-2.0
 *
 * How long is waited, with the least and the most of luck.
 */
#include "vm/fleet/backoff.h"

#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t least(uint64_t bound)
{
	return 0 * bound;
}

static uint64_t most(uint64_t bound)
{
	return bound - 1;
}

static void test_doubling(void **state)
{
	static const int64_t waits[] = { 500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };
	struct backoff lucky = { .random = least }, unlucky = { .random = most };
	int64_t now = 1000;
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		backoff_failed(&lucky, -1, now);
		backoff_failed(&unlucky, -1, now);
		assert_int_equal(lucky.until - now, waits[i] / 2);
		assert_int_equal(unlucky.until - now, waits[i] / 2 + waits[i] - 1);
		now = unlucky.until;
	}
	for (size_t i = 0; i < 1000; i++) /* for ever, and no overflow */
		backoff_failed(&unlucky, -1, now);
	assert_int_equal(unlucky.until - now, 90000 - 1);
	backoff_succeeded(&unlucky);
	backoff_failed(&unlucky, -1, now);
	assert_int_equal(unlucky.until - now, 749);
}

static void test_retry_after(void **state)
{
	static const struct {
		int64_t said, wait;
	} cases[] = {
		{ -1, 749 },        { 0, 749 },     { 749, 749 },
		{ 750, 750 + 999 }, { 5000, 5999 }, { INT64_MAX, BACKOFF_RETRY_AFTER_MAX + 999 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct backoff b = { .random = most };
		backoff_failed(&b, cases[i].said, 7);
		assert_int_equal(b.until, 7 + cases[i].wait);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doubling),
		cmocka_unit_test(test_retry_after),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
