/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "store/json-line.h"
#include <string.h>

static const char *const texts[] = {
	"{}",
	"[]",
	"null",
	"true",
	"false",
	"0",
	"-1",
	"9223372036854775807",
	"-9223372036854775808",
	"1.5",
	"0.1",
	"1e300",
	"-1.0",
	"\"\"",
	"\"plain\"",
	"\"\\\"\\\\/\\b\\f\\n\\r\\t\"",
	"\"\\u0001\\u001f\\u007f\\u0080\\u20ac\\ud83d\\ude00\"",
	"\"Grüße, 世界\"",
	"[1,[2,[3,[]]],{}]",
	"{\"b\":1,\"a\":{\"x\":[true,false,null]},\"\":\"\"}",
	"{\"k\\\"ey\":\"v\\nalue\",\"\\u0002\":1}",
};

static void test_same_as_jansson(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct buf out;
		struct error err;
		AUTO_JSON j = NULL;
		buf_init(&out, 10000);
		assert_int_equal(json_parse(span_str(texts[i]), &j, &err), 0);
		CLEANUP(free_charp) char *wanted = json_text(j);
		json_line_add(&out, j);
		assert_string_equal(buf_str(&out), wanted);
		buf_fini(&out);
	}
}

static void test_every_byte(void **state)
{
	for (unsigned c = 1; c < 0x80; c++) {
		struct buf out;
		char text[3] = { (char)c, 'x', '\0' };
		AUTO_JSON j = json_string(text);
		buf_init(&out, 100);
		CLEANUP(free_charp) char *wanted = json_text(j);
		json_line_add(&out, j);
		assert_string_equal(buf_str(&out), wanted);
		buf_fini(&out);
	}
}

/* Around the size of the piece that is gathered before it is appended. */
static void test_every_length(void **state)
{
	char text[1100];
	for (size_t n = 500; n < sizeof text; n += n < 520 ? 1 : 97) {
		struct buf out;
		memset(text, 'x', n);
		text[n] = '\0';
		text[n / 2] = '\n';
		AUTO_JSON j = json_pack("[s, s, i]", text, "y", 7);
		buf_init(&out, 10000);
		CLEANUP(free_charp) char *wanted = json_text(j);
		json_line_add(&out, j);
		assert_string_equal(buf_str(&out), wanted);
		buf_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_jansson),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_every_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
