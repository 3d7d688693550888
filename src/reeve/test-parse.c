/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of the command line: which command, options anywhere, the sentences of mistakes; and that the tables keep the rules that parsing relies on.
 */
#include "base/buf.h"
#include "reeve/parse.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

/* Splits at blanks and parses; 'ret' is "noun verb|arg|arg". */
static int parse(const char *line, char *ret, size_t size, struct error *err)
{
	static char words[600];
	char *argv[40] = { words };
	int argc = 1;
	struct parsed p;
	opt = (struct opt){ .since = -1 };
	snprintf(words, sizeof words, "reeve %s", line);
	for (char *s = words; (s = strchr(s, ' '));) {
		*s++ = '\0';
		if (*s && *s != ' ')
			argv[argc++] = s;
	}
	int r = parse_words(argc, argv, &p, err);
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, size - 1);
	buf_add_str(&out, p.noun ? p.noun->name : "");
	if (p.command && p.command->verb)
		buf_addf(&out, " %s", p.command->verb);
	for (int i = 0; r == 0 && i < p.n_args; i++)
		buf_addf(&out, "|%s", p.args[i]);
	snprintf(ret, size, "%s", buf_str(&out));
	return r;
}

static const struct {
	const char *line, *wanted;
} good[] = {
	{ "", "" },
	{ "--help", "" },
	{ "--version", "" },
	{ "device --help", "device" },
	{ "device show --help", "device show" }, /* help needs no arguments */
	{ "device list", "device list" },
	{ "-o json device list", "device list" },
	{ "device -o json list", "device list" },
	{ "--output=json --server http://x device --org y list", "device list" },
	{ "device list --filter kind=linux --limit 5", "device list" },
	{ "--filter kind=linux device list", "device list" },
	{ "--limit 5 device --filter x list", "device list" },
	{ "device show 12", "device show|12" },
	{ "device 12 show -- ", NULL }, /* the verb comes before the arguments */
	{ "setting set --fleet default camera.disabled true", "setting set|camera.disabled|true" },
	{ "setting set camera.disabled true --fleet default", "setting set|camera.disabled|true" },
	{ "setting set --fleet default screen.max -5", "setting set|screen.max|-5" },
	{ "setting set --device 3 x -- --dashes", "setting set|x|--dashes" },
	{ "plan a.yaml b.yaml -", "plan|a.yaml|b.yaml|-" },
	{ "plan --prune -o yaml a", "plan|a" },
	{ "apply -", "apply|-" },
	{ "export", "export" },
	{ "key show verification --private", "key show|verification" },
	{ "key import verification k.pem", "key import|verification|k.pem" },
	{ "help device list", "help|device|list" },
	{ "help", "help" },
	{ "command send 3 ping -p a=1 --param b=2", "command send|3|ping" },
	{ "command send --filter x ping", "command send|ping" },
	{ "completion bash", "completion|bash" },
	{ "org set a b", "org set|a|b" },
	{ "event list -f --since 5", "event list" },
};

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char got[300];
		struct error err = { .message = "" };
		int r = parse(good[i].line, got, sizeof got, &err);
		if (!good[i].wanted) {
			assert_int_equal(r, ERR_INVALID);
			continue;
		}
		if (r != 0 || strcmp(got, good[i].wanted) != 0)
			fail_msg("%s: %d %s %s", good[i].line, r, got, err.message);
	}
}

static void test_values_arrive(void **state)
{
	char got[300];
	assert_int_equal(parse("-o json command --org acme send 3 ping --expires 1h "
			       "--param a=1 -pb=2 --wait --filter x",
			       got, sizeof got, NULL),
			 0);
	assert_string_equal(opt.output, "json");
	assert_string_equal(opt.org, "acme");
	assert_int_equal(opt.expires_ms, 3600000);
	assert_int_equal(opt.params.n, 2);
	assert_true(opt.wait);
	assert_int_equal(opt.since, -1);
}

static const struct {
	const char *line, *sentence;
} bad[] = {
	{ "devcie list", "there is no \"devcie\"; did you mean \"device\"?" },
	{ "xyzzy", "there is no \"xyzzy\"" },
	{ "device",
	  "device what? One of: list, count, show, samples, reports, move, rename, unenroll, delete" },
	{ "device --limit 5",
	  "device what? One of: list, count, show, samples, reports, move, rename, unenroll, delete" },
	{ "fleet lst", "fleet cannot \"lst\"; one of: list, show, create, move, rename, delete" },
	{ "device show", "DEVICE is missing" },
	{ "device move 3", "FLEET is missing" },
	{ "device show 1 2", "\"2\" is one argument too many" },
	{ "device list x", "\"x\" is one argument too many" },
	{ "plan", "FILE is missing" },
	{ "key show signing", "\"signing\" should be \"verification\"" },
	{ "device list --limti 5", "unknown option --limti; did you mean --limit?" },
	{ "device list --limit", "--limit needs a value: N" },
	{ "device list --limit x", "--limit: \"x\" is not a whole number" },
	{ "device show 1 --limit 5", "unknown option --limit" }, /* another command's */
	{ "command send 1 ping --expires soon",
	  "--expires: \"soon\" is not a duration such as 90s, 15m, 24h or 7d" },
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char got[300];
		struct error err = { .message = "" };
		int r = parse(bad[i].line, got, sizeof got, &err);
		if (r != ERR_INVALID ||
		    strncmp(err.message, bad[i].sentence, strlen(bad[i].sentence)) != 0)
			fail_msg("%s: %d %s", bad[i].line, r, err.message);
	}
}

/* No word of any kind in any place brings it down. */
static void test_words_in_any_order(void **state)
{
	static const char *const words[] = { "device", "list",    "-o", "json",   "--",
					     "-",      "--limit", "5",  "--help", "-5",
					     "-x",     "--=",     "" };
	const size_t n = ARRAY_SIZE(words);
	for (size_t i = 0; i < n * n * n * n; i++) {
		char line[100], got[300];
		struct error err;
		snprintf(line, sizeof line, "%s %s %s %s", words[i % n], words[i / n % n],
			 words[i / n / n % n], words[i / n / n / n]);
		int r = parse(line, got, sizeof got, &err);
		assert_true(r == 0 || r == ERR_INVALID);
	}
}

static void test_arg_specs(void **state)
{
	static const struct {
		const char *args;
		int min, max;
	} specs[] = { { NULL, 0, 0 },       { "ID", 1, 1 },
		      { "ID FLEET", 2, 2 }, { "[NAME]", 0, 1 },
		      { "FILE…", 1, -1 },   { "[ID] TYPE", 1, 2 },
		      { "[A] [B]", 0, 2 },  { "verification FILE", 2, 2 } };
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		int min, max;
		command_arg_bounds(specs[i].args, &min, &max);
		assert_int_equal(min, specs[i].min);
		assert_int_equal(max, specs[i].max);
	}
	char name[20];
	assert_true(command_arg_name("[ID] FILE…", 0, name, sizeof name));
	assert_string_equal(name, "ID");
	assert_true(command_arg_name("[ID] FILE…", 1, name, sizeof name));
	assert_string_equal(name, "FILE");
	assert_true(command_arg_name("[ID] FILE…", 9, name, sizeof name));
	assert_string_equal(name, "FILE");
	assert_false(command_arg_name("ID", 1, name, sizeof name));
	assert_false(command_arg_name(NULL, 0, name, sizeof name));
}

/* ---- the tables ---- */

static void assert_same_kind(const struct option *a, const struct option *b)
{
	bool same_name = strcmp(a->name, b->name) == 0;
	bool same_letter = a->letter && a->letter == b->letter;
	if (same_name && (a->type == OPTION_FLAG) != (b->type == OPTION_FLAG))
		fail_msg("--%s takes a value in one command and none in another", a->name);
	if (same_letter && (a->type == OPTION_FLAG) != (b->type == OPTION_FLAG))
		fail_msg("-%c takes a value in one command and none in another", a->letter);
}

static void check_rows(const struct option *rows)
{
	for (const struct option *o = rows; o && o->name; o++) {
		assert_true(o->help && *o->help && o->ret);
		assert_true((o->type == OPTION_FLAG) == (o->value == NULL));
		for (const struct option *e = options_everywhere; e->name; e++)
			assert_same_kind(o, e);
		for (const struct noun *const *n = nouns; *n; n++)
			for (const struct command *c = (*n)->commands; c->doc; c++)
				for (const struct option *p = c->options; p && p->name; p++)
					assert_same_kind(o, p);
	}
}

static void check_command(const struct noun *n, const struct command *c)
{
	bool alone = n->commands[0].verb == NULL;
	assert_true(c->run && c->doc[0] >= 'A' && c->doc[0] <= 'Z');
	assert_int_not_equal(c->doc[strlen(c->doc) - 1], '.');
	assert_int_equal(alone, c->verb == NULL);
	assert_true(!c->scope || c->operation);
	check_rows(c->options);
}

static void test_tables(void **state)
{
	check_rows(options_everywhere);
	for (const struct noun *const *n = nouns; *n; n++) {
		assert_ptr_equal(noun_find((*n)->name), *n); /* no name twice */
		assert_true((*n)->doc && (*n)->doc[0]);
		for (const struct command *c = (*n)->commands; c->doc; c++)
			check_command(*n, c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),      cmocka_unit_test(test_values_arrive),
		cmocka_unit_test(test_bad),       cmocka_unit_test(test_words_in_any_order),
		cmocka_unit_test(test_arg_specs), cmocka_unit_test(test_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
