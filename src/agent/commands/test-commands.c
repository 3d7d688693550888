/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/commands/commands.h"
#include "agent/providers/testing.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WHERE "/usr/libexec/geoclue-2.0/demos/where-am-i"

static struct scratch s;
static struct {
	const char *output;
	int status;
} program; /* what the next program does */

static int fake_run(struct scratch *scratch, const char *const *argv, struct buf *out)
{
	if (out && program.output)
		buf_add_str(out, program.output);
	return program.status;
}

static int setup(void **state)
{
	scratch_init(&s);
	s.on_run = fake_run;
	program.output = NULL;
	program.status = 0;
	return 0;
}

static int teardown(void **state)
{
	scratch_fini(&s);
	return 0;
}

/* 'result': JSON with ' for ", or NULL: fails with 'message'. */
static void check(const struct agent_command *c, const char *params, const char *result,
		  const char *message)
{
	AUTO_JSON ret = NULL;
	struct error err = { 0 };
	char text[500];
	snprintf(text, sizeof text, "%s", params);
	for (char *q = text; *q; q++)
		*q = *q == '\'' ? '"' : *q;
	AUTO_JSON p = json_loads(text, 0, NULL);
	int r = c->run(&s.env, p, &ret, &err);
	if (!result) {
		assert_true(r > 0);
		if (!strstr(err.message, message))
			fail_msg("%s: %s", c->type, err.message);
		return;
	}
	assert_int_equal(r, 0);
	CLEANUP(free_charp) char *found = json_text(ret);
	for (char *q = found; *q; q++)
		*q = *q == '"' ? '\'' : *q;
	assert_string_equal(found, result);
}

static void test_simple(void **state)
{
	check(&command_ping, "{}", "null", NULL);
	check(&command_inventory, "{}", "null", NULL);
	check(&command_unenroll, "{}", "null", NULL);
	check(&command_echo, "{}", "{}", NULL);
	check(&command_echo, "{'payload': 'x\\ny'}", "{'payload':'x\\ny'}", NULL);
	assert_int_equal(json_array_size(s.runs), 0);
}

static void test_programs(void **state)
{
	static const struct {
		const struct agent_command *command;
		const char *line;
	} cases[] = {
		{ &command_reboot, "systemctl --no-block reboot" },
		{ &command_shutdown, "systemctl --no-block poweroff" },
		{ &command_lock, "loginctl lock-sessions" },
		{ &command_unlock, "loginctl unlock-sessions" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		program.status = 0;
		check(cases[i].command, "{}", "null", NULL);
		assert_true(scratch_ran(&s, cases[i].line));
		program.status = 1;
		program.output = "Failed to talk to init daemon: Host is down\n";
		check(cases[i].command, "{}", NULL, "Host is down");
		program.status = -ENOENT;
		check(cases[i].command, "{}", NULL, "No such file");
	}
}

static void test_locate(void **state)
{
	static const struct {
		const char *output, *result, *message;
	} cases[] = {
		{ "Client object: /x\n\nNew location:\nLatitude:    52.5°\nLongitude:   -13.25°\n"
		  "Accuracy:    1000.000000 meters\nTimestamp:   …\n",
		  "{'latitude':52.5,'longitude':-13.25,'accuracy_m':1000.0}", NULL },
		{ "\nNew location:\nLatitude:    1°\nLongitude:   2°\nAccuracy:    900 meters\n"
		  "\nNew location:\nLatitude:    1.5°\nLongitude:   2.5°\nAccuracy:    20 meters\n"
		  "Description: Latitude: 99\n",
		  "{'latitude':1.5,'longitude':2.5,'accuracy_m':20.0}", NULL },
		{ "Failed to connect to GeoClue2 service: not allowed\n", NULL,
		  "unavailable: Failed to connect" },
		{ "", NULL, "unavailable: GeoClue knows no position" },
		{ "Latitude: 91\nLongitude: 2\nAccuracy: 1\n", NULL, "unavailable" },
		{ "Latitude: nan\nLongitude: 2\nAccuracy: 1\n", NULL, "unavailable" },
		{ "Latitude: 1\nLongitude: 2\nAccuracy: inf\n", NULL, "unavailable" },
		{ "Latitude: \nLongitude: \nAccuracy: \n", NULL, "unavailable" },
	};
	check(&command_locate, "{}", NULL, "unavailable: " WHERE);
	assert_int_equal(json_array_size(s.runs), 0);
	scratch_file(&s, WHERE, "");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		program.output = cases[i].output;
		check(&command_locate, "{}", cases[i].result, cases[i].message);
	}
	program.status = -ETIMEDOUT;
	check(&command_locate, "{}", NULL, "unavailable: Connection timed out");
}

static int n_restored, restore_result;
static int fake_restore(struct provider_env *env)
{
	n_restored++;
	return restore_result;
}

static void test_wipe(void **state)
{
	static const char *const argv[] = { "/usr/local/sbin/erase", "--now", NULL };
	n_restored = restore_result = 0;
	s.env.restore_all = fake_restore;
	s.env.wipe_argv = argv;
	check(&command_wipe, "{'allow_wipe': true}", NULL, "refused");
	assert_int_equal(n_restored, 0);
	assert_int_equal(json_array_size(s.runs), 0);

	s.env.allow_wipe = true;
	check(&command_wipe, "{}", "{'restored':true,'program':true}", NULL);
	assert_int_equal(n_restored, 1);
	assert_true(scratch_ran(&s, "/usr/local/sbin/erase --now"));
	program.status = 3;
	check(&command_wipe, "{}", NULL, "ended with 3");
	program.status = 0;
	restore_result = -EIO;
	check(&command_wipe, "{}", "{'restored':false,'program':true}", NULL);
	s.env.wipe_argv = NULL;
	check(&command_wipe, "{}", NULL, "not everything");
	s.env.restore_all = NULL;
	check(&command_wipe, "{}", "{'restored':true,'program':false}", NULL);
}

static void test_list(void **state)
{
	for (const struct agent_command *const *c = agent_commands; *c; c++)
		assert_true(!c[1] || strcmp((*c)->type, c[1]->type) < 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_simple), CASE(test_programs), CASE(test_locate),
		CASE(test_wipe),   CASE(test_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
