/* SPDX-License-Identifier: Apache-2.0
 *
 * What the child writes to its stderr: logged line by line, and the line that says why it ended is kept.
 */
#pragma once

#include "base/span.h"

#define WORDS_LINE_MAX 400

struct words {                         /* embedded; all zero is the beginning */
	char line[WORDS_LINE_MAX + 1]; /* being read */
	size_t n;
	char last[WORDS_LINE_MAX +
		  1]; /* the last one, or rather the last that says what is wrong */
};

void words_add(struct words *w, struct span text);
void words_end(struct words *w); /* of what it writes: a line without an end is one */
