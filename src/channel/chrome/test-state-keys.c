/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "channel/chrome/state-keys.h"

static void test_modulus(void **state)
{
	static const struct {
		int64_t modulus, remainder; /* modulus 0: not said */
		int power;                  /* -1: refused */
	} cases[] = {
		{ 0, 0, 0 },
		{ 0, 1, -1 },
		{ 1, 0, 0 },
		{ 2, 1, 1 },
		{ 2, 2, -1 },
		{ 3, 2, 2 }, /* rounded up */
		{ 32768, 32767, 15 },
		{ 524288, 0, 19 },
		{ INT64_C(1) << 32, 5, 32 },
		{ (INT64_C(1) << 32) + 1, 5, -1 },
		{ INT64_MAX, 5, -1 },
		{ -1, 0, -1 },
		{ 8, -1, -1 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Dm__DeviceAutoEnrollmentRequest m = DM__DEVICE_AUTO_ENROLLMENT_REQUEST__INIT;
		unsigned power = 99;
		m.has_modulus = cases[i].modulus != 0;
		m.modulus = cases[i].modulus;
		m.has_remainder = true;
		m.remainder = cases[i].remainder;
		assert_int_equal(state_keys_modulus(&m, &power), cases[i].power >= 0);
		if (cases[i].power >= 0)
			assert_int_equal(power, cases[i].power);
	}
}

/* For any number of keys, spread evenly: what is demanded leaves buckets well below those that are full. */
static void test_power(void **state)
{
	for (uint64_t n_keys = STATE_KEYS_FULL + 1; n_keys <= UINT64_C(200000000); n_keys *= 3) {
		unsigned power = state_keys_power(STATE_KEYS_FULL * (UINT64_C(1) << 32) / n_keys);
		double left = (double)n_keys / (double)(UINT64_C(1) << power);
		assert_true(left <= STATE_KEYS_AIM + 1);
		assert_true(left >= STATE_KEYS_AIM / 2.1);
	}
	assert_int_equal(state_keys_power(1), 19); /* clients go no further */
	assert_int_equal(state_keys_power(UINT64_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modulus),
		cmocka_unit_test(test_power),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
