/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/providers/all.h"
#include "agent/providers/place.h"
#include "agent/providers/testing.h"
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#define MANAGED     "/etc/chromium/policies/managed"
#define RECOMMENDED "/etc/chromium/policies/recommended"
#define BRANDED     "/etc/opt/chrome/policies/managed"
#define HOME        "chrome.HomepageLocation"
#define HOME_X      "{'" HOME "': 'http://x/'}"

static struct scratch s;

static int setup(void **state)
{
	scratch_init(&s);
	scratch_folder(&s, "/etc");
	return 0;
}

static int teardown(void **state)
{
	scratch_fini(&s);
	return 0;
}

static void test_nothing_there(void **state)
{
	AUTO_JSON ret = scratch_observe(&s, &provider_chrome, HOME_X);
	assert_result(ret, HOME, "null", "observed", "no browser");
	AUTO_JSON everything = scratch_observe(&s, &provider_chrome, "{}");
	assert_int_equal(json_object_size(everything), 0);
	scratch_restore(&s, &provider_chrome);
	AUTO_JSON none = scratch_enforce(&s, &provider_chrome, "{}");
	assert_int_equal(json_object_size(none), 0);
	assert_int_equal(s.n_saves, 0);
}

static void test_enforce_tamper_and_back(void **state)
{
	const char *list = "{'" HOME "': 'http://x/', 'chrome.URLBlocklist': ['a', 'b'],"
			   " 'chrome.ManagedBookmarks': [{'name': 'N', 'url': 'u'}],"
			   " 'chrome.ShowHomeButton': {'value': true, 'level': 'recommended'},"
			   " 'chrome.BookmarkBarEnabled': {'value': false, 'level': 'mandatory'}}";
	struct stat st;
	json_t *before = scratch_snapshot(&s, false);
	AUTO_JSON ret = scratch_enforce(&s, &provider_chrome, list);
	assert_result(ret, HOME, "'http://x/'", "applied", "");
	assert_result(ret, "chrome.ManagedBookmarks", "[{'name': 'N', 'url': 'u'}]", "applied", "");
	assert_result(ret, "chrome.ShowHomeButton", "true", "applied", "");
	assert_text(
		&s, MANAGED "/reeve.json",
		"{\n  \"BookmarkBarEnabled\": false,\n"
		"  \"HomepageLocation\": \"http://x/\",\n"
		"  \"ManagedBookmarks\": [\n    {\n      \"name\": \"N\",\n      \"url\": \"u\"\n"
		"    }\n  ],\n  \"URLBlocklist\": [\n    \"a\",\n    \"b\"\n  ]\n}\n");
	assert_text(&s, RECOMMENDED "/reeve.json", "{\n  \"ShowHomeButton\": true\n}\n");
	assert_true(place_exists(s.root, BRANDED "/reeve.json"));
	assert_int_equal(place_stat(s.root, MANAGED "/reeve.json", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644); /* browsers run as users */

	json_t *enforced = scratch_snapshot(&s, true);
	int n_saves = s.n_saves;
	json_decref(scratch_enforce(&s, &provider_chrome, list));
	assert_same_tree(&s, enforced, true);
	assert_int_equal(s.n_saves, n_saves);

	scratch_file(&s, BRANDED "/reeve.json", "{}");
	check_observe(&s, &provider_chrome, list, HOME, "null", "observed");
	scratch_crash(&s);
	check_enforce(&s, &provider_chrome, list, HOME, "'http://x/'", "applied");
	scratch_remove(&s, MANAGED);
	check_observe(&s, &provider_chrome, list, HOME, "null", "observed");
	check_enforce(&s, &provider_chrome, HOME_X, HOME, "'http://x/'", "applied");
	assert_false(place_exists(s.root, RECOMMENDED "/reeve.json"));
	AUTO_JSON none = scratch_enforce(&s, &provider_chrome, "{}");
	assert_int_equal(json_object_size(none), 0);
	assert_same_tree(&s, before, false);
	assert_int_equal(json_object_size(s.saved), 0);
}

/* Who prevails, as found out with the real browser (README.md). */
static void test_other_files(void **state)
{
	static const struct {
		const char *path, *content, *value, *state, *message;
	} cases[] = {
		{ MANAGED "/zz.json", "{'HomepageLocation': 'http://z/'}", "'http://z/'", "failed",
		  MANAGED "/zz.json" },
		{ MANAGED "/zz", "// no suffix\n{'HomepageLocation': 'http://z/',}", "'http://z/'",
		  "failed", MANAGED "/zz" },
		{ MANAGED "/00.json", "{'HomepageLocation': 'http://z/'}", "'http://x/'", "applied",
		  "in vain" },
		{ MANAGED "/.hidden", "{'HomepageLocation': 'http://z/'}", "'http://x/'", "applied",
		  MANAGED "/.hidden" },
		{ MANAGED "/zz.json", "{'HomepageLocation': 'http://x/'}", "'http://x/'", "applied",
		  "" },
		{ MANAGED "/zz.json", "{'ShowHomeButton': true}", "'http://x/'", "applied", "" },
		{ MANAGED "/zz.json", "{'HomepageLocation", "'http://x/'", "applied", "" },
		{ RECOMMENDED "/zz.json", "{'HomepageLocation': 'http://z/'}", "'http://x/'",
		  "applied", "in vain" },
		{ BRANDED "/zz.json", "{'HomepageLocation': 'http://z/'}", "'http://z/'", "failed",
		  BRANDED "/zz.json" },
		{ MANAGED "/zz.d/x.json", "{'HomepageLocation': 'http://z/'}", "'http://x/'",
		  "applied", "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char content[200];
		snprintf(content, sizeof content, "%s", cases[i].content);
		for (char *c = content; *c; c++)
			*c = *c == '\'' ? '"' : *c;
		scratch_file(&s, cases[i].path, content);
		json_t *before = scratch_snapshot(&s, false);
		AUTO_JSON ret = scratch_enforce(&s, &provider_chrome, HOME_X);
		assert_result(ret, HOME, cases[i].value, cases[i].state, cases[i].message);
		AUTO_JSON seen = scratch_observe(&s, &provider_chrome, HOME_X);
		assert_result(seen, HOME, cases[i].value, "observed", cases[i].message);
		scratch_restore(&s, &provider_chrome);
		assert_same_tree(&s, before, false); /* their file, and nothing of ours */
		scratch_remove(&s, "/etc");
		scratch_folder(&s, "/etc");
	}
}

static void test_levels(void **state)
{
	static const struct {
		const char *path, *wanted, *value, *state;
	} cases[] = {
		{ RECOMMENDED "/a.json", "{'chrome.A': 1}", "null", "observed" },
		{ RECOMMENDED "/a.json", "{'chrome.A': {'value': 1, 'level': 'recommended'}}", "1",
		  "observed" },
		{ MANAGED "/a.json", "{'chrome.A': {'value': 1, 'level': 'recommended'}}", "1",
		  "observed" },
		{ MANAGED "/a.json", "{'chrome.A': 1}", "1", "observed" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scratch_file(&s, cases[i].path, "{\"A\": 1}");
		check_observe(&s, &provider_chrome, cases[i].wanted, "chrome.A", cases[i].value,
			      cases[i].state);
		scratch_remove(&s, "/etc/chromium");
	}
	/* somebody else's mandatory policy beats our recommendation */
	scratch_file(&s, MANAGED "/a.json", "{\"A\": 2}");
	AUTO_JSON ret = scratch_enforce(&s, &provider_chrome,
					"{'chrome.A': {'value': 1, 'level': 'recommended'},"
					" 'chrome.B': 1}");
	assert_result(ret, "chrome.A", "2", "failed", MANAGED "/a.json");
	assert_result(ret, "chrome.B", "1", "applied", NULL);
}

static void test_observe_everything(void **state)
{
	scratch_file(&s, MANAGED "/a.json", "{\"A\": 2, \"B\": [1]}");
	scratch_file(&s, RECOMMENDED "/a.json", "{\"A\": 3, \"C\": \"x\"}");
	AUTO_JSON ret = scratch_observe(&s, &provider_chrome, "{}");
	assert_result(ret, "chrome.A", "2", "observed", MANAGED "/a.json");
	assert_result(ret, "chrome.B", "[1]", "observed", NULL);
	assert_result(ret, "chrome.C", "'x'", "observed", NULL);
}

static void test_leftovers_are_swept(void **state)
{
	scratch_file(&s, MANAGED "/.tmp-a1b2c3", "{\"Old\": true}");
	json_decref(scratch_enforce(&s, &provider_chrome, HOME_X));
	assert_false(place_exists(s.root, MANAGED "/.tmp-a1b2c3"));
}

static void test_hostile_values(void **state)
{
	AUTO_JSON ret = scratch_enforce(
		&s, &provider_chrome,
		"{'" HOME
		"': 'a\\n\\\"b', 'chrome.x\\\"y': 1, 'camera.disabled': true, 'chrome.': 1,"
		" 'chrome.Nested': {'value': {'value': 1}}}");
	assert_result(ret, HOME, "'a\\n\\\"b'", "applied", NULL);
	assert_result(ret, "chrome.Nested", "{'value': 1}", "applied", NULL);
	assert_null(json_object_get(ret, "camera.disabled"));
	assert_null(json_object_get(ret, "chrome."));
}

static void test_failures(void **state)
{
	json_t *before = scratch_snapshot(&s, true);
	s.fail_saves = 2; /* one for each browser */
	check_enforce(&s, &provider_chrome, HOME_X, HOME, "null", "failed");
	assert_same_tree(&s, before, true);
	scratch_file(&s, "/etc/opt/chrome", "not a folder");
	AUTO_JSON ret = scratch_enforce(&s, &provider_chrome, HOME_X); /* Chromium all the same */
	assert_result(ret, HOME, "'http://x/'", "applied", NULL);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nothing_there),      CASE(test_enforce_tamper_and_back),
		CASE(test_other_files),        CASE(test_levels),
		CASE(test_observe_everything), CASE(test_leftovers_are_swept),
		CASE(test_hostile_values),     CASE(test_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
