/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures that devices upload: POST …/data/api/upload, as Chromium's upload job sends them.
 *
 * Who may: the address that a command carries holds a key that only the server and that device can make
 * (an HMAC of the command's number under the device token's hash), because the upload job does not know its
 * DM token; or the DM token itself. It is good while the command is out, and not after.
 */
#pragma once

#include "channel/chrome/handlers.h"

#define UPLOAD_PATH "/devicemanagement/data/api/upload"
#define UPLOAD_MAX  (32 << 20)

/* The address for this command of the device that asks, in the arena; "": unknown. */
const char *upload_url(struct chrome_request *r, int64_t command_id);
/* The file of the command's n-th picture; *ret 0: there is none. */
int upload_find(struct store_conn *c, int64_t org_id, int64_t command_id, int n, struct arena *a,
		int64_t *ret) WARN_UNUSED;
/* What begins every PNG. */
bool is_png(struct span s);
