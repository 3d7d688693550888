/* SPDX-License-Identifier: Apache-2.0
 *
 * What FCM and the OAuth server may answer, hostile shapes included.
 */
#include "base/macros.h"
#include "net/fcm/answer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FCM_ERROR(status, code)                                                                    \
	"{\"error\":{\"status\":\"" status                                                         \
	"\",\"details\":[{\"@type\":\"t\",\"errorCode\":\"" code "\"}]}}"

static void test_read(void **state)
{
	static const struct {
		long status;
		const char *body;
		enum send_outcome outcome;
		const char *reason;
	} cases[] = {
		{ 200, "{\"name\":\"projects/p/messages/1\"}", SEND_OK, "HTTP 200" },
		{ 200, "", SEND_OK, "HTTP 200" },
		{ 404, FCM_ERROR("NOT_FOUND", "UNREGISTERED"), SEND_UNREGISTERED,
		  "HTTP 404 UNREGISTERED" },
		{ 404, "{\"error\":{\"status\":\"NOT_FOUND\"}}", SEND_UNREGISTERED,
		  "HTTP 404 NOT_FOUND" },
		{ 404, "<html>404</html>", SEND_REFUSED, "HTTP 404" },
		{ 404, "", SEND_REFUSED, "HTTP 404" },
		{ 404, "{\"error\":\"not found\"}", SEND_REFUSED, "HTTP 404" },
		{ 400,
		  "{\"error\":{\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"fieldViolations\":"
		  "[{\"field\":\"message.token\"}]}]}}",
		  SEND_UNREGISTERED, "HTTP 400 INVALID_ARGUMENT" },
		{ 400,
		  "{\"error\":{\"status\":\"INVALID_ARGUMENT\",\"message\":\"The registration token "
		  "is not a valid FCM registration token\"}}",
		  SEND_UNREGISTERED, "HTTP 400 INVALID_ARGUMENT" },
		{ 400,
		  "{\"error\":{\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"fieldViolations\":"
		  "[{\"field\":\"message.android\"}]}]}}",
		  SEND_REFUSED, "HTTP 400 INVALID_ARGUMENT" },
		{ 400,
		  "{\"error\":{\"status\":\"FAILED_PRECONDITION\",\"message\":\"registration "
		  "token\"}}",
		  SEND_REFUSED, "HTTP 400 FAILED_PRECONDITION" },
		{ 401, FCM_ERROR("UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), SEND_UNAUTHORIZED,
		  "HTTP 401 THIRD_PARTY_AUTH_ERROR" },
		{ 403, FCM_ERROR("PERMISSION_DENIED", "SENDER_ID_MISMATCH"), SEND_REFUSED,
		  "HTTP 403 SENDER_ID_MISMATCH" },
		{ 429, FCM_ERROR("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), SEND_BUSY,
		  "HTTP 429 QUOTA_EXCEEDED" },
		{ 503, "", SEND_BUSY, "HTTP 503" },
		{ 500, FCM_ERROR("INTERNAL", "INTERNAL"), SEND_ERROR, "HTTP 500 INTERNAL" },
		{ 502, "<html>", SEND_ERROR, "HTTP 502" },
		{ 302, "", SEND_REFUSED, "HTTP 302" },
		{ 0, "", SEND_REFUSED, "HTTP 0" },
		/* hostile shapes */
		{ 400, "{\"error\":{\"status\":\"a b\\n=\\\"\",\"details\":7}}", SEND_REFUSED,
		  "HTTP 400" },
		{ 400,
		  "{\"error\":{\"details\":[1,[],{\"errorCode\":5},{\"fieldViolations\":{}}]}}",
		  SEND_REFUSED, "HTTP 400" },
		{ 400, "[[[[", SEND_REFUSED, "HTTP 400" },
		{ 400, "[]", SEND_REFUSED, "HTTP 400" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char reason[REASON_SIZE];
		assert_int_equal(answer_read(cases[i].status, span_str(cases[i].body), reason),
				 cases[i].outcome);
		assert_string_equal(reason, cases[i].reason);
	}
}

static void test_access(void **state)
{
	static const struct {
		const char *body, *token; /* NULL: not accepted */
		int64_t life_ms;
	} cases[] = {
		{ "{\"access_token\":\"ya29.x-_\",\"expires_in\":3599,\"token_type\":\"Bearer\"}",
		  "ya29.x-_", 3599000 },
		{ "{\"access_token\":\"x\",\"expires_in\":86400}", "x", 86400000 },
		{ "{\"access_token\":\"x\",\"expires_in\":86401}", NULL, 0 },
		{ "{\"access_token\":\"x\",\"expires_in\":0}", NULL, 0 },
		{ "{\"access_token\":\"x\",\"expires_in\":-5}", NULL, 0 },
		{ "{\"access_token\":\"x\",\"expires_in\":\"3600\"}", NULL, 0 },
		{ "{\"access_token\":\"x\"}", NULL, 0 },
		{ "{\"expires_in\":3600}", NULL, 0 },
		{ "{\"access_token\":\"\",\"expires_in\":3600}", NULL, 0 },
		{ "{\"access_token\":7,\"expires_in\":3600}", NULL, 0 },
		{ "{\"access_token\":\"a\\r\\nHost: evil\",\"expires_in\":3600}", NULL, 0 },
		{ "{\"access_token\":\"a b\",\"expires_in\":3600}", NULL, 0 },
		{ "{\"access_token\":\"\\u00e9\",\"expires_in\":3600}", NULL, 0 },
		{ "[]", NULL, 0 },
		{ "", NULL, 0 },
		{ "{", NULL, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char token[ACCESS_TOKEN_MAX];
		int64_t life_ms = 0;
		bool ok = answer_read_access(span_str(cases[i].body), token, &life_ms);
		assert_int_equal(ok, cases[i].token != NULL);
		if (!ok)
			continue;
		assert_string_equal(token, cases[i].token);
		assert_int_equal(life_ms, cases[i].life_ms);
	}
}

static void test_access_longest(void **state)
{
	for (size_t n = ACCESS_TOKEN_MAX - 1; n <= ACCESS_TOKEN_MAX; n++) {
		char body[ACCESS_TOKEN_MAX + 100], token[ACCESS_TOKEN_MAX];
		int64_t life_ms;
		char *text = malloc(n + 1);
		memset(text, 'x', n);
		text[n] = '\0';
		snprintf(body, sizeof body, "{\"access_token\":\"%s\",\"expires_in\":9}", text);
		free(text);
		assert_int_equal(answer_read_access(span_str(body), token, &life_ms),
				 n < ACCESS_TOKEN_MAX);
	}
}

static void test_access_reason(void **state)
{
	char reason[REASON_SIZE];
	answer_access_reason(400, span_str("{\"error\":\"invalid_grant\"}"), reason);
	assert_string_equal(reason, "HTTP 400 invalid_grant");
	answer_access_reason(400, span_str("{\"error\":\"in\\nvalid\"}"), reason);
	assert_string_equal(reason, "HTTP 400");
	answer_access_reason(502, span_str("<html>"), reason);
	assert_string_equal(reason, "HTTP 502");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_access_longest),
		cmocka_unit_test(test_access_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
