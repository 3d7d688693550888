/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers: header lines, what a status means, and every body with everything wrong that can be wrong.
 */
#include "agent/answer.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct answer_head head_of(const char *lines)
{
	struct answer_head h;
	struct span all = span_str(lines), line;
	answer_head_init(&h);
	while (span_get_until(&all, '\n', &line))
		answer_head_line(&h, line);
	answer_head_line(&h, all);
	return h;
}

static void test_head(void **state)
{
	struct answer_head h = head_of("HTTP/1.1 200 OK\r\n"
				       "reeve-next-poll:  880 \r\n"
				       "REEVE-COMMANDS:3\r\n"
				       "Retry-After: 5\r\n"
				       "Date: Wed, 25 Nov 2026 14:06:06 GMT\r\n"
				       "Content-Type: Application/Problem+JSON ; charset=utf-8\r\n"
				       "X: y\r\n\r\n");
	assert_int_equal(h.next_poll_ms, 880000);
	assert_int_equal(h.commands, 3);
	assert_int_equal(h.retry_after_ms, 5000);
	assert_int_equal(h.date_ms, 1795615566000);
	assert_true(h.problem);
}

static void test_head_with_nonsense(void **state)
{
	static const char *const lines[] = {
		"",
		":",
		"Reeve-Next-Poll",
		"Reeve-Next-Poll:",
		"Reeve-Next-Poll: ",
		"Reeve-Next-Poll: -1",
		"Reeve-Next-Poll: 1.5",
		"Reeve-Next-Poll: 99999999999999999999",
		"Reeve-Next-Poll: 999999999999999999",
		"Reeve-Next-Poll: 1 2",
		"Retry-After: Wed, 25 Nov 2026 14:06:06 GMT",
		"Reeve-Commands: many",
		"Date: never",
		"Content-Type: text/html",
		"Content-Type: application/problem+jsonx",
	};
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct answer_head h = head_of(lines[i]);
		assert_int_equal(h.next_poll_ms, -1);
		assert_int_equal(h.retry_after_ms, -1);
		assert_int_equal(h.commands, 0);
		assert_int_equal(h.date_ms, 0);
		assert_false(h.problem);
	}
}

static void test_kinds(void **state)
{
	static const struct {
		int status;
		const char *lines, *body;
		enum sync_answer_kind kind;
		const char *part; /* of the sentence */
	} cases[] = {
#define PROBLEM "Content-Type: application/problem+json\n"
		{ 200, "", "", SYNC_OK, "" },
		{ 201, "", "", SYNC_OK, "" },
		{ 204, "", "", SYNC_OK, "" },
		{ 304, "", "", SYNC_OK, "" },
		{ 0, "", "", SYNC_FAILED, "0" },
		{ 100, "", "", SYNC_FAILED, "100" },
		{ 301, "", "", SYNC_FAILED, "redirects" },
		{ 307, "", "", SYNC_FAILED, "redirects" },
		{ 400, PROBLEM, "{\"detail\":\"so bad\"}", SYNC_REFUSED, "400: so bad" },
		{ 401, PROBLEM, "{}", SYNC_UNKNOWN, "401" },
		{ 401, "", "{}", SYNC_FAILED, "401" },
		{ 401, PROBLEM, "<html>", SYNC_FAILED, "401" },
		{ 401, PROBLEM, "[]", SYNC_FAILED, "401" },
		{ 403, PROBLEM, "{}", SYNC_REFUSED, "403" },
		{ 404, "", "", SYNC_FAILED, "404" },
		{ 404, PROBLEM, "{}", SYNC_REFUSED, "404" },
		{ 400, "", "", SYNC_FAILED, "400" },
		{ 408, "", "", SYNC_FAILED, "408" },
		{ 409, PROBLEM, "{}", SYNC_REFUSED, "409" },
		{ 410, PROBLEM, "{\"detail\":\"gone\"}", SYNC_GONE, "410: gone" },
		{ 410, "Content-Type: text/html\n", "gone", SYNC_FAILED, "410" },
		{ 413, PROBLEM, "{}", SYNC_REFUSED, "413" },
		{ 413, "", "<html>", SYNC_REFUSED, "413" },
		{ 429, "", "", SYNC_THROTTLED, "429" },
		{ 500, PROBLEM, "{\"detail\":7}", SYNC_FAILED, "500" },
		{ 503, "", "", SYNC_THROTTLED, "503" },
		{ 504, "", "", SYNC_FAILED, "504" },
		{ 999, "", "", SYNC_FAILED, "999" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct answer_head h = head_of(cases[i].lines);
		struct error e = { 0 };
		h.status = cases[i].status;
		assert_int_equal(answer_kind(&h, span_str(cases[i].body), &e), cases[i].kind);
		assert_non_null(strstr(e.message, cases[i].part));
	}
}

static void test_the_servers_words_cannot_take_over_a_terminal(void **state)
{
	struct answer_head h = head_of(PROBLEM);
	struct error e;
	h.status = 400;
	(void)answer_kind(&h, span_str("{\"detail\":\"a\\u001b[2Jb\\u0007\\nc\\u202ed\"}"), &e);
	assert_string_equal(e.message, "the server answered 400: a [2Jb  c d");
}

static void test_enrolled(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"device_id\":12}",
		"{\"device_id\":\"12\",\"device_token\":\"x\"}",
		"{\"device_id\":0,\"device_token\":\"x\"}",
		"{\"device_id\":12,\"device_token\":\"\"}",
		"{\"device_id\":12,\"device_token\":\"a b\"}",
		"{\"device_id\":12,\"device_token\":\"a\\r\\nX: y\"}",
		"{\"device_id\":12,\"device_token\":\"\xc3\xa4\"}",
		"{\"device_id\":12,\"device_token\":\"x\",\"fleet\":7}",
	};
	struct answer_enrolled e;
	struct error err;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(answer_enrolled(span_str(bad[i]), &e, &err), ERR_INVALID);
	assert_int_equal(answer_enrolled(span_str("{\"device_id\":12,\"device_token\":\"x-_Y\","
						  "\"organization\":\"o\",\"new\":1}"),
					 &e, &err),
			 0);
	assert_int_equal(e.device_id, 12);
	assert_string_equal(e.token, "x-_Y");
	assert_string_equal(e.organization, "o");
	assert_string_equal(e.fleet, "");
}

static void test_desired(void **state)
{
	static const char *const bad[] = {
		"{\"version\":1}",
		"{\"version\":0,\"settings\":{}}",
		"{\"version\":-7,\"settings\":{}}",
		"{\"version\":1.5,\"settings\":{}}",
		"{\"version\":1,\"settings\":[]}",
		"{\"version\":1,\"settings\":{\"a\":true}}",
		"{\"version\":1,\"settings\":{\"a\":{}}}",
		"{\"version\":1,\"settings\":{\"\":{\"value\":1}}}",
		"{\"version\":1,\"settings\":{\"a\":{\"value\":1,\"level\":2}}}",
		"{\"version\":1,\"settings\":{},\"commands\":-1}",
		"{\"version\":1,\"settings\":{},\"commands\":\"1\"}",
		"{\"version\":1,\"version\":2,\"settings\":{}}",
	};
	struct answer_desired d;
	struct error err;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(answer_desired(span_str(bad[i]), &d, &err), ERR_INVALID);
	assert_int_equal(
		answer_desired(span_str("{\"version\":7,\"settings\":{\"a\":{\"value\":null}},"
					"\"next_poll_s\":1}"),
			       &d, &err),
		0);
	assert_int_equal(d.version, 7);
	assert_int_equal(d.commands, 0);
	assert_int_equal(json_object_size(d.settings), 1);
	json_decref(d.settings);
}

static struct answer_command commands[ANSWER_COMMANDS_MAX];

static void test_commands(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"commands\":{}}",
		"{\"commands\":[7]}",
		"{\"commands\":[{\"id\":0,\"type\":\"x\"}]}",
		"{\"commands\":[{\"id\":1}]}",
		"{\"commands\":[{\"id\":1,\"type\":\"\"}]}",
		"{\"commands\":[{\"id\":1,\"type\":\"x\",\"params\":[]}]}",
		"{\"commands\":[{\"id\":1,\"type\":\"x\",\"expires\":\"soon\"}]}",
	};
	AUTO_JSON body = NULL;
	struct error err;
	size_t n;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(answer_commands(span_str(bad[i]), commands, &n, &body, &err),
				 ERR_INVALID);
	assert_int_equal(
		answer_commands(span_str("{\"commands\":[{\"id\":5,\"type\":\"ping\",\"x\":1},"
					 "{\"id\":6,\"type\":\"lock\",\"params\":{\"a\":1},"
					 "\"expires\":\"1970-01-01T00:00:01Z\"}]}"),
				commands, &n, &body, &err),
		0);
	assert_int_equal(n, 2);
	assert_null(commands[0].params);
	assert_int_equal(commands[0].expires_ms, 0);
	assert_int_equal(commands[1].expires_ms, 1000);
	assert_string_equal(commands[1].type, "lock");
}

static void test_more_commands_than_are_looked_at(void **state)
{
	AUTO_JSON body = NULL;
	AUTO_JSON many = json_pack("{s:[]}", "commands");
	struct error err;
	size_t n;
	for (int i = 1; i <= 300; i++)
		json_array_append_new(json_object_get(many, "commands"),
				      json_pack("{s:i, s:s}", "id", i, "type", "ping"));
	CLEANUP(free_charp) char *text = json_text(many);
	assert_int_equal(answer_commands(span_str(text), commands, &n, &body, &err), 0);
	assert_int_equal(n, ANSWER_COMMANDS_MAX);
}

#define HASH "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"

static void test_report_and_file(void **state)
{
	static const char hash[] =
		"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
	char verdict[32];
	struct answer_file file;
	AUTO_JSON d = NULL;
	struct error err;
	assert_int_equal(answer_report(span_str("{\"verdict\":\"STALE\"}"), verdict, &err), 0);
	assert_string_equal(verdict, "STALE");
	assert_int_equal(answer_report(span_str("{\"verdict\":\"\"}"), verdict, &err), ERR_INVALID);
	assert_int_equal(answer_report(span_str("{\"verdict\":\"a\\nb\"}"), verdict, &err),
			 ERR_INVALID);
	assert_int_equal(answer_report(span_str("{}"), verdict, &err), ERR_INVALID);
	assert_int_equal(answer_file(span_str("{\"sha256\":\"abc\",\"size\":1}"), &file, &d, &err),
			 ERR_INVALID);
	assert_int_equal(
		answer_file(span_str("{\"sha256\":\"" HASH "\",\"size\":-1}"), &file, &d, &err),
		ERR_INVALID);
	assert_int_equal(answer_file(span_str("{\"sha256\":\"" HASH "\",\"size\":4,\"x\":1}"),
				     &file, &d, &err),
			 0);
	assert_string_equal(file.sha256, hash);
	assert_int_equal(file.size, 4);
	assert_int_equal(json_object_size(d), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_head_with_nonsense),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_the_servers_words_cannot_take_over_a_terminal),
		cmocka_unit_test(test_enrolled),
		cmocka_unit_test(test_desired),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_more_commands_than_are_looked_at),
		cmocka_unit_test(test_report_and_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
