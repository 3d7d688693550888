/* SPDX-License-Identifier: Apache-2.0
 *
 * Text of doubtful origin into a bounded C string.
 */
#pragma once

#include <stddef.h>

/* Always valid UTF-8 and NUL-ended afterwards: what is not UTF-8 reads as U+FFFD, what could take over
 * a terminal or a log as a space; cut between characters when it does not fit. */
void text_copy(char *to, size_t size, const char *from);
