/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8: what is valid by RFC 3629, every code point there and back, every text cut at every byte.
 */
#include "base/utf8.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static const struct {
	const char *what, *text;
	bool valid;
} cases[] = {
	{ "empty", "", true },
	{ "ascii", "abc", true },
	{ "two, three and four bytes", "é€𐍈", true },
	{ "last of all", "\xf4\x8f\xbf\xbf", true },
	{ "past the last", "\xf4\x90\x80\x80", false },
	{ "five bytes", "\xf8\x88\x80\x80\x80", false },
	{ "overlong slash", "\xc0\xaf", false },
	{ "overlong three", "\xe0\x80\xaf", false },
	{ "overlong four", "\xf0\x80\x80\xaf", false },
	{ "surrogate", "\xed\xa0\x80", false },
	{ "lone continuation", "a\x80", false },
	{ "cut", "a\xe2\x82", false },
	{ "lead, then ascii", "\xe2(\xa1", false },
	{ "0xff", "\xff", false },
};

static void test_valid(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (utf8_valid(span_str(cases[i].text)) != cases[i].valid)
			fail_msg("%s", cases[i].what);
}

static void test_every_code_point(void **state)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 16);
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		uint32_t got = 0;
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		buf_reset(&b);
		utf8_add(&b, c);
		struct span s = buf_span(&b);
		if (!span_get_utf8(&s, &got) || got != c || s.n != 0)
			fail_msg("U+%04x", c);
		for (size_t n = 0; n < b.n; n++) { /* cut anywhere: refused, untouched */
			s = (struct span){ (const uint8_t *)b.p, n };
			if (span_get_utf8(&s, &got) || s.n != n)
				fail_msg("U+%04x cut to %zu", c, n);
		}
	}
}

static void test_lossy(void **state)
{
	struct span s = span_str("a\xff\xe2\x82z");
	const uint32_t wanted[] = { 'a', UTF8_REPLACEMENT, UTF8_REPLACEMENT, UTF8_REPLACEMENT,
				    'z' };
	uint32_t c;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		assert_true(span_get_utf8_lossy(&s, &c));
		assert_int_equal(c, wanted[i]);
	}
	assert_false(span_get_utf8_lossy(&s, &c));
}

static void test_controls(void **state)
{
	const uint32_t yes[] = { 0,    7,    '\n', 0x1b,   0x1f,   0x7f,
				 0x85, 0x9b, 0x9f, 0x202e, 0x2028, 0x2066 };
	const uint32_t no[] = { ' ', 'a', '~', 0xa0, 0xe9, 0x20ac, 0x1f600, 0x200b };
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		assert_true(utf8_is_control(yes[i]));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(utf8_is_control(no[i]));
	assert_false(utf8_has_control(span_str("")));
	assert_false(utf8_has_control(span_str("M\xc3\xbcller, 3. OG")));
	assert_true(utf8_has_control(span_str("a\nb")));
	assert_true(utf8_has_control(span_str("right \xe2\x80\xae left")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_every_code_point),
		cmocka_unit_test(test_lossy),
		cmocka_unit_test(test_controls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
