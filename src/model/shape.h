/* SPDX-License-Identifier: Apache-2.0
 *
 * The shape of a JSON object in one line of text: its fields, "name:type name:type? …", where "?"
 * marks what may be missing. Parameters of commands (command.def) and elements of object lists
 * (catalogue.def) are described this way.
 *
 *     string    up to 4096 bytes         id       integer > 0
 *     strings   list of such strings     percent  integer from 0 to 100
 *     boolean   integer   object       secret   a string that is never shown, and not kept when it has served
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

/* Checks 'o', any JSON value of a peer; 'what' begins the sentence. ERR_INVALID. */
int shape_check(const char *spec, const json_t *o, const char *what, struct error *err) WARN_UNUSED;

/* A copy in which secrets that are there are SHAPE_MASK; NULL: 'o' is not an object. Owned. */
#define SHAPE_MASK "********"
json_t *shape_masked(const char *spec, const json_t *o);
bool shape_has_secret(const char *spec);

/* Both are objects and agree in every field that may not be missing: they mean the same thing. */
bool shape_same(const char *spec, const json_t *a, const json_t *b);

/* The same line as JSON: [{"name", "type", "required"}, …]. */
json_t *shape_to_json(const char *spec);
