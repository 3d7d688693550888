/* SPDX-License-Identifier: Apache-2.0
 *
 * Options: every way to write one, anywhere; the sentences of every mistake; environment; the help's golden text.
 */
#include "base/buf.h"
#include "base/options.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static struct {
	bool verbose, all;
	const char *output;
	int64_t limit, expires_ms;
	struct option_list params;
} got;

static const struct option rows[] = {
	{ 'o', "output", OPTION_STR, "FORMAT", "table, json, yaml or csv", &got.output,
	  "T_OUTPUT" },
	{ 'v', "verbose", OPTION_FLAG, NULL, "say more", &got.verbose, "T_VERBOSE" },
	{ 'a', "all", OPTION_FLAG, NULL, "everything", &got.all, NULL },
	{ 0, "limit", OPTION_INT, "N", "at most N", &got.limit, NULL },
	{ 0, "level", OPTION_STR, "LEVEL", "only shown", NULL, NULL },
	{ 0, "expires", OPTION_DURATION, "TIME", "give up after TIME", &got.expires_ms, NULL },
	{ 'p', "param", OPTION_LIST, "K=V", "a parameter", &got.params, "T_PARAM" },
	{ .name = NULL },
};

/* Splits 'line' at blanks and parses it; the arguments come back joined by '|'. */
static int run(const char *line, char *ret_args, struct error *err)
{
	static char words[512];
	char *argv[32] = { words };
	int argc = 1, n = -1;
	got = (typeof(got)){ 0 };
	snprintf(words, sizeof words, "prog %s", line);
	for (char *p = words; (p = strchr(p, ' '));) {
		*p++ = '\0';
		if (*p && *p != ' ')
			argv[argc++] = p;
	}
	int r = options_parse(rows, argc, argv, &n, err);
	ret_args[0] = '\0';
	for (int i = 1; r == 0 && i <= n; i++)
		snprintf(ret_args + strlen(ret_args), 256 - strlen(ret_args), "%s%s",
			 i > 1 ? "|" : "", argv[i]);
	return r;
}

static const struct {
	const char *line, *args, *output;
	int64_t limit, expires_ms;
	bool verbose, all;
	int n_params;
} good[] = {
	{ "", "", NULL, 0, 0, false, false, 0 },
	{ "device list", "device|list", NULL, 0, 0, false, false, 0 },
	{ "device list -o json", "device|list", "json", 0, 0, false, false, 0 },
	{ "-ojson device --limit=5 list", "device|list", "json", 5, 0, false, false, 0 },
	{ "--output json --limit 5 device", "device", "json", 5, 0, false, false, 0 },
	{ "--out=json x", "x", "json", 0, 0, false, false, 0 }, /* shortened */
	{ "--output= x", "x", "", 0, 0, false, false, 0 },
	{ "-va x", "x", NULL, 0, 0, true, true, 0 },
	{ "-vao csv x", "x", "csv", 0, 0, true, true, 0 },
	{ "-- -v --all", "-v|--all", NULL, 0, 0, false, false, 0 },
	{ "a -- -- b", "a|--|b", NULL, 0, 0, false, false, 0 },
	{ "- -v", "-", NULL, 0, 0, true, false, 0 },
	{ "set -5 -.5 -v", "set|-5|-.5", NULL, 0, 0, true, false, 0 },
	{ "--limit -5", "", NULL, -5, 0, false, false, 0 },
	{ "--output -v", "", "-v", 0, 0, false, false, 0 }, /* a value may look like an option */
	{ "--expires 24h", "", NULL, 0, 86400000, false, false, 0 },
	{ "-p a=1 x --param b=2 --param=c=3", "x", NULL, 0, 0, false, false, 3 },
	{ "-o json -o yaml", "", "yaml", 0, 0, false, false, 0 }, /* the last one counts */
	{ "--level x", "", NULL, 0, 0, false, false, 0 },
};

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char args[256];
		struct error err = { 0 };
		if (run(good[i].line, args, &err) != 0)
			fail_msg("%s: %s", good[i].line, err.message);
		assert_string_equal(args, good[i].args);
		assert_int_equal(got.limit, good[i].limit);
		assert_int_equal(got.expires_ms, good[i].expires_ms);
		assert_int_equal(got.verbose, good[i].verbose);
		assert_int_equal(got.all, good[i].all);
		assert_int_equal(got.params.n, good[i].n_params);
		assert_string_equal(got.output ? got.output : "(none)",
				    good[i].output ? good[i].output : "(none)");
	}
	char args[256];
	assert_int_equal(run("-p a=1 --param b=2", args, NULL), 0);
	assert_string_equal(got.params.items[0], "a=1");
	assert_string_equal(got.params.items[1], "b=2");
}

static const struct {
	const char *line, *sentence;
} bad[] = {
	{ "--outptu json", "unknown option --outptu; did you mean --output?" },
	{ "--zzzzzzzz", "unknown option --zzzzzzzz" },
	{ "--l 5", "option --l is ambiguous: --limit or --level" },
	{ "-x", "unknown option -x" },
	{ "-vx", "unknown option -x" },
	{ "--verbose=yes", "--verbose takes no value" },
	{ "--output", "--output needs a value: FORMAT" },
	{ "-v -o", "-o needs a value: FORMAT" },
	{ "--limit x", "--limit: \"x\" is not a whole number" },
	{ "--limit 5x", "--limit: \"5x\" is not a whole number" },
	{ "--limit=", "--limit: \"\" is not a whole number" },
	{ "--limit 9223372036854775808", "--limit: \"9223372036854775808\" is not a whole number" },
	{ "--expires soon", "--expires: \"soon\" is not a duration such as 90s, 15m, 24h or 7d" },
	{ "--=x", "unknown option --" },
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char args[256];
		struct error err = { 0 };
		assert_int_equal(run(bad[i].line, args, &err), ERR_INVALID);
		assert_string_equal(err.message, bad[i].sentence);
	}
}

static void test_list_is_bounded(void **state)
{
	static char word[] = "-px";
	char *argv[200];
	int n;
	struct error err;
	got = (typeof(got)){ 0 };
	argv[0] = NULL;
	for (size_t i = 1; i < ARRAY_SIZE(argv); i++)
		argv[i] = word;
	assert_int_equal(options_parse(rows, ARRAY_SIZE(argv), argv, &n, &err), ERR_INVALID);
	assert_string_equal(err.message, "-p: given more than 64 times");
	assert_int_equal(got.params.n, 64);
}

static void test_environment(void **state)
{
	char args[256];
	struct error err;
	setenv("T_OUTPUT", "yaml", 1);
	setenv("T_VERBOSE", "on", 1);
	assert_int_equal(run("x", args, &err), 0);
	assert_string_equal(got.output, "yaml");
	assert_true(got.verbose);
	assert_int_equal(run("x -o csv", args, &err), 0);
	assert_string_equal(got.output, "csv");
	setenv("T_OUTPUT", "", 1); /* empty is as good as unset */
	setenv("T_VERBOSE", "no", 1);
	assert_int_equal(run("x", args, &err), 0);
	assert_null(got.output);
	assert_false(got.verbose);
	setenv("T_VERBOSE", "maybe", 1);
	assert_int_equal(run("x", args, &err), ERR_INVALID);
	assert_string_equal(err.message, "T_VERBOSE: \"maybe\" is neither true nor false");
	unsetenv("T_OUTPUT");
	unsetenv("T_VERBOSE");
}

static void test_help(void **state)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 10000);
	options_help(rows, &b);
	assert_string_equal(buf_str(&b),
			    "  -o, --output FORMAT  table, json, yaml or csv [$T_OUTPUT]\n"
			    "  -v, --verbose        say more [$T_VERBOSE]\n"
			    "  -a, --all            everything\n"
			    "      --limit N        at most N\n"
			    "      --level LEVEL    only shown\n"
			    "      --expires TIME   give up after TIME\n"
			    "  -p, --param K=V      a parameter [$T_PARAM]\n");
	static const struct option wide[] = {
		{ 0, "a-very-long-name-that-needs-a-line", OPTION_STR, "VALUE", "help", NULL,
		  NULL },
		{ 'x', "x", OPTION_FLAG, NULL, "short", NULL, NULL },
		{ .name = NULL },
	};
	buf_reset(&b);
	options_help(wide, &b);
	assert_string_equal(buf_str(&b), "      --a-very-long-name-that-needs-a-line VALUE\n"
					 "           help\n"
					 "  -x, --x  short\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_list_is_bounded),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_help),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
