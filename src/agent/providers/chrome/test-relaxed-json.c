/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/providers/chrome/relaxed-json.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_parse(void **state)
{
	static const struct {
		const char *text, *json; /* NULL: refused */
	} cases[] = {
		{ "{}", "{}" },
		{ "{\"a\": 1}", "{\"a\":1}" },
		{ "// head\n{\"a\": 1, /* x */ \"b\": [1, 2,], } // tail",
		  "{\"a\":1,\"b\":[1,2]}" },
		{ "{\"a\": \"// no comment, }\", \"b\": \"/* \\\" */\"}",
		  "{\"a\":\"// no comment, }\",\"b\":\"/* \\\" */\"}" },
		{ "{\"a\": true, \"b\": -1.5e3, \"c\": null ,/**/}",
		  "{\"a\":true,\"b\":-1500.0,\"c\":null}" },
		{ "{\"a\": {\"b\": {},},}", "{\"a\":{\"b\":{}}}" },
		{ "{\"a\": 1, \"a\": 2}", "{\"a\":2}" },
		{ "{\"a\": 1,, \"b\": 2}", NULL },
		{ "{,}", "{}" },
		{ "{\"a\": tr/**/ue}", NULL },
		{ "{\"a\": 1 2}", NULL },
		{ "{\"a\": 1", NULL },
		{ "{\"a\": \"x", NULL },
		{ "{\"a\": \"\\", NULL },
		{ "{} /* open", "{}" },
		{ "{} /", NULL },
		{ "[]", NULL },
		{ "5", NULL },
		{ "", NULL },
		{ "//", NULL },
		{ "/*", NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_JSON j = relaxed_json_parse(span_str(cases[i].text));
		CLEANUP(free_charp) char *text = j ? json_text(j) : NULL;
		if (!cases[i].json && text)
			fail_msg("%s: not refused", cases[i].text);
		if (cases[i].json && (!text || strcmp(text, cases[i].json) != 0))
			fail_msg("%s: %s", cases[i].text, text ? text : "refused");
	}
}

static void test_zero_bytes(void **state)
{
	static const uint8_t text[] = { '{', 0, '}', ',', 0 };
	AUTO_JSON j = relaxed_json_parse((struct span){ text, sizeof text });
	assert_null(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_zero_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
