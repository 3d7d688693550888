/* SPDX-License-Identifier: Apache-2.0
 *
 * answer: whole, cut at every byte, and bad ones.
 */
#include "base/macros.h"
#include "reeve-bench/answer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h> /* needs the four above */

struct good {
	const char *text;
	int status;
	bool closes;
	const char *body, *rest;
};

static void test_good(void **state)
{
	static const struct good cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP", 200, false, "hi", "HTTP" },
		{ "HTTP/1.1 204 No Content\r\n\r\n", 204, false, "", "" },
		{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, false, "", "" },
		{ "HTTP/1.0 500\nconnection:  Close\ncontent-length:1\n\nx", 500, true, "x", "" },
		{ "HTTP/1.1 201 Created\r\nX-Content-Length: 7\r\nContent-Length: 0\r\n\r\n", 201,
		  false, "", "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct good *c = &cases[i];
		struct answer a;
		size_t n = 0, size = strlen(c->text), whole = size - strlen(c->rest);
		for (size_t cut = 0; cut < whole; cut++)
			assert_int_equal(ANSWER_MORE,
					 answer_read((struct span){ (const uint8_t *)c->text, cut },
						     &a, &n));
		assert_int_equal(ANSWER_WHOLE, answer_read(span_str(c->text), &a, &n));
		assert_int_equal(whole, n);
		assert_int_equal(c->status, a.status);
		assert_int_equal(c->closes, a.closes);
		assert_true(span_eq(a.body, span_str(c->body)));
	}
}

static void test_bad(void **state)
{
	static const char *const cases[] = {
		"\r\n",
		"HTTP/2 200\r\n",
		"HTTP/1.1 2x0 OK\r\n",
		"HTTP/1.1 999 OK\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: \r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct answer a;
		size_t n;
		assert_int_equal(ANSWER_BAD, answer_read(span_str(cases[i]), &a, &n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
