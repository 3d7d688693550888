/* SPDX-License-Identifier: Apache-2.0
 *
 * upk: what its manifest may say. Whole archives are in tests/scenario/test_flyve_deployables.py.
 */
#include "server/api/upk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_manifests(void **state)
{
	static const struct {
		const char *xml, *name; /* NULL: refused */
	} cases[] = {
		{ "<upk><application fileName='a.apk'/></upk>", "a.apk" },
		{ "<?xml version='1.0'?><x:y xmlns:x='u'><other/><application n='1' fileName=\"d/a b.apk\">"
		  "<application fileName='inner'/></application></x:y>",
		  "d/a b.apk" },
		{ "<upk><application fileName='a'/><application fileName='b'/></upk>", "a" },
		{ "<upk><application fileName='a&amp;b'/></upk>", "a&b" },
		{ "<upk><application/><application fileName='b'/></upk>", NULL },
		{ "<upk><application fileName=''/></upk>", NULL },
		{ "<upk><application fileName='a&#10;b'/></upk>", NULL },
		{ "<upk><x><application fileName='deep'/></x></upk>", NULL },
		{ "<application fileName='root'/>", NULL },
		{ "<!DOCTYPE upk [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
		  "<upk><application fileName='&e;'/></upk>",
		  NULL },
		{ "<upk><application fileName='a.apk'", NULL },
		{ "", NULL },
		{ "no xml", NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char name[UPK_NAME_SIZE];
		struct error err = { .message = "" };
		int r = upk_read_manifest(span_str(cases[i].xml), name, &err);
		assert_int_equal(r, cases[i].name ? 0 : ERR_INVALID);
		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
		else
			assert_non_null(strstr(err.message, ".upk"));
	}
}

static void test_long_names(void **state)
{
	for (size_t n = UPK_NAME_SIZE - 1; n <= UPK_NAME_SIZE; n++) {
		char text[UPK_NAME_SIZE + 1] = "", xml[600], name[UPK_NAME_SIZE];
		struct error err;
		memset(text, 'x', n);
		snprintf(xml, sizeof xml, "<u><application fileName='%s'/></u>", text);
		assert_int_equal(upk_read_manifest(span_str(xml), name, &err),
				 n < UPK_NAME_SIZE ? 0 : ERR_INVALID);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifests),
		cmocka_unit_test(test_long_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
