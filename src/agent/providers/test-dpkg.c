/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/providers/dpkg.h"
#include "agent/providers/testing.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool collect(void *user, const struct dpkg_package *p)
{
	struct buf *out = user;
	buf_addf(out, "%.*s=%.*s/%.*s;", (int)p->name.n, (const char *)p->name.p, (int)p->version.n,
		 (const char *)p->version.p, (int)p->architecture.n,
		 (const char *)p->architecture.p);
	return p->name.n != 4; /* "stop" */
}

static void test_each(void **state)
{
	static const struct {
		const char *status, *found;
	} cases[] = {
		{ "", "" },
		{ "\n\n\n", "" },
		{ "Package: a1\nStatus: install ok installed\nVersion: 1\n", "a1=1/;" },
		{ "Package: a1\nStatus: install ok installed\nVersion: 1", "a1=1/;" },
		{ "package:a1 \nVERSION:\t1:2~3-4 \nstatus: hold ok installed\narchitecture: all\n\n",
		  "a1=1:2~3-4/all;" },
		{ "Package: a\nStatus: deinstall ok config-files\nVersion: 1\n\n"
		  "Package: b\nStatus: install ok not-installed\n\n"
		  "Package: c\nStatus: install ok half-installed\n\n"
		  "Package: d\nStatus: deinstall ok installed\nVersion: 4\n\n",
		  "d=4/;" },
		{ "Package: a1\nDescription: x\n Package: fake\n .\nStatus: install ok installed\n"
		  "\n\n\nPackage: stop\nStatus: install ok installed\n\n"
		  "Package: b1\nStatus: install ok installed\n\n",
		  "a1=/;stop=/;" },
		{ "Status: install ok installed\nVersion: 1\n\n", "" },
		{ "Package\nPackage:\nStatus:\n:\n", "" },
	};
	struct scratch s;
	scratch_init(&s);
	CLEANUP(buf_fini) struct buf found;
	buf_init(&found, 1000);
	assert_int_equal(dpkg_each(s.root, collect, &found), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		buf_reset(&found);
		scratch_file(&s, "/var/lib/dpkg/status", cases[i].status);
		assert_int_equal(dpkg_each(s.root, collect, &found), 0);
		assert_string_equal(buf_str(&found), cases[i].found);
	}
	scratch_fini(&s);
}

static void test_version(void **state)
{
	char version[DPKG_VERSION_SIZE];
	struct scratch s;
	scratch_init(&s);
	assert_string_equal(dpkg_version(s.root, "vim", version), "");
	scratch_file(&s, "/var/lib/dpkg/status",
		     "Package: vim-tiny\nStatus: install ok installed\nVersion: 1\n\n"
		     "Package: vim\nStatus: install ok installed\nVersion: 2:9.0\n\n");
	assert_string_equal(dpkg_version(s.root, "vim", version), "2:9.0");
	assert_string_equal(dpkg_version(s.root, "vi", version), "");
	scratch_fini(&s);
}

static void test_names(void **state)
{
	static const struct {
		const char *s;
		bool name, version;
	} cases[] = {
		{ "vim", true, true },
		{ "libstdc++6", true, true },
		{ "0ad", true, true },
		{ "v", false, true },
		{ "", false, false },
		{ "-y", false, false },
		{ "Vim", false, true },
		{ "vim=1", false, false },
		{ "vim:i386", false, true },
		{ "a b", false, false },
		{ "a\nb", false, false },
		{ "../x", false, false },
		{ "1:2.3~rc1-4+b5", false, true },
		{ "1;rm", false, false },
		{ "vim_", false, false },
		{ "--purge", false, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (dpkg_name_valid(cases[i].s) != cases[i].name ||
		    dpkg_version_valid(cases[i].s) != cases[i].version)
			fail_msg("%s", cases[i].s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
