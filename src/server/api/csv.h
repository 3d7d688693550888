/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV as RFC 4180 writes it, made safe for spreadsheets.
 *
 * Rows end with CRLF; a cell is quoted when it holds a comma, a quote, a line break or outer
 * blanks. A text that a spreadsheet would take for a formula (it begins with = + - @, a tab or a
 * carriage return) gets a leading apostrophe, because device names come from devices.
 */
#pragma once

#include "base/buf.h"

/* 'first': the row's first cell. 'guard': the text is not ours, see above. */
void csv_add_cell(struct buf *out, bool first, struct span text, bool guard);
void csv_end_row(struct buf *out);
