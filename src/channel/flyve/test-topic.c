/* SPDX-License-Identifier: Apache-2.0
 *
 * topic: both spellings, hostile names, what is ours; built topics are read again.
 */
#include "channel/flyve/topic.h"

#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LONG_128                                                                                   \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"                         \
	"ccccccccccccccccccccccccccccccccdddddddddddddddddddddddddddddddd"

static void test_parse(void **state)
{
	static const struct {
		const char *topic;
		int64_t org_id; /* 0: refused */
		const char *name;
		enum flyve_status status;
		int64_t task_id;
	} cases[] = {
		{ "/0/agent/SER1/Status/Ping", 1, "SER1", FLYVE_STATUS_PING, 0 },
		{ "0/agent/SER1/Status/Ping", 1, "SER1", FLYVE_STATUS_PING, 0 },
		{ "41/agent/a.b_c:d-e/Status/Geolocation", 42, "a.b_c:d-e",
		  FLYVE_STATUS_GEOLOCATION, 0 },
		{ "/0/agent/S/Status/Inventory", 1, "S", FLYVE_STATUS_INVENTORY, 0 },
		{ "/0/agent/S/Status/Unenroll", 1, "S", FLYVE_STATUS_UNENROLL, 0 },
		{ "/0/agent/S/Status/Online", 1, "S", FLYVE_STATUS_ONLINE, 0 },
		{ "/0/agent/S/Status/Install", 1, "S", FLYVE_STATUS_INSTALL, 0 },
		{ "/0/agent/S/Status/Task", 1, "S", FLYVE_STATUS_TASK, 0 },
		{ "0/agent/S/Status/Task/12", 1, "S", FLYVE_STATUS_TASK_ID, 12 },
		{ "0/agent/S/FlyvemdmManifest/Status/Version", 1, "S", FLYVE_STATUS_VERSION, 0 },
		{ "0/agent/" LONG_128 "/Status/Ping", 1, LONG_128, FLYVE_STATUS_PING, 0 },
		{ "0/agent/" LONG_128 "x/Status/Ping", 0, NULL, 0, 0 },
		{ "//0/agent/S/Status/Ping", 0, NULL, 0, 0 },
		{ "/Status/Online", 0, NULL, 0, 0 }, /* the broken will: whose? */
		{ "0/agent//Status/Ping", 0, NULL, 0, 0 },
		{ "0/agent/a b/Status/Ping", 0, NULL, 0, 0 },
		{ "0/agent/a/b/Status/Ping", 0, NULL, 0, 0 },
		{ "0/agent/+/Status/Ping", 0, NULL, 0, 0 },
		{ "0/agent/#", 0, NULL, 0, 0 },
		{ "0/agent/S/Status/Ping/", 0, NULL, 0, 0 },
		{ "0/agent/S/Status/ping", 0, NULL, 0, 0 },
		{ "0/agent/S/Status/Task/", 0, NULL, 0, 0 },
		{ "0/agent/S/Status/Task/0", 0, NULL, 0, 0 },
		{ "0/agent/S/Status/Task/1x", 0, NULL, 0, 0 },
		{ "0/agent/S/Status/Task/99999999999999999999", 0, NULL, 0, 0 },
		{ "0/agent/S/Command/Wipe", 0, NULL, 0, 0 },
		{ "0/fleet/5/camera", 0, NULL, 0, 0 },
		{ "-1/agent/S/Status/Ping", 0, NULL, 0, 0 },
		{ "00/agent/S/Status/Ping", 0, NULL, 0, 0 },
		{ "9999999999999999999/agent/S/Status/Ping", 0, NULL, 0, 0 },
		{ "x/agent/S/Status/Ping", 0, NULL, 0, 0 },
		{ "", 0, NULL, 0, 0 },
		{ "/", 0, NULL, 0, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flyve_topic t;
		bool ok = flyve_topic_parse(span_str(cases[i].topic), &t);
		if (ok != (cases[i].org_id != 0))
			fail_msg("%s", cases[i].topic);
		if (!ok)
			continue;
		assert_int_equal(t.org_id, cases[i].org_id);
		assert_true(span_eq_str(t.name, cases[i].name));
		assert_int_equal(t.status, cases[i].status);
		assert_int_equal(t.task_id, cases[i].task_id);
	}
}

static void test_nul(void **state)
{
	struct flyve_topic t;
	static const char with_nul[] = "0/agent/S\0R/Status/Ping";
	assert_false(flyve_topic_parse(
		(struct span){ (const uint8_t *)with_nul, sizeof with_nul - 1 }, &t));
}

static void test_names(void **state)
{
	static const char *const bad[] = { "",     "a/b",     "a+b",       "#",          "a b",
					   "$",    "a\tb",    "a\xc3\xa9", LONG_128 "x", "reeved",
					   "a\"b", "Reeve-x", "%u" };
	static const char *const good[] = { "SER1", "0", "Unknown", "a:b-c.d_e", LONG_128 };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (flyve_name_safe(bad[i]))
			fail_msg("%s", bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!flyve_name_safe(good[i]))
			fail_msg("%s", good[i]);
	assert_true(flyve_serial_is_placeholder("Unknown"));
	assert_true(flyve_serial_is_placeholder("unknown"));
	assert_true(flyve_serial_is_placeholder("0123456789ABCDEF"));
	assert_true(flyve_serial_is_placeholder("0000000"));
	assert_true(flyve_serial_is_placeholder(""));
	assert_false(flyve_serial_is_placeholder("SER1"));
	assert_true(flyve_name_misleads("xWiPe7"));
	assert_true(flyve_name_misleads("BLOCK-1"));
	assert_true(flyve_name_misleads("PINGUIN"));
	assert_false(flyve_name_misleads("SER1"));
	assert_false(flyve_name_misleads("LO-CK"));
}

static void test_ours(void **state)
{
	static const char *const ours[] = {
		"/0/agent/S/Command/Wipe",          "0/agent/S/Command/Wipe",
		"0/agent/S/Policy/x/Task/1",        "/0/fleet/5/camera",
		"0/fleet/5/Policy/x/Task/1",        "FlyvemdmManifest/Status/Version",
		"/FlyvemdmManifest/Status/Version", "FlyvemdmManifest/Status/Broker"
	};
	static const char *const others[] = { "/0/agent/S/Status/Ping",
					      "FlyvemdmManifest/x",
					      "/FlyvemdmManifest/Status/Version/x",
					      "0/agent/S/FlyvemdmManifest/Status/Version",
					      "0/fleet",
					      "0/agent/S",
					      "",
					      "/",
					      "x/fleet/5/camera" };
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		assert_true(flyve_topic_is_ours(span_str(ours[i])));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(flyve_topic_is_ours(span_str(others[i])));
}

static void test_build(void **state)
{
	struct arena a;
	arena_init(&a);
	assert_string_equal(flyve_agent_root(&a, FLYVE_D1, 1, "SER1"), "/0/agent/SER1");
	assert_string_equal(flyve_agent_root(&a, FLYVE_D2, 3, "SER1"), "2/agent/SER1");
	assert_string_equal(flyve_fleet_root(&a, FLYVE_D1, 1, 5), "/0/fleet/5");
	assert_string_equal(flyve_fleet_root(&a, FLYVE_D2, 1, 5), "0/fleet/5");
	arena_fini(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse), cmocka_unit_test(test_nul),
		cmocka_unit_test(test_names), cmocka_unit_test(test_ours),
		cmocka_unit_test(test_build),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
