/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http/internal.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Whatever the detail quotes, the document is JSON. */
static void test_text(void **state)
{
	static const struct {
		const char *detail, *reads;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "\"quoted\" back\\slash", "\"quoted\" back\\slash" },
		{ "line\nbreak\ttab\x01\x7f", "line\nbreak\ttab\x01\x7f" },
		{ "caf\xc3\xa9 \xf0\x9f\x94\x92", "caf\xc3\xa9 \xf0\x9f\x94\x92" },
		{ "cut \xc3", "cut \xef\xbf\xbd" },
		{ "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	};
	struct problem p = problem_of(ERR_CONFLICT);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err;
		AUTO_JSON j = NULL;
		size_t n;
		CLEANUP(free_charp) char *text = problem_text(&p, cases[i].detail, "id-1", &n);
		assert_int_equal(n, strlen(text));
		assert_int_equal(json_parse(span_str(text), &j, &err), 0);
		assert_string_equal(json_string_value(json_object_get(j, "detail")),
				    cases[i].reads);
		assert_string_equal(json_string_value(json_object_get(j, "type")),
				    "urn:reeve:error:conflict");
		assert_string_equal(json_string_value(json_object_get(j, "code")), "conflict");
		assert_string_equal(json_string_value(json_object_get(j, "request_id")), "id-1");
		assert_int_equal(json_integer_value(json_object_get(j, "status")), 409);
	}
}

/* The longest that struct error holds, at six bytes a character, still fits. */
static void test_longest(void **state)
{
	struct error err = { 0 };
	AUTO_JSON j = NULL;
	size_t n;
	memset(err.message, 1, sizeof err.message - 1);
	struct problem p = problem_of(ERR_INTERNAL);
	CLEANUP(free_charp) char *text = problem_text(&p, err.message, "id", &n);
	assert_int_equal(json_parse(span_str(text), &j, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_text),
					    cmocka_unit_test(test_longest) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
