/* SPDX-License-Identifier: Apache-2.0
 *
 * What is told of tasks, positions and the inventory.
 */
#include "agent/flyve/feedback.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static json_t *parsed(const char *text)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(j);
	return j;
}

static void test_tasks(void **state)
{
	static const struct {
		const char *task, *settings, *results, *status, *message;
	} cases[] = {
		{ "{\"setting\":\"camera.disabled\"}", "{\"camera.disabled\":{\"value\":true}}",
		  "{\"camera.disabled\":{\"value\":true,\"state\":\"applied\"}}", "done", "" },
		{ "{\"setting\":\"camera.disabled\"}", "{\"camera.disabled\":{\"value\":true}}",
		  "{\"camera.disabled\":{\"value\":false,\"state\":\"observed\"}}", "failed",
		  "the machine is not as desired" },
		{ "{\"setting\":\"camera.disabled\"}", "{\"camera.disabled\":{\"value\":true}}",
		  "{\"camera.disabled\":{\"value\":null,\"state\":\"failed\",\"message\":\"no udev\"}}",
		  "failed", "no udev" },
		{ "{\"setting\":\"camera.disabled\"}", "{\"camera.disabled\":{\"value\":true}}",
		  "{\"camera.disabled\":{\"value\":null,\"state\":\"unsupported\"}}",
		  "incompatible", "this machine has no such thing" },
		{ "{\"setting\":\"nfc.disabled\"}", "{\"nfc.disabled\":{\"value\":true}}", "{}",
		  "incompatible", "this machine has no such thing" },
		{ "{\"setting\":null}", "{}", "{}", "incompatible",
		  "this machine has no such thing" },
		{ "{\"setting\":\"camera.disabled\",\"wrong\":\"nonsense\"}", "{}", "{}", "failed",
		  "nonsense" },
		{ "{\"setting\":\"camera.disabled\",\"overridden\":true}", "{}", "{}", "overriden",
		  "a setting of the device itself comes first" },
		{ "{\"setting\":\"password.min_length\"}",
		  "{\"password.min_length\":{\"value\":6}}",
		  "{\"password.min_length\":{\"value\":8,\"state\":\"applied\"}}", "done", "" },
		{ "{\"setting\":\"apps.remove\",\"item\":\"nano\"}",
		  "{\"apps.remove\":{\"value\":[\"nano\",\"vim\"]}}",
		  "{\"apps.remove\":{\"value\":[\"nano\"],\"state\":\"failed\",\"message\":\"vim: held\"}}",
		  "done", "vim: held" },
		{ "{\"setting\":\"apps.remove\",\"item\":\"vim\"}",
		  "{\"apps.remove\":{\"value\":[\"nano\",\"vim\"]}}",
		  "{\"apps.remove\":{\"value\":[\"nano\"],\"state\":\"failed\",\"message\":\"vim: held\"}}",
		  "failed", "vim: held" },
		{ "{\"setting\":\"apps.remove\",\"item\":\"vim\"}",
		  "{\"apps.remove\":{\"value\":[\"vim\"]}}",
		  "{\"apps.remove\":{\"value\":[],\"state\":\"pending\"}}", "in progress", "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_JSON task = parsed(cases[i].task);
		AUTO_JSON settings = parsed(cases[i].settings);
		AUTO_JSON results = parsed(cases[i].results);
		AUTO_JSON tasks = json_array();
		json_object_set_new(task, "id", json_integer((json_int_t)i + 1));
		json_object_set_new(task, "grouped", json_false());
		json_array_append(tasks, task);
		AUTO_JSON got = feedback_tasks(tasks, settings, results);
		AUTO_JSON wanted =
			json_pack("[{s:I, s:b, s:s, s:s}]", "id", (json_int_t)i + 1, "grouped", 0,
				  "status", cases[i].status, "message", cases[i].message);
		CLEANUP(free_charp) char *text = json_text(got);
		if (!json_equal(got, wanted))
			fail_msg("case %zu: %s", i, text);
	}
}

static void test_position(void **state)
{
	AUTO_JSON result = parsed("{\"latitude\":48.5,\"longitude\":-1.25,\"accuracy_m\":10.0}");
	AUTO_JSON known = feedback_position(result, 17);
	AUTO_JSON unknown = feedback_position(NULL, 17);
	AUTO_JSON wanted = parsed("{\"latitude\":48.5,\"longitude\":-1.25,\"datetime\":17}");
	AUTO_JSON off = parsed("{\"gps\":\"off\",\"datetime\":17}");
	assert_true(json_equal(known, wanted));
	assert_true(json_equal(unknown, off));
}

static void test_inventory(void **state)
{
	static const char *const wanted[] = {
		"<DEVICEID>S&amp;1</DEVICEID>",
		"<HARDWARE><UUID>u</UUID><MEMORY>2048</MEMORY><NAME>box</NAME><OSNAME>Debian</OSNAME></HARDWARE>",
		"<BIOS><SSN>S&amp;1</SSN><SMODEL>Mk &lt;2&gt;</SMODEL></BIOS>",
		"<NETWORKS><DESCRIPTION>eth0</DESCRIPTION><IPADDRESS>10.0.0.1</IPADDRESS></NETWORKS>",
		"<SOFTWARES><NAME>bash</NAME><VERSION>5</VERSION></SOFTWARES>",
		"<SOFTWARES><NAME>zsh</NAME></SOFTWARES>",
	};
	AUTO_JSON sections = parsed(
		"{\"hardware\":{\"uuid\":\"u\",\"memory\":2147483648,\"serial\":\"S&1\","
		"\"product\":\"Mk <2>\\u0001\"},\"os\":{\"hostname\":\"box\",\"name\":\"Debian\"},"
		"\"network\":[{\"name\":\"eth0\",\"addresses\":[\"10.0.0.1\",\"::1\"]}],"
		"\"packages\":[{\"name\":\"bash\",\"version\":\"5\"},{\"name\":\"zsh\"}]}");
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1 << 16);
	feedback_inventory(sections, "S&1", &out);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!strstr(buf_str(&out), wanted[i]))
			fail_msg("%s is not in %s", wanted[i], buf_str(&out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_position),
		cmocka_unit_test(test_inventory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
