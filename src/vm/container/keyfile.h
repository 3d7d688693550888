/* SPDX-License-Identifier: Apache-2.0
 *
 * keyfile: the lines of desktop entries and icon themes, one after the other. Pure; nothing is copied.
 *
 * What is no "key=value" is passed over, as is a line that is not UTF-8: the files are written by anybody, and one bad line
 * must not hide what is right.
 */
#pragma once

#include "base/span.h"

struct keyfile {
	struct span rest, group;
	unsigned n_groups; /* headers so far */
};

struct keyfile_line {
	struct span key, locale, value; /* value: trimmed, not empty, its escapes as they are */
};

void keyfile_init(struct keyfile *k, struct span text);
/* The next line that says something; k->group is the one it stands in. false: there is none. */
bool keyfile_next(struct keyfile *k, struct keyfile_line *ret);
/* A whole number in decimal; false when it is none, or more than 'max'. */
bool keyfile_number(struct span value, unsigned max, unsigned *ret);
