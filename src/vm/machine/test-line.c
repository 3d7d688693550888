/* SPDX-License-Identifier: Apache-2.0
 *
 * line: whatever was printed, a part of it is text that fits.
 */
#include "base/macros.h"
#include "base/utf8.h"
#include "vm/machine/line.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_lines(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *beginning, *end;
	} cases[] = {
		{ "", 8, "", "" },
		{ "\r\n \n", 8, "", "" },
		{ "a b", 8, "a b", "a b" },
		{ "\n a \r\n\tb \n", 8, "a b", "a b" },
		{ "\033[31mred\a", 8, "[31mred", "[31mred" },
		{ "12345678", 9, "12345678", "12345678" },
		{ "12345678", 8, "1234567", "2345678" },
		{ "12345678", 1, "", "" },
		{ "panic: \n\nno init\n", 8, "panic: ", "no init" },
		{ "äöü", 6, "äö", "öü" }, /* no half of a character */
		{ "äöü", 2, "", "" },
		{ "a\xff\xc3", 8, "a\xef\xbf\xbd\xef\xbf\xbd", "a\xef\xbf\xbd\xef\xbf\xbd" },
		{ "a\xff\xff\xff", 8, "a\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "a\xe2\x80\xae"
		  "b",
		  8, "a b", "a b" }, /* would turn the direction of what follows */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char out[16];
		line_beginning(span_str(cases[i].text), out, cases[i].size);
		assert_string_equal(out, cases[i].beginning);
		line_end(span_str(cases[i].text), out, cases[i].size);
		assert_string_equal(out, cases[i].end);
	}
}

/* All bytes there are, at every size. */
static void test_always_valid(void **state)
{
	uint8_t bytes[512];
	char out[600];
	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t size = 1; size <= sizeof out; size++) {
		line_beginning((struct span){ bytes, sizeof bytes }, out, size);
		assert_true(strlen(out) < size && utf8_valid(span_str(out)));
		assert_false(utf8_has_control(span_str(out)));
		line_end((struct span){ bytes, sizeof bytes }, out, size);
		assert_true(strlen(out) < size && utf8_valid(span_str(out)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_always_valid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
