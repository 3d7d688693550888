/* SPDX-License-Identifier: Apache-2.0
 *
 * What a browser's report shows of the settings: its lists of policies in the words of the catalogue, ready
 * for store_report(). Pure.
 *
 * A setting counts as observed when its policy is in force in every profile that the browser could look
 * into, everywhere with the same value, without an error, and at the level that is desired. By whom it was
 * set does not matter for that; where that is not the cloud, the message says it.
 */
#pragma once

#include "base/arena.h"
#include "channel/chrome/device_management.pb-c.h"
#include "model/desired.h"

/* {setting: {value, state, message}}: everything that is desired and that Chrome can say, and every
 * policy of the report that the catalogue knows. Owned by the caller. */
json_t *observed_of_browser(const Dm__BrowserReport *m, const struct desired *d, struct arena *a);

/* ---- between two reports ---- */

/* The client says that it has this state, and nothing was read back: desired settings that 'observed' does
 * not show become "pending", or, when there never is anything to read back (a ChromeOS device), "applied". */
void observed_acknowledge(json_t *observed, const struct desired *d, bool reads_back);
/* The client refused the policy: settings have failed because of 'why'; all that are desired, or only
 * those that 'observed' does not satisfy. */
void observed_refuse(json_t *observed, const struct desired *d, const char *why, bool all);
/* Takes back what observed_refuse() did. */
void observed_accept(json_t *observed);
/* A setting has failed. */
void observed_fail(json_t *observed, const char *name, const char *message);
