/* SPDX-License-Identifier: Apache-2.0
 *
 * head: which headers make a gRPC call, and what the others get.
 */
#include "net/grpc/head.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define GOOD                                                                                       \
	{ ":method", "POST" }, { ":path", "/a/B" },                                                \
	{                                                                                          \
		"te", "trailers"                                                                   \
	}
#define TYPE                                                                                       \
	{                                                                                          \
		"content-type", "application/grpc"                                                 \
	}

struct header {
	const char *name, *value;
};

static const struct {
	struct header headers[8];
	int http;
	enum grpc_code code;
	int64_t timeout_ms;
} cases[] = {
	{ { GOOD, TYPE }, 200, GRPC_OK, -1 },
	{ { GOOD, { "content-type", "application/grpc+proto" } }, 200, GRPC_OK, -1 },
	{ { GOOD, { "content-type", "application/grpc;charset=utf-8" } }, 200, GRPC_OK, -1 },
	{ { GOOD, { "content-type", "Application/GRPC" } }, 200, GRPC_OK, -1 },
	{ { GOOD, { "content-type", "application/grpc+json" } }, 415, GRPC_OK, -1 },
	{ { GOOD, { "content-type", "application/grpcx" } }, 415, GRPC_OK, -1 },
	{ { GOOD, { "content-type", "application/json" } }, 415, GRPC_OK, -1 },
	{ { GOOD, { "content-type", "" } }, 415, GRPC_OK, -1 },
	{ { GOOD }, 415, GRPC_OK, -1 },
	{ { { ":method", "GET" }, { "te", "trailers" }, TYPE }, 405, GRPC_OK, -1 },
	{ { { ":method", "POST" }, TYPE }, 200, GRPC_INTERNAL, -1 },
	{ { { ":method", "POST" }, TYPE, { "te", "gzip" } }, 200, GRPC_INTERNAL, -1 },
	{ { GOOD, TYPE, { "grpc-timeout", "5S" } }, 200, GRPC_OK, 5000 },
	{ { GOOD, TYPE, { "grpc-timeout", "soon" } }, 200, GRPC_INTERNAL, -1 },
	{ { GOOD, TYPE, { "x", "0123456789012345678901234567890123456789" } },
	  200,
	  GRPC_RESOURCE_EXHAUSTED,
	  -1 },
};

static void test_check(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct head h;
		struct grpc_status status;
		head_init(&h, NULL);
		for (const struct header *at = cases[i].headers; at->name; at++)
			assert_int_equal(head_add(&h, span_str(at->name), span_str(at->value), 250),
					 strcmp(at->name, ":path") == 0);
		assert_int_equal(head_check(&h, &status), cases[i].http);
		assert_int_equal(status.code, cases[i].code);
		assert_int_equal(h.timeout_ms, cases[i].timeout_ms);
	}
}

static void test_compressed(void **state)
{
	struct head h;
	head_init(&h, NULL);
	(void)head_add(&h, span_str("grpc-encoding"), span_str("identity"), 1000);
	assert_false(h.flags & HEAD_COMPRESSED);
	(void)head_add(&h, span_str("grpc-encoding"), span_str("gzip"), 1000);
	assert_true(h.flags & HEAD_COMPRESSED);
}

static void test_token(void **state)
{
	static const struct {
		const char *value;
		bool right;
	} shown[] = {
		{ "Bearer 0123abcd", true },   { "Bearer 0123abce", false },
		{ "Bearer 0123abc", false },   { "Bearer 0123abcd ", false },
		{ "bearer 0123abcd", false },  { "Bearer ", false },
		{ "0123abcd", false },         { "", false },
		{ "Bearer 0123abcde", false },
	};
	struct head h;
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		head_init(&h, "0123abcd");
		(void)head_add(&h, span_str("authorization"), span_str(shown[i].value), 1000);
		assert_int_equal((h.flags & HEAD_TOKEN) != 0, shown[i].right);
	}
	head_init(&h, NULL);
	(void)head_add(&h, span_str("authorization"), span_str("Bearer "), 1000);
	assert_false(h.flags & HEAD_TOKEN);
}

static void test_token_is_needed(void **state)
{
	static const struct header good[] = { GOOD, TYPE };
	struct grpc_status status;
	for (int shown = 0; shown < 2; shown++) {
		struct head h;
		head_init(&h, "t");
		for (size_t i = 0; i < ARRAY_SIZE(good); i++)
			(void)head_add(&h, span_str(good[i].name), span_str(good[i].value), 1000);
		if (shown)
			(void)head_add(&h, span_str("authorization"), span_str("Bearer t"), 1000);
		assert_int_equal(head_check(&h, &status), 200);
		assert_int_equal(status.code, shown ? GRPC_OK : GRPC_UNAUTHENTICATED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_token_is_needed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
