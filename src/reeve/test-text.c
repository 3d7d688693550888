/* SPDX-License-Identifier: Apache-2.0
 *
 * Text on a terminal: nothing that drives it gets through, widths and cuts are right for wide and combining letters.
 */
#include "base/utf8.h"
#include "reeve/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static const struct {
	const char *in, *one_line, *lines;
} cleans[] = {
	{ "plain", "plain", "plain" },
	{ "", "", "" },
	{ "\x1b[31mred\x1b[0m", "�[31mred�[0m", "�[31mred�[0m" },
	{ "\x1b]0;title\x07", "�]0;title�", "�]0;title�" },
	{ "a\nb\tc\rd", "a b c d", "a\nb\tc d" },
	{ "\xc2\x9b"
	  "31m",
	  "�31m", "�31m" },   /* CSI as one C1 character */
	{ "\x9b", "�", "�" }, /* and as a bare byte */
	{ "\xff\xfe", "��", "��" },
	{ "a\xe2\x80\xae"
	  "b",
	  "a�b", "a�b" }, /* right-to-left override */
	{ "\x7f\x08", "��", "��" },
	{ "Zürich 東京 😀", "Zürich 東京 😀", "Zürich 東京 😀" },
};

static void test_clean(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cleans); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 1000);
		text_add_clean(&b, cleans[i].in);
		assert_string_equal(buf_str(&b), cleans[i].one_line);
		buf_reset(&b);
		text_add_clean_lines(&b, cleans[i].in);
		assert_string_equal(buf_str(&b), cleans[i].lines);
	}
}

static void test_width(void **state)
{
	assert_int_equal(text_width(""), 0);
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("Zürich"), 6);
	assert_int_equal(text_width("u\xcc\x88"), 1); /* u and a combining diaeresis */
	assert_int_equal(text_width("東京"), 4);
	assert_int_equal(text_width("😀"), 2);
	assert_int_equal(text_width("→…"), 2);
}

/* Whatever the width: never more columns, valid UTF-8, an ellipsis where something is missing. */
static void test_cut(void **state)
{
	static const char *const texts[] = {
		"", "a", "hello", "Zürich", "東京タワー", "a😀b😀", "u\xcc\x88u\xcc\x88"
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (size_t width = 0; width < 14; width++) {
			CLEANUP(buf_fini) struct buf b;
			buf_init(&b, 1000);
			text_add_cut(&b, texts[i], width);
			assert_true(text_width(buf_str(&b)) <= width);
			assert_true(utf8_valid(buf_span(&b)));
			bool whole = text_width(texts[i]) <= width;
			if (whole)
				assert_string_equal(buf_str(&b), texts[i]);
			else if (width > 0)
				assert_string_equal(buf_str(&b) + b.n - 3, "…");
		}
}

static void test_wrap(void **state)
{
	static const struct {
		const char *in;
		size_t width, indent;
		const char *out;
	} cases[] = {
		{ "", 10, 0, "\n" },
		{ "one two three", 80, 0, "one two three\n" },
		{ "one two three", 7, 0, "one two\nthree\n" },
		{ "one two three", 8, 2, "  one\n  two\n  three\n" },
		{ "one two three", 9, 2, "  one two\n  three\n" },
		{ "longerthanthewidth a", 5, 0, "longerthanthewidth\na\n" },
		{ "one\ntwo", 80, 0, "one\ntwo\n" },
		{ "  blanks   between ", 80, 0, "blanks between\n" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 1000);
		text_add_wrapped(&b, cases[i].in, cases[i].width, cases[i].indent);
		assert_string_equal(buf_str(&b), cases[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_wrap),
	};
	text_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
