/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: the table is whole, messages are cut and cleaned to valid UTF-8.
 */
#include "base/err.h"
#include "base/utf8.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static void test_table(void **state)
{
	assert_int_equal(err_exit_code(ERR_NONE), 0);
	for (int i = ERR_INVALID; i <= ERR_NO_SPACE; i++) {
		enum err code = (enum err)i;
		assert_in_range(err_http_status(code), 400, 599);
		assert_in_range(err_exit_code(code), 1, 5);
		assert_true(strlen(err_slug(code)) > 0 && strlen(err_title(code)) > 0);
		assert_int_equal(err_from_slug(err_slug(code)), code);
	}
	assert_int_equal(err_exit_code(ERR_UNAUTHENTICATED), 4);
	assert_int_equal(err_exit_code(ERR_NOT_FOUND), 3);
	assert_int_equal(err_exit_code(ERR_PRECONDITION), 5);
	assert_int_equal(err_from_slug("no-such-slug"), ERR_INTERNAL);
	assert_int_equal(err_from_slug(""), ERR_INTERNAL);
	assert_int_equal(err_http_status((enum err)999), 500); /* a number from outside */
	assert_int_equal(err_http_status((enum err) - 1), 500);
}

static void test_set(void **state)
{
	struct error e;
	assert_int_equal(error_set(&e, ERR_CONFLICT, "fleet \"%s\" exists", "lab"), ERR_CONFLICT);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_string_equal(e.message, "fleet \"lab\" exists");
	assert_int_equal(error_set(NULL, ERR_GONE, "nobody listens"), ERR_GONE);
	error_set(&e, ERR_INVALID, "serial \"%s\"", "a\xff\xc0\x80z");
	assert_string_equal(e.message, "serial \"a???z\"");
}

/* A long message of wide characters, shifted over every offset: always valid, never half a letter. */
static void test_cut(void **state)
{
	char text[1200] = "";
	struct error e;
	for (size_t shift = 0; shift < 8; shift++) {
		size_t n = 0;
		memset(text, 'x', shift);
		for (n = shift; n + 4 < sizeof text; n += 4)
			memcpy(text + n, "😀", 4);
		text[n] = '\0';
		error_set(&e, ERR_INVALID, "%s", text);
		assert_true(utf8_valid(span_str(e.message)));
		assert_true(strlen(e.message) >= sizeof e.message - 4);
		assert_null(strchr(e.message, '?'));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
