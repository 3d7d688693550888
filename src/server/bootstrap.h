/* SPDX-License-Identifier: Apache-2.0
 *
 * The first start: fills an empty store with what nobody could create from outside.
 *   organization "default" with its root fleet, and an API token with every scope: before ready;
 *   DIR/admin.token (0600) holds the token, which is in clear nowhere else
 *   administrator "admin" and DIR/admin.password (0600), and the signing keys: in the background
 *   after ready, because hashing a password and making RSA keys takes its time
 * What is deleted afterwards is not made again.
 */
#pragma once

#include "server/server.h"

/* Files are written before the transaction that makes them true, so that a crash in between is
 * repaired by the next start. */
int bootstrap_store(struct server *s, struct error *err) WARN_UNUSED;
/* Submits the background part as a job. */
void bootstrap_later(struct server *s);
bool bootstrap_done(const struct server *s);
/* `reeved --reset-admin-token`: revokes API tokens named "admin" and writes a new admin.token. */
int bootstrap_reset_token(struct server *s, struct error *err) WARN_UNUSED;
