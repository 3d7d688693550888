/* SPDX-License-Identifier: Apache-2.0
 *
 * Waits at both ends of the jitter, and a clock that is set back.
 */
#include "base/macros.h"
#include "net/fcm/backoff.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define S ((int64_t)1000)

static uint64_t lowest(uint64_t bound)
{
	return 0;
}

static uint64_t highest(uint64_t bound)
{
	return bound - 1;
}

static void test_grows(void **state)
{
	static const int64_t longest_s[] = {
		10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600
	};
	struct backoff slow = { .random = lowest }, fast = { .random = highest };
	for (size_t i = 0; i < ARRAY_SIZE(longest_s); i++) {
		assert_int_equal(backoff_failed(&slow, 0), longest_s[i] * S);
		assert_int_equal(backoff_failed(&fast, 0), longest_s[i] * S / 2);
	}
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(backoff_failed(&slow, 0), BACKOFF_MAX_MS);
	backoff_succeeded(&slow);
	assert_int_equal(backoff_failed(&slow, 0), 10 * S);
}

static void test_retry_after(void **state)
{
	static const struct {
		int64_t asked_s, least_s, most_s;
	} cases[] = {
		{ 1, 1, 1 },
		{ 4, 4, 5 },
		{ 100, 100, 125 },
		{ 3600, 3600, 4500 },
		{ 999999, 3600, 4500 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct backoff slow = { .random = highest }, fast = { .random = lowest };
		assert_int_equal(backoff_failed(&fast, cases[i].asked_s * S), cases[i].least_s * S);
		int64_t most = backoff_failed(&slow, cases[i].asked_s * S);
		assert_in_range(most, cases[i].least_s * S, cases[i].most_s * S + 250);
	}
}

static void test_pause(void **state)
{
	struct backoff b = { .random = lowest };
	assert_int_equal(backoff_left(&b, 1000 * S), 0);
	backoff_pause(&b, 1000 * S, 10 * S);
	assert_int_equal(backoff_left(&b, 1000 * S), 10 * S);
	assert_int_equal(backoff_left(&b, 1009 * S), 1 * S);
	assert_int_equal(backoff_left(&b, 1010 * S), 0);
	assert_int_equal(backoff_left(&b, 2000 * S), 0);
	backoff_pause(&b, 1000 * S, 20 * S);
	backoff_pause(&b, 1001 * S, 5 * S); /* a shorter one does not cut the longer */
	assert_int_equal(backoff_left(&b, 1001 * S), 19 * S);
	backoff_succeeded(&b); /* what was asked for is kept */
	assert_int_equal(backoff_left(&b, 1001 * S), 19 * S);
}

static void test_clock_set_back(void **state)
{
	struct backoff b = { .random = lowest };
	backoff_pause(&b, 1000000 * S, 10 * S);
	assert_int_equal(backoff_left(&b, 1000 * S), 0);
	backoff_pause(&b, 1000 * S, 10 * S);
	assert_int_equal(backoff_left(&b, 1000 * S), 10 * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_clock_set_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
