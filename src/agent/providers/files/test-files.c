/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/providers/all.h"
#include "agent/providers/place.h"
#include "agent/providers/testing.h"
#include "agent/providers/undo.h"
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ONE_AT(destination) "{'file': 1, 'destination': '" destination "'}"
#define ONE_AWAY_AT(destination)                                                                   \
	"{'file': 1, 'destination': '" destination "', 'remove_on_delete': true}"
#define DEPLOY(list) "{'files.deploy': [" list "]}"
#define REMOVE(list) "{'files.remove': [" list "]}"

static struct scratch s;

static const struct deployable deployables[] = {
	{ 1, "motd.txt", "welcome\n", NULL, NULL },
	{ 2, "motd.txt", "welcome, second edition\n", NULL, NULL },
	{ 3, "../../etc/passwd", "evil\n", NULL, NULL },
	{ 4, "..", "evil\n", NULL, NULL },
	{ 5, "a\nb", "evil\n", NULL, NULL },
	{ 0 },
};

static int setup(void **state)
{
	scratch_init(&s);
	s.deployables = deployables;
	scratch_file(&s, "/etc/motd", "original\n");
	return 0;
}

static int teardown(void **state)
{
	scratch_fini(&s);
	return 0;
}

static void deploy(const char *settings, const char *value, const char *state)
{
	check_enforce(&s, &provider_files, settings, "files.deploy", value, state);
	assert_false(place_exists(s.root, "/var/lib/reeve-agent/downloads/1"));
}

static void test_deploy(void **state)
{
	struct stat st;
	json_t *before = scratch_snapshot(&s, false);
	const char *list = DEPLOY(ONE_AT("/etc/motd") "," ONE_AT("/srv/www/"));
	check_observe(&s, &provider_files, list, "files.deploy", "[]", "observed");
	deploy(list, "[" ONE_AT("/etc/motd") "," ONE_AT("/srv/www/") "]", "applied");
	assert_text(&s, "/etc/motd", "welcome\n");
	assert_text(&s, "/srv/www/motd.txt", "welcome\n");
	assert_int_equal(place_stat(s.root, "/srv/www/motd.txt", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(st.st_uid, geteuid());
	check_observe(&s, &provider_files, list, "files.deploy",
		      "[" ONE_AT("/etc/motd") "," ONE_AT("/srv/www/") "]", "observed");

	json_t *enforced = scratch_snapshot(&s, true);
	int n_saves = s.n_saves, n_fetches = s.n_fetches;
	json_decref(scratch_enforce(&s, &provider_files, list));
	assert_same_tree(&s, enforced, true);
	assert_int_equal(s.n_saves, n_saves);
	assert_int_equal(s.n_fetches, n_fetches);

	scratch_file(&s, "/etc/motd", "tampered\n");
	scratch_remove(&s, "/srv/www/motd.txt");
	check_observe(&s, &provider_files, list, "files.deploy", "[]", "observed");
	scratch_crash(&s);
	json_decref(scratch_enforce(&s, &provider_files, list));
	assert_text(&s, "/etc/motd", "welcome\n");
	scratch_restore(&s, &provider_files);
	assert_same_tree(&s, before, false);
	assert_int_equal(json_object_size(s.saved), 0);
}

static void test_leaving_the_list(void **state)
{
	json_t *before = scratch_snapshot(&s, false);
	deploy(DEPLOY(ONE_AWAY_AT("/etc/motd") "," ONE_AWAY_AT("/opt/x")),
	       "[" ONE_AWAY_AT("/etc/motd") "," ONE_AWAY_AT("/opt/x") "]", "applied");
	deploy(DEPLOY(""), "[]", "applied");
	assert_same_tree(&s, before, false);

	deploy(DEPLOY(ONE_AT("/etc/motd") "," ONE_AT("/opt/x")),
	       "[" ONE_AT("/etc/motd") "," ONE_AT("/opt/x") "]", "applied");
	json_decref(scratch_enforce(&s, &provider_files, "{}")); /* the same as leaving it */
	scratch_restore(&s, &provider_files);
	assert_text(&s, "/etc/motd", "welcome\n");
	assert_text(&s, "/opt/x", "welcome\n");
	assert_int_equal(json_object_size(s.saved), 0);
	assert_false(place_exists(s.root, KEPT_FOLDER));
}

static void test_flag_changes(void **state)
{
	deploy(DEPLOY(ONE_AT("/opt/x")), "[" ONE_AT("/opt/x") "]", "applied");
	deploy(DEPLOY(ONE_AWAY_AT("/opt/x")), "[" ONE_AWAY_AT("/opt/x") "]", "applied");
	assert_int_equal(s.n_fetches, 1);
	deploy(DEPLOY(""), "[]", "applied");
	assert_false(place_exists(s.root, "/opt"));
}

static void test_edited_by_somebody(void **state)
{
	deploy(DEPLOY(ONE_AWAY_AT("/etc/motd") "," ONE_AWAY_AT("/opt/x")),
	       "[" ONE_AWAY_AT("/etc/motd") "," ONE_AWAY_AT("/opt/x") "]", "applied");
	scratch_file(&s, "/etc/motd", "mine\n");
	scratch_file(&s, "/opt/x", "mine\n");
	deploy(DEPLOY(""), "[]", "applied");
	assert_text(&s, "/etc/motd", "mine\n");
	assert_text(&s, "/etc/motd.reeve-original", "original\n");
	assert_text(&s, "/opt/x", "mine\n");
}

/* Another file for the same place: never a moment with the original, and it still comes back. */
static void test_new_version(void **state)
{
	deploy(DEPLOY(ONE_AWAY_AT("/etc/motd")), "[" ONE_AWAY_AT("/etc/motd") "]", "applied");
	deploy(DEPLOY("{'file': 2, 'destination': '/etc/motd', 'remove_on_delete': true}"),
	       "[{'file': 2, 'destination': '/etc/motd', 'remove_on_delete': true}]", "applied");
	assert_text(&s, "/etc/motd", "welcome, second edition\n");
	deploy(DEPLOY(""), "[]", "applied");
	assert_text(&s, "/etc/motd", "original\n");
	assert_int_equal(json_object_size(s.saved), 0);
}

static void test_already_there(void **state)
{
	scratch_file(&s, "/opt/x", "welcome\n");
	json_t *before = scratch_snapshot(&s, true);
	deploy(DEPLOY(ONE_AWAY_AT("/opt/x")), "[" ONE_AWAY_AT("/opt/x") "]", "applied");
	assert_same_tree(&s, before, true);
	deploy(DEPLOY(""), "[]", "applied");
	assert_text(&s, "/opt/x", "welcome\n"); /* it was so before us */
}

static void test_refused(void **state)
{
	static const struct {
		const char *entry, *message;
	} cases[] = {
		{ "{'file': 1, 'destination': 'etc/motd'}", "absolute" },
		{ "{'file': 1, 'destination': ''}", "absolute" },
		{ "{'file': 1, 'destination': '/opt/../etc/motd'}", "absolute" },
		{ "{'file': 1, 'destination': '/opt/a\\nb'}", "absolute" },
		{ "{'file': 1, 'destination': '/etc'}", "folder" },
		{ "{'file': 1, 'destination': '/etc/motd/x'}", "Not a directory" },
		{ "{'file': 3, 'destination': '/opt/'}", "no usable name" },
		{ "{'file': 4, 'destination': '/opt/'}", "no usable name" },
		{ "{'file': 5, 'destination': '/opt/'}", "no usable name" },
		{ "{'file': 9, 'destination': '/opt/x'}", "there is no file 9" },
		{ "{'file': 'x', 'destination': '/opt/x'}", "file" },
		{ "{'destination': '/opt/x'}", "file" },
		{ "5", "object" },
	};
	json_t *before = scratch_snapshot(&s, true);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char settings[300];
		snprintf(settings, sizeof settings, DEPLOY("%s," ONE_AT("/etc/motd")),
			 cases[i].entry);
		AUTO_JSON ret = scratch_enforce(&s, &provider_files, settings);
		assert_result(ret, "files.deploy", "[" ONE_AT("/etc/motd") "]", "failed",
			      cases[i].message);
	}
	scratch_restore(&s, &provider_files);
	json_decref(before);
	AUTO_JSON ret = scratch_enforce(&s, &provider_files, "{'files.deploy': 'x'}");
	assert_result(ret, "files.deploy", "null", "failed", "list");
}

static void test_no_list_changes_nothing(void **state)
{
	deploy(DEPLOY(ONE_AWAY_AT("/opt/x")), "[" ONE_AWAY_AT("/opt/x") "]", "applied");
	deploy("{'files.deploy': {'a': 1}}", "null", "failed");
	assert_text(&s, "/opt/x", "welcome\n");
}

static void test_same_place_twice(void **state)
{
	AUTO_JSON ret = scratch_enforce(&s, &provider_files,
					DEPLOY(ONE_AT("/opt/motd.txt") "," ONE_AT("/opt/")));
	assert_result(ret, "files.deploy", "[" ONE_AT("/opt/motd.txt") "]", "failed",
		      "another file of the list");
}

static void test_link_of_a_user(void **state)
{
	char path[100];
	if (geteuid() != 0)
		skip();
	scratch_link(&s, "/home/user/doc", "/etc");
	snprintf(path, sizeof path, "%s/home/user/doc", s.root);
	assert_int_equal(lchown(path, 12345, 12345), 0);
	AUTO_JSON ret = scratch_enforce(&s, &provider_files, DEPLOY(ONE_AT("/home/user/doc/motd")));
	assert_result(ret, "files.deploy", "[]", "failed", "symbolic link");
	assert_text(&s, "/etc/motd", "original\n");
	/* a link as the destination itself is replaced, not followed, and comes back */
	json_t *before = scratch_snapshot(&s, false);
	deploy(DEPLOY(ONE_AT("/home/user/doc")), "[" ONE_AT("/home/user/doc") "]", "applied");
	assert_text(&s, "/home/user/doc", "welcome\n");
	scratch_restore(&s, &provider_files);
	assert_same_tree(&s, before, false);
}

static void test_failures(void **state)
{
	json_t *before = scratch_snapshot(&s, true);
	s.fail_fetches = 1;
	deploy(DEPLOY(ONE_AT("/etc/motd")), "[]", "failed");
	s.fail_saves = 1;
	deploy(DEPLOY(ONE_AT("/etc/motd")), "[]", "failed");
	assert_same_tree(&s, before, true);
	deploy(DEPLOY(ONE_AT("/etc/motd")), "[" ONE_AT("/etc/motd") "]", "applied");
}

/* The file is in place, its record is not saved: it is found to be ours all the same. */
static void test_crash_before_record(void **state)
{
	json_t *before = scratch_snapshot(&s, false);
	deploy(DEPLOY(ONE_AWAY_AT("/etc/motd")), "[" ONE_AWAY_AT("/etc/motd") "]", "applied");
	json_object_del(s.saved, "deployed");
	scratch_crash(&s);
	deploy(DEPLOY(ONE_AWAY_AT("/etc/motd")), "[" ONE_AWAY_AT("/etc/motd") "]", "applied");
	deploy(DEPLOY(""), "[]", "applied");
	assert_same_tree(&s, before, false);
}

static void test_remove(void **state)
{
	json_t *before = scratch_snapshot(&s, false);
	const char *list = REMOVE("'/etc/motd', '/nothing/there'");
	check_observe(&s, &provider_files, list, "files.remove", "['/nothing/there']", "observed");
	check_enforce(&s, &provider_files, list, "files.remove", "['/etc/motd', '/nothing/there']",
		      "applied");
	assert_false(place_exists(s.root, "/etc/motd"));
	json_t *enforced = scratch_snapshot(&s, true);
	int n_saves = s.n_saves;
	json_decref(scratch_enforce(&s, &provider_files, list));
	assert_same_tree(&s, enforced, true);
	assert_int_equal(s.n_saves, n_saves);
	scratch_file(&s, "/etc/motd", "back\n");
	check_observe(&s, &provider_files, list, "files.remove", "['/nothing/there']", "observed");
	scratch_crash(&s);
	json_decref(scratch_enforce(&s, &provider_files, list));
	assert_false(place_exists(s.root, "/etc/motd"));
	check_enforce(&s, &provider_files, REMOVE("'/nothing/there'"), "files.remove",
		      "['/nothing/there']", "applied");
	assert_same_tree(&s, before, false);
}

static void test_remove_refused(void **state)
{
	AUTO_JSON ret = scratch_enforce(
		&s, &provider_files,
		"{'files.remove': ['/etc', 5, '/etc/../etc/motd', 'x', '/opt/x', '/etc/motd/x'],"
		" 'files.deploy': [" ONE_AT("/opt/x") "]}");
	assert_result(ret, "files.remove", "['/etc/motd/x']", "failed", "and 4 more");
	assert_text(&s, "/opt/x", "welcome\n");
	assert_text(&s, "/etc/motd", "original\n");
	scratch_restore(&s, &provider_files);
	s.fail_saves = 1;
	check_enforce(&s, &provider_files, REMOVE("'/etc/motd'"), "files.remove", "[]", "failed");
	assert_text(&s, "/etc/motd", "original\n");
}

static void test_from_removed_to_deployed(void **state)
{
	json_t *before = scratch_snapshot(&s, false);
	json_decref(scratch_enforce(&s, &provider_files, REMOVE("'/etc/motd'")));
	deploy(DEPLOY(ONE_AT("/etc/motd")), "[" ONE_AT("/etc/motd") "]", "applied");
	scratch_restore(&s, &provider_files);
	assert_same_tree(&s, before, false);
}

static void test_observe_everything(void **state)
{
	check_observe(&s, &provider_files, "{}", "files.deploy", "[]", "observed");
	deploy(DEPLOY(ONE_AT("/opt/x")), "[" ONE_AT("/opt/x") "]", "applied");
	check_observe(&s, &provider_files, "{}", "files.deploy",
		      "[{'file': 1, 'destination': '/opt/x', 'remove_on_delete': false}]",
		      "observed");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_deploy),
		CASE(test_leaving_the_list),
		CASE(test_flag_changes),
		CASE(test_edited_by_somebody),
		CASE(test_new_version),
		CASE(test_already_there),
		CASE(test_refused),
		CASE(test_no_list_changes_nothing),
		CASE(test_same_place_twice),
		CASE(test_link_of_a_user),
		CASE(test_failures),
		CASE(test_crash_before_record),
		CASE(test_remove),
		CASE(test_remove_refused),
		CASE(test_from_removed_to_deployed),
		CASE(test_observe_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
