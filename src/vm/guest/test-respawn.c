/* SPDX-License-Identifier: Apache-2.0
 *
 * respawn: ten starts in thirty seconds, by a clock that the test sets.
 */
#include "vm/guest/respawn.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* How often a program is started that always ends 'life_ms' after its start, at most 'limit' times. */
static int n_starts(int64_t life_ms, int limit)
{
	struct respawn r = { .n = 0 };
	int64_t now_ms = 1000;
	int n = 0;
	do {
		respawn_started(&r, now_ms);
		n++;
		now_ms += life_ms;
	} while (respawn_allowed(&r, now_ms) && n < limit);
	return n;
}

static void test_loops(void **state)
{
	assert_int_equal(n_starts(0, 1000), 10); /* crashes at once */
	assert_int_equal(n_starts(100, 1000), 10);
	assert_int_equal(n_starts(3000, 1000), 10); /* the tenth ends at 30.0 s: not older */
	assert_int_equal(n_starts(3001, 1000), 1000);
	assert_int_equal(n_starts(60000, 1000), 1000);
}

static void test_bursts(void **state)
{
	struct respawn r = { .n = 0 };
	for (int i = 0; i < 9; i++)
		respawn_started(&r, 0);
	assert_true(respawn_allowed(&r, 10));
	respawn_started(&r, 10);
	assert_false(respawn_allowed(&r, 20));
	assert_false(respawn_allowed(&r, RESPAWN_WINDOW_MS));
	assert_true(respawn_allowed(&r, RESPAWN_WINDOW_MS + 1)); /* nine are too old now */
	assert_int_equal(r.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loops),
		cmocka_unit_test(test_bursts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
