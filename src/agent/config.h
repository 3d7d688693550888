/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration of reeve-agent: one table of options (config.c) that are flags, environment variables
 * and keys of the YAML file alike. Precedence: flag > environment > file > default.
 *
 * What the machine's owner allows to the fleet's administrator (allow_wipe, wipe_program) stands in the
 * file only.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct agent_config {
	const char *server;                /* NULL: the one we are enrolled with */
	const char *enrollment_token;      /* NULL: none */
	const char *enrollment_token_file; /* NULL: none; read whenever a token is needed */
	const char *state;                 /* folder */
	const char *root;                  /* "" or a folder below which the agent works */
	const char *config;                /* file */
	const char *ca, *pin;              /* NULL: not given */
	const char *kind, *name;           /* of the device; name NULL: the host's */
	const char *channel;               /* "device" or "flyve" */
	const char *log_level, *log_format;
	int64_t interval_ms, repair_ms, wait_ms;
	bool observe, once, insecure_http, help, version;
	bool allow_wipe;        /* in the file only, as is wipe_program */
	const char **wipe_argv; /* NULL-ended, heap; or NULL */
	json_t *file;           /* keeps the file's strings */
	char *strings[2];       /* defaults below 'root'; heap */
};

/* argv is permuted. ERR_INVALID: names the option, or "FILE:LINE: …", "FILE: key …". */
int agent_config_load(struct agent_config *c, int argc, char **argv, struct error *err) WARN_UNUSED;
void agent_config_fini(struct agent_config *c);
void agent_config_help(struct buf *out);
void agent_config_man(struct buf *out); /* the options, for reeve-agent(8) */
/* The enrollment token in force, trimmed, into 'text'; false: there is none. */
bool agent_config_token(const struct agent_config *c, char *text, size_t size);
