/* SPDX-License-Identifier: Apache-2.0
 *
 * Signing keys: RSA pairs. The private half is a 0600 file in DIR/keys (0700); the public half and the
 * history are rows of signing_key. Purposes: "policy" (one an organization: signs Chrome policies),
 * "verification" and "token" (the server's own, org_id 0).
 *
 * Rotation is two steps: keyring_generate() or keyring_import() makes a pair and saves its private
 * half durably, then the caller's op hands the record to store_signing_key_add(), which gives it its
 * version and retires the one before. When that op fails, keyring_discard() removes the file.
 *
 * Generating takes 50 to 300 ms: call from a job (jobs.h), not from a handler.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "model/records.h"

#define KEY_POLICY       "policy"
#define KEY_VERIFICATION "verification"
#define KEY_TOKEN        "token"

struct store;
struct keyring; /* heap, one owner; any thread */

/* Makes DIR/keys. 0 or -errno. */
int keyring_new(const char *data_dir, struct keyring **ret) WARN_UNUSED;
void keyring_free(struct keyring *k);

/* Makes every key that should exist and does not: the server's, and one an organization. */
int keyring_ensure(struct keyring *k, struct store *store, int64_t now_ms) WARN_UNUSED;
/* keyring_ensure() makes no further key and returns; the rest is made at the next start. */
void keyring_stop(struct keyring *k);
/* Whether the first keyring_ensure() has succeeded. */
bool keyring_ready(const struct keyring *k);

/* RSA-2048. 'ret' in the arena: org_id, purpose, public_pem, private_file, created_ms. */
int keyring_generate(struct keyring *k, int64_t org_id, const char *purpose, int64_t now_ms,
		     struct arena *a, struct signing_key *ret) WARN_UNUSED;
/* The same with a key of the administrator's: PEM, RSA of 2048 to 4096 bits, else ERR_INVALID. */
int keyring_import(struct keyring *k, int64_t org_id, const char *purpose, const char *private_pem,
		   int64_t now_ms, struct arena *a, struct signing_key *ret,
		   struct error *err) WARN_UNUSED;
/* The private half as PEM, appended. ERR_NOT_FOUND when its file is gone. The caller erases it. */
int keyring_export(struct keyring *k, const struct signing_key *key, struct buf *out,
		   struct error *err) WARN_UNUSED;
void keyring_discard(struct keyring *k, const struct signing_key *key);
