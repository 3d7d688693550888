/* SPDX-License-Identifier: Apache-2.0
 *
 * Small text helpers of the model: words in tables, excerpts for error sentences, likeness of
 * names. Internal to model/; nothing here allocates.
 */
#pragma once

#include "base/json.h"

#define EXCERPT_SIZE 96

/* Position of 's' in the table, or -1. NULL (an empty field of a record) is in no table. */
int text_index(const char *const *words, size_t n, const char *s);

/* 's' cut between two characters so that it fits, with "…" when something is missing. */
const char *text_excerpt(const char *s, char out[EXCERPT_SIZE]);
/* The same for the JSON text of 'j': what an error sentence quotes as "found". */
const char *text_excerpt_json(const json_t *j, char out[EXCERPT_SIZE]);

/* Single-character edits from 'a' to 'b', case folded; SIZE_MAX when either is longer than 128. */
size_t text_distance(const char *a, const char *b);

/* Finds the known name that a wrong one was probably meant to be. */
struct nearest {
	const char *wrong;
	const char *name; /* borrowed from nearest_add; NULL: none is near enough for a slip */
	size_t distance;
};
void nearest_init(struct nearest *n, const char *wrong);
/* 'spelling' is compared; 'name' is what to propose for it. */
void nearest_add(struct nearest *n, const char *spelling, const char *name);
/* The end of an error's sentence: `; did you mean "x"?`, or nothing. */
const char *nearest_hint(const struct nearest *n, char out[EXCERPT_SIZE]);
