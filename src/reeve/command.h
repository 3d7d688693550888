/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of commands: one row each, one file a noun. Dispatch, --help, the man pages and the
 * completion scripts read the same rows.
 */
#pragma once

#include "base/err.h"
#include "reeve/opt.h"

struct cli;

struct command {
	const char *verb; /* NULL: the noun alone is the command ("reeve plan FILE…") */
	/* "ID FLEET", "[NAME]" may be missing, "FILE…" once or more; a lower-case word stands for
	 * itself; DEVICE comes first, and its name has become its id when run() begins. NULL: none. */
	const char *args;
	const struct option *options; /* its own; NULL: none */
	const char *operation;        /* of the admin API, "GET /devices"; NULL: none */
	const char *scope;            /* that the token needs; NULL: none */
	/* 0; positive: the sentence is in err; negative: errno. */
	int (*run)(struct cli *c, struct error *err);
	const char *doc;    /* one line, begins with a verb, no full stop */
	const char *detail; /* more of it: paragraphs, for --help and the man page; or NULL */
};

struct noun {
	const char *name;
	const char *doc;                /* one line, as above */
	const struct command *commands; /* end with a NULL doc */
	const char *examples;           /* lines; or NULL */
};

extern const struct noun *const nouns[]; /* NULL-ended, in the order of the help */

const struct noun *noun_find(const char *name);
const struct command *command_find(const struct noun *noun, const char *verb);
/* How many arguments 'args' allows; *ret_max is -1 without end. */
void command_arg_bounds(const char *args, int *ret_min, int *ret_max);
/* The n-th word of 'args', without brackets and "…"; false: there are fewer. The last of "FILE…" stands for
 * all that follow. */
bool command_arg_name(const char *args, int n, char *ret, size_t size);
/* "reeve device list", "reeve plan". */
void command_add_name(struct buf *out, const struct noun *noun, const struct command *c);
