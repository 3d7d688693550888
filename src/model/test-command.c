/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of commands, who can run them, and the life of one: every pair of states.
 */
#include "model/command.h"
#include "model/shape.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N_STATES (COMMAND_CANCELLED + 1)

static void test_words(void **state)
{
	enum command_state s;
	for (size_t i = 0; i < N_STATES; i++) {
		assert_true(command_state_parse(command_state_name((enum command_state)i), &s));
		assert_int_equal(s, i);
		assert_int_equal(command_state_final((enum command_state)i), i >= COMMAND_DONE);
	}
	assert_false(command_state_parse("Done", &s));
	assert_false(command_state_parse("", &s));
	assert_false(command_state_parse(NULL, &s));
}

static void test_table(void **state)
{
	for (size_t i = 0; i < command_type_n(); i++) {
		const struct command_type *t = command_type_at(i);
		assert_ptr_equal(command_type_find(t->name), t);
		if (i > 0)
			assert_true(strcmp(command_type_at(i - 1)->name, t->name) < 0);
		assert_true(t->channels && t->channels < 1u << CHANNEL_N);
		assert_true(t->kinds && t->kinds < 1u << KIND_N);
		assert_true(t->life_ms >= 60000);
		assert_true(strlen(t->doc) > 5);
		AUTO_JSON params = shape_to_json(t->params); /* asserts that the line is sound */
		assert_true(json_is_array(params));
	}
	assert_null(command_type_at(command_type_n()));
	assert_null(command_type_find("explode"));
	assert_null(command_type_find(NULL));
}

static void test_destructive(void **state)
{
	static const char *const yes[] = { "wipe", "unenroll", "wipe_users", "powerwash",
					   "reset_password" };
	static const char *const no[] = {
		"ping", "reboot", "lock", "locate", "inventory", "launch"
	};
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		assert_true(command_type_find(yes[i])->destructive);
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(command_type_find(no[i])->destructive);
}

static void test_check(void **state)
{
	static const struct {
		const char *type, *params, *kind, *channel;
		int r;
		const char *part; /* of the message */
	} cases[] = {
		{ "ping", NULL, "linux", "device", 0, "" },
		{ "ping", "{}", "linux", "device", 0, "" },
		{ "ping", "{}", "android", "flyve", 0, "" },
		{ "ping", NULL, "android", "mdmcore", ERR_CONFLICT, "its channel mdmcore" },
		{ "ping", "{\"x\":1}", "linux", "device", ERR_INVALID, "has no \"x\"" },
		{ "ping", "[]", "linux", "device", ERR_INVALID, "must be an object" },
		{ "pong", NULL, "linux", "device", ERR_INVALID, "did you mean \"ping\"?" },
		{ "frobnicate", NULL, "linux", "device", ERR_INVALID, "no command \"frobnicate\"" },
		{ "", NULL, "linux", "device", ERR_INVALID, "no command \"\"" },
		{ NULL, NULL, "linux", "device", ERR_INVALID, "no command \"\"" },
		{ "reboot", NULL, "linux", "device", 0, "" },
		{ "reboot", NULL, "chromeos", "chrome", 0, "" },
		{ "reboot", NULL, "browser", "chrome", ERR_CONFLICT, "its kind is browser" },
		{ "reboot", NULL, "android", "flyve", ERR_CONFLICT, "cannot run reboot" },
		{ "lock", NULL, "linux", "device", 0, "" },
		{ "lock", NULL, "android", "flyve", 0, "" },
		{ "unlock", NULL, "android", "flyve", 0, "" },
		{ "unlock", NULL, "linux", "device", ERR_CONFLICT, "cannot run unlock" },
		{ "wipe", NULL, "linux", "device", 0, "" },
		{ "wipe", NULL, "browser", "chrome", ERR_CONFLICT, "" },
		{ "locate", NULL, "linux", "device", 0, "" },
		{ "inventory", NULL, "container", "device", 0, "" },
		{ "unenroll", NULL, "linux", "device", 0, "" },
		{ "screenshot", NULL, "chromeos", "chrome", 0, "" },
		{ "screenshot", NULL, "browser", "chrome", ERR_CONFLICT, "" },
		{ "powerwash", NULL, "chromeos", "chrome", 0, "" },
		{ "powerwash", NULL, "browser", "chrome", ERR_CONFLICT, "" },
		{ "set_volume", "{\"volume\":30}", "chromeos", "chrome", 0, "" },
		{ "set_volume", "{\"volume\":300}", "chromeos", "chrome", ERR_INVALID, "0 to 100" },
		{ "set_volume", NULL, "chromeos", "chrome", ERR_INVALID, "volume is missing" },
		{ "clear_browsing_data", "{\"profile_path\":\"/p\",\"clear_cache\":true}",
		  "browser", "chrome", 0, "" },
		{ "clear_browsing_data", NULL, "browser", "chrome", 0, "" },
		{ "clear_browsing_data", "{\"profile_path\":\"/p\"}", "linux", "device",
		  ERR_CONFLICT, "" },
		{ "launch", "{\"argv\":[\"true\"]}", "vm", "vm", 0, "" },
		{ "launch", "{\"argv\":\"true\"}", "vm", "vm", ERR_INVALID, "list of strings" },
		{ "launch_application", "{\"desktop_file_id\":\"x\"}", "container", "vm", 0, "" },
		{ "launch_application", "{\"desktop_file_id\":\"x\"}", "vm", "vm", ERR_CONFLICT,
		  "" },
		{ "mount", "{\"source\":\"a\",\"target\":\"b\",\"fstype\":\"9p\"}", "vm", "vm", 0,
		  "" },
		{ "shutdown", NULL, "vm", "vm", 0, "" },
		{ "reset_password", "{\"password\":\"x\"}", "android", "flyve", 0, "" },
		{ "ping", NULL, "toaster", "device", ERR_CONFLICT, "its kind is toaster" },
		{ "ping", NULL, NULL, NULL, ERR_CONFLICT, "its kind is unknown" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		AUTO_JSON params = cases[i].params ? json_loads(cases[i].params, 0, NULL) : NULL;
		struct device d = { .id = 7,
				    .name = "laptop",
				    .kind = cases[i].kind,
				    .channel = cases[i].channel };
		assert_int_equal(command_check(cases[i].type, params, &d, &err), cases[i].r);
		assert_non_null(strstr(err.message, cases[i].part));
	}
}

static void test_check_unenrolled(void **state)
{
	struct error err;
	struct device d = { .id = 7, .kind = "linux", .channel = "device", .unenrolled_ms = 1 };
	assert_int_equal(command_check("ping", NULL, &d, &err), ERR_CONFLICT);
	assert_string_equal(err.message, "device 7 () is no longer managed");
}

/* Every pair of states. */
static void test_moves(void **state)
{
	static const char *const may[N_STATES] = {
		/* queued sent acknowledged done failed expired cancelled */
		[COMMAND_QUEUED] = "nynnnyy",       [COMMAND_SENT] = "ynyyyyy",
		[COMMAND_ACKNOWLEDGED] = "nnnyyyy", [COMMAND_DONE] = "nnnnnnn",
		[COMMAND_FAILED] = "nnnnnnn",       [COMMAND_EXPIRED] = "nnnnnnn",
		[COMMAND_CANCELLED] = "nnnnnnn",
	};
	for (size_t from = 0; from < N_STATES; from++)
		for (size_t to = 0; to < N_STATES; to++) {
			struct command c = { .id = 5,
					     .state = command_state_name((enum command_state)from),
					     .finished = command_state_final(from) };
			struct error err = { 0 };
			int r = command_move(&c, (enum command_state)to, 9, &err);
			if (may[from][to] == 'y') {
				assert_int_equal(r, 0);
				assert_string_equal(c.state,
						    command_state_name((enum command_state)to));
				assert_int_equal(c.finished, to >= COMMAND_DONE);
				assert_string_equal(err.message, "");
				continue;
			}
			char sentence[100];
			snprintf(sentence, sizeof sentence, "command 5 is %s; it cannot become %s",
				 command_state_name((enum command_state)from),
				 command_state_name((enum command_state)to));
			assert_int_equal(r, ERR_CONFLICT);
			assert_string_equal(err.message, sentence);
			assert_string_equal(c.state, command_state_name((enum command_state)from));
		}
}

static void test_stamps(void **state)
{
	struct command c = { .state = "queued", .created_ms = 1 };
	assert_int_equal(command_move(&c, COMMAND_SENT, 10, NULL), 0);
	assert_int_equal(c.sent_ms, 10);
	assert_int_equal(command_move(&c, COMMAND_QUEUED, 20, NULL), 0);
	assert_int_equal(c.sent_ms, 0);
	assert_int_equal(command_move(&c, COMMAND_SENT, 30, NULL), 0);
	assert_int_equal(command_move(&c, COMMAND_ACKNOWLEDGED, 40, NULL), 0);
	assert_int_equal(command_move(&c, COMMAND_FAILED, 50, NULL), 0);
	assert_int_equal(c.sent_ms, 30);
	assert_int_equal(c.acknowledged_ms, 40);
	assert_int_equal(c.finished_ms, 50);
	assert_true(c.finished);
	c = (struct command){ .state = "lost" };
	assert_int_equal(command_move(&c, COMMAND_DONE, 1, NULL), -EINVAL);
	c = (struct command){ 0 };
	assert_int_equal(command_move(&c, COMMAND_SENT, 1, NULL), -EINVAL);
}

static void test_expiry(void **state)
{
	static const struct {
		bool finished;
		int64_t expires_ms, now_ms;
		bool due;
	} cases[] = {
		{ false, 0, 1000, false }, { false, 100, 99, false }, { false, 100, 100, true },
		{ false, 100, 101, true }, { true, 100, 101, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct command c = { .finished = cases[i].finished,
				     .expires_ms = cases[i].expires_ms };
		assert_int_equal(command_due_expiry(&c, cases[i].now_ms), cases[i].due);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_destructive),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_check_unenrolled),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_stamps),
		cmocka_unit_test(test_expiry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
