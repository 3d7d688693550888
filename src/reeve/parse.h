/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of the command line: which command they name, its options and arguments. Options may
 * stand anywhere, before the noun too, so the command is found first: an option takes a value in
 * every command that has it, or in none (a test holds the tables to that).
 */
#pragma once

#include "reeve/command.h"

struct parsed {
	const struct noun *noun;       /* NULL: none was given */
	const struct command *command; /* NULL: only a noun */
	char **args;                   /* in argv */
	int n_args;
	const struct noun *help_noun; /* what a hint after an error is about; NULL: reeve itself */
	const struct command *help_command;
};

/* Fills 'ret' and opt. ERR_INVALID: the sentence; help_* are set all the same. With opt.help or opt.version set
 * nothing is required of the arguments. */
int parse_words(int argc, char **argv, struct parsed *ret, struct error *err) WARN_UNUSED;
