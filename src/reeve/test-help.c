/* SPDX-License-Identifier: Apache-2.0
 *
 * Help and man pages of every row: every option and argument is there, nothing that roff would take for a request.
 */
#include "reeve/help.h"
#include "reeve/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static void assert_mentions(const struct buf *text, const char *what)
{
	if (!strstr(buf_str(text), what))
		fail_msg("\"%s\" is missing in:\n%s", what, buf_str(text));
}

static void check_command(const struct noun *n, const struct command *c)
{
	CLEANUP(buf_fini) struct buf b, name;
	buf_init(&b, 1 << 20);
	buf_init(&name, 200);
	command_add_name(&name, n, c);
	help_add(&b, n, c);
	assert_mentions(&b, buf_str(&name));
	assert_mentions(&b, c->doc);
	for (const struct option *o = c->options; o && o->name; o++)
		assert_mentions(&b, o->name);
	if (c->args)
		assert_mentions(&b, c->args);
	if (c->operation)
		assert_mentions(&b, c->operation);
}

static void test_help(void **state)
{
	CLEANUP(buf_fini) struct buf top;
	buf_init(&top, 1 << 20);
	help_add(&top, NULL, NULL);
	for (const struct noun *const *n = nouns; *n; n++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 1 << 20);
		help_add(&b, *n, NULL);
		assert_mentions(&top, (*n)->name);
		for (const struct command *c = (*n)->commands; c->doc; c++) {
			assert_mentions(&b, c->doc);
			check_command(*n, c);
		}
	}
}

/* Lines that begin with a dot are the macros that we write, and no dash is left bare. */
static void check_roff(const struct buf *page)
{
	static const char *const macros[] = { ".TH ", ".SH ", ".SS ", ".PP", ".TP", ".TQ",
					      ".B ",  ".BR ", ".I ",  ".nf", ".fi", ".\\\" " };
	struct span left = buf_span(page), line;
	while (span_get_until(&left, '\n', &line)) {
		bool known = line.n == 0 || (line.p[0] != '.' && line.p[0] != '\'');
		for (size_t i = 0; i < ARRAY_SIZE(macros); i++)
			known = known || (line.n >= strlen(macros[i]) &&
					  memcmp(line.p, macros[i], strlen(macros[i])) == 0);
		if (!known)
			fail_msg("%.*s", (int)line.n, (const char *)line.p);
	}
	assert_int_equal(left.n, 0);
}

static void test_man(void **state)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1 << 20);
	man_add(&b, NULL);
	assert_mentions(&b, ".TH REEVE 1 ");
	assert_mentions(&b, ".SH EXIT STATUS");
	check_roff(&b);
	for (const struct noun *const *n = nouns; *n; n++) {
		buf_reset(&b);
		man_add(&b, *n);
		check_roff(&b);
		assert_mentions(&b, (*n)->commands[0].doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_man),
	};
	text_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
