/* SPDX-License-Identifier: Apache-2.0
 *
 * enrollment: the protocol's reasons in the protocol's order; versions and what dialect they mean.
 */
#include "channel/flyve/enrollment.h"

#include "base/crypto.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char document[] = "<REQUEST><CONTENT><BIOS><SSN>SER1</SSN></BIOS></CONTENT></REQUEST>";

static json_t *good_input(void)
{
	struct buf xml;
	buf_init(&xml, 4096);
	base64_add(&xml, span_str(document));
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s}", "_email", "a@b.c",
			      "_invitation_token", "t", "_serial", "SER1", "_uuid", "u", "version",
			      "2.0.0-beta.3", "type", "android", "has_system_permission", 0,
			      "inventory", buf_str(&xml));
	buf_fini(&xml);
	return o;
}

static void test_reasons(void **state)
{
	static const struct {
		const char *key, *json; /* json NULL: left out */
		const char *reason;     /* NULL: accepted */
	} cases[] = {
		{ "phone", "\"1\"", NULL },
		{ "phone", "12", NULL },
		{ "_uuid", NULL, NULL },
		{ "inventory", NULL, "Device inventory XML is mandatory" },
		{ "inventory", "\"eA==\"", "Inventory XML is not well formed" },
		{ "inventory", "\"?\"", "Inventory XML is not well formed" },
		{ "version", NULL, "Agent version missing" },
		{ "type", NULL, "MDM type missing" },
		{ "type", "\"windows\"", "unknown MDM type" },
		{ "version", "\"two\"", "Bad agent version" },
		{ "version", "\"2.0\"", "Bad agent version" },
		{ "version", "\"1.9.0\"", "The agent version is too low" },
		{ "version", "\"v2.0.0-dev (build 7)\"", NULL },
		{ "has_system_permission", NULL,
		  "The agent does not advertise its system permissions" },
		{ "has_system_permission", "\"1\"", NULL },
		{ "notification_type", "\"mqtt\"", NULL },
		{ "notification_type", "\"fcm\"", "FCM service is not available" },
		{ "notification_type", "\"pigeon\"", "Notification settings are invalid" },
		{ "_email", "\"a\\u0007\"", "_email is too long or has control characters" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena a;
		struct flyve_enrollment e;
		const char *reason;
		AUTO_JSON input = good_input();
		arena_init(&a);
		json_object_del(input, cases[i].key);
		if (cases[i].json)
			json_object_set_new(input, cases[i].key,
					    json_loads(cases[i].json, JSON_DECODE_ANY, NULL));
		bool ok = flyve_enrollment_read(input, &a, &e, &reason);
		if (ok != (cases[i].reason == NULL))
			fail_msg("%s: %s", cases[i].key, ok ? "accepted" : reason);
		if (!ok)
			assert_string_equal(reason, cases[i].reason);
		flyve_inventory_fini(&e.inventory);
		arena_fini(&a);
	}
}

/* The first thing that is wrong is what is said. */
static void test_order(void **state)
{
	struct arena a;
	struct flyve_enrollment e;
	const char *reason;
	AUTO_JSON input = json_object();
	arena_init(&a);
	assert_false(flyve_enrollment_read(input, &a, &e, &reason));
	assert_string_equal(reason, "One of serial and uuid is mandatory");
	json_object_set_new(input, "_uuid", json_string("u"));
	assert_false(flyve_enrollment_read(input, &a, &e, &reason));
	assert_string_equal(reason, "Device inventory XML is mandatory");
	arena_fini(&a);
}

static void test_dialects(void **state)
{
	static const struct {
		const char *version, *notification;
		enum flyve_dialect dialect;
	} cases[] = {
		{ "2.0.0-beta.3", NULL, FLYVE_D1 }, { "2.0.0-rc.7", NULL, FLYVE_D1 },
		{ "2.0.0-rc.7", "mqtt", FLYVE_D2 }, { "2.0.0", NULL, FLYVE_D2 },
		{ "2.0.1-dev", NULL, FLYVE_D2 },    { "3.1.4", NULL, FLYVE_D2 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena a;
		struct flyve_enrollment e;
		const char *reason;
		AUTO_JSON input = good_input();
		arena_init(&a);
		json_object_set_new(input, "version", json_string(cases[i].version));
		if (cases[i].notification)
			json_object_set_new(input, "notification_type",
					    json_string(cases[i].notification));
		assert_true(flyve_enrollment_read(input, &a, &e, &reason));
		assert_int_equal(e.dialect, cases[i].dialect);
		flyve_inventory_fini(&e.inventory);
		arena_fini(&a);
	}
}

static void test_versions(void **state)
{
	struct flyve_version v;
	assert_true(flyve_version_read("x1.2.3-rc", &v));
	assert_true(v.major == 1 && v.minor == 2 && v.patch == 3 && v.prerelease);
	assert_true(flyve_version_read("1.2 3.4.5", &v));
	assert_true(v.major == 3 && !v.prerelease);
	assert_false(flyve_version_read("", &v));
	assert_false(flyve_version_read("1.2.", &v));
	assert_false(flyve_version_read("99999999999.1.1", &v));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_dialects),
		cmocka_unit_test(test_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
