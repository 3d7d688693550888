/* SPDX-License-Identifier: Apache-2.0
 *
 * Which devices have a connection to the broker, as the plugin says.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct presence; /* heap, one owner */

typedef void presence_fn(void *user, int64_t device_id, bool online, int64_t at_ms);

struct presence *presence_new(void);
void presence_free(struct presence *p);
void presence_on_change(struct presence *p, presence_fn *fn, void *user); /* any thread */
bool presence_online(struct presence *p, int64_t device_id);              /* any thread */
/* One thread: 'flags' as of enum link_presence. */
void presence_report(struct presence *p, int64_t device_id, unsigned flags, int64_t at_ms);
void presence_clear(struct presence *p, int64_t at_ms); /* the broker is gone, so is everybody */
