/* SPDX-License-Identifier: Apache-2.0
 *
 * qmp: answers in order, events in between, cut at every byte; what is no monitor is told apart; closing it from a callback.
 */
#include "base/buf.h"
#include "vm/machine/qmp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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

/* ---- closed from the inside ---- */

static struct qmp *mine;

static void close_on_answer(void *user, const json_t *value, const char *why)
{
	struct loop *loop = user;
	(void)why;
	buf_addf(&log_text, "%s ", value ? "answer" : "none");
	qmp_close(TAKE(mine));
	if (loop)
		loop_quit(loop);
}

static void close_on_event(void *user, const char *name, const json_t *data)
{
	on_event(user, name, data);
	qmp_close(TAKE(mine));
}

static void test_closed_by_an_answer(void **state)
{
	static char b[] = "b";
	(void)state;
	mine = qmp_new_unconnected(&events);
	struct qmp *q = mine;
	buf_reset(&log_text);
	qmp_command(q, "a", NULL, close_on_answer, NULL);
	qmp_command(q, "b", NULL, on_answer, b);
	assert_true(qmp_take(q, span_str("{\"return\": {}}\n{\"return\": {}}\nx\n")));
	assert_string_equal(buf_str(&log_text), "answer b:the monitor is gone ");
	assert_null(mine);
}

static void test_closed_by_an_event(void **state)
{
	static const struct qmp_events closing = { .event = close_on_event };
	(void)state;
	mine = qmp_new_unconnected(&closing);
	buf_reset(&log_text);
	assert_true(qmp_take(mine, span_str("{\"event\": \"A\"}\n{\"event\": \"B\"}\n")));
	assert_string_equal(buf_str(&log_text), "A(0) ");
}

static void test_closed_while_it_closes(void **state)
{
	(void)state;
	mine = qmp_new_unconnected(&events);
	buf_reset(&log_text);
	qmp_command(mine, "a", NULL, close_on_answer, NULL);
	qmp_command(mine, "b", NULL, close_on_answer, NULL);
	qmp_close(mine);
	assert_string_equal(buf_str(&log_text), "none none ");
}

static void must_not_close(void *user)
{
	(void)user;
	fail_msg("it was closed already");
}

/* A monitor of the test's. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* qemu ends before a command is given, or while its answer is due; whoever waits for that gives the machine up. It learns it
 * later, not from inside of the call. */
static void test_closed_when_the_monitor_goes(void **state)
{
	const struct qmp_events connected = { on_event, must_not_close, NULL };
	(void)state;
	for (int early = 0; early < 2; early++) {
		char folder[] = "/tmp/qmp-XXXXXX", path[64];
		struct loop *loop;
		assert_non_null(mkdtemp(folder));
		snprintf(path, sizeof path, "%s/s", folder);
		int fd = listen_at(path);
		assert_int_equal(loop_new(&loop), 0);
		assert_int_equal(qmp_open(loop, path, &connected, &mine), 0);
		int peer = accept(fd, NULL, NULL);
		if (early)
			assert_int_equal(close(peer), 0);
		buf_reset(&log_text);
		qmp_command(mine, "a", NULL, close_on_answer, loop);
		assert_string_equal(buf_str(&log_text), "");
		if (!early)
			assert_int_equal(close(peer), 0);
		assert_int_equal(loop_run(loop), 0);
		assert_string_equal(buf_str(&log_text), "none ");
		assert_null(mine);
		loop_free(loop);
		close(fd);
		unlink(path);
		rmdir(folder);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_closing_answers_all),
		cmocka_unit_test(test_closed_by_an_answer),
		cmocka_unit_test(test_closed_by_an_event),
		cmocka_unit_test(test_closed_while_it_closes),
		cmocka_unit_test(test_closed_when_the_monitor_goes),
	};
	buf_init(&log_text, 4096);
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	buf_fini(&log_text);
	return r;
}
