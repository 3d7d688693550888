/* SPDX-License-Identifier: Apache-2.0
 *
 * buf: bytes we own, growing up to a maximum given at init.
 *
 * The first append that does not fit sets `failed` and every later one is a no-op, so a writer
 * checks once at the end. The content is always followed by a NUL that is not counted.
 * Owner: the struct that embeds it, or the local with CLEANUP(buf_fini).
 */
#pragma once

#include "base/macros.h"
#include "base/span.h"
#include <stdarg.h>

struct buf {
	char *p;     /* content; NULL while empty */
	size_t n;    /* bytes of content */
	size_t cap;  /* bytes allocated */
	size_t max;  /* most content it may ever hold */
	bool failed; /* an append did not fit, or memory ran out */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
void buf_reset(struct buf *b); /* empty again; the memory is kept */

void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) FORMAT_PRINTF(2, 3);
/* Percent-encoded (RFC 3986): all but letters, digits, "-._~" and what 'plain' has. */
void buf_add_percent(struct buf *b, const char *text, const char *plain);
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) FORMAT_PRINTF(2, 0);

struct span buf_span(const struct buf *b);
const char *buf_str(const struct buf *b); /* never NULL */
char *buf_take(struct buf *b);            /* the heap string, NULL when failed; empty afterwards */
