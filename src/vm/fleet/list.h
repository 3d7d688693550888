/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's list of a host's machines, read with suspicion (docs/device-api.md). The other answers are read
 * by agent/answer.h.
 */
#pragma once

#include "base/span.h"
#include "vm/fleet/book.h"

#define LIST_MAX 1024 /* rows looked at */

/* Calls 'fn' for the host (key "") and for each machine, once the whole list was found good; texts are valid
 * during the call. ERR_INVALID: it is not what the API says, and 'fn' was not called. */
int list_read(struct span body, void (*fn)(void *user, const struct book_row *row), void *user,
	      struct error *err) WARN_UNUSED;
