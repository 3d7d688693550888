/* SPDX-License-Identifier: Apache-2.0
 *
 * The judge's questions in their order, its sentences, and the shape of a report.
 */
#include "model/verdict.h"
#include "model/version.h"
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
	enum verdict v;
	enum observed_state s;
	for (size_t i = 0; i <= VERDICT_COMPLIANT; i++) {
		assert_true(verdict_parse(verdict_name((enum verdict)i), &v));
		assert_int_equal(v, i);
	}
	for (size_t i = 0; i <= OBSERVED_PENDING; i++) {
		assert_true(observed_state_parse(observed_state_name((enum observed_state)i), &s));
		assert_int_equal(s, i);
	}
	assert_false(verdict_parse("compliant", &v) || verdict_parse(NULL, &v));
	assert_false(observed_state_parse("", &s) || observed_state_parse(NULL, &s));
}

static void test_of(void **state)
{
	static const struct {
		bool reported, satisfied;
		int64_t base, changes, chain, applied, judged;
		enum verdict verdict;
		bool recheck;
	} cases[] = {
		{ false, false, 1, 0, 0, 0, 0, VERDICT_UNKNOWN, false },
		{ false, true, 1, 0, 0, 9, 9, VERDICT_UNKNOWN, false },
		{ true, true, 1, 0, 0, 0, 1, VERDICT_STALE, false },
		{ true, true, 1, 0, 0, 1, 1, VERDICT_COMPLIANT, false },
		{ true, false, 1, 0, 0, 1, 1, VERDICT_NON_COMPLIANT, false },
		{ true, true, 1, 1, 0, 1, 1, VERDICT_STALE, false },
		{ true, true, 1, 0, 1, 1, 1, VERDICT_STALE, false },
		{ true, true, -4, 2, 5, 3, 3, VERDICT_COMPLIANT, false },
		{ true, true, -4, 2, 6, 3, 3, VERDICT_STALE, false },
		/* claims more than there was: judged for 3, and 4 is desired now */
		{ true, true, 0, 0, 4, 9, 3, VERDICT_COMPLIANT, true },
		{ true, false, 0, 0, 4, 9, 3, VERDICT_NON_COMPLIANT, true },
		{ true, true, 0, 0, 4, 9, 4, VERDICT_COMPLIANT, false },
		/* nonsense of a device */
		{ true, true, 0, 0, 4, INT64_MAX, 4, VERDICT_COMPLIANT, false },
		{ true, true, -9, 0, 13, INT64_MAX, 4, VERDICT_COMPLIANT, false },
		{ true, true, 9, 0, 4, INT64_MIN, 4, VERDICT_STALE, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool recheck = !cases[i].recheck;
		struct device d = { .reported = cases[i].reported,
				    .satisfied = cases[i].satisfied,
				    .version_base = cases[i].base,
				    .changes = cases[i].changes,
				    .applied_version = cases[i].applied,
				    .judged_version = cases[i].judged };
		assert_int_equal(verdict_of(&d, cases[i].chain, &recheck), cases[i].verdict);
		assert_int_equal(recheck, cases[i].recheck);
	}
}

/* Desired: camera off (mandatory), at least 8 characters (mandatory), Wi-Fi off (recommended), NFC
 * off (Linux has no word for it). */
static void fill(struct desired *d, enum channel channel)
{
	static const struct setting rows[] = {
		{ .scope = "fleet",
		  .name = "camera.disabled",
		  .level = "mandatory",
		  .value_json = "true" },
		{ .scope = "fleet",
		  .name = "password.min_length",
		  .level = "mandatory",
		  .value_json = "8" },
		{ .scope = "fleet",
		  .name = "wifi.disabled",
		  .level = "recommended",
		  .value_json = "true" },
		{ .scope = "fleet",
		  .name = "nfc.disabled",
		  .level = "mandatory",
		  .value_json = "true" },
	};
	desired_init(d, channel);
	assert_int_equal(desired_add(d, rows, ARRAY_SIZE(rows)), 0);
}

#define CAMERA(value, state) "\"camera.disabled\":{\"value\":" value ",\"state\":\"" state "\"}"
#define LENGTH(value, state) "\"password.min_length\":{\"value\":" value ",\"state\":\"" state "\"}"

static void test_satisfied(void **state)
{
	static const struct {
		const char *observed, *why; /* NULL: satisfied */
	} cases[] = {
		{ "{" CAMERA("true", "applied") "," LENGTH("8", "observed") "}", NULL },
		{ "{" CAMERA("true", "observed") "," LENGTH("20", "applied") "}", NULL },
		{ "{" CAMERA("true", "applied") "," LENGTH(
			  "8", "applied") ",\"other.thing\":{\"value\":1,\"state\":\"failed\"}}",
		  NULL },
		{ "{" CAMERA("false", "observed") "," LENGTH("8", "applied") "}",
		  "{\"camera.disabled\":\"camera.disabled is false, desired is true\"}" },
		{ "{" CAMERA("true", "applied") "," LENGTH("6", "applied") "}",
		  "{\"password.min_length\":\"password.min_length is 6, desired is 8\"}" },
		{ "{" CAMERA("true", "failed") "," LENGTH("8", "applied") "}",
		  "{\"camera.disabled\":\"camera.disabled could not be enforced\"}" },
		{ "{" CAMERA("true", "unsupported") "," LENGTH("8", "pending") "}",
		  "{\"camera.disabled\":\"camera.disabled is not supported by the device\","
		  "\"password.min_length\":\"password.min_length is still on its way\"}" },
		{ "{\"camera.disabled\":{\"state\":\"failed\",\"message\":\"no rights\"}," LENGTH(
			  "8", "applied") "}",
		  "{\"camera.disabled\":\"camera.disabled could not be enforced: no rights\"}" },
		{ "{\"camera.disabled\":{\"state\":\"applied\"}," LENGTH("8", "applied") "}",
		  "{\"camera.disabled\":\"camera.disabled is nothing, desired is true\"}" },
		{ "{" LENGTH("8", "applied") "}",
		  "{\"camera.disabled\":\"camera.disabled was not reported\"}" },
		{ "{\"camera.disabled\":true," LENGTH("8", "applied") "}",
		  "{\"camera.disabled\":\"camera.disabled was not reported\"}" },
		{ "{" CAMERA("true", "imagined") "," LENGTH("8", "applied") "}",
		  "{\"camera.disabled\":\"camera.disabled was not reported\"}" },
		{ "{}", "{\"camera.disabled\":\"camera.disabled was not reported\","
			"\"password.min_length\":\"password.min_length was not reported\"}" },
		{ "null", "{\"camera.disabled\":\"camera.disabled was not reported\","
			  "\"password.min_length\":\"password.min_length was not reported\"}" },
	};
	struct desired d;
	fill(&d, CHANNEL_DEVICE);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_JSON observed = parse(cases[i].observed);
		AUTO_JSON why = json_object();
		assert_int_equal(verdict_satisfied(&d, observed, why), cases[i].why == NULL);
		CLEANUP(free_charp) char *text = json_text(why);
		assert_string_equal(text, cases[i].why ? cases[i].why : "{}");
		assert_int_equal(verdict_satisfied(&d, observed, NULL), cases[i].why == NULL);
	}
	desired_fini(&d);
}

static void test_judged_by_channel(void **state)
{
	static const struct {
		enum channel channel;
		const char *observed;
		bool satisfied;
	} cases[] = {
		{ CHANNEL_MDMCORE, "{" CAMERA("true", "applied") "}", true },
		{ CHANNEL_MDMCORE, "{" CAMERA("false", "applied") "}", false },
		{ CHANNEL_CHROME, "{" CAMERA("true", "applied") "}", true },
		{ CHANNEL_FLYVE, "{" CAMERA("true", "applied") "," LENGTH("8", "applied") "}",
		  false },
		{ CHANNEL_FLYVE,
		  "{" CAMERA("true", "applied") "," LENGTH(
			  "8",
			  "applied") ",\"nfc.disabled\":{\"value\":true,\"state\":\"applied\"}}",
		  true },
		{ CHANNEL_VM, "{}", true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct desired d;
		fill(&d, cases[i].channel);
		AUTO_JSON observed = parse(cases[i].observed);
		assert_int_equal(verdict_satisfied(&d, observed, NULL), cases[i].satisfied);
		desired_fini(&d);
	}
}

static void test_observed_check(void **state)
{
	static const struct {
		const char *in, *message; /* NULL: fine */
	} cases[] = {
		{ "{}", NULL },
		{ "{\"a\":{\"state\":\"observed\",\"value\":null}}", NULL },
		{ "{\"a\":{\"state\":\"applied\",\"value\":[1],\"message\":\"\",\"at\":\"\"}}",
		  NULL },
		{ "{\"a\":{\"state\":\"failed\",\"message\":null,\"at\":null,\"new\":1}}", NULL },
		{ "{\"a\":{\"state\":\"pending\",\"at\":\"2026-11-25T14:06:06.123Z\"}}", NULL },
		{ "[]", "the settings observed must be an object" },
		{ "null", "the settings observed must be an object" },
		{ "{\"a\":true}", "a must be an object, not true" },
		{ "{\"a\":{}}", "a: \"state\" must be observed, applied, failed, unsupported or "
				"pending, not missing" },
		{ "{\"a\":{\"state\":\"done\"}}",
		  "a: \"state\" must be observed, applied, failed, unsupported or pending, not done" },
		{ "{\"a\":{\"state\":1}}", "a: \"state\" must be a string" },
		{ "{\"a\":{\"state\":\"applied\",\"message\":1}}",
		  "a: \"message\" must be a string" },
		{ "{\"a\":{\"state\":\"applied\",\"at\":1}}", "a: \"at\" must be a string" },
		{ "{\"a\":{\"state\":\"applied\",\"at\":\"yesterday\"}}",
		  "a: \"at\" must be an RFC 3339 time, not yesterday" },
		{ "{\"\":{\"state\":\"applied\"}}", "a setting's name has 1 to 128 bytes: \"\"" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		AUTO_JSON observed = parse(cases[i].in);
		int r = observed_check(observed, &err);
		assert_string_equal(err.message, cases[i].message ? cases[i].message : "");
		assert_int_equal(r, cases[i].message ? ERR_INVALID : 0);
	}
	assert_int_equal(observed_check(NULL, NULL), ERR_INVALID);
}

static json_t *observed_with(size_t n_settings, size_t n_name, size_t n_message)
{
	json_t *all = json_object();
	char *message = malloc(n_message + 1);
	memset(message, 'm', n_message);
	message[n_message] = '\0';
	for (size_t i = 0; i < n_settings; i++) {
		char name[200];
		snprintf(name, sizeof name, "%0*zu", (int)n_name, i);
		json_object_set_new(all, name,
				    json_pack("{s:s, s:s}", "state", "failed", "message", message));
	}
	free(message);
	return all;
}

static void test_observed_bounds(void **state)
{
	static const struct {
		size_t n_settings, n_name, n_message;
		int r;
	} cases[] = {
		{ 2000, 8, 10, 0 }, { 2001, 8, 10, ERR_INVALID },
		{ 1, 128, 10, 0 },  { 1, 129, 10, ERR_INVALID },
		{ 1, 8, 1000, 0 },  { 1, 8, 1001, ERR_INVALID },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_JSON o =
			observed_with(cases[i].n_settings, cases[i].n_name, cases[i].n_message);
		assert_int_equal(observed_check(o, NULL), cases[i].r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),          cmocka_unit_test(test_of),
		cmocka_unit_test(test_satisfied),      cmocka_unit_test(test_judged_by_channel),
		cmocka_unit_test(test_observed_check), cmocka_unit_test(test_observed_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
