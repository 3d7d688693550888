/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8, strictly: overlong forms, surrogates and what lies beyond U+10FFFF are not valid.
 */
#pragma once

#include "base/buf.h"

#define UTF8_REPLACEMENT 0xfffdu

/* One code point off the front. false, and *s untouched: at the end, or not valid UTF-8. */
bool span_get_utf8(struct span *s, uint32_t *ret);
/* The same for text that must be shown whatever it is: an invalid byte reads as U+FFFD.
 * false only at the end. */
bool span_get_utf8_lossy(struct span *s, uint32_t *ret);
bool utf8_valid(struct span s);
void utf8_add(struct buf *out, uint32_t code_point);
/* Would this character take over a terminal or a log (C0, DEL, C1, line separators, bidi controls)? */
bool utf8_is_control(uint32_t code_point);
/* One of its characters would, up to its end or to what is not valid UTF-8. */
bool utf8_has_control(struct span s);
