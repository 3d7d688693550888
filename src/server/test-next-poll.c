/* SPDX-License-Identifier: Apache-2.0
 *
 * next-poll: bounds, steadiness, and that neighbouring devices really spread.
 */
#include "base/macros.h"
#include "server/next-poll.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static void test_bounds(void **state)
{
	static const struct {
		int64_t interval_ms, jitter, min_s, max_s;
	} cases[] = {
		{ 900000, 20, 720, 1080 }, { 900000, 0, 900, 900 },
		{ 1000, 0, 1, 1 },         { 1000, 90, 1, 2 },
		{ 300, 0, 1, 1 },          { 7 * 86400000LL, 90, 60480, 1149120 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (uint64_t device = 0; device < 2000; device++) {
			int64_t s =
				next_poll_spread(42, device, cases[i].interval_ms, cases[i].jitter);
			assert_true(s >= cases[i].min_s && s <= cases[i].max_s);
		}
}

static void test_steady_by_process(void **state)
{
	int differ = 0;
	for (uint64_t device = 1; device <= 1000; device++) {
		int64_t s = next_poll_spread(1, device, 900000, 20);
		assert_int_equal(s, next_poll_spread(1, device, 900000, 20));
		differ += s != next_poll_spread(2, device, 900000, 20);
	}
	assert_true(differ > 950);
}

/* Of 36 000 devices with consecutive ids, each tenth of the span gets about a tenth. */
static void test_no_stampede(void **state)
{
	int tenths[10] = { 0 };
	for (uint64_t device = 1; device <= 36000; device++) {
		int64_t s = next_poll_spread(99, device, 900000, 20);
		tenths[s >= 1080 ? 9 : (s - 720) / 36]++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(tenths); i++)
		assert_in_range(tenths[i], 3300, 3900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_steady_by_process),
		cmocka_unit_test(test_no_stampede),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
