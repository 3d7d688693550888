/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of event types, and which of them ring.
 */
#include "model/event.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_table(void **state)
{
	for (size_t i = 0; i < EVENT_N; i++) {
		const char *name = event_type_name((enum event_type)i);
		enum event_type back = EVENT_N;
		assert_true(event_type_parse(name, &back));
		assert_int_equal(back, i);
		const char *dot = strchr(name, '.');
		assert_non_null(dot);
		assert_true(dot > name && dot[1] && !strchr(dot + 1, '.'));
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_."), strlen(name));
		assert_true(strlen(event_type_doc((enum event_type)i)) > 10);
	}
}

static void test_unknown(void **state)
{
	static const char *const wrong[] = {
		"", "device", "device.", "Device.moved", "device.movedx", NULL
	};
	enum event_type t = EVENT_N;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(event_type_parse(wrong[i], &t));
	assert_int_equal(t, EVENT_N);
	assert_string_equal(event_type_name(EVENT_N), "unknown");
	assert_string_equal(event_type_doc(EVENT_N), "");
	assert_false(event_rings(EVENT_N));
}

static void test_rings(void **state)
{
	assert_true(event_rings(EVENT_SETTING_SET));
	assert_true(event_rings(EVENT_SETTING_UNSET));
	assert_true(event_rings(EVENT_FLEET_MOVED));
	assert_true(event_rings(EVENT_DEVICE_MOVED));
	assert_true(event_rings(EVENT_COMMAND_QUEUED));
	assert_true(event_rings(EVENT_DEVICE_UNENROLLED));
	assert_false(event_rings(EVENT_COMMAND_DONE));
	assert_false(event_rings(EVENT_DEVICE_VERDICT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_rings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
