/* SPDX-License-Identifier: Apache-2.0
 *
 * apt-text: lines as apt and dpkg print them, names as hosts send them.
 */
#include "base/macros.h"
#include "vm/container/apt-text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_status(void **state)
{
	static const struct {
		const char *line;
		enum apt_status status;
		unsigned percent;
		const char *text;
	} cases[] = {
		{ "dlstatus:1:25.5:Retrieving file 1 of 4", APT_DOWNLOADING, 25,
		  "Retrieving file 1 of 4" },
		{ "pmstatus:vim:amd64:60.0000:Unpacking: vim", APT_INSTALLING, 60,
		  "Unpacking: vim" },
		{ "pmstatus:dpkg-exec:100:Running dpkg", APT_INSTALLING, 100, "Running dpkg" },
		{ "pmerror:/a.deb:50:trying to overwrite", APT_ERROR, 50, "trying to overwrite" },
		{ "E: Unable to locate package x", APT_ERROR, 0, "Unable to locate package x" },
		{ "pmstatus:x:99999999999:y", APT_INSTALLING, 100, "y" },
		{ "pmstatus:x", APT_OTHER, 0, "pmstatus:x" },
		{ "Reading package lists...", APT_OTHER, 0, "Reading package lists..." },
		{ "", APT_OTHER, 0, "" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned percent;
		const char *text;
		assert_int_equal(apt_status_parse(cases[i].line, &percent, &text), cases[i].status);
		assert_int_equal(percent, cases[i].percent);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *id, *name; /* NULL: it is none */
	} cases[] = {
		{ "vim;2:9.0-1~a+b;amd64;installed", "vim:amd64=2:9.0-1~a+b" },
		{ "vim;1;all;", "vim=1" },
		{ "g++", "g++" },
		{ "", NULL },
		{ "-o;1;all", NULL },
		{ "vim;$(x);all", NULL },
		{ "vim;1;a/b", NULL },
		{ "a b", NULL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char name[100];
		assert_int_equal(apt_name_of_id(cases[i].id, name, sizeof name),
				 cases[i].name != NULL);
		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
	}
}

static void test_owner(void **state)
{
	static const struct {
		const char *line, *name;
	} cases[] = {
		{ "vim-common: /usr/share/applications/vim.desktop", "vim-common" },
		{ "libc6:amd64, libc6:i386: /x", "libc6" },
		{ "diversion by dash from: /bin/sh", NULL },
		{ "dpkg-query: no path found matching pattern /x", NULL },
		{ "", NULL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char name[100];
		assert_int_equal(apt_owner_parse(cases[i].line, name, sizeof name),
				 cases[i].name != NULL);
		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_status),
					    cmocka_unit_test(test_names),
					    cmocka_unit_test(test_owner) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
