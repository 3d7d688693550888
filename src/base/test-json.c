/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON: what is refused, every text cut at every byte, typed reads and their sentences.
 */
#include "base/buf.h"
#include "base/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static int parse(const char *text, json_t **ret, struct error *err)
{
	return json_parse(span_str(text), ret, err);
}

static const struct {
	const char *text, *back; /* back NULL: refused */
} cases[] = {
	{ "{}", "{}" },
	{ " [1, 2.5, true, null] ", "[1,2.5,true,null]" },
	{ "\"x\"", "\"x\"" },
	{ "7", "7" },
	{ "null", "null" },
	{ "{\"z\":1,\"a\":2,\"m\":[]}", "{\"z\":1,\"a\":2,\"m\":[]}" }, /* order kept */
	{ "\"\\u00fc\\ud83d\\ude00\"", "\"ü😀\"" },
	{ "9223372036854775807", "9223372036854775807" },
	{ "-9223372036854775808", "-9223372036854775808" },
	{ "", NULL },
	{ " ", NULL },
	{ "{\"a\":1,\"a\":2}", NULL },
	{ "{} {}", NULL },
	{ "[1,]", NULL },
	{ "{'a':1}", NULL },
	{ "01", NULL },
	{ "+1", NULL },
	{ ".5", NULL },
	{ "NaN", NULL },
	{ "1e999", NULL },
	{ "9223372036854775808", NULL },
	{ "\"\\u0000\"", NULL },
	{ "\"\\ud800\"", NULL },
	{ "\"\x01\"", NULL },
	{ "\"\xff\"", NULL },
	{ "\xef\xbb\xbf{}", NULL },
	{ "[1] // comment", NULL },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_JSON j = NULL;
		struct error err = { 0 };
		int r = parse(cases[i].text, &j, &err);
		if ((r == 0) != (cases[i].back != NULL))
			fail_msg("%s: %d %s", cases[i].text, r, err.message);
		if (r != 0) {
			assert_int_equal(r, ERR_INVALID);
			assert_int_equal(err.code, ERR_INVALID);
			assert_non_null(strstr(err.message, "line "));
			assert_null(j);
			continue;
		}
		CLEANUP(free_charp) char *text = json_text(j);
		assert_string_equal(text, cases[i].back);
	}
	AUTO_JSON j = NULL;
	assert_int_equal(json_parse((struct span){ NULL, 0 }, &j, NULL), ERR_INVALID);
	assert_int_equal(json_parse((struct span){ (const uint8_t *)"1\0", 2 }, &j, NULL),
			 ERR_INVALID);
	assert_int_equal(json_parse((struct span){ (const uint8_t *)"1\0{", 3 }, &j, NULL),
			 ERR_INVALID);
}

/* No prefix of an object is valid; the block ends exactly at the cut, for ASan to see. */
static void test_cut_everywhere(void **state)
{
	const char whole[] = "{\"a\": [1, -2.5e3, \"x\\u00fc\\n\", {\"b\": null}], \"ü\": true}";
	for (size_t n = 0; n < sizeof whole - 1; n++) {
		AUTO_JSON j = NULL;
		uint8_t *copy = malloc(n ? n : 1);
		memcpy(copy, whole, n);
		assert_int_equal(json_parse((struct span){ copy, n }, &j, NULL), ERR_INVALID);
		free(copy);
	}
}

static char *nested(size_t n, char open, char close)
{
	char *text = malloc(2 * n + 1);
	memset(text, open, n);
	memset(text + n, close, n);
	text[2 * n] = '\0';
	return text;
}

static void test_depth(void **state)
{
	AUTO_JSON ok = NULL;
	struct error err;
	CLEANUP(free_charp) char *fine = nested(128, '[', ']');
	CLEANUP(free_charp) char *deep = nested(129, '[', ']');
	CLEANUP(free_charp) char *absurd = nested(1000000, '[', ']');
	assert_int_equal(parse(fine, &ok, &err), 0);
	AUTO_JSON no = NULL;
	assert_int_equal(parse(deep, &no, &err), ERR_INVALID);
	assert_string_equal(err.message, "JSON is nested deeper than 128");
	assert_int_equal(parse(absurd, &no, &err), ERR_INVALID);
	/* brackets inside strings do not count, whatever escapes stand before them */
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 10000);
	buf_add_str(&b, "[\"\\\\\\\"");
	for (int i = 0; i < 500; i++)
		buf_add_char(&b, '[');
	buf_add_str(&b, "\"]");
	assert_int_equal(json_parse(buf_span(&b), &no, &err), 0);
}

static void test_text_of_nothing(void **state)
{
	CLEANUP(free_charp) char *text = json_text(NULL);
	assert_string_equal(text, "null");
}

static void test_reads(void **state)
{
	AUTO_JSON o = NULL;
	struct error err;
	const char *s = "unset";
	int64_t n = 42;
	bool b = true;
	json_t *sub = NULL;
	assert_int_equal(
		parse("{\"s\":\"x\",\"n\":7,\"b\":false,\"o\":{},\"a\":[],\"f\":1.5,\"z\":null}",
		      &o, &err),
		0);
	assert_int_equal(json_read_str(o, "s", true, &s, &err), 0);
	assert_string_equal(s, "x");
	assert_int_equal(json_read_int(o, "n", true, &n, &err), 0);
	assert_int_equal(n, 7);
	assert_int_equal(json_read_bool(o, "b", true, &b, &err), 0);
	assert_false(b);
	assert_int_equal(json_read_object(o, "o", true, &sub, &err), 0);
	assert_true(json_is_object(sub));
	assert_int_equal(json_read_array(o, "a", true, &sub, &err), 0);
	assert_true(json_is_array(sub));
	/* missing, or null: as it was; or a sentence */
	assert_int_equal(json_read_int(o, "none", false, &n, &err), 0);
	assert_int_equal(json_read_int(o, "z", false, &n, &err), 0);
	assert_int_equal(n, 7);
	assert_int_equal(json_read_int(o, "z", true, &n, &err), ERR_INVALID);
	assert_string_equal(err.message, "\"z\" is missing");
	/* wrong types */
	assert_int_equal(json_read_str(o, "n", false, &s, &err), ERR_INVALID);
	assert_string_equal(err.message, "\"n\" must be a string, not an integer");
	assert_int_equal(json_read_int(o, "f", false, &n, &err), ERR_INVALID);
	assert_string_equal(err.message, "\"f\" must be an integer, not a fraction");
	assert_int_equal(json_read_bool(o, "s", false, &b, &err), ERR_INVALID);
	assert_string_equal(err.message, "\"s\" must be a boolean, not a string");
	assert_int_equal(json_read_object(o, "a", false, &sub, &err), ERR_INVALID);
	assert_string_equal(err.message, "\"a\" must be an object, not an array");
	assert_int_equal(json_read_array(o, "b", false, &sub, &err), ERR_INVALID);
	assert_string_equal(err.message, "\"b\" must be an array, not a boolean");
	/* not even an object */
	assert_int_equal(json_read_str(sub, "x", false, &s, &err), ERR_INVALID);
	assert_int_equal(json_read_str(NULL, "x", false, &s, &err), ERR_INVALID);
}

static void test_only_keys(void **state)
{
	static const char *const keys[] = { "name", "parent", NULL };
	AUTO_JSON o = NULL;
	struct error err;
	assert_int_equal(parse("{\"name\":1,\"parent\":2}", &o, &err), 0);
	assert_int_equal(json_only_keys(o, keys, &err), 0);
	json_object_set_new(o, "nmae", json_null());
	assert_int_equal(json_only_keys(o, keys, &err), ERR_INVALID);
	assert_string_equal(err.message, "unknown key \"nmae\"");
	AUTO_JSON a = json_array();
	assert_int_equal(json_only_keys(a, keys, &err), ERR_INVALID);
	assert_int_equal(json_only_keys(NULL, keys, &err), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse), cmocka_unit_test(test_cut_everywhere),
		cmocka_unit_test(test_depth), cmocka_unit_test(test_text_of_nothing),
		cmocka_unit_test(test_reads), cmocka_unit_test(test_only_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
