/* SPDX-License-Identifier: Apache-2.0
 *
 * The accounts, as messages for the plugin: all of them first, then whatever changes, by the event log.
 *
 *     feeder_restart -> SERVER BEGIN -- pages of devices --> END -- events beyond the cursor --> ACCOUNT, REMOVE …
 *
 * The cursor is taken before the first page, so a change during the pages is sent again rather than missed; each
 * message says the state of a device as a whole, so twice is as good as once. A fleet that is deleted or moved, or a
 * restored backup, concerns devices that no event names: then it begins again.
 *
 * One thread fills; it reads through its own connection.
 */
#pragma once

#include "server/broker/broker.h"

struct feeder; /* heap, one owner */

struct feeder *feeder_new(struct server *s, const struct broker_source *source);
void feeder_free(struct feeder *f);

/* From the beginning; 'secret' is the server's own password at the broker. */
void feeder_restart(struct feeder *f, const char *secret, struct buf *out);
/* One bounded piece of work. *ret_more: there is more to do at once; otherwise everything that was committed before
 * the call is in 'out' (or was before). 0 or negative: again later. */
int feeder_fill(struct feeder *f, struct buf *out, bool *ret_more) WARN_UNUSED;
void feeder_refresh(struct feeder *f, int64_t device_id); /* any thread */
