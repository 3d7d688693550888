/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of every command; see opt.h.
 */
#include "reeve/opt.h"

struct opt opt = { .since = -1, .uses = OPT_NONE, .expires_ms = OPT_NONE };

const struct option options_everywhere[] = {
	{ 0, "server", OPTION_STR, "URL", "the server (default http://127.0.0.1:8081)", &opt.server,
	  "REEVE_SERVER" },
	{ 0, "token-file", OPTION_STR, "FILE", "file with the API token", &opt.token_file,
	  "REEVE_TOKEN_FILE" },
	{ 0, "ca-file", OPTION_STR, "FILE", "PEM certificates to trust beside the system's",
	  &opt.ca_file, "REEVE_CA_FILE" },
	{ 0, "org", OPTION_STR, "NAME", "the organization (default: the first)", &opt.org,
	  "REEVE_ORG" },
	{ 'o', "output", OPTION_STR, "FORMAT", "table, json, yaml or csv", &opt.output, NULL },
	{ 'h', "help", OPTION_FLAG, NULL, "explain the command and stop", &opt.help, NULL },
	{ 0, "version", OPTION_FLAG, NULL, "print the version and stop", &opt.version, NULL },
	OPTIONS_END,
};
