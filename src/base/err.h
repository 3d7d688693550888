/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors, by the three rules of the house:
 *   0         it worked
 *   negative  unexpected (-errno style): forwarded unchanged to whoever can log it
 *   positive  expected, one of enum err; `struct error` carries the sentence for the person
 *
 * err.def is the one table of codes: HTTP status, exit code, problem+json slug.
 * A function that can fail for a reason a person must read takes `struct error *err` last and
 * fills it exactly when it returns a positive code.
 */
#pragma once

#include "base/macros.h"

enum err {
	ERR_NONE = 0,
#define ERR(name, slug, http, exit, title) ERR_##name,
#include "base/err.def"
#undef ERR
};

struct error {
	enum err code;
	char message[400]; /* one sentence: what is wrong, with names; UTF-8; never a secret */
};

/* Fills 'e' and returns 'code' as an int, so that `return error_set(...)` reads well. */
int error_set(struct error *e, enum err code, const char *fmt, ...) FORMAT_PRINTF(3, 4);

int err_http_status(enum err code);
int err_exit_code(enum err code);
const char *err_slug(enum err code);
const char *err_title(enum err code);
enum err err_from_slug(const char *slug); /* ERR_INTERNAL when unknown */
