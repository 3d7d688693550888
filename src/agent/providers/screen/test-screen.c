/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/providers/all.h"
#include "agent/providers/place.h"
#include "agent/providers/testing.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SETTING  "screen.max_time_to_lock_ms"
#define FIVE     "{'" SETTING "': 300000}"
#define KEY_FILE "/etc/dconf/db/local.d/50-reeve"
#define LOCKS    "/etc/dconf/db/local.d/locks/50-reeve"
#define PROFILE  "/etc/dconf/profile/user"
#define DATABASE "/etc/dconf/db/local"

static struct scratch s;

/* What `dconf update` does, as far as it matters here: the database is newer than its folder. */
static int fake_dconf(struct scratch *scratch, const char *const *argv, struct buf *out)
{
	assert_string_equal(argv[0], "dconf");
	assert_string_equal(argv[1], "update");
	if (place_exists(scratch->root, "/etc/dconf/db/local.d")) {
		char path[100];
		scratch_file(scratch, DATABASE, "compiled");
		snprintf(path, sizeof path, "%s" DATABASE, scratch->root);
		assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
	}
	return 0;
}

static int setup(void **state)
{
	scratch_init(&s);
	s.on_run = fake_dconf;
	scratch_folder(&s, "/etc");
	scratch_file(&s, "/usr/bin/dconf", "");
	return 0;
}

static int teardown(void **state)
{
	scratch_fini(&s);
	return 0;
}

static void test_nothing_there(void **state)
{
	AUTO_JSON ret = scratch_observe(&s, &provider_screen, FIVE);
	assert_result(ret, SETTING, "0", "observed", "nothing limits it");
	check_enforce(&s, &provider_screen, "{'" SETTING "': 0}", SETTING, "0", "applied");
	assert_int_equal(s.n_saves, 0);
	assert_int_equal(json_array_size(s.runs), 0);
}

static void test_enforce_tamper_and_back(void **state)
{
	json_t *before = scratch_snapshot(&s, false);
	check_enforce(&s, &provider_screen, FIVE, SETTING, "300000", "applied");
	assert_text(&s, KEY_FILE,
		    "# Written by reeve-agent (screen.max_time_to_lock_ms); removed with it.\n"
		    "[org/gnome/desktop/session]\nidle-delay=uint32 300\n"
		    "[org/gnome/desktop/screensaver]\nlock-enabled=true\n"
		    "[org/gnome/desktop/screensaver]\nlock-delay=uint32 0\n");
	assert_text(&s, LOCKS,
		    "/org/gnome/desktop/session/idle-delay\n"
		    "/org/gnome/desktop/screensaver/lock-enabled\n"
		    "/org/gnome/desktop/screensaver/lock-delay\n");
	assert_text(&s, PROFILE, "user-db:user\nsystem-db:local\n");
	assert_int_equal(json_array_size(s.runs), 1);
	json_t *enforced = scratch_snapshot(&s, true);
	int n_saves = s.n_saves;
	check_enforce(&s, &provider_screen, FIVE, SETTING, "300000", "applied");
	assert_same_tree(&s, enforced, true);
	assert_int_equal(s.n_saves, n_saves);

	scratch_remove(&s, LOCKS);
	AUTO_JSON unlocked = scratch_observe(&s, &provider_screen, FIVE);
	assert_result(unlocked, SETTING, "0", "observed", "users may change it");
	scratch_crash(&s);
	check_enforce(&s, &provider_screen, FIVE, SETTING, "300000", "applied");
	scratch_file(&s, PROFILE, "user-db:user\n");
	AUTO_JSON unread = scratch_observe(&s, &provider_screen, FIVE);
	assert_result(unread, SETTING, "0", "observed", PROFILE);
	check_enforce(&s, &provider_screen, FIVE, SETTING, "300000", "applied");
	check_enforce(&s, &provider_screen, "{'" SETTING "': 999}", SETTING, "1000", "applied");

	AUTO_JSON none = scratch_enforce(&s, &provider_screen, "{}");
	assert_int_equal(json_object_size(none), 0);
	assert_same_tree(&s, before, false);
	assert_int_equal(json_object_size(s.saved), 0);
}

static void test_profile_of_another(void **state)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{ "user-db:user\n", "user-db:user\nsystem-db:local\n" },
		{ "user-db:user", "user-db:user\nsystem-db:local\n" },
		{ "", "system-db:local\n" },
		{ "user-db:user\n  system-db:local \n", "user-db:user\n  system-db:local \n" },
		{ "user-db:user\nsystem-db:site\n",
		  "user-db:user\nsystem-db:site\nsystem-db:local\n" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scratch_file(&s, PROFILE, cases[i].before);
		check_enforce(&s, &provider_screen, FIVE, SETTING, "300000", "applied");
		assert_text(&s, PROFILE, cases[i].after);
		scratch_crash(&s);
		scratch_restore(&s, &provider_screen);
		assert_text(&s, PROFILE, cases[i].before);
	}
	scratch_file(&s, PROFILE, "user-db:user\n");
	check_enforce(&s, &provider_screen, FIVE, SETTING, "300000", "applied");
	scratch_file(&s, PROFILE, "user-db:user\nsystem-db:local\nsystem-db:later\n");
	scratch_restore(&s, &provider_screen);
	assert_text(&s, PROFILE, "user-db:user\nsystem-db:later\n");
}

static void test_other_files(void **state)
{
	json_t *before;
	scratch_file(&s, "/etc/dconf/db/local.d/10-site",
		     "[org/gnome/desktop/session]\nidle-delay=uint32 60\n");
	scratch_file(&s, "/etc/dconf/db/local.d/.90-hidden",
		     "[org/gnome/desktop/session]\nidle-delay=uint32 9000\n");
	scratch_file(&s, DATABASE, "old");
	before = scratch_snapshot(&s, false);
	check_enforce(&s, &provider_screen, FIVE, SETTING, "300000", "applied");
	scratch_file(&s, "/etc/dconf/db/local.d/90-site",
		     "[org/gnome/desktop/session]\n idle-delay = 200\n"
		     "[org/gnome/desktop/screensaver]\nlock-delay=uint32 5\n");
	check_enforce(&s, &provider_screen, FIVE, SETTING, "205000", "applied"); /* stricter */
	scratch_file(&s, "/etc/dconf/db/local.d/90-site",
		     "[org/gnome/desktop/session]\nidle-delay=uint32 900\n");
	AUTO_JSON ret = scratch_enforce(&s, &provider_screen, FIVE);
	assert_result(ret, SETTING, "900000", "failed", "prevails");
	scratch_remove(&s, "/etc/dconf/db/local.d/90-site");
	scratch_restore(&s, &provider_screen);
	scratch_file(&s, DATABASE, "old"); /* compiled again, without us */
	assert_same_tree(&s, before, false);
}

static void test_failures(void **state)
{
	json_t *before = scratch_snapshot(&s, true);
	s.fail_saves = 1;
	check_enforce(&s, &provider_screen, FIVE, SETTING, "0", "failed");
	assert_same_tree(&s, before, true);
	check_enforce(&s, &provider_screen, "{'" SETTING "': -5}", SETTING, "null", "failed");
	check_enforce(&s, &provider_screen, "{'" SETTING "': '5'}", SETTING, "null", "failed");
	scratch_file(&s, "/etc/dconf", "not a folder");
	check_enforce(&s, &provider_screen, FIVE, SETTING, "0", "failed");
}

static void test_without_dconf(void **state)
{
	scratch_remove(&s, "/usr");
	json_t *before = scratch_snapshot(&s, false);
	AUTO_JSON ret = scratch_enforce(&s, &provider_screen, FIVE);
	assert_result(ret, SETTING, "300000", "applied", "dconf is not installed");
	assert_int_equal(json_array_size(s.runs), 0);
	scratch_restore(&s, &provider_screen);
	assert_same_tree(&s, before, false);
}

/* A crash before `dconf update`: it is run by the next enforcement, although no file changes. */
static void test_crash_before_compiling(void **state)
{
	char path[100];
	const struct timespec old[2] = { { 1, 0 }, { 1, 0 } };
	check_enforce(&s, &provider_screen, FIVE, SETTING, "300000", "applied");
	snprintf(path, sizeof path, "%s" DATABASE, s.root);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	check_enforce(&s, &provider_screen, FIVE, SETTING, "300000", "applied");
	assert_int_equal(json_array_size(s.runs), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_enforce_tamper_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_profile_of_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_dconf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crash_before_compiling, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
