/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptions of JSON objects: what they accept, and the sentence for what they do not.
 */
#include "model/shape.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define SPEC                                                                                       \
	"name:string count:integer app:id volume:percent? on:boolean? argv:strings? env:object?"

static json_t *parse(const char *text)
{
	json_t *j;
	assert_int_equal(json_parse(span_str(text), &j, NULL), 0);
	return j;
}

static void test_check(void **state)
{
	static const struct {
		const char *in, *message; /* NULL: fine */
	} cases[] = {
		{ "{\"name\":\"x\",\"count\":-1,\"app\":1}", NULL },
		{ "{\"name\":\"\",\"count\":0,\"app\":9,\"volume\":0,\"on\":false,\"argv\":[],"
		  "\"env\":{}}",
		  NULL },
		{ "{\"name\":\"x\",\"count\":1,\"app\":1,\"volume\":null}", NULL },
		{ "{\"name\":\"x\",\"count\":1,\"app\":1,\"argv\":[\"a\",\"b\"]}", NULL },
		{ "[]", "it must be an object, not []" },
		{ "null", "it must be an object, not null" },
		{ "{}", "it: name is missing (a string of at most 4096 bytes)" },
		{ "{\"name\":\"x\",\"app\":1}", "it: count is missing (an integer)" },
		{ "{\"name\":null}", "it: name must be a string of at most 4096 bytes, not null" },
		{ "{\"name\":5}", "it: name must be a string of at most 4096 bytes, not 5" },
		{ "{\"count\":1.5}", "it: count must be an integer, not 1.5" },
		{ "{\"app\":0}", "it: app must be an integer above 0, not 0" },
		{ "{\"app\":-3}", "it: app must be an integer above 0, not -3" },
		{ "{\"volume\":101}", "it: volume must be an integer from 0 to 100, not 101" },
		{ "{\"volume\":-1}", "it: volume must be an integer from 0 to 100, not -1" },
		{ "{\"on\":1}", "it: on must be true or false, not 1" },
		{ "{\"argv\":\"a\"}", "it: argv must be a list of strings, not \"a\"" },
		{ "{\"argv\":[1]}", "it: argv must be a list of strings, not [1]" },
		{ "{\"env\":[]}", "it: env must be an object, not []" },
		{ "{\"nome\":\"x\"}",
		  "it has no \"nome\"; it may have name, count, app, volume, on, argv, env" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		AUTO_JSON o = parse(cases[i].in);
		int r = shape_check(SPEC, o, "it", &err);
		assert_int_equal(r, cases[i].message ? ERR_INVALID : 0);
		assert_string_equal(err.message, cases[i].message ? cases[i].message : "");
	}
}

static void test_secrets(void **state)
{
	static const char spec[] = "user:string password:secret? pin:secret?";
	static const struct {
		const char *in, *masked;
	} cases[] = {
		{ "{\"user\":\"u\",\"password\":\"p\"}",
		  "{\"user\":\"u\",\"password\":\"********\"}" },
		{ "{\"user\":\"u\"}", "{\"user\":\"u\"}" },
		{ "{\"password\":5,\"pin\":\"\"}",
		  "{\"password\":\"********\",\"pin\":\"********\"}" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_JSON o = parse(cases[i].in);
		AUTO_JSON want = parse(cases[i].masked);
		AUTO_JSON got = shape_masked(spec, o);
		assert_true(json_equal(got, want));
		AUTO_JSON again = shape_masked(spec, got);
		assert_true(json_equal(again, want));
	}
	AUTO_JSON list = parse("[\"p\"]");
	assert_null(shape_masked(spec, list));
	assert_true(shape_has_secret(spec));
	assert_false(shape_has_secret(SPEC));
	assert_false(shape_has_secret(""));
	/* a refusal does not say what it was */
	struct error err;
	AUTO_JSON number = parse("{\"user\":\"u\",\"password\":12345}");
	assert_int_equal(shape_check(spec, number, "it", &err), ERR_INVALID);
	assert_null(strstr(err.message, "12345"));
}

static void test_empty_spec(void **state)
{
	struct error err;
	AUTO_JSON none = parse("{}");
	AUTO_JSON some = parse("{\"a\":1}");
	assert_int_equal(shape_check("", none, "it", &err), 0);
	assert_int_equal(shape_check("", some, "it", &err), ERR_INVALID);
	assert_string_equal(err.message, "it has no \"a\"; it may have nothing");
}

static void test_longest_string(void **state)
{
	struct error err;
	for (size_t n = 4096; n <= 4097; n++) {
		char *s = malloc(n + 1);
		memset(s, 'x', n);
		s[n] = '\0';
		AUTO_JSON o = json_pack("{s:s, s:i, s:i}", "name", s, "count", 1, "app", 1);
		assert_int_equal(shape_check(SPEC, o, "it", &err), n == 4096 ? 0 : ERR_INVALID);
		free(s);
	}
}

static void test_same(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "{\"file\":1,\"to\":\"x\"}", "{\"file\":1,\"to\":\"x\"}", true },
		{ "{\"file\":1,\"to\":\"x\",\"keep\":true}", "{\"file\":1,\"to\":\"x\"}", true },
		{ "{\"file\":1,\"to\":\"x\"}", "{\"file\":1,\"to\":\"x\",\"more\":[]}", true },
		{ "{\"file\":1,\"to\":\"x\"}", "{\"file\":2,\"to\":\"x\"}", false },
		{ "{\"file\":1,\"to\":\"x\"}", "{\"file\":1,\"to\":\"y\"}", false },
		{ "{\"file\":1,\"to\":\"x\"}", "{\"file\":1}", false },
		{ "{\"file\":1,\"to\":\"x\"}", "{}", false },
		{ "{\"file\":1,\"to\":\"x\"}", "1", false },
		{ "[]", "{}", false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_JSON a = parse(cases[i].a);
		AUTO_JSON b = parse(cases[i].b);
		assert_int_equal(shape_same("file:id to:string keep:boolean?", a, b),
				 cases[i].same);
	}
}

static void test_to_json(void **state)
{
	AUTO_JSON j = shape_to_json("app:id keep:boolean?");
	CLEANUP(free_charp) char *text = json_text(j);
	assert_string_equal(text, "[{\"name\":\"app\",\"type\":\"id\",\"required\":true},"
				  "{\"name\":\"keep\",\"type\":\"boolean\",\"required\":false}]");
	AUTO_JSON none = shape_to_json("");
	assert_int_equal(json_array_size(none), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),      cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_empty_spec), cmocka_unit_test(test_longest_string),
		cmocka_unit_test(test_same),       cmocka_unit_test(test_to_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
