/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's address and the options that go with it. Requests are tested against a real server by
 * tests/scenario/test_agent_*.py.
 */
#include "agent/client.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_addresses(void **state)
{
	static const struct {
		const char *given;
		bool insecure;
		const char *normalized; /* NULL: refused */
		const char *part;       /* of the sentence */
	} cases[] = {
		{ "https://reeve.example.org", false, "https://reeve.example.org", "" },
		{ "https://reeve.example.org/", false, "https://reeve.example.org", "" },
		{ "https://reeve.example.org:443//", false, "https://reeve.example.org", "" },
		{ "https://reeve.example.org:8443/a/b/", false,
		  "https://reeve.example.org:8443/a/b", "" },
		{ "http://127.0.0.1:8081", false, "http://127.0.0.1:8081", "" },
		{ "http://127.9.9.9", false, "http://127.9.9.9", "" },
		{ "http://localhost:1", false, "http://localhost:1", "" },
		{ "http://[::1]:8081", false, "http://[::1]:8081", "" },
		{ "http://10.0.0.1", false, NULL, "in clear" },
		{ "http://10.0.0.1", true, "http://10.0.0.1", "" },
		{ "http://localhost.evil.example", false, NULL, "in clear" },
		{ "http://127.0.0.1.evil.example", false, NULL, "in clear" },
		{ "http://[::2]", false, NULL, "in clear" },
		{ "http://127.0.0.1@evil.example/", false, NULL, "user" },
		{ "https://u:p@reeve.example.org", false, NULL, "user" },
		{ "https://reeve.example.org/?a=b", false, NULL, "query" },
		{ "https://reeve.example.org/#x", false, NULL, "fragment" },
		{ "ftp://reeve.example.org", false, NULL, "https" },
		{ "file:///etc/passwd", false, NULL, "" },
		{ "reeve.example.org", false, NULL, "" },
		{ "https://", false, NULL, "" },
		{ "", false, NULL, "" },
		{ "https://reeve.example.org:99999", false, NULL, "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(free_charp) char *url = NULL;
		struct error err = { 0 };
		int r = client_url(cases[i].given, cases[i].insecure, &url, &err);
		if (r == 0 && !cases[i].normalized)
			fail_msg("%s was taken as %s", cases[i].given, url);
		if (cases[i].normalized)
			assert_string_equal(url, cases[i].normalized);
		assert_int_equal(r, cases[i].normalized ? 0 : ERR_INVALID);
		assert_non_null(strstr(err.message, cases[i].part));
	}
}

static void test_pins(void **state)
{
#define HASH "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	static const struct {
		const char *server, *pin;
		bool ok;
	} cases[] = {
		{ "https://h", "sha256//" HASH, true },
		{ "http://localhost", "sha256//" HASH, false },
		{ "https://h", HASH, false },
		{ "https://h", "sha256//", false },
		{ "https://h", "sha256//AAAA", false },
		{ "https://h", "sha256//" HASH HASH, false },
		{ "https://h", "sha256//%%%", false },
		{ "https://h", "/etc/key.pem", false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct client_options o = { .server = cases[i].server, .pin = cases[i].pin };
		struct client *c = NULL;
		struct error err;
		assert_int_equal(client_new(&o, &c, &err), cases[i].ok ? 0 : ERR_INVALID);
		client_free(c);
	}
}

struct seen {
	int n;
	char trouble[200];
};

static void on_reply(void *user, const struct client_reply *reply)
{
	struct seen *s = user;
	s->n++;
	snprintf(s->trouble, sizeof s->trouble, "%s", reply->trouble ? reply->trouble : "");
}

/* Nobody listens on port 1: the answer comes through the callback, and never before start returns. */
static void test_nobody_there(void **state)
{
	const struct client_options o = { .server = "http://127.0.0.1:1" };
	const struct client_request request = { .method = "GET", .path = "/x", .timeout_ms = 5000 };
	struct client_call *call[10];
	struct seen seen = { 0 };
	struct client *c;
	struct error err;
	assert_int_equal(client_new(&o, &c, &err), 0);
	client_set_token(c, "secret");
	assert_int_equal(client_start(c, &request, on_reply, &seen, &call[0]), 0);
	assert_int_equal(seen.n, 0);
	while (seen.n == 0)
		assert_int_equal(client_poll(c, NULL, 0, 5000), 0);
	assert_non_null(strstr(seen.trouble, "http://127.0.0.1:1"));
	assert_null(strstr(seen.trouble, "secret"));
	for (int i = 0; i < 8; i++) /* bounded */
		assert_int_equal(client_start(c, &request, on_reply, &seen, &call[i]), 0);
	assert_true(client_start(c, &request, on_reply, &seen, &call[8]) < 0);
	client_cancel(call[0]);
	client_cancel(NULL);
	client_free(c);
	assert_int_equal(seen.n, 1); /* what is cancelled is not heard of */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_nobody_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
