/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON as Chromium reads it in policy files: with comments and with commas after the last element.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"

/* Takes comments and trailing commas out; 'out' must be able to hold twice as much. */
void relaxed_json_strip(struct span text, struct buf *out);
/* Owned: the object in the text; NULL when it is none. */
json_t *relaxed_json_parse(struct span text);
