/* SPDX-License-Identifier: Apache-2.0
 *
 * wire: MDMCore's objects, byte by byte as its peers write them; lenient reading by table.
 */
#include "base/macros.h"
#include "channel/mdmcore/handlers.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static void assert_json(json_t *steals, const char *text)
{
	CLEANUP(free_charp) char *found = json_text(steals);
	json_decref(steals);
	assert_string_equal(found, text);
}

static void test_writing(void **state)
{
	const struct mdmcore_report r = { "device-7", 3, true, false };
	assert_json(mdmcore_policy_json(1, false), "{\"version\":1,\"cameraDisabled\":false}");
	assert_json(mdmcore_report_json(&r),
		    "{\"deviceId\":{\"value\":\"device-7\"},\"appliedPolicyVersion\":3,"
		    "\"cameraDisabled\":true,\"compliant\":false}");
	assert_json(
		mdmcore_status_json("device-7", mdmcore_policy_json(2, true), "", VERDICT_UNKNOWN),
		"{\"deviceId\":{\"value\":\"device-7\"},\"desired\":{\"version\":2,"
		"\"cameraDisabled\":true},\"lastReport\":null,\"state\":\"UNKNOWN\"}");
	assert_json(
		mdmcore_status_json("d", mdmcore_policy_json(2, true), "{\"x\":1}",
				    VERDICT_NON_COMPLIANT),
		"{\"deviceId\":{\"value\":\"d\"},\"desired\":{\"version\":2,"
		"\"cameraDisabled\":true},\"lastReport\":{\"x\":1},\"state\":\"NON_COMPLIANT\"}");
}

#define ID "\"deviceId\":{\"value\":\"device-1\"}"

static void test_reading(void **state)
{
	static const struct {
		const char *text, *complaint; /* NULL: good */
		int64_t applied;
		bool camera, compliant;
	} cases[] = {
		{ "{" ID ",\"appliedPolicyVersion\":5,\"cameraDisabled\":true,\"compliant\":true}",
		  NULL, 5, true, true },
		{ "{" ID ",\"appliedPolicyVersion\":0}", NULL, 0, false, false },
		{ "{\"later\":[],\"appliedPolicyVersion\":2147483647," ID "}", NULL, INT32_MAX,
		  false, false },
		{ "{" ID ",\"appliedPolicyVersion\":1,\"cameraDisabled\":null}",
		  "\"cameraDisabled\" must be a boolean, not null", 0, false, false },
		{ "{" ID ",\"appliedPolicyVersion\":1,\"compliant\":null}", "", 0, false, false },
		{ "{" ID ",\"appliedPolicyVersion\":2147483648}",
		  "appliedPolicyVersion: not within 0 and 2147483647.", 0, false, false },
		{ "{" ID ",\"appliedPolicyVersion\":-1}",
		  "appliedPolicyVersion: not within 0 and 2147483647.", 0, false, false },
		{ "{" ID "}", "", 0, false, false },
		{ "{" ID ",\"appliedPolicyVersion\":1.0}", "", 0, false, false },
		{ "{" ID ",\"appliedPolicyVersion\":1,\"cameraDisabled\":1}", "", 0, false, false },
		{ "{" ID ",\"appliedPolicyVersion\":1,\"compliant\":\"x\"}", "", 0, false, false },
		{ "{\"deviceId\":\"device-1\",\"appliedPolicyVersion\":1}", "", 0, false, false },
		{ "{\"deviceId\":{},\"appliedPolicyVersion\":1}", "", 0, false, false },
		{ "{\"deviceId\":{\"value\":1},\"appliedPolicyVersion\":1}", "", 0, false, false },
		{ "{\"appliedPolicyVersion\":1}", "", 0, false, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mdmcore_report r;
		struct error err = { 0 };
		AUTO_JSON body = NULL;
		assert_int_equal(json_parse(span_str(cases[i].text), &body, &err), 0);
		if (mdmcore_read_report(body, &r, &err) != (cases[i].complaint ? ERR_INVALID : 0))
			fail_msg("%s: %s", cases[i].text, err.message);
		if (cases[i].complaint && *cases[i].complaint)
			assert_string_equal(err.message, cases[i].complaint);
		if (cases[i].complaint)
			continue;
		assert_string_equal(r.device_id, "device-1");
		assert_int_equal(r.applied_version, cases[i].applied);
		assert_int_equal(r.camera_disabled, cases[i].camera);
		assert_int_equal(r.compliant, cases[i].compliant);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writing),
		cmocka_unit_test(test_reading),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
