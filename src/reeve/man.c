/* SPDX-License-Identifier: Apache-2.0
 *
 * Man pages in man(7), from the tables of commands and options; see help.h.
 */
#include "base/man.h"
#include "reeve/help.h"

static void add_head(struct buf *out, const char *suffix, const char *name, const char *doc)
{
	CLEANUP(buf_fini) struct buf title;
	buf_init(&title, 200);
	buf_addf(&title, "REEVE%s", suffix);
	man_head(out, buf_str(&title), 1, name, doc);
}

static void add_examples(struct buf *out, const char *examples)
{
	if (!examples)
		return;
	buf_add_str(out, ".SH EXAMPLES\n.nf\n");
	man_text(out, examples);
	buf_add_str(out, ".fi\n");
}

static void add_command(struct buf *out, const struct noun *noun, const struct command *c)
{
	CLEANUP(buf_fini) struct buf name, rest;
	buf_init(&name, 200);
	buf_init(&rest, 500);
	command_add_name(&name, noun, c);
	help_add_synopsis(&rest, c);
	buf_add_str(out, ".SS \"");
	man_text(out, buf_str(&name));
	man_text(out, buf_str(&rest));
	buf_add_str(out, "\"\n");
	man_text(out, c->doc);
	buf_add_str(out, ".\n");
	if (c->detail)
		man_paragraphs(out, c->detail);
	man_options(out, c->options);
	if (c->operation) {
		buf_add_str(out, ".PP\nAdmin API: ");
		man_text(out, c->operation);
		if (c->scope) {
			buf_add_str(out, "; needs the scope ");
			man_text(out, c->scope);
		}
		buf_add_str(out, ".\n");
	}
}

static void add_noun_page(struct buf *out, const struct noun *noun)
{
	CLEANUP(buf_fini) struct buf name;
	buf_init(&name, 100);
	buf_addf(&name, "reeve-%s", noun->name);
	CLEANUP(buf_fini) struct buf suffix;
	buf_init(&suffix, 100);
	buf_add_char(&suffix, '-');
	for (const char *s = noun->name; *s; s++)
		buf_add_char(&suffix, *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s);
	add_head(out, buf_str(&suffix), buf_str(&name), noun->doc);
	buf_add_str(out, ".SH COMMANDS\n");
	for (const struct command *c = noun->commands; c->doc; c++)
		add_command(out, noun, c);
	add_examples(out, noun->examples);
	buf_add_str(
		out,
		".SH OPTIONS\nThose of every command, and exit codes, stand in\n.BR reeve (1).\n"
		".SH SEE ALSO\n.BR reeve (1)\n");
}

static const char closing[] =
	".SH OUTPUT\n"
	"Tables are for people; programs read \\fB\\-o json\\fR: a list is one array of objects, a single thing "
	"one object, times are RFC 3339. \\fB\\-o csv\\fR is RFC 4180 with a head line; nested values are JSON "
	"text. Colours appear on a terminal only, and not when NO_COLOR is set.\n"
	".SH FILES\n"
	".TP\n.I var/admin.token\n.TQ\n.I ~/.config/reeve/token\n.TQ\n.I /var/lib/reeve/admin.token\n"
	"The API token, when neither \\fB\\-\\-token\\-file\\fR nor REEVE_TOKEN_FILE names one: the first that is "
	"there.\n"
	".SH EXIT STATUS\n"
	".TP\n.B 0\nIt worked.\n"
	".TP\n.B 1\nIt failed; the server cannot be reached.\n"
	".TP\n.B 2\nThe command line is wrong; for \\fBplan\\fR: changes are pending.\n"
	".TP\n.B 3\nThere is no such thing.\n"
	".TP\n.B 4\nNot allowed, or the token is wrong.\n"
	".TP\n.B 5\nIn conflict with what is there.\n"
	".SH SEE ALSO\n";

static void add_reeve_page(struct buf *out)
{
	add_head(out, "", "reeve", "administer a Reeve server");
	buf_add_str(out, ".SH SYNOPSIS\n.B reeve\n[\\fIOPTION\\fR...] \\fINOUN\\fR [\\fIVERB\\fR] "
			 "[\\fIARGUMENT\\fR...]\n.SH DESCRIPTION\n"
			 "Speaks the admin API of a server: devices, fleets, settings, commands, "
			 "deployables, the audit log.\n.SH NOUNS\n");
	for (const struct noun *const *n = nouns; *n; n++) {
		buf_add_str(out, ".TP\n.B ");
		man_text(out, (*n)->name);
		buf_add_char(out, '\n');
		man_text(out, (*n)->doc);
		buf_add_str(out, ".\n");
	}
	buf_add_str(out, ".SH OPTIONS\nThey may stand anywhere on the line.\n");
	man_options(out, options_everywhere);
	buf_add_str(out, closing);
	for (const struct noun *const *n = nouns; *n; n++) {
		buf_add_str(out, ".BR reeve\\-");
		man_text(out, (*n)->name);
		buf_add_str(out, n[1] ? " (1),\n" : " (1)\n");
	}
}

void man_add(struct buf *out, const struct noun *noun)
{
	if (noun)
		add_noun_page(out, noun);
	else
		add_reeve_page(out);
}
