/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers that are not what was hoped for: problem documents to error codes and exit codes, everything cut at every byte; addresses.
 */
#include "reeve/cli.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static const struct {
	long status;
	const char *body;
	enum err code;
	int exit;
	const char *sentence;
} problems[] = {
	{ 400, "{\"detail\":\"no\",\"code\":\"invalid\"}", ERR_INVALID, 2, "no" },
	{ 401, "{\"detail\":\"no\",\"code\":\"unauthenticated\"}", ERR_UNAUTHENTICATED, 4, "no" },
	{ 403, "{\"detail\":\"no\",\"code\":\"forbidden\"}", ERR_FORBIDDEN, 4, "no" },
	{ 404, "{\"detail\":\"no\",\"code\":\"not-found\"}", ERR_NOT_FOUND, 3, "no" },
	{ 409, "{\"detail\":\"no\",\"code\":\"conflict\"}", ERR_CONFLICT, 5, "no" },
	{ 410, "{\"detail\":\"no\",\"code\":\"gone\"}", ERR_GONE, 3, "no" },
	{ 412, "{\"detail\":\"no\",\"code\":\"precondition-failed\"}", ERR_PRECONDITION, 5, "no" },
	{ 413, "{\"detail\":\"no\",\"code\":\"too-large\"}", ERR_TOO_LARGE, 1, "no" },
	{ 422, "{\"detail\":\"no\",\"code\":\"conflict\"}", ERR_CONFLICT, 5,
	  "no" }, /* the code counts */
	{ 429, "{\"detail\":\"no\",\"code\":\"rate-limited\"}", ERR_RATE_LIMITED, 1, "no" },
	{ 500, "{\"detail\":\"no\",\"code\":\"internal\",\"request_id\":\"r7\"}", ERR_INTERNAL, 1,
	  "no (request r7)" },
	{ 503, "{\"detail\":\"no\",\"code\":\"uncertain\"}", ERR_UNCERTAIN, 1, "no" },
	{ 507, "{\"detail\":\"no\",\"code\":\"no-space\"}", ERR_NO_SPACE, 1, "no" },
	{ 404, "{\"detail\":\"no\",\"code\":\"of-a-newer-server\"}", ERR_NOT_FOUND, 3, "no" },
	{ 404, "{\"title\":\"Not found\"}", ERR_NOT_FOUND, 3, "Not found" },
	{ 404, "", ERR_NOT_FOUND, 3,
	  "http://s answered with status 404 and no explanation; is it a Reeve server?" },
	{ 502, "<html>Bad gateway</html>", ERR_UNAVAILABLE, 1,
	  "http://s answered with status 502 and no explanation; is it a Reeve server?" },
	{ 301, "", ERR_INTERNAL, 1,
	  "http://s answered with status 301 and no explanation; is it a Reeve server?" },
	{ 404, "{\"detail\":7,\"code\":[]}", ERR_NOT_FOUND, 3,
	  "http://s answered with status 404 and no explanation; is it a Reeve server?" },
};

static void test_problems(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(problems); i++) {
		struct error err = { .message = "" };
		int r = client_problem("http://s", problems[i].status, span_str(problems[i].body),
				       &err);
		assert_int_equal(r, problems[i].code);
		assert_int_equal(err.code, problems[i].code);
		assert_int_equal(err_exit_code((enum err)r), problems[i].exit);
		assert_string_equal(err.message, problems[i].sentence);
		for (size_t n = 0; n < strlen(problems[i].body); n++) {
			r = client_problem("http://s", problems[i].status,
					   (struct span){ (const uint8_t *)problems[i].body, n },
					   &err);
			assert_true(r > 0);
		}
	}
}

static void test_servers(void **state)
{
	static const struct {
		const char *server;
		bool good;
	} servers[] = {
		{ "http://127.0.0.1:8081", true },
		{ "https://reeve.example.org", true },
		{ "http://[::1]:8081/", true },
		{ "https://x/prefix/", true },
		{ "127.0.0.1:8081", false },
		{ "", false },
		{ "ftp://x", false },
		{ "file:///etc/passwd", false },
		{ "http://", false },
		{ "http://x?y", false },
		{ "http://ada:secret@x", false },
		{ "http://x:99999", false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		struct client *c = NULL;
		struct error err = { .message = "" };
		const struct client_options o = { .server = servers[i].server };
		int r = client_new(&o, &c, &err);
		if ((r == 0) != servers[i].good)
			fail_msg("%s: %d %s", servers[i].server, r, err.message);
		assert_null(strstr(err.message, "secret"));
		client_free(c);
	}
	client_free(NULL);
}

static void test_urls(void **state)
{
	struct url u;
	opt = (struct opt){ .since = -1 };
	url_init(&u, "/fleets/{}/settings/{}", "default/Süd & Co?", "camera.disabled");
	url_param(&u, "none", NULL);
	url_param(&u, "filter", "a=1 and b<7d");
	url_param_int(&u, "limit", -5);
	assert_string_equal(
		buf_str(&u.text),
		"/api/v1/fleets/default%2FS%C3%BCd%20%26%20Co%3F/settings/camera.disabled"
		"?filter=a%3D1%20and%20b%3C7d&limit=-5");
	url_fini(&u);
	opt.org = "a b";
	url_init(&u, "/devices");
	url_param(&u, "x", "y");
	assert_string_equal(buf_str(&u.text), "/api/v1/devices?org=a%20b&x=y");
	url_fini(&u);
	url_init_server(&u, "/backup");
	assert_string_equal(buf_str(&u.text), "/api/v1/backup");
	url_fini(&u);
	opt.org = NULL;
}

static void test_values(void **state)
{
	static const struct {
		const char *text, *json; /* NULL: refused */
	} values[] = {
		{ "true", "true" },
		{ "5", "5" },
		{ "-1.5", "-1.5" },
		{ "null", "null" },
		{ "word", "\"word\"" },
		{ "", "\"\"" },
		{ "two words", "\"two words\"" },
		{ "\"5\"", "\"5\"" },
		{ "[1, 2]", "[1,2]" },
		{ "{\"a\":1}", "{\"a\":1}" },
		{ "https://x.example", "\"https://x.example\"" },
		{ "007", "\"007\"" },
		{ "True", "\"True\"" },
		{ "[1", NULL },
		{ "{a:1}", NULL },
		{ "\"x", NULL },
		{ "\xff", NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		AUTO_JSON v = NULL;
		struct error err;
		int r = value_parse(values[i].text, &v, &err);
		assert_int_equal(r, values[i].json ? 0 : ERR_INVALID);
		if (!values[i].json)
			continue;
		CLEANUP(free_charp) char *text = json_text(v);
		assert_string_equal(text, values[i].json);
	}
}

static void test_params(void **state)
{
	AUTO_JSON o = NULL;
	AUTO_JSON none = NULL;
	struct error err;
	const struct option_list good = { .items = { "a=1", "b=x=y", "c=", "d={\"z\":[]}" },
					  .n = 4 };
	assert_int_equal(values_parse(&good, &o, &err), 0);
	CLEANUP(free_charp) char *text = json_text(o);
	assert_string_equal(text, "{\"a\":1,\"b\":\"x=y\",\"c\":\"\",\"d\":{\"z\":[]}}");
	static const char *const bad[] = { "a", "=1", "a=[", "\xff=1" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct option_list list = { .items = { bad[i] }, .n = 1 };
		assert_int_equal(values_parse(&list, &none, &err), ERR_INVALID);
	}
	const struct option_list twice = { .items = { "a=1", "a=2" }, .n = 2 };
	assert_int_equal(values_parse(&twice, &none, &err), ERR_INVALID);
	assert_string_equal(err.message, "\"a\" is given twice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_problems), cmocka_unit_test(test_servers),
		cmocka_unit_test(test_urls),     cmocka_unit_test(test_values),
		cmocka_unit_test(test_params),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
