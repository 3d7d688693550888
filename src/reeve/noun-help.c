/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve help: the same as --help.
 */
#include "reeve/cli.h"
#include "reeve/help.h"
#include "reeve/nouns.h"

static int run(struct cli *c, struct error *err)
{
	const struct noun *noun = NULL;
	const struct command *command = NULL;
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1u << 20);
	if (c->n_args > 0 && !(noun = noun_find(c->args[0])))
		return error_set(err, ERR_INVALID, "there is no \"%.60s\"", c->args[0]);
	if (c->n_args > 1 && !(command = command_find(noun, c->args[1])))
		return error_set(err, ERR_INVALID, "%s cannot \"%.60s\"", c->args[0], c->args[1]);
	help_add(&out, noun, command);
	return output_write(&c->out, &out);
}

static const struct command commands[] = {
	{ NULL, "[NOUN] [VERB]", NULL, NULL, NULL, run, "Explain reeve, a noun or a command",
	  NULL },
	{ .doc = NULL },
};

const struct noun noun_help = { "help", "Explain reeve, a noun or a command", commands, NULL };
