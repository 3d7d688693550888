/* SPDX-License-Identifier: Apache-2.0
 *
 * "enrollment_key" of POST /device/v1/enroll: a secret that a device makes up and sends again when the answer was
 * lost. For a day the record that was made with it enrolls again, and the enrollment token is not used up by that.
 *
 * What is remembered is the key's hash and the record's id, among the kept answers of Idempotency-Keys, under the
 * enrollment token that came with it; the answer itself holds the device token and is never kept.
 */
#pragma once

#include "base/crypto.h"
#include "base/json.h"
#include "store/store.h"

struct enrollment_key { /* embedded in the enrollment */
	char actor[12 + 2 * SHA256_SIZE];
	char key[2 * SHA256_SIZE + 1]; /* "": the device sent none */
	uint8_t token_hash[SHA256_SIZE];
};

/* ERR_INVALID: too short or too long. */
int enrollment_key_read(const json_t *body, const uint8_t token_hash[SHA256_SIZE],
			struct enrollment_key *ret, struct error *err) WARN_UNUSED;
/* The record that was made with it and is still managed; *ret_id 0: there is none. */
int enrollment_key_find(struct store_conn *tx, const struct enrollment_key *k, struct arena *a,
			int64_t *ret_id) WARN_UNUSED;
int enrollment_key_keep(struct store_conn *tx, const struct enrollment_key *k, int64_t device_id,
			int64_t now_ms, struct arena *a) WARN_UNUSED;
