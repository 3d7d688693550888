/* SPDX-License-Identifier: Apache-2.0
 *
 * line: what a guest, or qemu, printed, as a part of a sentence: one line of valid UTF-8 without control characters, a blank for
 * any number of them. What does not fit is left out between two characters.
 */
#pragma once

#include "base/span.h"

void line_beginning(struct span text, char *out, size_t size); /* size: with a NUL */
void line_end(struct span text, char *out, size_t size);       /* the last words */
