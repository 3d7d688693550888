/* SPDX-License-Identifier: Apache-2.0
 *
 * Scopes: what an API token or administrator may do. "<noun>:read" and "<noun>:write" (write
 * implies read), "commands:destructive", "read" (every read) and "*" (everything).
 */
#pragma once

#include "base/err.h"
#include <stdbool.h>

struct scope_row {
	const char *name;
	const char *doc;
};

/* Ends with a NULL name; for documentation, completion and checks. */
extern const struct scope_row scope_rows[];

/* 'held': space separated. 'wanted': one scope of a route, or NULL: nothing is needed. */
bool scopes_allow(const char *held, const char *wanted);
/* ERR_INVALID naming the first scope that does not exist, or saying that there is none. */
int scopes_check(const char *text, struct error *err) WARN_UNUSED;
/* ERR_FORBIDDEN naming the first of 'wanted' that 'held' does not cover: nobody hands out more
 * than he holds. */
int scopes_covered(const char *held, const char *wanted, struct error *err) WARN_UNUSED;
