/* SPDX-License-Identifier: Apache-2.0
 *
 * watcher: on real folders. Each case does one thing, and says whether a watch hears of it.
 */
#include "base/file.h"
#include "base/macros.h"
#include "vm/container/watcher.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *loop;
static struct watcher watcher;
static char root[] = "/tmp/reeve-watcher-XXXXXX";
static int n_changes;

static void on_changed(void *user)
{
	(void)user;
	n_changes++;
}

static void on_end(void *user)
{
	(void)user;
	loop_quit(loop);
}

static void sh(const char *script)
{
	char command[512];
	snprintf(command, sizeof command, "cd %s && %s", root, script);
	assert_int_equal(system(command), 0);
}

/* Runs the loop until what is queued was looked at: the kernel queues an event before the call that caused it returns. */
static int changes_after(const char *script)
{
	struct timer timer = { .fn = on_end };
	n_changes = 0;
	sh(script);
	timer_start(loop_timers(loop), &timer, loop_now_ms(loop) + 20);
	assert_int_equal(loop_run(loop), 0);
	return n_changes;
}

static void test_cases(void **state)
{
	static const struct {
		const char *before, *script, *path;
		bool recursive, heard;
	} rows[] = {
		{ "mkdir d", "touch d/a", "d", false, true },
		{ "mkdir -p d/e/f", "touch d/e/f/a", "d", true, true },
		{ "mkdir -p d/e", "touch d/e/a", "d", false, false },
		{ "mkdir -p d x", "touch x/a", "d", true, false },
		{ "true", "mkdir -p d/e", "d/e", false, true },    /* it appears */
		{ "mkdir x", "touch x/a y", "d/e", false, false }, /* others do */
		{ "touch d", "echo a > d", "d", false, true },     /* a file */
		{ "touch d", "echo a > x && mv x d", "d", false, true },
		{ "touch d", "rm d", "d", false, true },
		{ "mkdir d x && ln -s ../x d/link", "touch x/a", "d", true, true },
		{ "mkdir d && ln -s . d/one && ln -s . d/two", "touch d/a", "d", true, true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char path[128];
		const char *paths[] = { path, NULL };
		struct watch watch = { .paths = paths,
				       .recursive = rows[i].recursive,
				       .changed = on_changed };
		sh("rm -rf d x y");
		sh(rows[i].before);
		snprintf(path, sizeof path, "%s/%s", root, rows[i].path);
		watch_begin(&watcher, &watch);
		assert_int_equal(changes_after(rows[i].script) > 0, rows[i].heard);
		watch_end(&watcher, &watch);
		assert_int_equal(watcher.n_rows, 0);
	}
}

static void test_new_folders_after_renewal(void **state)
{
	char path[128];
	const char *paths[] = { path, NULL };
	struct watch watch = { .paths = paths, .recursive = true, .changed = on_changed };
	(void)state;
	snprintf(path, sizeof path, "%s/new", root);
	watch_begin(&watcher, &watch);
	assert_true(changes_after("mkdir -p new/a") > 0);
	watch_renew(&watcher, &watch);
	assert_true(changes_after("touch new/a/file") > 0);
	assert_true(changes_after("rm -r new") > 0);
	watch_renew(&watcher, &watch);
	assert_true(changes_after("mkdir new") > 0);
	watch_end(&watcher, &watch);
}

static void test_two_of_one_path(void **state)
{
	char path[128];
	const char *paths[] = { path, NULL };
	struct watch one = { .paths = paths, .changed = on_changed }, two = one;
	(void)state;
	sh("mkdir both");
	snprintf(path, sizeof path, "%s/both", root);
	watch_begin(&watcher, &one);
	watch_begin(&watcher, &two);
	assert_int_equal(changes_after("mkdir both/a"), 2);
	watch_end(&watcher, &one);
	assert_int_equal(changes_after("mkdir both/b"), 1);
	watch_end(&watcher, &two);
	assert_int_equal(changes_after("mkdir both/c"), 0);
}

/* Links that lead back: as many rows as there are folders, not as there are ways to them. */
static void test_loops(void **state)
{
	char path[128];
	const char *paths[] = { path, NULL };
	struct watch watch = { .paths = paths, .recursive = true, .changed = on_changed };
	(void)state;
	sh("mkdir -p maze/a/b && for i in 1 2 3 4 5 6 7 8 9; do ln -s .. maze/a/$i; ln -s ../.. maze/a/b/$i; done");
	snprintf(path, sizeof path, "%s/maze", root);
	watch_begin(&watcher, &watch);
	assert_int_equal(watcher.n_rows, 3);
	watch_end(&watcher, &watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_new_folders_after_renewal),
		cmocka_unit_test(test_two_of_one_path),
		cmocka_unit_test(test_loops),
	};
	if (!mkdtemp(root) || loop_new(&loop) || watcher_open(&watcher, loop))
		return 1;
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	sh("rm -rf d x y new both maze");
	rmdir(root);
	watcher_close(&watcher);
	loop_free(loop);
	return r;
}
