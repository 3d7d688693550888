/* SPDX-License-Identifier: Apache-2.0
 *
 * Policies of a report against what is desired: when a setting counts, and what is said when not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "channel/chrome/report/observed.h"
#include "model/verdict.h"

#include <string.h>

#define MANDATORY   2
#define RECOMMENDED 1
#define CLOUD       DM__POLICY__POLICY_SOURCE__SOURCE_CLOUD
#define PLATFORM    DM__POLICY__POLICY_SOURCE__SOURCE_PLATFORM

struct one { /* a policy in a profile's list */
	int profile;
	const char *name, *value, *error;
	int level, source;
};

static void want(struct desired *d, const char *name, const char *level, const char *value)
{
	const struct setting row = {
		.scope = "device", .scope_id = 1, .name = name, .level = level, .value_json = value
	};
	assert_int_equal(desired_add(d, &row, 1), 0);
}

#define PROFILES 2
struct made {
	Dm__BrowserReport report;
	Dm__ChromeUserProfileInfo profiles[PROFILES], *profile_list[PROFILES];
	Dm__Policy policies[PROFILES][8], *lists[PROFILES][8];
};

static void make(struct made *m, const struct one *all, int n_profiles)
{
	*m = (struct made){ .report = DM__BROWSER_REPORT__INIT };
	m->report.chrome_user_profile_infos = m->profile_list;
	m->report.n_chrome_user_profile_infos = (size_t)n_profiles;
	for (int i = 0; i < n_profiles; i++) {
		dm__chrome_user_profile_info__init(&m->profiles[i]);
		m->profiles[i].id = (char *)(i ? "/two" : "/one");
		m->profiles[i].has_is_detail_available = m->profiles[i].is_detail_available = 1;
		m->profiles[i].chrome_policies = m->lists[i];
		m->profile_list[i] = &m->profiles[i];
	}
	for (; all->name; all++) {
		size_t n = m->profiles[all->profile].n_chrome_policies++;
		Dm__Policy *p = m->lists[all->profile][n] = &m->policies[all->profile][n];
		dm__policy__init(p);
		p->name = (char *)all->name;
		p->value = (char *)all->value;
		p->error = (char *)all->error;
		p->has_level = p->has_source = 1;
		p->level = (Dm__Policy__PolicyLevel)all->level;
		p->source = (Dm__Policy__PolicySource)all->source;
	}
}

/* What is wanted is the same everywhere: camera off, and one list. */
struct value_case {
	struct one policies[5];
	int n_profiles;
	const char *setting, *value, *word; /* of the message; NULL: none */
	bool satisfied;
};
static const struct value_case value_cases[] = {
	{ { { 0, "VideoCaptureAllowed", "false", NULL, MANDATORY, CLOUD } },
	  1,
	  "camera.disabled",
	  "true",
	  NULL,
	  true },
	{ { { 0, "VideoCaptureAllowed", "true", NULL, MANDATORY, CLOUD } },
	  1,
	  "camera.disabled",
	  "false",
	  NULL,
	  false },
	{ { { 0, NULL, NULL, NULL, 0, 0 } }, 1, "camera.disabled", "null", "not in force", false },
	{ { { 0, "VideoCaptureAllowed", "false", NULL, RECOMMENDED, CLOUD } },
	  1,
	  "camera.disabled",
	  "true",
	  "recommendation",
	  false },
	{ { { 0, "VideoCaptureAllowed", "false", "bad", MANDATORY, CLOUD } },
	  1,
	  "camera.disabled",
	  "true",
	  "fault",
	  false },
	{ { { 0, "VideoCaptureAllowed", "false", NULL, MANDATORY, PLATFORM } },
	  1,
	  "camera.disabled",
	  "true",
	  "platform",
	  true },
	{ { { 0, "URLBlocklist", "[\"x.test\"]", NULL, MANDATORY, CLOUD } },
	  1,
	  "chrome.URLBlocklist",
	  "[\"x.test\"]",
	  NULL,
	  true },
	{ { { 0, "URLBlocklist", "not json", NULL, MANDATORY, CLOUD } },
	  1,
	  "chrome.URLBlocklist",
	  "\"not json\"",
	  NULL,
	  false },
	{ { { 0, "URLBlocklist", "\"********\"", NULL, MANDATORY, CLOUD } },
	  1,
	  "chrome.URLBlocklist",
	  "[\"x.test\"]",
	  "does not show",
	  true },
	{ { { 0, "URLBlocklist", "\"********\"", NULL, MANDATORY, PLATFORM } },
	  1,
	  "chrome.URLBlocklist",
	  "null",
	  "platform",
	  false },
	{ { { 0, "URLBlocklist", "[\"x.test\"]", NULL, MANDATORY, CLOUD },
	    { 1, "URLBlocklist", "[\"x.test\"]", NULL, MANDATORY, CLOUD } },
	  2,
	  "chrome.URLBlocklist",
	  "[\"x.test\"]",
	  NULL,
	  true },
	{ { { 0, "URLBlocklist", "[\"x.test\"]", NULL, MANDATORY, CLOUD },
	    { 0, "URLBlocklist", "[\"x.test\"]", NULL, MANDATORY, CLOUD } },
	  2,
	  "chrome.URLBlocklist",
	  "[\"x.test\"]",
	  "1 of 2",
	  false },
	{ { { 0, "URLBlocklist", "[\"x.test\"]", NULL, MANDATORY, CLOUD },
	    { 1, "URLBlocklist", "[]", NULL, MANDATORY, CLOUD } },
	  2,
	  "chrome.URLBlocklist",
	  "[\"x.test\"]",
	  "/two has something else",
	  false },
	{ { { 0, "ShowHomeButton", "true", NULL, RECOMMENDED, CLOUD } },
	  1,
	  "chrome.ShowHomeButton",
	  "true",
	  NULL,
	  true }, /* recommended is what is desired */
	{ { { 0, "BrowserSignin", "1", NULL, MANDATORY, PLATFORM } },
	  1,
	  "chrome.BrowserSignin",
	  "1",
	  "platform",
	  true }, /* nobody wants anything of it */
};

static void check_case(size_t i, const struct value_case *c)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(desired_fini) struct desired d;
	struct made m;
	struct error err;
	arena_init(&a);
	desired_init(&d, CHANNEL_CHROME);
	want(&d, c->setting, strstr(c->setting, "Show") ? "recommended" : "mandatory",
	     strstr(c->setting, "URL")      ? "[\"x.test\"]"
	     : strstr(c->setting, "Signin") ? "1"
					    : "true");
	make(&m, c->policies, c->n_profiles);
	AUTO_JSON observed = observed_of_browser(&m.report, &d, &a);
	assert_int_equal(observed_check(observed, &err), 0);
	const json_t *one = json_object_get(observed, c->setting);
	CLEANUP(free_charp) char *value = json_text(json_object_get(one, "value"));
	const char *message = json_string_value(json_object_get(one, "message"));
	if (strcmp(value, c->value) != 0)
		fail_msg("%zu: value %s", i, value);
	if (!message != !c->word || (message && !strstr(message, c->word)))
		fail_msg("%zu: \"%s\"", i, message ? message : "no message");
	if (verdict_satisfied(&d, observed, NULL) != c->satisfied)
		fail_msg("%zu: judged wrongly", i);
}

static void test_values(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(value_cases); i++)
		check_case(i, &value_cases[i]);
}

static const char *state_of(const json_t *observed, const char *name)
{
	const char *s =
		json_string_value(json_object_get(json_object_get(observed, name), "state"));
	return s ? s : "";
}

static void test_between_reports(void **state)
{
	CLEANUP(desired_fini) struct desired d;
	AUTO_JSON observed =
		json_pack("{s:{s:b, s:s}, s:{s:s, s:s, s:s}}", "camera.disabled", "value", 1,
			  "state", "observed", "chrome.HomepageLocation", "value", "x", "state",
			  "failed", "message", "Profile /two has something else");
	desired_init(&d, CHANNEL_CHROME);
	want(&d, "camera.disabled", "mandatory", "true");
	want(&d, "chrome.HomepageLocation", "mandatory", "\"y\"");
	want(&d, "chrome.URLBlocklist", "mandatory", "[\"x.test\"]");
	want(&d, "chrome.ShowHomeButton", "recommended", "true");
	want(&d, "wifi.disabled", "mandatory", "true"); /* Chrome has no word for it */

	observed_acknowledge(observed, &d, true);
	assert_string_equal(state_of(observed, "camera.disabled"), "observed");
	assert_string_equal(state_of(observed, "chrome.HomepageLocation"), "failed");
	assert_string_equal(state_of(observed, "chrome.URLBlocklist"), "pending");
	assert_string_equal(state_of(observed, "chrome.ShowHomeButton"), "");
	assert_string_equal(state_of(observed, "wifi.disabled"), "");
	assert_false(verdict_satisfied(&d, observed, NULL));

	observed_refuse(observed, &d, "the signature is wrong", true);
	assert_string_equal(state_of(observed, "camera.disabled"), "failed");
	AUTO_JSON why = json_object();
	assert_false(verdict_satisfied(&d, observed, why));
	assert_non_null(strstr(json_string_value(json_object_get(why, "chrome.URLBlocklist")),
			       "the signature is wrong"));
	observed_accept(observed);
	assert_string_equal(state_of(observed, "camera.disabled"), "observed");
	assert_string_equal(state_of(observed, "chrome.URLBlocklist"), "");

	observed_refuse(observed, &d, "x", false); /* what is satisfied stays */
	assert_string_equal(state_of(observed, "camera.disabled"), "observed");
	observed_accept(observed);

	observed_acknowledge(observed, &d, false);
	assert_string_equal(state_of(observed, "chrome.URLBlocklist"), "applied");
	assert_true(verdict_satisfied(&d, observed, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_between_reports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
