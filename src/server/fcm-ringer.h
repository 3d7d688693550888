/* SPDX-License-Identifier: Apache-2.0
 *
 * Rings phones through FCM. A thread of its own follows the event log from a place kept in the store
 * (counter "fcm"), so neither a request nor a doorbell ever waits for Google, and a crash loses no
 * ring: what was not handed over before is rung after the restart, at worst twice.
 *
 * Without a credential there is no thread. Changes older than a day are not rung for any more: by
 * then the device has come by itself.
 */
#pragma once

#include "server/server.h"

struct fcm_ringer; /* heap, one owner */

struct fcm_ringer *fcm_ringer_new(struct server *s);
/* With the configured credential, if any; again on SIGHUP. ERR_INVALID: the credential is not
 * usable, nothing has changed. */
int fcm_ringer_start(struct fcm_ringer *f, struct error *err) WARN_UNUSED;
/* Ends the thread; what is under way is given up and rung after the next start. */
void fcm_ringer_stop(struct fcm_ringer *f);
void fcm_ringer_free(struct fcm_ringer *f); /* after the store is closed */
