/* SPDX-License-Identifier: Apache-2.0
 *
 * The background thread. It follows the event log (follow.h) and rings doorbells; and on the way it
 * expires commands, sessions and kept answers, prunes the log, writes last contacts.
 *
 * Its place in the log is not kept: the peers of doorbells are gone with the process.
 */
#pragma once

#include "server/server.h"

struct followers; /* heap, one owner */

struct followers *followers_new(struct server *s);
int followers_start(struct followers *f) WARN_UNUSED; /* 0 or -errno */
/* Ends the thread and writes last contacts. */
void followers_stop(struct followers *f);
void followers_free(struct followers *f);
