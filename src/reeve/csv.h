/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV by RFC 4180, as the admin API writes it: nested values as JSON text; a text that a
 * spreadsheet would take for a formula gets a leading apostrophe.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"

/* The row's values in the order of 'keys' (array of strings). 'clean': for a terminal. */
void csv_add_row(struct buf *out, const json_t *keys, const json_t *row, bool clean);
void csv_add_head(struct buf *out, const json_t *keys);
