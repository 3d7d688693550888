/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration: precedence, files below the root, errors that say where.
 */
#include "agent/config.h"
#include "base/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64], yaml[160], token_path[128];
static struct agent_config c;
static struct error err;

static int set_up(void **state)
{
	char folder[128];
	snprintf(root, sizeof root, "/tmp/test-config-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(folder, sizeof folder, "%s/etc/reeve", root);
	snprintf(yaml, sizeof yaml, "%s/agent.yaml", folder);
	snprintf(token_path, sizeof token_path, "%s/token", root);
	unsetenv("REEVE_SERVER");
	return dir_make(folder, 0755);
}

static int tear_down(void **state)
{
	char command[128];
	agent_config_fini(&c);
	unsetenv("REEVE_SERVER");
	unsetenv("REEVE_AGENT_OBSERVE");
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command);
}

static void put(const char *path, const char *content)
{
	assert_int_equal(file_write_atomic(path, span_str(content), 0600), 0);
}

static int load(const char *a, const char *b)
{
	char *argv[] = {
		(char *)"reeve-agent", (char *)"--root", root, (char *)a, (char *)b, NULL
	};
	agent_config_fini(&c);
	return agent_config_load(&c, a ? b ? 5 : 4 : 3, argv, &err);
}

static void test_defaults(void **state)
{
	char folder[128];
	assert_int_equal(load(NULL, NULL), 0);
	snprintf(folder, sizeof folder, "%s/var/lib/reeve-agent", root);
	assert_string_equal(c.state, folder);
	assert_string_equal(c.config, yaml);
	assert_string_equal(c.kind, "linux");
	assert_int_equal(c.interval_ms, 900000);
	assert_false(c.observe || c.once || c.allow_wipe || c.insecure_http);
	assert_null(c.server);
}

static void test_precedence(void **state)
{
	put(yaml,
	    "server: https://file\ninterval: 1m\nrepair-delay: 5\nallow_wipe: yes\nobserve: true\n");
	assert_int_equal(load(NULL, NULL), ERR_INVALID); /* YAML 1.2: yes is a word */
	put(yaml,
	    "server: https://file\ninterval: 1m\nrepair-delay: 5\nallow_wipe: true\nobserve: true\n");
	assert_int_equal(load(NULL, NULL), 0);
	assert_string_equal(c.server, "https://file");
	assert_int_equal(c.interval_ms, 60000);
	assert_int_equal(c.repair_ms, 5000);
	assert_true(c.allow_wipe && c.observe);
	setenv("REEVE_SERVER", "https://variable", 1);
	setenv("REEVE_AGENT_OBSERVE", "false", 1);
	assert_int_equal(load(NULL, NULL), 0);
	assert_string_equal(c.server, "https://variable");
	assert_false(c.observe);
	assert_int_equal(load("--server", "https://flag"), 0);
	assert_string_equal(c.server, "https://flag");
}

static void test_errors(void **state)
{
	static const struct {
		const char *text, *part;
	} files[] = {
		{ "a: [", "agent.yaml:" },
		{ "intervall: 1m", "intervall" },
		{ "interval: 1y", "interval" },
		{ "interval: 10", NULL },
		{ "interval: 50ms", "interval" },
		{ "server: 7", "server must be a string" },
		{ "observe: 1", "observe must be true or false" },
		{ "once: true", "once" },
		{ "config: x", "config" },
		{ "---\n---\n", "document" },
		{ "- a", "key: value" },
		{ "log_level: loud", "log-level" },
		{ "wait: 10m", "wait" },
		{ "kind: toaster", "toaster" },
		{ "", NULL },
		{ "# nothing\n", NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		put(yaml, files[i].text);
		int r = load(NULL, NULL);
		assert_int_equal(r, files[i].part ? ERR_INVALID : 0);
		if (files[i].part && !strstr(err.message, files[i].part))
			fail_msg("%s: %s", files[i].text, err.message);
	}
	unlink(yaml);
	assert_int_equal(load("--config", "/no/such/file"), ERR_INVALID);
	assert_int_equal(load("word", NULL), ERR_INVALID);
	assert_int_equal(load("--no-such", NULL), ERR_INVALID);
}

static void test_tokens(void **state)
{
	char text[64];
	assert_int_equal(load(NULL, NULL), 0);
	assert_false(agent_config_token(&c, text, sizeof text));
	assert_int_equal(load("--enrollment-token-file", token_path), 0);
	assert_false(agent_config_token(&c, text, sizeof text)); /* not there yet */
	put(token_path, "abc \r\n");
	assert_true(agent_config_token(&c, text, sizeof text));
	assert_string_equal(text, "abc");
	put(token_path, "\n");
	assert_false(agent_config_token(&c, text, sizeof text));
	put(token_path, "a-token-that-is-longer-than-the-room-that-is-given-for-it-in-this-test");
	assert_false(agent_config_token(&c, text, sizeof text));
	assert_int_equal(load("--enrollment-token", "xyz"), 0);
	assert_true(agent_config_token(&c, text, sizeof text));
	assert_string_equal(text, "xyz");
}

static void test_help(void **state)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1 << 16);
	agent_config_help(&out);
	assert_false(out.failed);
	assert_non_null(strstr(buf_str(&out), "--enrollment-token-file FILE"));
	assert_int_equal(load("--help", NULL), 0);
	assert_true(c.help);
	assert_int_equal(load("--version", NULL), 0);
	assert_true(c.version);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_defaults), TEST(test_precedence), TEST(test_errors),
		TEST(test_tokens),   TEST(test_help),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
