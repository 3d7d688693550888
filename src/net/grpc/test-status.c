/* SPDX-License-Identifier: Apache-2.0
 *
 * status: codes both ways, messages that travel and hostile ones that must not hurt.
 */
#include "net/grpc/status.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_codes(void **state)
{
	static const struct {
		const char *text;
		enum grpc_code code;
	} cases[] = {
		{ "0", GRPC_OK },        { "16", GRPC_UNAUTHENTICATED },
		{ "17", GRPC_UNKNOWN },  { "", GRPC_UNKNOWN },
		{ "-1", GRPC_UNKNOWN },  { "1x", GRPC_UNKNOWN },
		{ "001", GRPC_UNKNOWN }, { "08", GRPC_RESOURCE_EXHAUSTED },
		{ "99", GRPC_UNKNOWN },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(grpc_code_parse(span_str(cases[i].text)), cases[i].code);
	assert_string_equal(grpc_code_name(GRPC_UNAVAILABLE), "UNAVAILABLE");
	assert_string_equal(grpc_code_name((enum grpc_code)99), "UNKNOWN");
}

static void test_mappings(void **state)
{
	assert_int_equal(grpc_code_from_err(ERR_NONE), GRPC_OK);
	for (int e = ERR_INVALID; e <= ERR_NO_SPACE; e++) /* no row is forgotten */
		assert_int_not_equal(grpc_code_from_err((enum err)e), GRPC_OK);
	assert_int_equal(grpc_code_from_err((enum err)1000), GRPC_INTERNAL);
	assert_int_equal(grpc_code_from_http(404), GRPC_UNIMPLEMENTED);
	assert_int_equal(grpc_code_from_http(503), GRPC_UNAVAILABLE);
	assert_int_equal(grpc_code_from_http(302), GRPC_UNKNOWN);
	assert_int_equal(grpc_code_from_h2(8), GRPC_CANCELLED);
	assert_int_equal(grpc_code_from_h2(7), GRPC_UNAVAILABLE);
	assert_int_equal(grpc_code_from_h2(11), GRPC_RESOURCE_EXHAUSTED);
	assert_int_equal(grpc_code_from_h2(1), GRPC_INTERNAL);
	assert_int_equal(grpc_code_from_h2(UINT32_MAX), GRPC_INTERNAL);
}

static void test_messages(void **state)
{
	static const struct {
		const char *text, *wire;
	} cases[] = {
		{ "", "" },
		{ "plain text, with ~ and space", "plain text, with ~ and space" },
		{ "100%", "100%25" },
		{ "a\nb\x7f", "a%0Ab%7F" },
		{ "“ü”", "%E2%80%9C%C3%BC%E2%80%9D" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_fini) struct buf wire;
		char back[GRPC_MESSAGE_MAX];
		buf_init(&wire, 1000);
		grpc_message_encode(&wire, cases[i].text);
		assert_string_equal(buf_str(&wire), cases[i].wire);
		grpc_message_decode(back, buf_span(&wire));
		assert_string_equal(back, cases[i].text);
	}
}

static void test_hostile_messages(void **state)
{
	static const struct {
		const char *wire, *text;
	} cases[] = {
		{ "%", "%" },
		{ "%4", "%4" },
		{ "%zz", "%zz" },
		{ "%e2%82%ac", "€" },
		{ "a%00b", "a\xef\xbf\xbd"
			   "b" },
		{ "%ff", "\xef\xbf\xbd" },
	};
	char back[GRPC_MESSAGE_MAX], longer[2000];
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		grpc_message_decode(back, span_str(cases[i].wire));
		assert_string_equal(back, cases[i].text);
	}
	memset(longer, 'x', sizeof longer);
	grpc_message_decode(back, (struct span){ (const uint8_t *)longer, sizeof longer });
	assert_int_equal(strlen(back), GRPC_MESSAGE_MAX - 1);
	memset(longer, 0xff, sizeof longer); /* each becomes three bytes */
	grpc_message_decode(back, (struct span){ (const uint8_t *)longer, sizeof longer });
	assert_int_equal(strlen(back), GRPC_MESSAGE_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_mappings),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_hostile_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
