/* SPDX-License-Identifier: Apache-2.0
 *
 * Span readers: every length around what is wanted; a failed read leaves the span untouched.
 */
#include "base/macros.h"
#include "base/span.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static void test_equality(void **state)
{
	const struct span none = { NULL, 0 };
	assert_true(span_eq(none, none));
	assert_true(span_eq_str(none, ""));
	assert_true(span_eq_str(span_str("abc"), "abc"));
	assert_false(span_eq_str(span_str("abc"), "abcd"));
	assert_false(span_eq_str(span_str("abc"), "abC"));
	assert_true(span_ieq_str(span_str("Content-Type"), "content-TYPE"));
	assert_false(span_ieq_str(span_str("@"), "`")); /* 0x40 and 0x60: not letters */
	assert_false(span_ieq_str(span_str("[z"), "{Z"));
	assert_true(span_eq((struct span){ (const uint8_t *)"a\0b", 3 },
			    (struct span){ (const uint8_t *)"a\0b", 3 }));
	assert_false(span_eq((struct span){ (const uint8_t *)"a\0b", 3 },
			     (struct span){ (const uint8_t *)"a\0c", 3 }));
}

static const uint8_t bytes[] = { 0x81, 0x02, 0x83, 0x04, 0x05 };

/* Numbers of every size from every prefix: whole or not at all. */
static void test_numbers(void **state)
{
	for (size_t n = 0; n <= sizeof bytes; n++) {
		uint8_t u8 = 0;
		uint16_t u16 = 0;
		uint32_t u24 = 0, u32 = 0;
		struct span s = { bytes, n };
		assert_int_equal(span_get_u8(&s, &u8), n >= 1);
		assert_int_equal(s.n, n >= 1 ? n - 1 : n);
		assert_int_equal(u8, n >= 1 ? 0x81 : 0);
		s = (struct span){ bytes, n };
		assert_int_equal(span_get_be16(&s, &u16), n >= 2);
		assert_int_equal(s.n, n >= 2 ? n - 2 : n);
		assert_int_equal(u16, n >= 2 ? 0x8102 : 0);
		s = (struct span){ bytes, n };
		assert_int_equal(span_get_be24(&s, &u24), n >= 3);
		assert_int_equal(s.n, n >= 3 ? n - 3 : n);
		assert_int_equal(u24, n >= 3 ? 0x810283 : 0);
		s = (struct span){ bytes, n };
		assert_int_equal(span_get_be32(&s, &u32), n >= 4);
		assert_int_equal(s.n, n >= 4 ? n - 4 : n);
		assert_int_equal(u32, n >= 4 ? 0x81028304u : 0);
	}
}

static const struct {
	const char *what;
	uint8_t in[12];
	size_t n, used; /* used 0: refused */
	uint64_t value;
} varints[] = {
	{ "nothing", { 0 }, 0, 0, 0 },
	{ "zero", { 0 }, 1, 1, 0 },
	{ "one byte", { 0x7f, 0xff }, 2, 1, 127 },
	{ "two bytes", { 0x96, 0x01 }, 2, 2, 150 },
	{ "cut", { 0x96 }, 1, 0, 0 },
	{ "overlong zero is allowed by protobuf", { 0x80, 0x80, 0x00 }, 3, 3, 0 },
	{ "largest",
	  { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 },
	  10,
	  10,
	  UINT64_MAX },
	{ "65 bits", { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 }, 10, 0, 0 },
	{ "endless",
	  { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01 },
	  12,
	  0,
	  0 },
};

static void test_varint(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(varints); i++) {
		uint64_t v = 0;
		struct span s = { varints[i].in, varints[i].n };
		bool ok = span_get_varint(&s, &v);
		if (ok != (varints[i].used > 0) || s.n != varints[i].n - varints[i].used ||
		    v != varints[i].value)
			fail_msg("%s: %d, %zu left", varints[i].what, ok, s.n);
		for (size_t n = 0; n < varints[i].used; n++) {
			s = (struct span){ varints[i].in, n };
			assert_false(span_get_varint(&s, &v));
			assert_int_equal(s.n, n);
		}
	}
}

static void test_bytes(void **state)
{
	struct span s = { bytes, sizeof bytes }, got = { NULL, 9 };
	assert_false(span_get_bytes(&s, sizeof bytes + 1, &got));
	assert_false(span_get_bytes(&s, SIZE_MAX, &got));
	assert_int_equal(s.n, sizeof bytes);
	assert_int_equal(got.n, 9);
	assert_true(span_get_bytes(&s, 2, &got));
	assert_ptr_equal(got.p, bytes);
	assert_int_equal(got.n, 2);
	assert_true(span_get_bytes(&s, 3, &got));
	assert_int_equal(s.n, 0);
	assert_true(span_get_bytes(&s, 0, &got));
	struct span none = { NULL, 0 };
	assert_true(span_get_bytes(&none, 0, &got));
	assert_false(span_get_bytes(&none, 1, &got));
}

static void test_until(void **state)
{
	struct span s = span_str("key=va=lue"), got;
	assert_true(span_get_until(&s, '=', &got));
	assert_true(span_eq_str(got, "key"));
	assert_true(span_get_until(&s, '=', &got));
	assert_true(span_eq_str(got, "va"));
	assert_false(span_get_until(&s, '=', &got));
	assert_true(span_eq_str(s, "lue"));
	s = span_str("=");
	assert_true(span_get_until(&s, '=', &got));
	assert_int_equal(got.n, 0);
	assert_int_equal(s.n, 0);
	s = (struct span){ NULL, 0 };
	assert_false(span_get_until(&s, '=', &got));
}

static void test_escape(void **state)
{
	static const struct {
		const char *text;
		int value; /* -1: none, and nothing is taken */
	} cases[] = {
		{ "%41x", 'A' }, { "%fFx", 0xff }, { "%00x", 0 },  { "%4x", -1 },
		{ "%4", -1 },    { "%", -1 },      { "", -1 },     { "41", -1 },
		{ "%g1", -1 },   { "%1G", -1 },    { "%%41", -1 }, { "%@A", -1 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct span s = span_str(cases[i].text);
		uint8_t got = 7;
		assert_int_equal(span_get_escape(&s, &got), cases[i].value >= 0);
		assert_int_equal(got, cases[i].value >= 0 ? cases[i].value : 7);
		assert_string_equal((const char *)s.p, cases[i].value >= 0 ? "x" : cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equality), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_varint),   cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_until),    cmocka_unit_test(test_escape),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
