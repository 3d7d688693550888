/* SPDX-License-Identifier: Apache-2.0
 *
 * qmp: answers in order, events in between, cut at every byte; what is no monitor is told apart.
 */
#include "base/buf.h"
#include "vm/machine/qmp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct buf log_text;

static void on_event(void *user, const char *name, const json_t *data)
{
	(void)user;
	buf_addf(&log_text, "%s(%d) ", name, data != NULL);
}

static void on_answer(void *user, const json_t *value, const char *why)
{
	buf_addf(&log_text, "%s:%s ", (const char *)user, value ? "ok" : why);
}

static const struct qmp_events events = { .event = on_event };
static const char talk[] =
	"{\"QMP\": {\"version\": {}}}\r\n{\"return\": {}}\r\n"
	"{\"event\": \"RESUME\", \"timestamp\": {}}\r\n\r\n"
	"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\n"
	"{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true}}\n{\"return\": \"text\"}\n";

static void test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < sizeof talk; cut++) {
		static char names[3][2] = { "a", "b", "c" };
		struct qmp *q = qmp_new_unconnected(&events);
		buf_reset(&log_text);
		for (size_t i = 0; i < 3; i++)
			qmp_command(q, names[i], NULL, on_answer, names[i]);
		assert_true(qmp_take(q, (struct span){ (const uint8_t *)talk, cut }));
		assert_true(qmp_take(
			q, (struct span){ (const uint8_t *)talk + cut, sizeof talk - 1 - cut }));
		assert_string_equal(buf_str(&log_text), "a:ok RESUME(0) b:no SHUTDOWN(1) c:ok ");
		qmp_close(q);
	}
}

static void test_broken(void **state)
{
	static const char *const bad[] = { "x\n",        "[]\n",  "{}\n", "{\"return\": {}}\n",
					   "{\"QMP\"\n", "\xff\n" };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct qmp *q = qmp_new_unconnected(&events);
		assert_false(qmp_take(q, span_str(bad[i])));
		qmp_close(q);
	}
}

static void test_too_long(void **state)
{
	struct qmp *q = qmp_new_unconnected(&events);
	char *much = calloc(1, QMP_LINE_MAX + 1);
	(void)state;
	memset(much, 'x', QMP_LINE_MAX + 1);
	assert_true(qmp_take(q, (struct span){ (uint8_t *)much, QMP_LINE_MAX }));
	assert_false(qmp_take(q, (struct span){ (uint8_t *)much, 1 }));
	qmp_close(q);
	free(much);
}

static void test_closing_answers_all(void **state)
{
	static char a[] = "a", b[] = "b";
	struct qmp *q = qmp_new_unconnected(&events);
	(void)state;
	buf_reset(&log_text);
	qmp_command(q, "a", NULL, on_answer, a);
	qmp_command(q, "b", NULL, on_answer, b);
	qmp_close(q);
	assert_string_equal(buf_str(&log_text), "a:the monitor is gone b:the monitor is gone ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_closing_answers_all),
	};
	buf_init(&log_text, 4096);
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	buf_fini(&log_text);
	return r;
}
