/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request with an Idempotency-Key is remembered by: an HMAC under a secret of this server
 * (DIR/idempotency.key, 0600). A plain hash would let whoever steals the store guess passwords that
 * were in a request, at the speed of SHA-256.
 *
 * A hash is the secret's id (8 bytes) and 24 bytes of the HMAC. By its id a hash made under another
 * secret is told from another request: after a restore on another server, or when the file was lost.
 * Such a key is refused, as nobody can say whether its request was done already. Backups do not
 * carry the secret: a stolen backup is a stolen store. Servers that share a store share the file.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define REQUEST_HASH_SIZE 32

struct hash_secret; /* heap, one owner; constant once open, so any thread may use it */

/* Reads DIR/idempotency.key, or makes it. 0 or -errno. */
int hash_secret_open(const char *data_dir, struct hash_secret **ret) WARN_UNUSED;
void hash_secret_free(struct hash_secret *s);

void request_hash(const struct hash_secret *s, struct span request, uint8_t out[REQUEST_HASH_SIZE]);
/* Does what is kept belong to the request of this hash? ERR_CONFLICT: another one, or unknown. */
int request_hash_check(const uint8_t hash[REQUEST_HASH_SIZE], struct span kept,
		       struct error *err) WARN_UNUSED;
