/* SPDX-License-Identifier: Apache-2.0
 *
 * --help, from the tables of commands and options; see help.h.
 */
#include "reeve/help.h"
#include "reeve/text.h"

void help_add_synopsis(struct buf *out, const struct command *c)
{
	if (c->options)
		buf_add_str(out, " [OPTION…]");
	if (c->args)
		buf_addf(out, " %s", c->args);
}

static void add_reeve(struct buf *out)
{
	size_t width = 0;
	for (const struct noun *const *n = nouns; *n; n++)
		if (strlen((*n)->name) > width)
			width = strlen((*n)->name);
	buf_add_str(out,
		    "reeve administers a Reeve server: the fleet, its settings and its log.\n\n"
		    "Usage: reeve [OPTION…] NOUN [VERB] [ARGUMENT…]\n\nNouns:\n");
	for (const struct noun *const *n = nouns; *n; n++)
		buf_addf(out, "  %-*s  %s\n", (int)width, (*n)->name, (*n)->doc);
	buf_add_str(out, "\nOptions, anywhere on the line:\n");
	options_help(options_everywhere, out);
	buf_add_str(out, "\n\"reeve NOUN --help\" and \"reeve NOUN VERB --help\" say more.\n");
}

static void add_signature(struct buf *out, const struct command *c)
{
	buf_addf(out, "%s%s%s", c->verb, c->args ? " " : "", c->args ? c->args : "");
}

static void add_noun(struct buf *out, const struct noun *noun)
{
	CLEANUP(buf_fini) struct buf one;
	size_t width = 0;
	buf_init(&one, 500);
	for (const struct command *c = noun->commands; c->doc; c++) {
		buf_reset(&one);
		add_signature(&one, c);
		if (text_width(buf_str(&one)) > width)
			width = text_width(buf_str(&one));
	}
	buf_addf(out, "reeve %s: %s.\n\nUsage: reeve %s VERB [OPTION…] [ARGUMENT…]\n\nVerbs:\n",
		 noun->name, noun->doc, noun->name);
	for (const struct command *c = noun->commands; c->doc; c++) {
		buf_reset(&one);
		add_signature(&one, c);
		buf_addf(out, "  %s%*s  %s\n", buf_str(&one),
			 (int)(width - text_width(buf_str(&one))), "", c->doc);
	}
	if (noun->examples)
		buf_addf(out, "\nExamples:\n%s", noun->examples);
	buf_addf(out, "\n\"reeve %s VERB --help\" says more.\n", noun->name);
}

static void add_command(struct buf *out, const struct noun *noun, const struct command *c)
{
	command_add_name(out, noun, c);
	buf_addf(out, ": %s.\n\nUsage: ", c->doc);
	command_add_name(out, noun, c);
	help_add_synopsis(out, c);
	buf_add_char(out, '\n');
	if (c->detail) {
		buf_add_char(out, '\n');
		text_add_wrapped(out, c->detail, 80, 0);
	}
	if (c->options) {
		buf_add_str(out, "\nOptions:\n");
		options_help(c->options, out);
	}
	buf_add_str(out, "\nOptions of every command:\n");
	options_help(options_everywhere, out);
	if (noun->examples && !c->verb)
		buf_addf(out, "\nExamples:\n%s", noun->examples);
	if (c->operation)
		buf_addf(out, "\nAdmin API: %s%s%s\n", c->operation,
			 c->scope ? ", needs the scope " : "", c->scope ? c->scope : "");
}

void help_add(struct buf *out, const struct noun *noun, const struct command *c)
{
	if (!noun)
		add_reeve(out);
	else if (!c && noun->commands[0].verb)
		add_noun(out, noun);
	else
		add_command(out, noun, c ? c : noun->commands);
}
