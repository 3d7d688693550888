/* SPDX-License-Identifier: Apache-2.0
 *
 * Text of others on a terminal: made harmless, measured in columns, cut to fit. What a device calls
 * itself may hold escape sequences; nothing of the server's reaches a terminal but through here.
 */
#pragma once

#include "base/buf.h"

/* Once, at start: widths of characters come from the C.UTF-8 locale, whatever the user's is. */
void text_init(void);
/* One line: white space becomes a blank, other control characters (and bytes that are not UTF-8)
 * U+FFFD. */
void text_add_clean(struct buf *out, const char *s);
/* The same, but line feeds and tabs stay: for text of several lines. */
void text_add_clean_lines(struct buf *out, const char *s);
/* Columns on a terminal. */
size_t text_width(const char *s);
/* Words of plain ASCII or UTF-8 over lines of at most 'width' columns, each after 'indent' blanks. */
void text_add_wrapped(struct buf *out, const char *s, size_t width, size_t indent);
/* At most 'width' columns; what is cut ends with "…". */
void text_add_cut(struct buf *out, const char *s, size_t width);
