/* SPDX-License-Identifier: Apache-2.0
 *
 * The console's files, built into the program: GET /console/… (people only, static, no login: the
 * pages hold nothing; what they show comes from the admin API).
 */
#pragma once

#include "net/http/http.h"

struct console_asset {
	const char *name; /* "console.js"; the table ends with NULL */
	const char *content_type;
	const char *etag; /* quoted, from the content */
	struct span body;
};

extern const struct console_asset console_assets[]; /* made by tools/embed.py */
extern const struct http_route console_routes[];
