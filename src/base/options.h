/* SPDX-License-Identifier: Apache-2.0
 *
 * Command-line options as a table: parsing, --help and the man page read the same rows.
 *
 * GNU habits: --name=VALUE or --name VALUE, -x VALUE, options anywhere, `--` ends them,
 * unknown or ambiguous options are errors that name the option and the nearest known one.
 */
#pragma once

#include "base/err.h"
#include <stdbool.h>

enum option_type {
	OPTION_FLAG,     /* bool *      */
	OPTION_STR,      /* const char **, points into argv */
	OPTION_INT,      /* int64_t *   */
	OPTION_DURATION, /* int64_t *, milliseconds */
	OPTION_LIST,     /* struct option_list *: may be given again */
};

struct option_list {
	const char *items[64];
	int n;
};

struct option {
	char letter;      /* 0: none */
	const char *name; /* without dashes */
	enum option_type type;
	const char *value; /* name of the value in the help: "DIR"; NULL for flags */
	const char *help;  /* one line */
	void *ret;         /* where the value goes; may be NULL when only help is wanted */
	const char *env;   /* environment variable that gives a default, or NULL */
};

/* Moves what is not an option to the front of argv and returns how many there are in *ret_n_args
 * (argv[0] not counted, args are argv[1..n]). Options end with a row whose name is NULL.
 * 0, or ERR_INVALID with the sentence. Environment defaults are applied first. */
int options_parse(const struct option *rows, int argc, char **argv, int *ret_n_args,
		  struct error *err) WARN_UNUSED;
struct buf;
void options_help(const struct option *rows, struct buf *out);
/* Edits between two names (Levenshtein), for "did you mean"; SIZE_MAX when one is very long. */
size_t options_distance(const char *a, const char *b);
