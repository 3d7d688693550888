/* SPDX-License-Identifier: Apache-2.0
 *
 * workers: a few threads for what may block (a mount of a device that does not answer), so that the
 * loop never does. Bounded; whoever comes too much is refused.
 */
#pragma once

#include "net/grpc/loop.h"
#include <stdbool.h>

struct workers; /* heap, one owner */

struct workers *workers_new(struct loop *loop);
/* Begins at the end of the loop's turn. false: all are busy and many wait. */
bool workers_do(struct workers *w, void (*fn)(void *user), void *user);
void workers_free(struct workers *w); /* after what was given has been done */
