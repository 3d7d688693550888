/* SPDX-License-Identifier: Apache-2.0
 *
 * What programs print, as lines; the programs themselves are test-program.c's.
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

static char sh[] = "sh", dash_c[] = "-c", nowhere[] = "/no/such/program";
static struct programs programs;
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
	loop_quit(programs.loop);
}

static void run(const char *script)
{
	char *argv[] = { sh, dash_c, (char *)(uintptr_t)script, NULL };
	const struct child_start what = {
		.argv = argv, .line = on_line, .done = on_done, .timeout_ms = 60000
	};
	struct error err;
	ended = -1;
	buf_reset(&heard);
	assert_int_equal(child_start(&programs, &what, &err), 0);
	assert_int_equal(ended, -1); /* later, even when it is quick */
	assert_int_equal(loop_run(programs.loop), 0);
	assert_null(programs.first);
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
		run(rows[i].script);
		assert_string_equal(buf_str(&heard), rows[i].lines);
		assert_int_equal(ended, rows[i].status);
	}
}

static void test_long_lines_are_cut_between_characters(void **state)
{
	(void)state;
	run("head -c 5001 /dev/zero | tr '\\0' x; echo; printf x; yes \xc3\xa9 | head -n 4000 | tr -d '\\n'; echo");
	const char *second = strchr(buf_str(&heard), '|') + 1;
	assert_in_range((size_t)(second - buf_str(&heard)), CHILD_LINE_MAX - 3, CHILD_LINE_MAX + 1);
	assert_in_range(strlen(second), CHILD_LINE_MAX - 3, CHILD_LINE_MAX + 1);
}

static void test_does_not_start(void **state)
{
	char *argv[] = { nowhere, NULL };
	const struct child_start what = { .argv = argv, .line = on_line, .done = on_done };
	struct error err;
	(void)state;
	assert_int_equal(child_start(&programs, &what, &err), ERR_UNAVAILABLE);
	assert_null(programs.first);
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
		cmocka_unit_test(test_does_not_start),
		cmocka_unit_test(test_line_copy),
	};
	buf_init(&heard, 65536);
	if (loop_new(&programs.loop))
		return 1;
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	loop_free(programs.loop);
	buf_fini(&heard);
	return r;
}
