/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "channel/chrome/endpoint.h"
#include <string.h>

static struct arena arena;

static const struct chrome_words good = {
	.request = "policy",
	.device_type = "2",
	.app_type = "Chrome",
	.device_id = "93Z6RjhqdsRU3xPxkiACAsE9aIc",
	.agent = "Chromium 156.0.8078.79(a21ce9)",
	.platform = "Linux|x86_64|-",
	.retry = "false",
	.authorization = "GoogleDMToken token=secret",
};

static int read_words(const struct chrome_words *w, struct chrome_request *r)
{
	struct error err;
	*r = (struct chrome_request){ .arena = &arena };
	int res = chrome_words_read(w, r, &err);
	return res ? res : chrome_words_authorized(r, &err);
}

static void test_good(void **state)
{
	struct chrome_request r;
	assert_int_equal(read_words(&good, &r), 0);
	assert_string_equal(r.type->name, "policy");
	assert_string_equal(r.token, "secret");
	assert_string_equal(r.oauth_token, "");
	assert_string_equal(r.profile_id, "");
	assert_false(r.retry || r.critical);
	struct chrome_words w = good;
	w.retry = w.critical = "true";
	w.profile_id = "p";
	assert_int_equal(read_words(&w, &r), 0);
	assert_true(r.retry && r.critical);
	assert_string_equal(r.profile_id, "p");
}

static void test_required(void **state)
{
	char id[66];
	memset(id, 'x', 65);
	id[65] = '\0';
	const struct {
		const char *request, *device_type, *app_type, *device_id;
		int result;
	} cases[] = {
		{ NULL, "2", "Chrome", "x", ERR_INVALID },
		{ "", "2", "Chrome", "x", ERR_INVALID },
		{ "nonsense", "2", "Chrome", "x", ERR_INVALID },
		{ "Policy", "2", "Chrome", "x", ERR_INVALID }, /* case sensitive */
		{ "policy", NULL, "Chrome", "x", ERR_INVALID },
		{ "policy", "0", "Chrome", "x", ERR_INVALID },
		{ "policy", "22", "Chrome", "x", ERR_INVALID },
		{ "policy", "1", "Android", "x", 0 },
		{ "policy", "3", "Chrome", "x", 0 },
		{ "policy", "2", NULL, "x", ERR_INVALID },
		{ "policy", "2", "chrome", "x", ERR_INVALID },
		{ "policy", "2", "Chrome", NULL, ERR_INVALID },
		{ "policy", "2", "Chrome", "", ERR_INVALID },
		{ "policy", "2", "Chrome", "a b", ERR_INVALID },
		{ "policy", "2", "Chrome", "\x7f", ERR_INVALID },
		{ "policy", "2", "Chrome", "\xc3\xa4", ERR_INVALID },
		{ "policy", "2", "Chrome", id, ERR_INVALID }, /* 65 */
		{ "policy", "2", "Chrome", id + 1, 0 },       /* 64 */
		{ "policy", "2", "Chrome", "!~", 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct chrome_request r;
		struct chrome_words w = good;
		w.request = cases[i].request;
		w.device_type = cases[i].device_type;
		w.app_type = cases[i].app_type;
		w.device_id = cases[i].device_id;
		if (read_words(&w, &r) != cases[i].result)
			fail_msg("case %zu", i);
	}
}

static void test_authorization(void **state)
{
	static const struct {
		const char *header, *query;
		enum chrome_scheme scheme;
		const char *token, *oauth;
	} cases[] = {
		{ NULL, NULL, CHROME_SCHEME_NONE, "", "" },
		{ "", "", CHROME_SCHEME_NONE, "", "" },
		{ "GoogleDMToken token=a", "", CHROME_SCHEME_DEVICE, "a", "" },
		{ "  googledmtoken   token=a", NULL, CHROME_SCHEME_DEVICE, "a", "" },
		{ "GoogleDMToken token=a", "u", CHROME_SCHEME_DEVICE, "a", "u" },
		{ "GoogleEnrollmentToken token=b", NULL, CHROME_SCHEME_ENROLLMENT, "b", "" },
		{ "GoogleLogin auth=c", NULL, CHROME_SCHEME_OAUTH, "c", "c" },
		{ "OAuth d", NULL, CHROME_SCHEME_OAUTH, "d", "d" },
		{ "OAuth d", "e", CHROME_SCHEME_OAUTH, "d", "e" }, /* the query's comes first */
		{ "GoogleDMToken token=", NULL, CHROME_SCHEME_OTHER, "", "" },
		{ "GoogleDMToken a", NULL, CHROME_SCHEME_OTHER, "", "" },
		{ "GoogleDMToken", NULL, CHROME_SCHEME_OTHER, "", "" },
		{ "GoogleDMToken token=a b", NULL, CHROME_SCHEME_OTHER, "", "" },
		{ "GoogleDMTokentoken=a", NULL, CHROME_SCHEME_OTHER, "", "" },
		{ "GoogleDM3PAuth oauth_token=a, id_token=b", NULL, CHROME_SCHEME_OTHER, "", "" },
		{ "Bearer a", NULL, CHROME_SCHEME_OTHER, "", "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct chrome_request r = { .arena = &arena };
		struct chrome_words w = good;
		struct error err;
		w.authorization = cases[i].header;
		w.oauth_token = cases[i].query;
		assert_int_equal(chrome_words_read(&w, &r, &err), 0);
		assert_int_equal(r.scheme, cases[i].scheme);
		assert_string_equal(r.token, cases[i].token);
		assert_string_equal(r.oauth_token, cases[i].oauth);
	}
}

static void test_long_tokens(void **state)
{
	char header[5200] = "GoogleDMToken token=", query[4200];
	struct chrome_request r;
	struct chrome_words w = good;
	memset(header + 20, 'x', 512);
	w.authorization = header;
	assert_int_equal(read_words(&w, &r), 0);
	header[532] = 'x';
	assert_int_equal(read_words(&w, &r), ERR_UNAUTHENTICATED);
	memset(query, 'x', 4097);
	query[4097] = '\0';
	w = good;
	w.oauth_token = query;
	assert_int_equal(read_words(&w, &r), ERR_INVALID);
	w.oauth_token = query + 1;
	assert_int_equal(read_words(&w, &r), 0);
}

/* Which credentials open which kind of request. */
static void test_needs(void **state)
{
	static const struct {
		const char *request;
		bool none, device, enrollment, oauth;
	} cases[] = {
		{ "policy", false, true, false, false },
		{ "register", false, false, false, true },
		{ "register_browser", false, false, true, false },
		{ "enterprise_check", true, true, true, true },
		{ "attribute_update", false, true, false, true },
		{ "check_device_pairing", false, true, false, true },
	};
	static const char *const headers[] = { NULL, "GoogleDMToken token=t",
					       "GoogleEnrollmentToken token=t", "OAuth t" };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool opens[] = { cases[i].none, cases[i].device, cases[i].enrollment,
				 cases[i].oauth };
		for (size_t k = 0; k < ARRAY_SIZE(headers); k++) {
			struct chrome_request r;
			struct chrome_words w = good;
			w.request = cases[i].request;
			w.authorization = headers[k];
			assert_int_equal(read_words(&w, &r), opens[k] ? 0 : ERR_UNAUTHENTICATED);
		}
	}
}

static void test_text(void **state)
{
	static const struct {
		const char *in;
		size_t max;
		const char *out;
	} cases[] = {
		{ NULL, 10, "" },
		{ "", 10, "" },
		{ "plain", 10, "plain" },
		{ "plain", 3, "pla" },
		{ "\xc3\xa4\xc3\xb6", 3, "\xc3\xa4" }, /* never half a character */
		{ "a\x01z", 10, "a\xef\xbf\xbdz" },
		{ "a\xffz", 10, "a\xef\xbf\xbdz" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(chrome_text(&arena, cases[i].in, cases[i].max), cases[i].out);
}

/* ---- the table ---- */

static void test_types(void **state)
{
	const ProtobufCMessageDescriptor *requests = &dm__device_management_request__descriptor,
					 *answers = &dm__device_management_response__descriptor;
	for (const struct chrome_type *t = chrome_types; t->name; t++) {
		assert_ptr_equal(chrome_type_find(t->name), t);
		if (t->alias)
			assert_ptr_equal(chrome_type_find(t->alias), t);
		assert_non_null(t->handler);
		if (t->body)
			assert_non_null(protobuf_c_message_descriptor_get_field(requests, t->body));
		if (t->handler == chrome_acknowledge)
			assert_non_null(
				protobuf_c_message_descriptor_get_field(answers, t->answer));
	}
	assert_null(chrome_type_find(""));
}

/* Every request of 2015, by the names of its comment and of its clients. */
static void test_types_of_2015(void **state)
{
	static const char *const names[] = {
		"api_authorization",
		"cert_upload",
		"check_device_pairing",
		"device_pairing",
		"device_state_retrieval",
		"enterprise_check",
		"ping",
		"policy",
		"register",
		"status",
		"status_upload",
		"unregister",
		"remote_commands",
		"attribute_update_permission",
		"attribute_update",
		"device_attribute_update_permission",
		"device_attribute_update",
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct chrome_type *t = chrome_type_find(names[i]);
		assert_non_null(t);
		assert_true(t->handler != chrome_refuse_dead &&
			    t->handler != chrome_refuse_unsupported);
	}
}

static int setup(void **state)
{
	arena_init(&arena);
	return 0;
}

static int teardown(void **state)
{
	arena_fini(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),          cmocka_unit_test(test_required),
		cmocka_unit_test(test_authorization), cmocka_unit_test(test_long_tokens),
		cmocka_unit_test(test_needs),         cmocka_unit_test(test_text),
		cmocka_unit_test(test_types),         cmocka_unit_test(test_types_of_2015),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
