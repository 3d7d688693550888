/* SPDX-License-Identifier: Apache-2.0
 *
 * apt-get is played by fake_apt(): a .deb here is the text "name version", and what is installed is
 * written into dpkg's database of the scratch root.
 */
#include "agent/providers/all.h"
#include "agent/providers/dpkg.h"
#include "agent/providers/place.h"
#include "agent/providers/testing.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ONE          "{'app': 1}"
#define ONE_AWAY     "{'app': 1, 'remove_on_delete': true}"
#define TWO_AWAY     "{'app': 2, 'remove_on_delete': true}"
#define DEPLOY(list) "{'apps.deploy': [" list "]}"
#define REMOVE(list) "{'apps.remove': [" list "]}"

static struct scratch s;
static json_t *installed; /* name -> version */
static int fail_apt;      /* how many of the next runs fail */

static const struct deployable deployables[] = {
	{ 1, "hello.deb", "hello 1.0", "hello", "1.0" },
	{ 2, "hello.deb", "hello 2.0", "hello", "2.0" },
	{ 3, "evil.deb", "evil 1", "--purge", "1" },
	{ 4, "evil.deb", "evil 1", "evil", "1\n2" },
	{ 5, "notes.txt", "x", NULL, NULL },
	{ 6, "liar.deb", "liar 1.0", "liar", "9.9" },
	{ 0 },
};

static void write_database(void)
{
	CLEANUP(buf_fini) struct buf text;
	const char *name;
	json_t *version;
	buf_init(&text, 10000);
	json_object_foreach (installed, name, version)
		buf_addf(&text, "Package: %s\nStatus: install ok installed\nVersion: %s\n\n", name,
			 json_string_value(version));
	scratch_file(&s, "/var/lib/dpkg/status", buf_str(&text));
}

static void set_installed(const char *name, const char *version)
{
	if (version)
		json_object_set_new(installed, name, json_string(version));
	else
		json_object_del(installed, name);
	write_database();
}

static int install_file(struct scratch *scratch, const char *path)
{
	char name[100], version[100];
	const char *text = scratch_text(scratch, path);
	assert_non_null(text); /* it is there while apt runs */
	assert_int_equal(sscanf(text, "%99s %99s", name, version), 2);
	set_installed(name, version);
	return 0;
}

static int fake_apt(struct scratch *scratch, const char *const *argv, struct buf *out)
{
	const char *last = argv[0], *verb = argv[1];
	for (int i = 0; argv[i]; i++)
		last = argv[i];
	if (fail_apt > 0) {
		fail_apt--;
		buf_add_str(out, "Reading package lists...\nE: no such thing\n");
		return 100;
	}
	if (strstr(verb, "remove")) {
		set_installed(last, NULL);
		return 0;
	}
	if (last[0] == '/')
		return install_file(scratch, last);
	char name[100] = "", version[100] = "from-repository";
	assert_true(sscanf(last, "%99[^=]=%99s", name, version) >= 1);
	set_installed(name, version);
	return 0;
}

static int setup(void **state)
{
	scratch_init(&s);
	s.deployables = deployables;
	s.on_run = fake_apt;
	fail_apt = 0;
	installed = json_object();
	scratch_file(&s, "/usr/bin/apt-get", "");
	set_installed("vim", "9.0");
	return 0;
}

static int teardown(void **state)
{
	json_decref(installed);
	scratch_fini(&s);
	return 0;
}

static void deploy(const char *settings, const char *value, const char *state)
{
	check_enforce(&s, &provider_apps, settings, "apps.deploy", value, state);
}

static void assert_installed(const char *name, const char *version)
{
	char found[DPKG_VERSION_SIZE];
	assert_string_equal(dpkg_version(s.root, name, found), version);
}

static void test_deploy(void **state)
{
	check_observe(&s, &provider_apps, DEPLOY(ONE), "apps.deploy", "[]", "observed");
	deploy(DEPLOY(ONE), "[" ONE "]", "applied");
	assert_installed("hello", "1.0");
	assert_true(scratch_ran(&s, "apt-get install --yes --no-install-recommends --no-remove "
				    "--allow-downgrades -o DPkg::Lock::Timeout=120 -o "
				    "Dpkg::Options::=--force-confold "
				    "/var/lib/reeve-agent/downloads/1.deb"));
	assert_false(place_exists(s.root, "/var/lib/reeve-agent/downloads/1.deb"));
	check_observe(&s, &provider_apps, DEPLOY(ONE), "apps.deploy", "[" ONE "]", "observed");
	check_observe(&s, &provider_apps, "{}", "apps.deploy",
		      "[{'app': 1, 'remove_on_delete': false}]", "observed");

	json_t *enforced = scratch_snapshot(&s, true);
	int n_saves = s.n_saves;
	deploy(DEPLOY(ONE), "[" ONE "]", "applied");
	assert_same_tree(&s, enforced, true);
	assert_int_equal(s.n_saves, n_saves);
	assert_int_equal(s.n_fetches, 1);
	assert_int_equal(json_array_size(s.runs), 1);

	set_installed("hello", "0.5"); /* somebody downgrades it */
	check_observe(&s, &provider_apps, DEPLOY(ONE), "apps.deploy", "[]", "observed");
	scratch_crash(&s);
	deploy(DEPLOY(ONE), "[" ONE "]", "applied");
	assert_installed("hello", "1.0");
	scratch_restore(&s, &provider_apps);
	assert_installed("hello", "");
	assert_int_equal(json_object_size(s.saved), 0);
}

static void test_leaving_the_list(void **state)
{
	deploy(DEPLOY(ONE_AWAY), "[" ONE_AWAY "]", "applied");
	deploy(DEPLOY(""), "[]", "applied");
	assert_installed("hello", "");
	deploy(DEPLOY(ONE), "[" ONE "]", "applied");
	json_decref(scratch_enforce(&s, &provider_apps, "{}"));
	assert_installed("hello", "1.0");
	assert_int_equal(json_object_size(s.saved), 0);
}

static void test_upgrade_and_back(void **state)
{
	set_installed("hello", "0.5");
	deploy(DEPLOY(ONE_AWAY), "[" ONE_AWAY "]", "applied");
	deploy(DEPLOY(TWO_AWAY), "[" TWO_AWAY "]", "applied");
	assert_installed("hello", "2.0");
	assert_false(scratch_ran(&s, "apt-get remove"));
	deploy(DEPLOY(""), "[]", "applied");
	assert_true(scratch_ran(&s, " hello=0.5"));
	assert_installed("hello", "0.5");
}

static void test_already_installed(void **state)
{
	set_installed("hello", "1.0");
	deploy(DEPLOY(ONE_AWAY), "[" ONE_AWAY "]", "applied");
	deploy(DEPLOY(""), "[]", "applied");
	assert_installed("hello", "1.0");
	assert_int_equal(json_array_size(s.runs), 0);
}

static void test_refused(void **state)
{
	static const struct {
		const char *entry, *message;
	} cases[] = {
		{ "{'app': 3}", "not a Debian package" },
		{ "{'app': 4}", "not a Debian package" },
		{ "{'app': 5}", "not a Debian package" },
		{ "{'app': 6}", "liar 9.9 was installed, but 1.0 is there" },
		{ "{'app': 7}", "there is no file 7" },
		{ "{'app': '1'}", "app" },
		{ "{'app': 1, 'remove_on_delete': 'yes'}", "remove_on_delete" },
		{ "{'app': 1}, {'app': 2}", "deployed by another app" },
		{ "'hello'", "object" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char settings[200];
		snprintf(settings, sizeof settings, DEPLOY("%s," ONE_AWAY), cases[i].entry);
		AUTO_JSON ret = scratch_enforce(&s, &provider_apps, settings);
		const char *state_name = json_string_value(
			json_object_get(json_object_get(ret, "apps.deploy"), "state"));
		const char *said = json_string_value(
			json_object_get(json_object_get(ret, "apps.deploy"), "message"));
		assert_string_equal(state_name, "failed");
		if (!strstr(said, cases[i].message))
			fail_msg("case %zu: %s", i, said);
	}
	deploy("{'apps.deploy': 1}", "null", "failed");
	assert_installed("hello", "1.0"); /* no list: nothing is let go of */
}

static void test_failures(void **state)
{
	s.fail_fetches = 1;
	deploy(DEPLOY(ONE), "[]", "failed");
	s.fail_saves = 1;
	deploy(DEPLOY(ONE), "[]", "failed");
	assert_int_equal(json_array_size(s.runs), 0);
	fail_apt = 1;
	AUTO_JSON ret = scratch_enforce(&s, &provider_apps, DEPLOY(ONE_AWAY));
	assert_result(ret, "apps.deploy", "[]", "failed", "no such thing");
	scratch_crash(&s); /* the record says what to do, and what was there */
	deploy(DEPLOY(ONE_AWAY), "[" ONE_AWAY "]", "applied");
	fail_apt = 1;
	deploy(DEPLOY(""), "[]", "failed"); /* it cannot be removed now */
	deploy(DEPLOY(""), "[]", "applied");
	assert_installed("hello", "");
}

static void test_without_apt(void **state)
{
	scratch_remove(&s, "/usr/bin/apt-get");
	deploy(DEPLOY(ONE_AWAY), "[" ONE_AWAY "]", "applied");
	assert_true(scratch_ran(&s, "dpkg --install --force-confold /var"));
	deploy(DEPLOY(""), "[]", "applied");
	assert_true(scratch_ran(&s, "dpkg --remove hello"));
}

static void test_remove(void **state)
{
	const char *list = REMOVE("'vim', 'nano'");
	check_observe(&s, &provider_apps, list, "apps.remove", "['nano']", "observed");
	check_enforce(&s, &provider_apps, list, "apps.remove", "['vim', 'nano']", "applied");
	assert_true(scratch_ran(&s, "apt-get remove --yes -o DPkg::Lock::Timeout=120 vim"));
	int n_saves = s.n_saves;
	check_enforce(&s, &provider_apps, list, "apps.remove", "['vim', 'nano']", "applied");
	assert_int_equal(s.n_saves, n_saves);
	assert_int_equal(json_array_size(s.runs), 1);
	set_installed("vim", "8.0"); /* somebody installs it again */
	check_observe(&s, &provider_apps, list, "apps.remove", "['nano']", "observed");
	scratch_crash(&s);
	check_enforce(&s, &provider_apps, list, "apps.remove", "['vim', 'nano']", "applied");
	json_decref(scratch_enforce(&s, &provider_apps, "{}"));
	assert_installed("vim", "9.0"); /* as it was before us */
	assert_int_equal(json_object_size(s.saved), 0);
}

static void test_give_back_fails(void **state)
{
	json_decref(scratch_enforce(&s, &provider_apps, REMOVE("'vim'")));
	fail_apt = 1; /* the old version is gone from the repositories */
	scratch_restore(&s, &provider_apps);
	assert_installed("vim", "from-repository");
	json_decref(scratch_enforce(&s, &provider_apps, REMOVE("'vim'")));
	fail_apt = 2;
	AUTO_JSON ret = scratch_enforce(&s, &provider_apps, REMOVE(""));
	assert_result(ret, "apps.remove", "[]", "failed", "vim cannot be installed again");
	check_enforce(&s, &provider_apps, REMOVE(""), "apps.remove", "[]", "applied");
	assert_int_equal(json_object_size(s.saved), 0);
}

static void test_remove_refused(void **state)
{
	set_installed("reeve-agent", "0.1.0");
	AUTO_JSON ret = scratch_enforce(
		&s, &provider_apps,
		"{'apps.remove': ['reeve-agent', '-y', 'vim=1', 5, '../vim', 'vim\\n', 'vim', 'hello'],"
		" 'apps.deploy': [" ONE "]}");
	assert_result(ret, "apps.remove", "['vim']", "failed", "and 6 more");
	assert_result(ret, "apps.deploy", "[" ONE "]", "applied", NULL);
	assert_installed("reeve-agent", "0.1.0");
	assert_installed("hello", "1.0");
	set_installed("vim", "9.0");
	scratch_crash(&s);
	fail_apt = 1;
	check_enforce(&s, &provider_apps, REMOVE("'vim'"), "apps.remove", "[]", "failed");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_deploy),           CASE(test_leaving_the_list),
		CASE(test_upgrade_and_back), CASE(test_already_installed),
		CASE(test_refused),          CASE(test_failures),
		CASE(test_without_apt),      CASE(test_remove),
		CASE(test_give_back_fails),  CASE(test_remove_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
