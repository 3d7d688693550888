/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables: golden texts; alignment with wide letters, cutting to a terminal, colours.
 */
#include "reeve/table.h"
#include "reeve/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static void fill(struct table *t)
{
	table_init(t);
	table_column(t, "ID", COLUMN_NUMBER);
	table_column(t, "NAME", COLUMN_TEXT);
	table_column(t, "VERDICT", COLUMN_TEXT);
	const char *const cells[] = { "7",     "laptop", "COMPLIANT",         "12", "東京",
				      "STALE", "123",    "evil\x1b[2J\nname", "" };
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
		table_cell(t, cells[i], i % 3 == 2 ? COLOR_GREEN : COLOR_NONE);
}

static void assert_table(struct table *t, size_t width, size_t indent, bool color,
			 const char *wanted)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 10000);
	table_render(t, width, indent, color, &b);
	assert_string_equal(buf_str(&b), wanted);
	table_fini(t);
}

static void test_plain(void **state)
{
	struct table t;
	fill(&t);
	assert_int_equal(table_n_rows(&t), 3);
	assert_table(&t, 0, 0, false,
		     " ID  NAME           VERDICT\n"
		     "  7  laptop         COMPLIANT\n"
		     " 12  東京           STALE\n"
		     "123  evil�[2J name\n");
}

static void test_cut_to_the_terminal(void **state)
{
	struct table t;
	fill(&t);
	assert_table(&t, 24, 0, false,
		     " ID  NAME      VERDICT\n"
		     "  7  laptop    COMPLIANT\n"
		     " 12  東京      STALE\n"
		     "123  evil�[2…\n");
}

static void test_elastic_gives_way_first(void **state)
{
	struct table t;
	table_init(&t);
	table_column(&t, "NAME", COLUMN_TEXT);
	table_column(&t, "TEXT", COLUMN_ELASTIC);
	table_column(&t, "MORE", COLUMN_ELASTIC);
	table_cell(&t, "a-name-that-must-stay", COLOR_NONE);
	table_cell(&t, "0123456789abcdef", COLOR_NONE);
	table_cell(&t, "0123456789ab", COLOR_NONE);
	assert_table(&t, 45, 0, false,
		     "NAME                   TEXT        MORE\n"
		     "a-name-that-must-stay  012345678…  012345678…\n");
}

static void test_times_and_numbers_stay_whole(void **state)
{
	struct table t;
	table_init(&t);
	table_column(&t, "N", COLUMN_NUMBER);
	table_column(&t, "TIME", COLUMN_WHOLE);
	table_column(&t, "NAME", COLUMN_TEXT);
	table_cell(&t, "1234567890", COLOR_NONE);
	table_cell(&t, "2026-11-25 14:06:06", COLOR_NONE);
	table_cell(&t, "a-name-of-some-length", COLOR_NONE);
	assert_table(&t, 45, 0, false,
		     "         N  TIME                 NAME\n"
		     "1234567890  2026-11-25 14:06:06  a-name-of-s…\n");
}

static void test_indent_and_color(void **state)
{
	struct table t;
	fill(&t);
	assert_table(&t, 0, 2, true,
		     "   \x1b[1mID\x1b[0m  \x1b[1mNAME\x1b[0m           \x1b[1mVERDICT\x1b[0m\n"
		     "    7  laptop         \x1b[32mCOMPLIANT\x1b[0m\n"
		     "   12  東京           \x1b[32mSTALE\x1b[0m\n"
		     "  123  evil�[2J name\n");
}

static void test_absurdly_narrow(void **state)
{
	for (size_t width = 1; width < 40; width++) { /* must end, and stay aligned */
		struct table t;
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 10000);
		fill(&t);
		table_render(&t, width, 0, false, &b);
		assert_true(b.n > 0);
		table_fini(&t);
	}
}

static void test_empty(void **state)
{
	struct table t;
	table_init(&t);
	table_column(&t, "ID", COLUMN_NUMBER);
	assert_table(&t, 0, 0, false, "ID\n");
	table_init(&t);
	table_column(&t, NULL, COLUMN_TEXT);
	assert_table(&t, 0, 0, false, "");
}

static void test_many_rows(void **state)
{
	struct table t;
	table_init(&t);
	table_column(&t, "N", COLUMN_NUMBER);
	for (int i = 0; i < 10000; i++)
		table_cell(&t, "x", COLOR_NONE);
	assert_int_equal(table_n_rows(&t), 10000);
	table_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_cut_to_the_terminal),
		cmocka_unit_test(test_elastic_gives_way_first),
		cmocka_unit_test(test_times_and_numbers_stay_whole),
		cmocka_unit_test(test_indent_and_color),
		cmocka_unit_test(test_absurdly_narrow),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_many_rows),
	};
	text_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
