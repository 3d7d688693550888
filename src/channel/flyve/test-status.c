/* SPDX-License-Identifier: Apache-2.0
 *
 * status: every spelling that agents in the field use, and what is refused.
 */
#include "channel/flyve/status.h"

#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_online(void **state)
{
	static const struct {
		const char *text;
		int wanted; /* 1, 0, or -1: refused */
	} cases[] = {
		{ "{\"online\": \"true\"}", 1 },
		{ "{\"online\":\"false\"}", 0 },
		{ "{\"online\":true}", 1 },
		{ "{ \"online\": false }", 0 },
		{ "{ online: false }", 0 },
		{ "{online:true}", 1 },
		{ "{\"online\":\"yes\"}", -1 },
		{ "{\"online\":1}", -1 },
		{ "{}", -1 },
		{ "", -1 },
		{ "true", -1 },
		{ "[]", -1 },
		{ "{ online: maybe }", -1 },
		{ "{\"online\":null}", -1 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool online;
		struct error err;
		int r = flyve_read_online(span_str(cases[i].text), &online, &err);
		if (r != (cases[i].wanted < 0 ? ERR_INVALID : 0))
			fail_msg("%s: %d", cases[i].text, r);
		if (r == 0)
			assert_int_equal(online, cases[i].wanted);
	}
}

static void test_unenroll(void **state)
{
	struct error err;
	static const char *const bad[] = {
		"", "x", "{}", "{\"unenroll\":\"now\"}", "{\"unenroll\":true}", "[\"unenrolled\"]"
	};
	assert_int_equal(flyve_read_unenroll(span_str("{\"unenroll\": \"unenrolled\"}"), &err), 0);
	assert_int_equal(flyve_read_unenroll(span_str("{\"unenroll\":\"Unenrolled\"}"), &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(flyve_read_unenroll(span_str(bad[i]), &err), ERR_INVALID);
}

static void test_position(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{ "{\"latitude\":\"48.1\",\"longitude\":\"-1.6\",\"datetime\":1476345332}",
		  "48.1 -1.6 1476345332000" },
		{ "{\"latitude\":48.1054276,\"longitude\":-1.67820699,\"datetime\":\"1476345332\"}",
		  "48.1054 -1.67821 1476345332000" },
		{ "{\"latitude\":0,\"longitude\":180}", "0 180 0" },
		{ "{\"latitude\":1,\"longitude\":2,\"datetime\":1476345332123}",
		  "1 2 1476345332123" },
		{ "?", "not yet" },
		{ "\"?\"", "not yet" },
		{ "{\"latitude\":\"?\",\"longitude\":\"?\"}", "not yet" },
		{ "{\"gps\":\"off\",\"datetime\":5}", "off" },
		{ "{\"latitude\":\"na\",\"longitude\":\"na\"}", "off" },
		{ "{\"latitude\":91,\"longitude\":0}", NULL },
		{ "{\"latitude\":0,\"longitude\":-180.1}", NULL },
		{ "{\"latitude\":\"nan\",\"longitude\":0}", NULL },
		{ "{\"latitude\":\"0x10\",\"longitude\":0}", NULL },
		{ "{\"latitude\":\"1e999\",\"longitude\":0}", NULL },
		{ "{\"latitude\":\"\",\"longitude\":0}", NULL },
		{ "{\"latitude\":true,\"longitude\":0}", NULL },
		{ "{\"latitude\":1,\"longitude\":2,\"datetime\":-1}", NULL },
		{ "{\"latitude\":1,\"longitude\":2,\"datetime\":9e99}", NULL },
		{ "{\"latitude\":1,\"longitude\":2,\"datetime\":\"soon\"}", NULL },
		{ "{\"latitude\":1,\"longitude\":2,\"datetime\":9223372036854775807}", NULL },
		{ "{\"latitude\":1}", NULL },
		{ "{}", NULL },
		{ "", NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flyve_position p;
		struct error err;
		char got[80] = "not yet";
		int r = flyve_read_position(span_str(cases[i].text), &p, &err);
		if ((r == 0) != (cases[i].wanted != NULL))
			fail_msg("%s: %d", cases[i].text, r);
		if (r)
			continue;
		if (p.state == FLYVE_POSITION_OFF)
			snprintf(got, sizeof got, "off");
		if (p.state == FLYVE_POSITION_KNOWN)
			snprintf(got, sizeof got, "%.6g %.6g %lld", p.latitude, p.longitude,
				 (long long)p.at_ms);
		assert_string_equal(got, cases[i].wanted);
	}
}

struct told {
	char text[400];
	int64_t foreign; /* answered as not this device's */
};

static int tell(void *user, const struct flyve_task_status *s)
{
	struct told *t = user;
	size_t n = strlen(t->text);
	if (s->task_id == t->foreign)
		return 1;
	snprintf(t->text + n, sizeof t->text - n, "%lld=%s%s%s%s ", (long long)s->task_id,
		 task_state_name(s->state), s->unsupported ? "!" : "", *s->message ? ":" : "",
		 s->message);
	return 0;
}

static void test_tasks(void **state)
{
	static const struct {
		const char *text, *wanted; /* NULL: refused as a whole */
		size_t n_bad;
	} cases[] = {
		{ "{\"updateStatus\":[{\"taskId\":\"12\",\"status\":\"in progress\"},"
		  "{\"taskId\":14,\"status\":\"download\"},{\"taskId\":\"15\",\"status\":\"done\"}]}",
		  "12=running 14=running 15=done ", 0 },
		{ "{\"updateStatus\":[{\"taskId\":\"x\",\"status\":\"done\"},{\"status\":\"done\"},"
		  "{\"taskId\":1},7,{\"taskId\":2,\"status\":\"queued\"},"
		  "{\"taskId\":3,\"status\":\"pushed\"},{\"taskId\":0,\"status\":\"done\"},"
		  "{\"taskId\":4,\"status\":\"\"},{\"taskId\":5,\"status\":\"a\\u0007b\"},"
		  "{\"taskId\":99,\"status\":\"done\"},{\"taskId\":6,\"status\":\"DONE\"}]}",
		  "6=done ", 10 },
		{ "{\"updateStatus\":[{\"taskId\":1.0,\"status\":\"incompatible\"},"
		  "{\"taskId\":2,\"status\":\"overriden\"},{\"taskId\":3,\"status\":\"canceled\"},"
		  "{\"taskId\":4,\"status\":\"waiting\"},{\"taskId\":5,\"status\":\"received\"},"
		  "{\"taskId\":6,\"status\":\"pending\"},{\"taskId\":7,\"status\":\"entpackt\"},"
		  "{\"taskId\":8,\"status\":\"failed\",\"message\":\"no room\"}]}",
		  "1=failed! 2=cancelled 3=cancelled 4=running 5=received 6=pending 7=running "
		  "8=failed:no room ",
		  0 },
		{ "{\"updateStatus\":[]}", "", 0 },
		{ "{\"updateStatus\":[{\"taskId\":\"15\",\"status\":\"done\"},]}", NULL, 0 },
		{ "{\"updateStatus\":{}}", NULL, 0 },
		{ "{}", NULL, 0 },
		{ "!", NULL, 0 },
		{ "", NULL, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct told t = { .foreign = 99 };
		struct error err;
		size_t n_bad = 0;
		int r = flyve_read_tasks(span_str(cases[i].text), tell, &t, &n_bad, &err);
		assert_int_equal(r, cases[i].wanted ? 0 : ERR_INVALID);
		if (r)
			continue;
		assert_string_equal(t.text, cases[i].wanted);
		assert_int_equal(n_bad, cases[i].n_bad);
	}
}

static void test_task(void **state)
{
	struct told t = { .foreign = 99 };
	struct error err;
	assert_int_equal(flyve_read_task(span_str("{\"status\":\"done\"}"), 5, tell, &t, &err), 0);
	assert_string_equal(t.text, "5=done ");
	assert_int_equal(flyve_read_task(span_str("{\"status\":\"done\"}"), 99, tell, &t, &err),
			 ERR_INVALID);
	assert_int_equal(flyve_read_task(span_str("{\"status\":\"queued\"}"), 5, tell, &t, &err),
			 ERR_INVALID);
	assert_int_equal(flyve_read_task(span_str("done"), 5, tell, &t, &err), ERR_INVALID);
}

static void test_long_status(void **state)
{
	char text[300] = "";
	enum task_state s;
	bool unsupported;
	struct error err;
	memset(text, 'x', 255);
	assert_int_equal(flyve_status_read(text, &s, &unsupported, &err), 0);
	assert_int_equal(s, TASK_RUNNING);
	text[255] = 'x';
	assert_int_equal(flyve_status_read(text, &s, &unsupported, &err), ERR_INVALID);
}

static void test_version(void **state)
{
	char v[64];
	struct error err;
	assert_int_equal(flyve_read_version(span_str("{\"version\":\"2.0.0-rc.7\"}"), v, &err), 0);
	assert_string_equal(v, "2.0.0-rc.7");
	assert_int_equal(flyve_read_version(span_str("1.0"), v, &err), 0);
	assert_string_equal(v, "1.0");
	assert_int_equal(flyve_read_version(span_str("{\"version\":1}"), v, &err), ERR_INVALID);
	assert_int_equal(flyve_read_version(span_str("1.0 \x1b"), v, &err), ERR_INVALID);
	assert_int_equal(flyve_read_version(span_str(""), v, &err), ERR_INVALID);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_online),   cmocka_unit_test(test_unenroll),
		cmocka_unit_test(test_position), cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_task),     cmocka_unit_test(test_long_status),
		cmocka_unit_test(test_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
