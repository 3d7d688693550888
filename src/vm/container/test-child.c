/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs that are listened to: what they print, in what environment, how they end.
 */
#include "base/macros.h"
#include "base/utf8.h"
#include "vm/container/child.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char sh[] = "sh", dash_c[] = "-c", sleep_[] = "sleep", long_time[] = "1000",
	    nowhere[] = "/no/such/program";
static struct children children;
static struct buf heard; /* lines, each with a bar behind it */
static int ended;

static void on_line(void *user, char *line)
{
	(void)user;
	assert_true(utf8_valid(span_str(line)));
	assert_true(strlen(line) <= CHILD_LINE_MAX);
	buf_addf(&heard, "%s|", line);
}

static void on_done(void *user, int status)
{
	(void)user;
	ended = status;
	loop_quit(children.loop);
}

static void run(const char *script, char *const env[], int64_t timeout_ms)
{
	char *argv[] = { sh, dash_c, (char *)(uintptr_t)script, NULL };
	const struct child_start what = {
		.argv = argv, .env = env, .line = on_line, .done = on_done, .timeout_ms = timeout_ms
	};
	struct error err;
	ended = -1;
	buf_reset(&heard);
	assert_int_equal(child_start(&children, &what, &err), 0);
	assert_int_equal(ended, -1); /* later, even when it is quick */
	assert_int_equal(loop_run(children.loop), 0);
	assert_null(children.first);
}

static void test_lines(void **state)
{
	static const struct {
		const char *script, *lines;
		int status;
	} rows[] = {
		{ "true", "", 0 },
		{ "exit 7", "", 7 },
		{ "kill -9 $$", "", 137 },
		{ "echo a; echo; echo b >&2", "a|b|", 0 },
		{ "printf 'a\\r\\nb\\rno end'", "a|b|no end|", 0 },
		{ "printf 'caf\\351 \\303\\251\\n\\377\\n'",
		  "caf\xef\xbf\xbd \xc3\xa9|\xef\xbf\xbd|", 0 },
		{ "printf 'a\\000b\\n'", "ab|", 0 },
		{ "exec 1>&- 2>&-; exit 3", "", 3 },
		{ "sleep 1000 & echo a", "a|", 0 }, /* what it left does not hold it */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		run(rows[i].script, NULL, 0);
		assert_string_equal(buf_str(&heard), rows[i].lines);
		assert_int_equal(ended, rows[i].status);
	}
}

static void test_long_lines_are_cut_between_characters(void **state)
{
	(void)state;
	run("head -c 5001 /dev/zero | tr '\\0' x; echo; printf x; yes \xc3\xa9 | head -n 4000 | tr -d '\\n'; echo",
	    NULL, 0);
	const char *second = strchr(buf_str(&heard), '|') + 1;
	assert_in_range((size_t)(second - buf_str(&heard)), CHILD_LINE_MAX - 3, CHILD_LINE_MAX + 1);
	assert_in_range(strlen(second), CHILD_LINE_MAX - 3, CHILD_LINE_MAX + 1);
}

static void test_limit(void **state)
{
	(void)state;
	run("sleep 1000", NULL, 50);
	assert_int_equal(ended, 137);
}

static void test_environment(void **state)
{
	static char one[] = "CHILD_ONE=1", other[] = "CHILD_ONE_MORE=2";
	char *env[] = { one, other, NULL };
	(void)state;
	setenv("CHILD_ONE", "old", 1);
	setenv("CHILD_TWO", "kept", 1);
	run("env | grep ^CHILD_ | sort", env, 0);
	assert_string_equal(buf_str(&heard), "CHILD_ONE=1|CHILD_ONE_MORE=2|CHILD_TWO=kept|");
}

static void test_does_not_start(void **state)
{
	char *argv[] = { nowhere, NULL };
	const struct child_start what = { .argv = argv, .line = on_line, .done = on_done };
	struct error err;
	(void)state;
	assert_int_equal(child_start(&children, &what, &err), ERR_UNAVAILABLE);
	assert_null(children.first);
}

static void test_all_end(void **state)
{
	char *argv[] = { sleep_, long_time, NULL };
	const struct child_start what = { .argv = argv, .line = on_line, .done = on_done };
	struct error err;
	(void)state;
	ended = -1;
	assert_int_equal(child_start(&children, &what, &err), 0);
	children_end(&children);
	assert_int_equal(ended, 137);
	assert_null(children.first);
}

static void test_line_copy(void **state)
{
	static const struct {
		const char *line, *copy;
	} rows[] = {
		{ "", "" },
		{ "abcd", "abcd" },
		{ "abcdefgh", "abcd" },
		{ "abc\xc3\xa9", "abc" },
		{ "ab\xc3\xa9x", "ab\xc3\xa9" },
		{ "a\xe2\x82\xac\xe2\x82\xac", "a\xe2\x82\xac" },
		{ "ab\xf0\x9f\x98\x80", "ab" },
	};
	char out[5];
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		child_line_copy(out, sizeof out, rows[i].line);
		assert_string_equal(out, rows[i].copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_lines_are_cut_between_characters),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_does_not_start),
		cmocka_unit_test(test_all_end),
		cmocka_unit_test(test_line_copy),
	};
	buf_init(&heard, 65536);
	if (loop_new(&children.loop))
		return 1;
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	loop_free(children.loop);
	buf_fini(&heard);
	return r;
}
