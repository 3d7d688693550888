/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue as data (order, columns, facts of the Chrome table), and what rows say of values.
 */
#include "model/catalogue.h"
#include "model/shape.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(j);
	return j;
}

static void test_words(void **state)
{
	enum kind k;
	enum channel c;
	for (size_t i = 0; i < KIND_N; i++) {
		assert_true(kind_parse(kind_name((enum kind)i), &k));
		assert_int_equal(k, i);
	}
	for (size_t i = 0; i < CHANNEL_N; i++) {
		assert_true(channel_parse(channel_name((enum channel)i), &c));
		assert_int_equal(c, i);
	}
	assert_false(kind_parse("", &k) || kind_parse(NULL, &k) || kind_parse("Linux", &k));
	assert_false(channel_parse("", &c) || channel_parse(NULL, &c) || channel_parse("http", &c));
	assert_string_equal(kind_name(KIND_N), "unknown");
	assert_string_equal(channel_name(CHANNEL_N), "unknown");
}

/* Sorted, without doubles, and every row is found at its place. */
static void test_order(void **state)
{
	size_t n_chrome = 0;
	for (size_t i = 0; i < catalogue_n(); i++) {
		const struct setting_type *t = catalogue_at(i);
		assert_non_null(t);
		if (i > 0)
			assert_true(strcmp(catalogue_at(i - 1)->name, t->name) < 0);
		assert_ptr_equal(catalogue_find(t->name), t);
		assert_int_equal(t->policy != NULL, strncmp(t->name, "chrome.", 7) == 0);
		n_chrome += t->policy != NULL;
	}
	assert_int_equal(n_chrome, 573);
	assert_true(catalogue_n() > n_chrome + 40);
	assert_null(catalogue_at(catalogue_n()));
	assert_null(catalogue_at(SIZE_MAX));
}

static void test_find_nothing(void **state)
{
	static const char *const names[] = { NULL,
					     "",
					     "camera",
					     "camera.disable",
					     "chrome.",
					     "chrome.Zzz",
					     "chrome.homepagelocation",
					     "zzz",
					     "a",
					     "Camera.disabled" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_null(catalogue_find(names[i]));
}

/* What commands.md promises by name. */
static void test_promised(void **state)
{
	static const char *const names[] = {
		"camera.disabled",
		"wifi.disabled",
		"bluetooth.disabled",
		"gps.disabled",
		"password.enabled",
		"password.quality",
		"password.min_length",
		"password.min_letters",
		"password.min_lower_case",
		"password.min_upper_case",
		"password.min_non_letter",
		"password.min_numeric",
		"password.min_symbols",
		"password.max_failed_for_wipe",
		"screen.max_time_to_lock_ms",
		"storage.encryption",
		"apps.deploy",
		"apps.remove",
		"files.deploy",
		"files.remove",
		"launcher.apps",
		"launcher.enabled",
		"chrome.HomepageLocation",
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_non_null(catalogue_find(names[i]));
}

static void check_json_column(const struct setting_type *t, const char *text)
{
	struct error err;
	if (!text)
		return;
	AUTO_JSON value = parse(text);
	assert_int_equal(catalogue_check(t, value, &err), 0);
}

/* "device:17.8", "extensions" */
static void check_chrome_word(const struct setting_type *t)
{
	const char *path = strchr(t->chrome, ':');
	assert_true(strncmp(t->name, "chrome", 6) == 0 && t->rule == RULE_NONE);
	assert_int_not_equal(strspn(t->chrome, "abcdefghijklmnopqrstuvwxyz"), 0);
	if (path)
		assert_int_equal(strspn(path + 1, "0123456789."), strlen(path + 1));
}

/* "Policy=JSON|JSON": the policy is in the table and takes both values. */
static void check_chrome_column(const struct setting_type *t)
{
	char name[128];
	const char *equals = strchr(t->chrome, '='), *bar = strchr(t->chrome, '|');
	if (!equals) {
		check_chrome_word(t);
		return;
	}
	assert_true(equals && bar && bar > equals && t->kind == SETTING_BOOL);
	snprintf(name, sizeof name, "chrome.%.*s", (int)(equals - t->chrome), t->chrome);
	const struct setting_type *policy = catalogue_find(name);
	assert_non_null(policy);
	AUTO_JSON on = json_loadb(equals + 1, (size_t)(bar - equals - 1), JSON_DECODE_ANY, NULL);
	AUTO_JSON off = parse(bar + 1);
	assert_int_equal(catalogue_check(policy, on, NULL), 0);
	assert_int_equal(catalogue_check(policy, off, NULL), 0);
	assert_false(json_equal(on, off));
}

static void test_columns(void **state)
{
	static const char *const providers[] = { "camera",   "wifi",   "bluetooth",
						 "password", "screen", "storage",
						 "files",    "apps",   "chrome" };
	for (size_t i = 0; i < catalogue_n(); i++) {
		const struct setting_type *t = catalogue_at(i);
		bool known = t->provider == NULL;
		for (size_t p = 0; p < ARRAY_SIZE(providers) && !known; p++)
			known = strcmp(providers[p], t->provider) == 0;
		assert_true(known);
		assert_true(strlen(t->doc) > 10);
		assert_int_equal(t->kind == SETTING_ENUM, t->choices != NULL);
		assert_int_equal(t->kind == SETTING_OBJECTS, t->fields != NULL);
		check_json_column(t, t->default_json);
		check_json_column(t, t->mdmcore_default_json);
		if (t->chrome)
			check_chrome_column(t);
		if (t->flyve)
			assert_non_null(strchr(t->flyve, ':'));
		if (!t->policy)
			assert_non_null(t->default_json);
	}
}

/* Facts of data/chrome-policies.tsv, spot by spot: one of each kind. */
static void test_chrome_rows(void **state)
{
	static const struct {
		const char *name;
		enum setting_kind kind;
		struct chrome_policy policy;
		const char *provider;
	} cases[] = {
		{ "chrome.HomepageLocation", SETTING_STRING, { 1, 3, 0, 1, 0, 0, 0, 1 }, "chrome" },
		{ "chrome.AIModeSettings",
		  SETTING_INT,
		  { 1367, 1043, 327, 1, 0, 0, 0, 1 },
		  "chrome" },
		{ "chrome.VideoCaptureAllowed",
		  SETTING_BOOL,
		  { 167, 169, 0, 1, 0, 0, 0, 1 },
		  "chrome" },
		{ "chrome.URLBlocklist", SETTING_LIST, { 0 }, "chrome" },
		{ "chrome.ExtensionSettings", SETTING_JSON, { 0 }, "chrome" },
		{ "chrome.CloudReportingEnabled", SETTING_BOOL, { 0 }, NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct setting_type *t = catalogue_find(cases[i].name);
		const struct chrome_policy *wanted = &cases[i].policy;
		assert_int_equal(t->kind, cases[i].kind);
		assert_int_equal(t->policy->cloud_only, cases[i].provider == NULL);
		assert_int_equal(t->provider != NULL, cases[i].provider != NULL);
		if (!wanted->id)
			continue;
		assert_int_equal(t->policy->id, wanted->id);
		assert_int_equal(t->policy->top_field, wanted->top_field);
		assert_int_equal(t->policy->inner_field, wanted->inner_field);
		assert_int_equal(t->policy->per_profile, wanted->per_profile);
		assert_int_equal(t->policy->dynamic_refresh, wanted->dynamic_refresh);
	}
}

static void test_nearest(void **state)
{
	static const struct {
		const char *wrong, *near;
	} cases[] = {
		{ "camera.disable", "camera.disabled" },
		{ "Camera.Disabled", "camera.disabled" },
		{ "camra.disabled", "camera.disabled" },
		{ "password.min_lenght", "password.min_length" },
		{ "HomepageLocation", "chrome.HomepageLocation" },
		{ "chrome.homepagelocation", "chrome.HomepageLocation" },
		{ "chrome.HomePageLocatio", "chrome.HomepageLocation" },
		{ "something.entirely.different", NULL },
		{ "", NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *near = catalogue_nearest(cases[i].wrong);
		assert_int_equal(near != NULL, cases[i].near != NULL);
		if (near)
			assert_string_equal(near, cases[i].near);
	}
}

static void test_applies(void **state)
{
	static const struct {
		const char *name, *channels; /* chrome flyve mdmcore device vm none */
	} cases[] = {
		{ "camera.disabled", "yyyyny" },
		{ "wifi.disabled", "nynyny" },
		{ "gps.disabled", "yynnny" },
		{ "chrome.HomepageLocation", "ynnyny" },
		{ "chrome.CloudReportingEnabled", "ynnnny" },
		{ "nfc.disabled", "nynnny" },
		{ "password.min_length", "nynyny" },
		{ "apps.deploy", "nynyny" },
		{ "storage.encryption", "nynyny" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t c = 0; c <= CHANNEL_N; c++)
			assert_int_equal(
				catalogue_applies(catalogue_find(cases[i].name), (enum channel)c),
				cases[i].channels[c] == 'y');
}

/* What is wrong is said behind the setting's name; NULL: it is fine. */
struct check {
	const char *name, *value, *complaint;
};

static const struct check checks_of_scalars[] = {
	{ "camera.disabled", "true", NULL },
	{ "camera.disabled", "false", NULL },
	{ "camera.disabled", "1", " must be true or false, not 1" },
	{ "camera.disabled", "\"true\"", " must be true or false, not \"true\"" },
	{ "camera.disabled", "null", " must be true or false, not null" },
	{ "password.min_length", "0", NULL },
	{ "password.min_length", "64", NULL },
	{ "password.min_length", "65", " must be an integer from 0 to 64, not 65" },
	{ "password.min_length", "-1", " must be an integer from 0 to 64, not -1" },
	{ "password.min_length", "\"x\"", " must be an integer from 0 to 64, not \"x\"" },
	{ "password.min_length", "8.0", " must be an integer from 0 to 64, not 8.0" },
	{ "screen.max_time_to_lock_ms", "2147483647", NULL },
	{ "screen.max_time_to_lock_ms", "2147483648",
	  " must be an integer from 0 to 2147483647, not 2147483648" },
	{ "password.quality", "\"complex\"", NULL },
	{ "password.quality", "\"COMPLEX\"", NULL },
	{ "password.quality", "\"PASSWORD_QUALITY_COMPLEX\"", NULL },
	{ "password.quality", "\"PASSWORD_QUALITY_\"",
	  " must be one of unspecified, something, numeric, alphabetic, alphanumeric, complex, not \"PASSWORD_QUALITY_\"" },
	{ "password.quality", "\"\"",
	  " must be one of unspecified, something, numeric, alphabetic, alphanumeric, complex, not \"\"" },
	{ "password.quality", "5",
	  " must be one of unspecified, something, numeric, alphabetic, alphanumeric, complex, not 5" },
	{ "password.enabled", "\"pin\"", NULL },
	{ "password.enabled", "\"PASSWORD_PASSWD\"", NULL },
	{ "password.enabled", "true", NULL },
	{ "password.enabled", "false", NULL },
	{ "password.enabled", "\"yes\"", " must be one of none, pin, passwd, not \"yes\"" },
};
static const struct check checks_of_lists[] = {
	{ "apps.remove", "[]", NULL },
	{ "apps.remove", "[\"a\",\"b\"]", NULL },
	{ "apps.remove", "\"a\"", " must be a list of strings, not \"a\"" },
	{ "apps.remove", "[\"a\",5]", " must be a list of strings, but element 2 is 5" },
	{ "apps.deploy", "[]", NULL },
	{ "apps.deploy", "[{\"app\":3}]", NULL },
	{ "apps.deploy", "[{\"app\":3,\"remove_on_delete\":true}]", NULL },
	{ "apps.deploy", "{\"app\":3}", " must be a list of objects, not {\"app\":3}" },
	{ "apps.deploy", "[3]", ": element 1 must be an object, not 3" },
	{ "apps.deploy", "[{\"app\":3},{\"app\":\"x\"}]",
	  ": element 2: app must be an integer above 0, not \"x\"" },
	{ "apps.deploy", "[{}]", ": element 1: app is missing (an integer above 0)" },
	{ "apps.deploy", "[{\"app\":3,\"when\":1}]",
	  ": element 1 has no \"when\"; it may have app, remove_on_delete" },
	{ "files.deploy", "[{\"file\":3,\"destination\":\"/etc/motd\"}]", NULL },
	{ "files.deploy", "[{\"file\":3}]",
	  ": element 1: destination is missing (a string of at most 4096 bytes)" },
};
static const struct check checks_of_chrome[] = {
	{ "chrome_extensions.policies", "{\"abcdefghijklmnopabcdefghijklmnop\":{\"a\":1}}", NULL },
	{ "chrome_extensions.policies", "[]", " must be an object of extensions' ids, not []" },
	{ "chrome_extensions.policies", "{\"abcdefghijklmnopabcdefghijklmnoq\":{}}",
	  ": an extension's id is 32 letters from a to p, not \"abcdefghijklmnopabcdefghijklmnoq\"" },
	{ "chrome_extensions.policies", "{\"abcdefghijklmnopabcdefghijklmnop\":1}",
	  ": the policies of abcdefghijklmnopabcdefghijklmnop must be an object, not 1" },
	{ "chromeos.device_payload", "\"CAE=\"", NULL },
	{ "chromeos.device_payload", "\"?\"", " must be base64" },
	{ "chromeos.accounts", "[{\"account\":\"a\",\"type\":\"kiosk_app\"}]", NULL },
	{ "chromeos.accounts", "[{\"account\":\"a\",\"type\":\"x\"}]",
	  ": element 1: type must be public_session, kiosk_app or kiosk_android_app, not \"x\"" },
	{ "chrome.HomepageLocation", "\"https://example.org\"", NULL },
	{ "chrome.HomepageLocation", "5", " must be a string of 0 to 65536 bytes, not 5" },
	{ "chrome.AIModeSettings", "-2147483648", NULL },
	{ "chrome.AIModeSettings", "2147483648",
	  " must be an integer from -2147483648 to 2147483647, not 2147483648" },
	{ "chrome.URLBlocklist", "[\"a\"]", NULL },
	{ "chrome.URLBlocklist", "[[]]", " must be a list of strings, but element 1 is []" },
	{ "chrome.ExtensionSettings", "{\"*\":{\"x\":[1,null]}}", NULL },
	{ "chrome.ExtensionSettings", "\"{}\"", NULL },
	{ "chrome.ExtensionSettings", "null", NULL },
	{ "chrome.ExtensionSettings", "1.5", NULL },
};

static void check_all(const struct check *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct error err = { 0 };
		char wanted[400] = "";
		AUTO_JSON value = parse(cases[i].value);
		if (cases[i].complaint)
			snprintf(wanted, sizeof wanted, "%s%s", cases[i].name, cases[i].complaint);
		int r = catalogue_check(catalogue_find(cases[i].name), value, &err);
		assert_string_equal(err.message, wanted);
		assert_int_equal(r, *wanted ? ERR_INVALID : 0);
	}
}

static void test_check(void **state)
{
	check_all(checks_of_scalars, ARRAY_SIZE(checks_of_scalars));
	check_all(checks_of_lists, ARRAY_SIZE(checks_of_lists));
	check_all(checks_of_chrome, ARRAY_SIZE(checks_of_chrome));
	assert_int_equal(catalogue_check(catalogue_find("camera.disabled"), NULL, NULL),
			 ERR_INVALID);
}

static void test_check_sizes(void **state)
{
	const struct setting_type *list = catalogue_find("apps.remove");
	const struct setting_type *string = catalogue_find("chrome.HomepageLocation");
	struct error err;
	AUTO_JSON many = json_array();
	for (size_t i = 0; i < 10000; i++)
		json_array_append_new(many, json_string("x"));
	assert_int_equal(catalogue_check(list, many, &err), 0);
	json_array_append_new(many, json_string("x"));
	assert_int_equal(catalogue_check(list, many, &err), ERR_INVALID);
	assert_string_equal(err.message, "apps.remove must have 0 to 10000 elements, not 10001");
	for (size_t n = 65536; n <= 65537; n++) {
		char *text = malloc(n);
		memset(text, 'x', n);
		AUTO_JSON one = json_stringn(text, n);
		AUTO_JSON in_list = json_pack("[O]", one);
		free(text);
		assert_int_equal(catalogue_check(string, one, &err), n == 65536 ? 0 : ERR_INVALID);
		assert_int_equal(catalogue_check(list, in_list, &err),
				 n == 65536 ? 0 : ERR_INVALID);
		if (n > 65536)
			assert_true(strlen(err.message) <
				    200); /* the value is only quoted in part */
	}
}

static void test_parse(void **state)
{
	static const struct {
		const char *name, *text, *value; /* NULL: an error … */
		const char *part;                /* … with this in it */
	} cases[] = {
		{ "camera.disabled", "true", "true", NULL },
		{ "camera.disabled", " false ", "false", NULL },
		{ "camera.disabled", "yes", NULL, "must be true or false, not \"yes\"" },
		{ "camera.disabled", "", NULL, "must be true or false, not \"\"" },
		{ "password.min_length", "8", "8", NULL },
		{ "password.min_length", "eight", NULL, "not \"eight\"" },
		{ "password.quality", "complex", "\"complex\"", NULL },
		{ "password.quality", "\"complex\"", "\"complex\"", NULL },
		{ "password.enabled", "true", "\"true\"", NULL },
		{ "chrome.HomepageLocation", "https://example.org/", "\"https://example.org/\"",
		  NULL },
		{ "chrome.HomepageLocation", "\"https://example.org/\"", "\"https://example.org/\"",
		  NULL },
		{ "chrome.HomepageLocation", "5", "\"5\"", NULL },
		{ "chrome.HomepageLocation", "true", "\"true\"", NULL },
		{ "chrome.HomepageLocation", "", "\"\"", NULL },
		{ "chrome.HomepageLocation", "\"broken", NULL,
		  "chrome.HomepageLocation: not valid JSON" },
		{ "chrome.URLBlocklist", "[\"a\"]", "[\"a\"]", NULL },
		{ "chrome.URLBlocklist", "a", NULL, "must be a list of strings, not \"a\"" },
		{ "chrome.URLBlocklist", "[\"a\"", NULL, "not valid JSON" },
		{ "chrome.ExtensionSettings", "{\"*\":{}}", "{\"*\":{}}", NULL },
		{ "chrome.ExtensionSettings", "\"{}\"", "\"{}\"", NULL },
		{ "chrome.ExtensionSettings", "{\"*\":", NULL, "not valid JSON" },
		{ "chrome.ExtensionSettings", "word", "\"word\"", NULL },
		{ "chrome.HomepageLocation", "\xff", NULL, "not UTF-8" },
		{ "apps.deploy", "[{\"app\":1}]", "[{\"app\":1}]", NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		AUTO_JSON value = NULL;
		int r = catalogue_parse(catalogue_find(cases[i].name), cases[i].text, &value, &err);
		assert_int_equal(r, cases[i].value ? 0 : ERR_INVALID);
		if (!cases[i].value) {
			assert_non_null(strstr(err.message, cases[i].part));
			continue;
		}
		AUTO_JSON wanted = parse(cases[i].value);
		assert_true(json_equal(value, wanted));
	}
}

static void test_choice(void **state)
{
	static const struct {
		const char *name, *value;
		int choice;
		const char *word;
	} cases[] = {
		{ "password.quality", "\"unspecified\"", 0, "\"unspecified\"" },
		{ "password.quality", "\"complex\"", 5, "\"complex\"" },
		{ "password.quality", "\"PASSWORD_QUALITY_NUMERIC\"", 2, "\"numeric\"" },
		{ "password.quality", "\"password_quality_numeric\"", 2, "\"numeric\"" },
		{ "password.quality", "\"comple\"", -1, "\"comple\"" },
		{ "password.quality", "true", -1, "true" },
		{ "password.enabled", "false", 0, "\"none\"" },
		{ "password.enabled", "\"false\"", 0, "\"none\"" },
		{ "password.enabled", "true", 1, "\"pin\"" },
		{ "password.enabled", "\"PASSWORD_PIN\"", 1, "\"pin\"" },
		{ "password.enabled", "\"passwd\"", 2, "\"passwd\"" },
		{ "password.enabled", "\"none|false\"", -1, "\"none|false\"" },
		{ "ringer.mode", "\"RINGER_MODE_SILENT\"", 2, "\"silent\"" },
		{ "camera.disabled", "true", -1, "true" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct setting_type *t = catalogue_find(cases[i].name);
		AUTO_JSON value = parse(cases[i].value);
		AUTO_JSON wanted = parse(cases[i].word);
		AUTO_JSON word = catalogue_canonical(t, value);
		assert_int_equal(catalogue_choice(t, value), cases[i].choice);
		assert_true(json_equal(word, wanted));
	}
}

static void test_satisfied(void **state)
{
	static const struct {
		const char *name, *desired, *observed;
		bool satisfied;
	} cases[] = {
		/* equal */
		{ "camera.disabled", "true", "true", true },
		{ "camera.disabled", "true", "false", false },
		{ "camera.disabled", "false", "true", false },
		{ "camera.disabled", "true", "1", false },
		{ "camera.disabled", "true", "\"true\"", false },
		{ "camera.disabled", "true", "null", false },
		{ "chrome.HomepageLocation", "\"a\"", "\"a\"", true },
		{ "chrome.HomepageLocation", "\"a\"", "\"A\"", false },
		{ "chrome.AIModeSettings", "5", "5.0", true },
		{ "chrome.AIModeSettings", "5", "6", false },
		{ "chrome.URLBlocklist", "[\"a\",\"b\"]", "[\"a\",\"b\"]", true },
		{ "chrome.URLBlocklist", "[\"a\",\"b\"]", "[\"b\",\"a\"]", false },
		{ "chrome.ExtensionSettings", "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true },
		{ "chrome.ExtensionSettings", "{\"a\":1}", "\"{\\\"a\\\":1}\"", false },
		{ "ringer.mode", "\"silent\"", "\"RINGER_MODE_SILENT\"", true },
		{ "ringer.mode", "\"silent\"", "\"vibrate\"", false },
		/* at least */
		{ "password.min_length", "8", "8", true },
		{ "password.min_length", "8", "12", true },
		{ "password.min_length", "8", "8.0", true },
		{ "password.min_length", "8", "7", false },
		{ "password.min_length", "8", "\"12\"", false },
		{ "password.min_length", "8", "true", false },
		{ "password.min_length", "8", "null", false },
		{ "password.min_length", "0", "0", true },
		{ "password.quality", "\"numeric\"", "\"numeric\"", true },
		{ "password.quality", "\"numeric\"", "\"complex\"", true },
		{ "password.quality", "\"numeric\"", "\"something\"", false },
		{ "password.quality", "\"numeric\"", "\"PASSWORD_QUALITY_COMPLEX\"", true },
		{ "password.quality", "\"numeric\"", "\"nonsense\"", false },
		{ "password.quality", "\"numeric\"", "5", false },
		{ "password.enabled", "true", "\"passwd\"", true },
		{ "password.enabled", "\"passwd\"", "true", false },
		{ "storage.encryption", "true", "true", true },
		{ "storage.encryption", "true", "false", false },
		{ "storage.encryption", "false", "true", true },
		{ "storage.encryption", "true", "1", false },
		/* at most */
		{ "screen.max_time_to_lock_ms", "60000", "60000", true },
		{ "screen.max_time_to_lock_ms", "60000", "30000", true },
		{ "screen.max_time_to_lock_ms", "60000", "60001", false },
		{ "screen.max_time_to_lock_ms", "60000", "0", false },
		{ "screen.max_time_to_lock_ms", "60000", "-1", false },
		{ "screen.max_time_to_lock_ms", "60000", "false", false },
		{ "screen.max_time_to_lock_ms", "0", "60001", true },
		{ "screen.max_time_to_lock_ms", "0", "0", true },
		{ "screen.max_time_to_lock_ms", "0", "null", false },
		/* all done */
		{ "apps.remove", "[]", "[]", true },
		{ "apps.remove", "[]", "true", true },
		{ "apps.remove", "[\"a\"]", "true", true },
		{ "apps.remove", "[\"a\"]", "false", false },
		{ "apps.remove", "[\"a\"]", "[\"a\",\"b\"]", true },
		{ "apps.remove", "[\"a\",\"b\"]", "[\"b\",\"a\"]", true },
		{ "apps.remove", "[\"a\",\"b\"]", "[\"b\"]", false },
		{ "apps.remove", "[\"a\"]", "\"a\"", false },
		{ "apps.deploy", "[{\"app\":3}]", "[{\"app\":3,\"package\":\"x\"}]", true },
		{ "apps.deploy", "[{\"app\":3,\"remove_on_delete\":true}]", "[{\"app\":3}]", true },
		{ "apps.deploy", "[{\"app\":3}]", "[{\"app\":4}]", false },
		{ "apps.deploy", "[{\"app\":3}]", "[3]", false },
		{ "files.deploy", "[{\"file\":1,\"destination\":\"/a\"}]",
		  "[{\"file\":1,\"destination\":\"/a\"}]", true },
		{ "files.deploy", "[{\"file\":1,\"destination\":\"/a\"}]",
		  "[{\"file\":1,\"destination\":\"/b\"}]", false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_JSON desired = parse(cases[i].desired);
		AUTO_JSON observed = parse(cases[i].observed);
		assert_int_equal(
			catalogue_satisfied(catalogue_find(cases[i].name), desired, observed),
			cases[i].satisfied);
	}
	assert_false(catalogue_satisfied(catalogue_find("camera.disabled"), json_true(), NULL));
}

static void test_to_json(void **state)
{
	static const struct {
		const char *name, *json;
	} cases[] = {
		{ "camera.disabled",
		  "{\"name\":\"camera.disabled\",\"type\":\"boolean\",\"min\":null,\"max\":null,"
		  "\"choices\":[],\"fields\":[],\"default\":false,\"rule\":\"equal\","
		  "\"channels\":[\"chrome\",\"flyve\",\"mdmcore\",\"device\"],"
		  "\"provider\":\"camera\",\"chrome\":\"VideoCaptureAllowed=false|true\","
		  "\"flyve\":\"camera:disableCamera\",\"mdmcore\":\"cameraDisabled\","
		  "\"policy\":null,"
		  "\"doc\":\"Switch every camera off; in a browser, sites cannot use one\"}" },
		{ "password.enabled",
		  "{\"name\":\"password.enabled\",\"type\":\"enum\",\"min\":null,\"max\":null,"
		  "\"choices\":[\"none\",\"pin\",\"passwd\"],\"fields\":[],\"default\":\"none\","
		  "\"rule\":\"at_least\",\"channels\":[\"flyve\"],\"provider\":null,"
		  "\"chrome\":null,\"flyve\":\"policies:passwordEnabled=PASSWORD_\","
		  "\"mdmcore\":null,\"policy\":null,"
		  "\"doc\":\"Whether the device must be unlocked, and by what at least\"}" },
		{ "chrome.HomepageLocation",
		  "{\"name\":\"chrome.HomepageLocation\",\"type\":\"string\",\"min\":0,"
		  "\"max\":65536,\"choices\":[],\"fields\":[],\"default\":null,\"rule\":\"equal\","
		  "\"channels\":[\"chrome\",\"device\"],\"provider\":\"chrome\",\"chrome\":null,"
		  "\"flyve\":null,\"mdmcore\":null,\"policy\":{\"id\":1,\"per_profile\":true,"
		  "\"cloud_only\":false,\"deprecated\":false,\"future\":false,"
		  "\"dynamic_refresh\":true},\"doc\":\"Chrome policy HomepageLocation: a text, for "
		  "each profile, in force at once\"}" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_JSON j = catalogue_to_json(catalogue_find(cases[i].name));
		CLEANUP(free_charp) char *text = json_text(j);
		assert_string_equal(text, cases[i].json);
	}
	for (size_t i = 0; i < catalogue_n(); i++) {
		AUTO_JSON j = catalogue_to_json(catalogue_at(i));
		assert_int_equal(json_object_size(j), 15);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),        cmocka_unit_test(test_order),
		cmocka_unit_test(test_find_nothing), cmocka_unit_test(test_promised),
		cmocka_unit_test(test_columns),      cmocka_unit_test(test_chrome_rows),
		cmocka_unit_test(test_nearest),      cmocka_unit_test(test_applies),
		cmocka_unit_test(test_check),        cmocka_unit_test(test_check_sizes),
		cmocka_unit_test(test_parse),        cmocka_unit_test(test_choice),
		cmocka_unit_test(test_satisfied),    cmocka_unit_test(test_to_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
