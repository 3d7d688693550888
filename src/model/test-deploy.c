/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/deploy.h"

#include <string.h>

static void test_pairs(void **unused)
{
	(void)unused;
	assert_null(deploy_pair_of("camera.disabled"));
	assert_ptr_equal(deploy_pair_of("apps.deploy"), deploy_pair_of("apps.remove"));
	assert_ptr_equal(deploy_pair_of("files.deploy"), deploy_pair_of("files.remove"));
	assert_ptr_not_equal(deploy_pair_of("apps.deploy"), deploy_pair_of("files.deploy"));
}

static void test_paths(void **unused)
{
	static const struct {
		const char *destination, *name, *path, *plain;
	} cases[] = {
		{ "/etc/motd", "x", "/etc/motd", "/etc/motd" },
		{ "/etc/", "motd", "/etc/motd", "/etc/motd" },
		{ "%SDCARD%/a//b/", "c", "%SDCARD%/a//b/c", "%SDCARD%/a/b/c" },
		{ "/", "", "/", "/" },
		{ "", "c", "", "" },
		{ "///", "c", "///c", "/c" },
	};
	(void)unused;
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *path = deploy_path(cases[i].destination, cases[i].name, &a);
		assert_string_equal(path, cases[i].path);
		assert_string_equal(deploy_path_plain(path, &a), cases[i].plain);
	}
}

static void test_things(void **unused)
{
	static const struct {
		const char *setting, *element, *thing;
	} cases[] = {
		{ "apps.deploy", "{\"app\":1}", "org.x" },
		{ "files.deploy", "{\"file\":1,\"destination\":\"/a/\"}", "/a/n" },
		{ "files.deploy", "{\"file\":1,\"destination\":\"/a//b\"}", "/a/b" },
		{ "files.deploy", "{\"file\":1}", NULL },
		{ "files.deploy", "{\"destination\":\"\"}", NULL },
		{ "apps.remove", "\"org.x\"", "org.x" },
		{ "apps.remove", "\"\"", NULL },
		{ "apps.remove", "5", NULL },
		{ "files.remove", "\"/a//b/\"", "/a/b" },
	};
	const struct file f = { .name = "n", .package = "org.x" };
	(void)unused;
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_JSON element = json_loads(cases[i].element, JSON_DECODE_ANY, NULL);
		const struct deploy_pair *p = deploy_pair_of(cases[i].setting);
		const char *thing = strcmp(cases[i].setting, p->deploy) == 0
					    ? deploy_thing(p, element, &f, &a)
					    : deploy_removed(p, element, &a);
		if (cases[i].thing)
			assert_string_equal(thing, cases[i].thing);
		else
			assert_null(thing);
	}
	AUTO_JSON app = json_object();
	assert_null(deploy_thing(deploy_pair_of("apps.deploy"), app,
				 &(struct file){ .package = "" }, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_things),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
