/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON that devices send nearly always, read at a fraction of jansson's cost, which was a third of
 * what a report costs. For base/json.c alone.
 */
#pragma once

#include "base/span.h"
#include <jansson.h>

/* What jansson would make of the text, or NULL: it is not valid, is nested deeper than 'depth_max', or
 * has something rare (fractions, \u, huge integers, escapes in keys); then ask jansson. */
json_t *json_plain(struct span text, unsigned depth_max);
