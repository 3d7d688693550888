/* SPDX-License-Identifier: Apache-2.0
 *
 * scopes: what covers what, by table; names that look alike must not.
 */
#include "base/macros.h"
#include "server/scopes.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static void test_allow(void **state)
{
	static const struct {
		const char *held, *wanted;
		bool allowed;
	} cases[] = {
		{ "", NULL, true },
		{ "", "devices:read", false },
		{ NULL, "devices:read", false },
		{ "*", "commands:destructive", true },
		{ "*", "devices:read", true },
		{ "devices:read", "devices:read", true },
		{ "devices:write", "devices:read", true },
		{ "devices:read", "devices:write", false },
		{ "fleets:write", "devices:read", false },
		{ "read", "devices:read", true },
		{ "read", "devices:write", false },
		{ "read", "commands:destructive", false },
		{ "commands:write", "commands:destructive", false },
		{ "commands:destructive", "commands:read", false },
		{ "fleets:read devices:write", "devices:read", true },
		{ "  fleets:read   devices:write  ", "devices:write", true },
		{ "device:write", "devices:read", false },
		{ "xdevices:write", "devices:read", false },
		{ "devices:write", "devices:reads", false },
		{ "devices:writ", "devices:read", false },
		{ "**", "devices:read", false },
		{ ":write", ":read", false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (scopes_allow(cases[i].held, cases[i].wanted) != cases[i].allowed)
			fail_msg("\"%s\" and \"%s\"", cases[i].held, cases[i].wanted);
}

static void test_check(void **state)
{
	static const struct {
		const char *text, *complaint; /* NULL: good */
	} cases[] = {
		{ "*", NULL },
		{ "read commands:write", NULL },
		{ "", "At least one scope is needed." },
		{ "   ", "At least one scope is needed." },
		{ "read devices:reed", "There is no scope \"devices:reed\"." },
		{ "devices:", "There is no scope \"devices:\"." },
		{ "read,fleets:read", "There is no scope \"read,fleets:read\"." },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		int r = scopes_check(cases[i].text, &err);
		assert_int_equal(r, cases[i].complaint ? ERR_INVALID : 0);
		assert_string_equal(err.message, cases[i].complaint ? cases[i].complaint : "");
	}
}

/* Nobody hands out more than he holds; "*" is a scope to be held like any other. */
static void test_covered(void **state)
{
	struct error err;
	assert_int_equal(scopes_covered("*", "* read", &err), 0);
	assert_int_equal(scopes_covered("read fleets:write", "fleets:read devices:read", &err), 0);
	assert_int_equal(scopes_covered("read", "*", &err), ERR_FORBIDDEN);
	assert_int_equal(scopes_covered("devices:write", "devices:read read", &err), ERR_FORBIDDEN);
	assert_string_equal(err.message, "You do not hold the scope \"read\" yourself.");
}

static void test_table(void **state)
{
	struct error err;
	for (const struct scope_row *row = scope_rows; row->name; row++) {
		assert_int_equal(scopes_check(row->name, &err), 0);
		assert_true(scopes_allow(row->name, row->name));
		assert_true(scopes_allow("*", row->name));
		assert_non_null(row->doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allow),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_covered),
		cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
