/* SPDX-License-Identifier: Apache-2.0
 *
 * buf: limits from both sides, all-or-nothing appends, the NUL behind the content.
 */
#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static void assert_content(const struct buf *b, const char *wanted)
{
	assert_string_equal(buf_str(b), wanted);
	assert_int_equal(b->n, strlen(wanted));
	assert_true(span_eq_str(buf_span(b), wanted));
}

static void test_grows(void **state)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1000);
	assert_content(&b, "");
	buf_add(&b, NULL, 0);
	assert_null(b.p);
	for (int i = 0; i < 1000; i++) {
		buf_add_char(&b, (char)('a' + i % 26));
		assert_int_equal(strlen(buf_str(&b)), i + 1);
	}
	assert_false(b.failed);
	assert_true(b.cap <= 1001);
	buf_add_char(&b, 'x');
	assert_true(b.failed);
	assert_int_equal(b.n, 1000);
}

/* Every append of every size against every limit: it fits wholly, or fails and changes nothing. */
static void test_limits(void **state)
{
	const char text[] = "0123456789";
	for (size_t max = 0; max <= 10; max++) {
		for (size_t n = 0; n <= 10; n++) {
			CLEANUP(buf_fini) struct buf b, f;
			buf_init(&b, max);
			buf_add(&b, text, n);
			assert_int_equal(b.failed, n > max);
			assert_int_equal(b.n, n > max ? 0 : n);
			buf_init(&f, max);
			buf_addf(&f, "%.*s", (int)n, text);
			assert_int_equal(f.failed, n > max);
			assert_int_equal(f.n, n > max ? 0 : n);
			assert_int_equal(strlen(buf_str(&f)), f.n);
		}
	}
}

static void test_failed_stays_failed(void **state)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 5);
	buf_add_str(&b, "abc");
	buf_add_str(&b, "def");
	assert_true(b.failed);
	buf_add_str(&b, "g"); /* would fit */
	buf_addf(&b, "%d", 1);
	assert_content(&b, "abc");
	assert_null(buf_take(&b));
	buf_reset(&b);
	assert_false(b.failed);
	buf_add_str(&b, "12345");
	assert_content(&b, "12345");
}

static void test_formatted_over_the_capacity(void **state)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 100000);
	for (int i = 0; i < 200; i++) /* crosses every boundary of the growing block */
		buf_addf(&b, "%*s|", i, "");
	assert_int_equal(b.n, 199 * 200 / 2 + 200);
	assert_int_equal(strlen(b.p), b.n);
}

static void test_percent(void **state)
{
	static const struct {
		const char *text, *plain, *out;
	} rows[] = {
		{ "", "", "" },
		{ "aZ09-._~", "", "aZ09-._~" },
		{ "a b/c%?#", "/", "a%20b/c%25%3F%23" },
		{ "/", "", "%2F" },
		{ "\x01\xc3\xa4\xff", "/", "%01%C3%A4%FF" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 64);
		buf_add_percent(&b, rows[i].text, rows[i].plain);
		assert_string_equal(buf_str(&b), rows[i].out);
	}
}

static void test_take(void **state)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 10);
	CLEANUP(free_charp) char *empty = buf_take(&b);
	assert_string_equal(empty, "");
	buf_add_str(&b, "hello");
	CLEANUP(free_charp) char *full = buf_take(&b);
	assert_string_equal(full, "hello");
	assert_content(&b, "");
	buf_add_str(&b, "0123456789"); /* the limit is still there, and whole */
	assert_false(b.failed);
}

static void test_no_limit_does_not_wrap(void **state)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, SIZE_MAX);
	buf_add_str(&b, "x");
	buf_add(&b, "y", SIZE_MAX - 1);
	assert_true(b.failed);
	assert_content(&b, "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_failed_stays_failed),
		cmocka_unit_test(test_formatted_over_the_capacity),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_no_limit_does_not_wrap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
