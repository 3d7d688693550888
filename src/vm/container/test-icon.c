/* SPDX-License-Identifier: Apache-2.0
 *
 * icon: which of several files it is, in folders made here; distances; names that lead away.
 */
#include "base/file.h"
#include "vm/container/icon-theme.h"
#include "vm/container/icon.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char root[] = "/tmp/reeve-icon-XXXXXX";

static void put(const char *name, const char *content)
{
	CLEANUP(free_charp) char *path = NULL;
	assert_true(asprintf(&path, "%s/%s", root, name) > 0);
	char *slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(dir_make(path, 0755), 0);
	*slash = '/';
	assert_int_equal(file_write_atomic(path, span_str(content), 0644), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	put("icons/hicolor/index.theme", "[Icon Theme]\nDirectories=16x16/apps,48x48/apps,../x\n"
					 "ScaledDirectories=s\n[16x16/apps]\nSize=16\n"
					 "[48x48/apps]\nSize=48\nType=Fixed\n"
					 "[s]\nType=Scalable\nSize=64\nMinSize=32\nMaxSize=256\n");
	put("icons/mine/index.theme",
	    "[Icon Theme]\nInherits=other,mine\nDirectories=d\n[d]\nSize=48\n");
	put("icons/other/index.theme", "[Icon Theme]\nDirectories=d\n[d]\nSize=48\n");
	put("icons/hicolor/16x16/apps/a.png", "");
	put("icons/hicolor/48x48/apps/a.png", "");
	put("icons/hicolor/s/a.svg", "");
	put("icons/other/d/b.png", "");
	put("icons/hicolor/48x48/apps/b.png", "");
	put("pixmaps/c.png", "");
	put("pixmaps/d.png", "");
	put("icons/d.png", "");
	put("own/hicolor/48x48/apps/b.png", "");
	put("own/mine/d/e.png", "");
	put("own/f.svg", "");
	return 0;
}

static int tear_down(void **state)
{
	char command[64];
	(void)state;
	snprintf(command, sizeof command, "rm -r %s", root);
	return system(command);
}

static void test_find(void **state)
{
	static const struct {
		const char *name;
		unsigned size, scale;
		const char *path; /* below the root; NULL: none */
	} cases[] = {
		{ "a", 48, 1, "icons/hicolor/48x48/apps/a.png" },
		{ "a.png", 17, 1, "icons/hicolor/16x16/apps/a.png" },
		{ "a", 64, 2, "icons/hicolor/s/a.svg" },
		{ "b", 48, 1, "icons/other/d/b.png" },
		{ "c", 48, 1, "pixmaps/c.png" },
		{ "d", 48, 1, "icons/d.png" },
		{ "e", 48, 1, "own/mine/d/e.png" },
		{ "f", 48, 1, "own/f.svg" },
		{ "nope", 48, 1, NULL },
		{ "../hicolor/16x16/apps/a", 16, 1, NULL },
		{ "", 16, 1, NULL },
	};
	char own[64], icons[64];
	const char *data_dirs[] = { root, NULL }, *icon_dirs[] = { own, icons, NULL };
	const struct icon_search search = { icon_dirs, data_dirs, "mine" };
	(void)state;
	snprintf(own, sizeof own, "%s/own", root);
	snprintf(icons, sizeof icons, "%s/icons", root);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(arena_fini) struct arena a;
		struct icon_file file;
		arena_init(&a);
		bool found =
			icon_find(&search, cases[i].name, cases[i].size, cases[i].scale, &a, &file);
		assert_int_equal(found, cases[i].path != NULL);
		if (!found)
			continue;
		assert_string_equal(file.path + strlen(root) + 1, cases[i].path);
		assert_int_equal(file.svg, strstr(cases[i].path, ".svg") != NULL);
	}
}

static void test_distance(void **state)
{
	static const struct {
		struct icon_dir dir;
		unsigned size, scale, distance;
	} cases[] = {
		{ { .type = ICON_FIXED, .size = 48, .scale = 1 }, 48, 1, 0 },
		{ { .type = ICON_FIXED, .size = 48, .scale = 1 }, 48, 2, 48 },
		{ { .type = ICON_FIXED, .size = 48, .scale = 2 }, 48, 2, 0 },
		{ { .type = ICON_THRESHOLD, .size = 48, .scale = 1, .threshold = 2 }, 46, 1, 0 },
		{ { .type = ICON_THRESHOLD, .size = 48, .scale = 1, .threshold = 2 }, 45, 1, 1 },
		{ { .type = ICON_SCALABLE, .size = 48, .min = 16, .max = 64 }, 200, 1, 136 },
		{ { .type = ICON_SCALABLE, .size = 48, .min = 16, .max = 64 }, 20, 1, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(icon_dir_distance(&cases[i].dir, cases[i].size, cases[i].scale),
				 cases[i].distance);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_find),
					    cmocka_unit_test(test_distance) };
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
