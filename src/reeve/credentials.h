/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the API token comes from: --token-file or REEVE_TOKEN_FILE, else the first of
 * var/admin.token, ~/.config/reeve/token and /var/lib/reeve/admin.token that is there.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct credentials {
	char *token;       /* heap; NULL: none was found, and none was asked for */
	char *path;        /* heap; the file it came from */
	char explain[300]; /* what to say when the server wants one and there is none */
};

/* A file that was named must be readable and hold a token (ERR_UNAUTHENTICATED); without a name, a token may be
 * missing: the server decides whether that matters. */
int credentials_find(const char *named_file, struct credentials *ret,
		     struct error *err) WARN_UNUSED;
void credentials_fini(struct credentials *c);
