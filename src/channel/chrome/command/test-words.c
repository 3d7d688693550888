/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands in Chrome's words: the tables agree, nobody gets what would kill them, payloads, ages, results.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "channel/chrome/command/words.h"

#include <string.h>

#define MINUTE INT64_C(60000)

/* Every command of the model for this channel has a row for every kind that can do it, and no other. */
static void test_tables_agree(void **state)
{
	for (size_t i = 0; i < command_type_n(); i++) {
		const struct command_type *t = command_type_at(i);
		bool ours = t->channels & 1u << CHANNEL_CHROME;
		for (int k = KIND_BROWSER; k <= KIND_CHROMEOS; k++) {
			bool there = command_word_find(t->name, (enum kind)k);
			if (there != (ours && (t->kinds & 1u << k)))
				fail_msg("%s for a %s", t->name, kind_name((enum kind)k));
		}
	}
	for (const struct command_word *w = command_words; w->name; w++)
		assert_non_null(command_type_find(w->name));
}

static void test_browsers_survive(void **state)
{
	for (const struct command_word *w = command_words; w->name; w++)
		if (w->kinds & 1u << KIND_BROWSER)
			assert_true(w->type == 12 || w->type == 14);
	assert_null(command_word_find("reboot", KIND_BROWSER));
	assert_null(command_word_find("echo", KIND_BROWSER));
	assert_null(command_word_find("clear_browsing_data", KIND_CHROMEOS));
}

#define TWO                                                                                        \
	"[{\"id\":\"/p/Default\",\"name\":\"Ada\",\"profile_id\":\"x1\"},"                         \
	"{\"id\":\"/p/Profile 1\",\"name\":\"Bo\",\"profile_id\":\"x2\"}]"
#define ONE "[{\"id\":\"/p/Default\",\"name\":\"\",\"profile_id\":\"\"}]"
#define CLEAR(path, cache, cookies)                                                                \
	"{\"profile_path\":\"" path "\",\"clear_cache\":" cache ",\"clear_cookies\":" cookies "}"

static void test_payloads(void **state)
{
	static const struct {
		const char *command, *params, *profiles, *want; /* NULL: refused */
	} cases[] = {
		{ "echo", "{\"payload\":\"hello\"}", "[]", "hello" },
		{ "echo", "{}", "[]", "" },
		{ "set_volume", "{\"volume\":30}", "[]", "{\"volume\":30}" },
		{ "screenshot", "{}", "[]", "{\"fileUploadUrl\":\"http://here/upload\"}" },
		{ "screenshot", "{\"file_upload_url\":\"http://x/\"}", "[]",
		  "{\"fileUploadUrl\":\"http://x/\"}" },
		{ "clear_browsing_data", "{\"clear_cache\":true}", ONE,
		  CLEAR("/p/Default", "true", "false") },
		{ "clear_browsing_data", "{}", ONE, CLEAR("/p/Default", "true", "true") },
		{ "clear_browsing_data", "{}", TWO, NULL },
		{ "clear_browsing_data", "{}", "[]", NULL },
		{ "clear_browsing_data", "{\"profile_path\":\"Profile 1\"}", TWO,
		  CLEAR("/p/Profile 1", "true", "true") },
		{ "clear_browsing_data", "{\"profile_path\":\"Bo\"}", TWO,
		  CLEAR("/p/Profile 1", "true", "true") },
		{ "clear_browsing_data", "{\"profile_path\":\"x1\",\"clear_cookies\":true}", TWO,
		  CLEAR("/p/Default", "false", "true") },
		{ "clear_browsing_data", "{\"profile_path\":\"/else/where\"}", TWO,
		  CLEAR("/else/where", "true", "true") },
		{ "clear_browsing_data", "{\"profile_path\":\"C:\\\\Users\"}", "[]",
		  CLEAR("C:\\\\Users", "true", "true") },
		{ "clear_browsing_data", "{\"profile_path\":\"Cleo\"}", TWO, NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(arena_fini) struct arena a;
		AUTO_JSON params = NULL;
		AUTO_JSON profiles = NULL;
		struct error err = { 0 };
		const char *got = NULL;
		bool browser = strncmp(cases[i].command, "clear", 5) == 0;
		arena_init(&a);
		assert_int_equal(json_parse(span_str(cases[i].params), &params, &err), 0);
		assert_int_equal(json_parse(span_str(cases[i].profiles), &profiles, &err), 0);
		const struct command_word *w =
			command_word_find(cases[i].command, browser ? KIND_BROWSER : KIND_CHROMEOS);
		const struct command_context x = { .upload_url = "http://here/upload",
						   .profiles = profiles };
		int r = w->payload(params, &x, &a, &got, &err);
		assert_int_equal(r, cases[i].want ? 0 : ERR_CONFLICT);
		if (cases[i].want && strcmp(got, cases[i].want) != 0)
			fail_msg("%zu: %s", i, got);
	}
}

static void test_no_address(void **state)
{
	CLEANUP(arena_fini) struct arena a;
	AUTO_JSON params = json_object();
	struct error err = { 0 };
	const char *got;
	const struct command_context x = { .upload_url = "" };
	arena_init(&a);
	assert_int_equal(
		command_word_find("screenshot", KIND_CHROMEOS)->payload(params, &x, &a, &got, &err),
		ERR_CONFLICT);
}

static void test_ages(void **state)
{
	static const struct {
		int64_t created, sent, now, want;
	} cases[] = {
		{ 100, 0, 100, 0 },
		{ 100, 0, 100 + 3 * MINUTE, 3 * MINUTE },
		{ 100, 100, 100 + 8 * MINUTE, 8 * MINUTE },
		{ 100, 0, 100 + 60 * MINUTE, 0 }, /* handed out for the first time */
		{ 100, 100 + 60 * MINUTE, 100 + 62 * MINUTE, 2 * MINUTE },
		{ 100, 100 + 60 * MINUTE, 100 + 90 * MINUTE,
		  30 * MINUTE },    /* the client drops it */
		{ 200, 0, 100, 0 }, /* a clock that was set back */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct command c = { .created_ms = cases[i].created,
					   .sent_ms = cases[i].sent };
		assert_int_equal(command_age(&c, cases[i].now), cases[i].want);
	}
}

static void test_results(void **state)
{
	static const struct {
		const char *command;
		int result;
		const char *payload;
		enum command_state state;
		const char *word, *json; /* of the message; "": none. json NULL: none */
	} cases[] = {
		{ "clear_browsing_data", 2, "{\"failed_data_types\":[]}", COMMAND_DONE, "",
		  "{\"failed_data_types\":[]}" },
		{ "clear_browsing_data", 1, "{\"failed_data_types\":[0,1]}", COMMAND_FAILED,
		  "the cache and the cookies", "{\"failed_data_types\":[0,1]}" },
		{ "clear_browsing_data", 1, "{\"failed_data_types\":[7,\"x\"]}", COMMAND_FAILED,
		  "other data", "{\"failed_data_types\":[7,\"x\"]}" },
		{ "clear_browsing_data", 1, "garbage", COMMAND_FAILED, "could not do it",
		  "{\"payload\":\"garbage\"}" },
		{ "clear_browsing_data", 0, NULL, COMMAND_FAILED, "ignored", NULL },
		{ "screenshot", 1, "{\"result\":1}", COMMAND_FAILED, "kiosk", "{\"result\":1}" },
		{ "screenshot", 1, "{\"result\":99}", COMMAND_FAILED, "could not do it",
		  "{\"result\":99}" },
		{ "reboot", 2, NULL, COMMAND_DONE, "", NULL },
		{ "reboot", 2, "\xff\xfe", COMMAND_DONE, "", NULL },
		{ "echo", 2, "hello", COMMAND_DONE, "", "{\"payload\":\"hello\"}" },
		{ "echo", 9, NULL, COMMAND_FAILED, "could not do it", NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(arena_fini) struct arena a;
		Dm__RemoteCommandResult r = DM__REMOTE_COMMAND_RESULT__INIT;
		struct command_outcome o;
		arena_init(&a);
		r.result = (Dm__RemoteCommandResult__ResultType)cases[i].result;
		r.payload = (char *)cases[i].payload;
		bool browser = strncmp(cases[i].command, "clear", 5) == 0;
		command_outcome(
			command_word_find(cases[i].command, browser ? KIND_BROWSER : KIND_CHROMEOS),
			&r, &a, &o);
		assert_int_equal(o.state, cases[i].state);
		if (!strstr(o.message, cases[i].word) || (!*cases[i].word && *o.message))
			fail_msg("%zu: \"%s\"", i, o.message);
		CLEANUP(free_charp) char *text = o.result ? json_text(o.result) : NULL;
		json_decref(o.result);
		if (!text != !cases[i].json || (text && strcmp(text, cases[i].json) != 0))
			fail_msg("%zu: %s", i, text ? text : "nothing");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables_agree), cmocka_unit_test(test_browsers_survive),
		cmocka_unit_test(test_payloads),     cmocka_unit_test(test_no_address),
		cmocka_unit_test(test_ages),         cmocka_unit_test(test_results),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
