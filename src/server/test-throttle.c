/* SPDX-License-Identifier: Apache-2.0
 *
 * throttle: with a clock of the test's own. A burst of one minute's worth, then one attempt at a time as
 * they come back; no loss by rounding, however often somebody tries.
 */
#include "base/macros.h"
#include "server/throttle.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#define PER_MINUTE 10

static int attempts(struct throttle *t, const char *peer, int n, int64_t now)
{
	int allowed = 0;
	int64_t wait_s;
	for (int i = 0; i < n; i++)
		allowed += throttle_attempt(t, peer, PER_MINUTE, now, &wait_s);
	return allowed;
}

static void test_burst_and_refill(void **state)
{
	struct throttle *t = throttle_new(7, 64);
	int64_t now = 1000000, wait_s = 0;
	assert_int_equal(attempts(t, "192.0.2.1", 20, now), PER_MINUTE);
	assert_false(throttle_attempt(t, "192.0.2.1", PER_MINUTE, now, &wait_s));
	assert_in_range(wait_s, 6, 7); /* one in six seconds */
	assert_int_equal(attempts(t, "192.0.2.1", 5, now + 5999), 0);
	assert_int_equal(attempts(t, "192.0.2.1", 5, now + 6000), 1);
	assert_int_equal(attempts(t, "192.0.2.1", 20, now + 6000 + 120000), PER_MINUTE);
	throttle_free(t);
	throttle_free(NULL);
}

/* Trying every millisecond must not keep the bucket from draining. */
static void test_hammering(void **state)
{
	struct throttle *t = throttle_new(7, 64);
	int allowed = 0;
	for (int64_t now = 0; now < 60000; now++)
		allowed += attempts(t, "192.0.2.1", 1, now);
	assert_in_range(allowed, 2 * PER_MINUTE - 1, 2 * PER_MINUTE);
	throttle_free(t);
}

static void test_success_does_not_count(void **state)
{
	struct throttle *t = throttle_new(7, 64);
	int64_t wait_s;
	for (int i = 0; i < 100; i++) {
		assert_true(throttle_attempt(t, "192.0.2.1", PER_MINUTE, 5000, &wait_s));
		throttle_success(t, "192.0.2.1");
	}
	throttle_free(t);
}

/* Neighbours in one /64 are one host; IPv4 addresses are each their own. */
static void test_addresses(void **state)
{
	struct throttle *t = throttle_new(7, 4096);
	assert_int_equal(attempts(t, "2001:db8::1", 20, 0), PER_MINUTE);
	assert_int_equal(attempts(t, "2001:db8::ffff", 20, 0), 0);
	assert_int_equal(attempts(t, "2001:db8:0:1::1", 20, 0), PER_MINUTE);
	assert_int_equal(attempts(t, "192.0.2.1", 20, 0), PER_MINUTE);
	assert_int_equal(attempts(t, "192.0.2.2", 20, 0), PER_MINUTE);
	assert_int_equal(attempts(t, "garbage", 20, 0), PER_MINUTE);
	throttle_free(t);
}

static void test_ids_and_no_limit(void **state)
{
	struct throttle *t = throttle_new(7, 4096);
	int64_t wait_s;
	int allowed = 0;
	for (int i = 0; i < 100; i++)
		allowed += throttle_attempt_id(t, 12, 60, 0, &wait_s);
	assert_int_equal(allowed, 60);
	assert_true(throttle_attempt_id(t, 13, 60, 0, &wait_s));
	for (int i = 0; i < 1000; i++)
		assert_true(throttle_attempt(t, "192.0.2.1", 0, 0, &wait_s));
	throttle_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_and_refill),       cmocka_unit_test(test_hammering),
		cmocka_unit_test(test_success_does_not_count), cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_ids_and_no_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
