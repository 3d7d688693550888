/* SPDX-License-Identifier: Apache-2.0
 *
 * The values of all options of the command line, one struct for the one run of the process. The rows
 * that fill it stand in opt.c (those of every command) and beside the commands they belong to.
 */
#pragma once

#include "base/options.h"
#include <stdint.h>

#define OPT_NONE INT64_MIN

struct opt {
	/* of every command */
	const char *server, *token_file, *ca_file, *org, *output;
	bool help, version;
	/* of some; 0, NULL or false when not given (since: -1; uses and expires: OPT_NONE, as 0 is no "any number" or "never") */
	const char *fleet, *device, *parent, *filter, *level, *kind, *email, *qr, *name, *domain,
		*payload, *state, *content_type, *password_file, *idempotency_key, *save, *last;
	int64_t limit, since, uses, expires_ms;
	bool follow, wait, yes, private, prune;
	struct option_list params, scopes;
};
extern struct opt opt;

extern const struct option options_everywhere[]; /* end with a NULL name */

/* Rows that several commands share. */
#define OPTION_ROW_LIMIT                                                                           \
	{                                                                                          \
		0, "limit", OPTION_INT, "N", "at most N of them", &opt.limit, NULL                 \
	}
#define OPTION_ROW_FLEET(help)                                                                     \
	{                                                                                          \
		0, "fleet", OPTION_STR, "FLEET", help, &opt.fleet, NULL                            \
	}
#define OPTION_ROW_DEVICE(help)                                                                    \
	{                                                                                          \
		0, "device", OPTION_STR, "DEVICE", help, &opt.device, NULL                         \
	}
#define OPTION_ROW_FILTER(help)                                                                    \
	{                                                                                          \
		0, "filter", OPTION_STR, "EXPR", help, &opt.filter, NULL                           \
	}
#define OPTION_ROW_EXPIRES                                                                         \
	{                                                                                          \
		0, "expires", OPTION_DURATION, "TIME",                                             \
			"how long it is good for: 90s, 15m, 24h, 7d", &opt.expires_ms, NULL        \
	}
#define OPTIONS_END                                                                                \
	{                                                                                          \
		.name = NULL                                                                       \
	}
