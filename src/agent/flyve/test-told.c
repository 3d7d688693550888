/* SPDX-License-Identifier: Apache-2.0
 *
 * What a broker says, both dialects, in tables: messages in, settings and tasks out.
 */
#include "agent/flyve/told.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct message {
	const char *topic, *payload;
	enum told_kind kind;
};

static json_t *parsed(const char *text)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(j);
	return j;
}

static void tell(struct told *t, const char *topic, const char *payload, enum told_kind kind)
{
	struct told_news news;
	struct error err = { 0 };
	if (told_take(t, topic, span_str(payload), &news, &err) != 0)
		fail_msg("%s: %s", topic, err.message);
	assert_int_equal(news.kind, kind);
}

static void check(const struct told *t, const char *settings, const char *tasks)
{
	AUTO_JSON wanted_settings = parsed(settings);
	AUTO_JSON wanted_tasks = parsed(tasks);
	AUTO_JSON got_settings = NULL;
	AUTO_JSON got_tasks = NULL;
	told_desired(t, &got_settings, &got_tasks);
	CLEANUP(free_charp) char *a = json_text(got_settings);
	CLEANUP(free_charp) char *b = json_text(got_tasks);
	if (!json_equal(got_settings, wanted_settings) || !json_equal(got_tasks, wanted_tasks))
		fail_msg("settings %s tasks %s", a, b);
}

static const struct {
	struct message messages[4];
	const char *settings, *tasks;
} settings_cases[] = {
	/* D1: what has no task is a default, and is what the machine does anyway */
	{ { { "/0/agent/S/connectivity",
	      "{\"connectivity\":[{\"disableGPS\":\"true\",\"taskId\":\"13\"},{\"disableWifi\":\"false\"}]}",
	      TOLD_POLICIES } },
	  "{\"gps.disabled\":{\"value\":true,\"level\":\"mandatory\"}}",
	  "[{\"id\":13,\"grouped\":true,\"setting\":\"gps.disabled\"}]" },
	/* the specification's first example: two groups in one message, and its own words */
	{ { { "/0/agent/S/policies",
	      "{\"policies\":[{\"passwordMinLowerCase\":\"6\",\"taskId\":\"3\"},"
	      "{\"passwordEnabled\":\"true\",\"taskId\":\"4\"}],"
	      "\"encryption\":[{\"setEncryption\":\"true\",\"taskId\":\"11\"}]}",
	      TOLD_POLICIES } },
	  "{\"password.enabled\":{\"value\":\"pin\",\"level\":\"mandatory\"},"
	  "\"password.min_lower_case\":{\"value\":6,\"level\":\"mandatory\"},"
	  "\"storage.encryption\":{\"value\":true,\"level\":\"mandatory\"}}",
	  "[{\"id\":3,\"grouped\":true,\"setting\":\"password.min_lower_case\"},"
	  "{\"id\":4,\"grouped\":true,\"setting\":\"password.enabled\"},"
	  "{\"id\":11,\"grouped\":true,\"setting\":\"storage.encryption\"}]" },
	/* D2, numbers as numbers and as texts */
	{ { { "0/agent/S/Policy/passwordMinLength/Task/7",
	      "{\"passwordMinLength\":\"6\",\"taskId\":7}", TOLD_POLICIES },
	    { "0/agent/S/Policy/disableCamera/Task/8", "{\"disableCamera\":true,\"taskId\":\"8\"}",
	      TOLD_POLICIES } },
	  "{\"password.min_length\":{\"value\":6,\"level\":\"mandatory\"},"
	  "\"camera.disabled\":{\"value\":true,\"level\":\"mandatory\"}}",
	  "[{\"id\":7,\"grouped\":false,\"setting\":\"password.min_length\"},"
	  "{\"id\":8,\"grouped\":false,\"setting\":\"camera.disabled\"}]" },
	/* words of an enum lose their prefix */
	{ { { "0/agent/S/policies",
	      "{\"policies\":[{\"passwordQuality\":\"PASSWORD_QUALITY_COMPLEX\",\"taskId\":\"1\"}]}",
	      TOLD_POLICIES } },
	  "{\"password.quality\":{\"value\":\"complex\",\"level\":\"mandatory\"}}",
	  "[{\"id\":1,\"grouped\":true,\"setting\":\"password.quality\"}]" },
	/* lists gather; a path wins over the folder */
	{ { { "0/agent/S/Policy/deployFile/Task/3",
	      "{\"deployFile\":\"/etc/\",\"id\":\"8\",\"version\":\"1\",\"path\":\"/etc/motd\",\"taskId\":3}",
	      TOLD_POLICIES },
	    { "0/agent/S/Policy/deployFile/Task/4",
	      "{\"deployFile\":\"/opt/\",\"id\":\"9\",\"version\":\"1\",\"taskId\":4}",
	      TOLD_POLICIES },
	    { "0/agent/S/Policy/removeApp/Task/5", "{\"removeApp\":\"nano\",\"taskId\":5}",
	      TOLD_POLICIES } },
	  "{\"files.deploy\":{\"value\":[{\"file\":8,\"destination\":\"/etc/motd\"},"
	  "{\"file\":9,\"destination\":\"/opt/\"}],\"level\":\"mandatory\"},"
	  "\"apps.remove\":{\"value\":[\"nano\"],\"level\":\"mandatory\"}}",
	  "[{\"id\":3,\"grouped\":false,\"setting\":\"files.deploy\",\"item\":{\"file\":8,\"destination\":\"/etc/motd\"}},"
	  "{\"id\":4,\"grouped\":false,\"setting\":\"files.deploy\",\"item\":{\"file\":9,\"destination\":\"/opt/\"}},"
	  "{\"id\":5,\"grouped\":false,\"setting\":\"apps.remove\",\"item\":\"nano\"}]" },
	/* unknown keys are tasks that cannot be done; wrong values say so */
	{ { { "0/agent/S/launcher",
	      "{\"launcher\":{\"code\":\"start\",\"data\":[],\"taskId\":\"9\"}}", TOLD_POLICIES },
	    { "0/agent/S/Policy/disableCamera/Task/10",
	      "{\"disableCamera\":\"perhaps\",\"taskId\":10}", TOLD_POLICIES } },
	  "{}",
	  "[{\"id\":9,\"grouped\":true,\"setting\":null},"
	  "{\"id\":10,\"grouped\":false,\"setting\":\"camera.disabled\",\"wrong\":\"the value makes no sense\"}]" },
	/* others' topics, status and the manifest are nothing */
	{ { { "0/agent/T/camera", "{\"camera\":[{\"disableCamera\":\"true\",\"taskId\":\"1\"}]}",
	      TOLD_NOTHING },
	    { "0/agent/S/Status/Online", "{\"online\":true}", TOLD_NOTHING },
	    { "FlyvemdmManifest/Status/Version", "{\"version\":\"1\"}", TOLD_NOTHING },
	    { "0/fleet/5/camera", "{\"camera\":[{\"disableCamera\":\"true\",\"taskId\":\"1\"}]}",
	      TOLD_NOTHING } },
	  "{}",
	  "[]" },
};

static void test_settings(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings_cases); i++) {
		struct told t;
		told_init(&t, "/0/agent/S/");
		for (size_t m = 0; m < ARRAY_SIZE(settings_cases[i].messages) &&
				   settings_cases[i].messages[m].topic;
		     m++)
			tell(&t, settings_cases[i].messages[m].topic,
			     settings_cases[i].messages[m].payload,
			     settings_cases[i].messages[m].kind);
		check(&t, settings_cases[i].settings, settings_cases[i].tasks);
		told_fini(&t);
	}
}

#define CAMERA(value, task)                                                                        \
	"{\"camera\":[{\"disableCamera\":\"" value "\",\"taskId\":\"" task "\"}]}"

static void test_fleets(void **state)
{
	struct told t;
	told_init(&t, "0/agent/S");
	tell(&t, "0/agent/S/Command/Subscribe",
	     "{\"subscribe\":[{\"topic\":\"/0/fleet/5\"},{\"topic\":null}]}", TOLD_FLEETS);
	tell(&t, "0/agent/S/Command/Subscribe", "{\"subscribe\":[{\"topic\":\"/0/fleet/5\"}]}",
	     TOLD_NOTHING);
	tell(&t, "/0/fleet/5/camera", CAMERA("true", "12"), TOLD_POLICIES);
	tell(&t, "/0/fleet/5/camera", CAMERA("true", "12"), TOLD_NOTHING);
	check(&t, "{\"camera.disabled\":{\"value\":true,\"level\":\"mandatory\"}}",
	      "[{\"id\":12,\"grouped\":true,\"setting\":\"camera.disabled\"}]");
	/* the device's own comes first, whatever came first */
	tell(&t, "0/agent/S/camera", CAMERA("false", "3"), TOLD_POLICIES);
	check(&t, "{\"camera.disabled\":{\"value\":false,\"level\":\"mandatory\"}}",
	      "[{\"id\":12,\"grouped\":true,\"setting\":\"camera.disabled\",\"overridden\":true},"
	      "{\"id\":3,\"grouped\":true,\"setting\":\"camera.disabled\"}]");
	/* moved: the list is the full set */
	tell(&t, "0/agent/S/Command/Subscribe", "{\"subscribe\":[{\"topic\":\"0/fleet/6\"}]}",
	     TOLD_FLEETS);
	check(&t, "{\"camera.disabled\":{\"value\":false,\"level\":\"mandatory\"}}",
	      "[{\"id\":3,\"grouped\":true,\"setting\":\"camera.disabled\"}]");
	tell(&t, "0/agent/S/camera", "", TOLD_POLICIES);
	tell(&t, "0/agent/S/camera", "", TOLD_NOTHING);
	check(&t, "{}", "[]");
	told_fini(&t);
}

static void test_commands(void **state)
{
	static const struct {
		const char *suffix, *payload, *type;
		int64_t id, issued_s;
		bool query;
	} cases[] = {
		{ "Ping", "{\"query\":\"Ping\"}", "ping", 0, 0, true },
		{ "Geolocate", "{\"query\":\"Geolocate\"}", "locate", 0, 0, true },
		{ "Inventory", "{\"query\":\"Inventory\"}", "inventory", 0, 0, true },
		{ "Lock", "{\"lock\":\"now\",\"taskId\":\"7\",\"datetime\":1700000000}", "lock", 7,
		  1700000000, false },
		{ "Lock", "{\"lock\":\"unlock\"}", "unlock", 0, 0, false },
		{ "Wipe", "{\"wipe\":\"NOW\",\"taskId\":9}", "wipe", 9, 0, false },
		{ "Unenroll", "{\"unenroll\":\"Now\"}", "unenroll", 0, 0, false },
		{ "ResetPassword", "{\"policies\":[{\"resetPassword\":\"x\"}],\"taskId\":\"3\"}",
		  "reset_password", 3, 0, false },
	};
	struct told t;
	told_init(&t, "0/agent/S");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char topic[64];
		struct told_news n;
		struct error err;
		snprintf(topic, sizeof topic, "/0/agent/S/Command/%s", cases[i].suffix);
		assert_int_equal(told_take(&t, topic, span_str(cases[i].payload), &n, &err), 0);
		assert_int_equal(n.kind, TOLD_COMMAND);
		assert_string_equal(n.type, cases[i].type);
		assert_int_equal(n.id, cases[i].id);
		assert_int_equal(n.issued_s, cases[i].issued_s);
		assert_int_equal(n.query, cases[i].query);
		assert_int_equal(told_take(&t, topic, span_str(""), &n, &err), 0);
		assert_int_equal(n.kind, TOLD_NOTHING); /* taken back */
		assert_int_equal(
			told_take(&t, topic + 1, span_str("{\"wipe\":\"later\"}"), &n, &err),
			strcmp(cases[i].suffix, "ResetPassword") == 0 ? 0 : ERR_INVALID);
	}
	told_fini(&t);
}

static void test_nonsense(void **state)
{
	static const char *const topics[] = { "0/agent/S/camera", "0/agent/S/Policy/x/Task/1",
					      "0/agent/S/Command/Wipe",
					      "0/agent/S/Command/Subscribe" };
	static const char *const payloads[] = { "{", "[]", "17", "{\"a\":1,}", "\xff" };
	struct told t;
	told_init(&t, "0/agent/S");
	for (size_t i = 0; i < ARRAY_SIZE(topics); i++)
		for (size_t p = 0; p < ARRAY_SIZE(payloads); p++) {
			struct told_news n;
			struct error err;
			assert_int_equal(told_take(&t, topics[i], span_str(payloads[p]), &n, &err),
					 ERR_INVALID);
		}
	check(&t, "{}", "[]");
	told_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_fleets),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_nonsense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
