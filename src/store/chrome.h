/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs of what the Chrome channel keeps beyond the device's record: registrations, state keys, pairings. As
 * store.h says: 0, negative, or a positive enum err; records live in the arena.
 *
 * Registrations. Browsers of several people on one machine share a device id: one record, a token for each.
 * The latest is the device's token_hash, the others are rows of device_token. A token that is over stays
 * known, retired, so that its holder hears 410 (and may enroll again) and not 401. store_device_by_token()
 * finds them all.
 */
#pragma once

#include "store/store.h"

#define DEVICE_TOKENS_MAX 16 /* of a device beside the latest; the oldest make room */
#define STATE_KEY_SIZE    32
#define STATE_KEYS_MAX    64 /* of a device */

/* The record's device registered once more, elsewhere on the machine: a further token. Report, version and
 * place stay. The device must be managed. */
int store_registration_add(struct store_conn *tx, const struct change *by, int64_t id,
			   const struct enrollment *e, struct arena *a, struct device *ret,
			   struct error *err) WARN_UNUSED;
/* The record starts anew with this token (store_device_reenroll); all its others are over. */
int store_registration_renew(struct store_conn *tx, const struct change *by, int64_t id,
			     const struct enrollment *e, struct arena *a, struct device *ret,
			     struct error *err) WARN_UNUSED;
/* One registration leaves: with the last one the device is unenrolled. */
int store_registration_end(struct store_conn *tx, const struct change *by, int64_t id,
			   struct span token_hash, struct error *err) WARN_UNUSED;

/* The newest unenrolled record of this serial number on the Chrome channel. ERR_NOT_FOUND: none, or serial
 * is "". */
int store_chrome_unenrolled(struct store_conn *c, int64_t org_id, const char *kind,
			    const char *serial, struct arena *a, struct device *ret,
			    struct error *err) WARN_UNUSED;

/* The list replaces the device's old one; n hashes of keys, of SHA256_SIZE bytes each. What another device had
 * goes to this one. Equal lists write nothing. ERR_TOO_LARGE: more than STATE_KEYS_MAX. */
int store_state_keys_put(struct store_conn *tx, int64_t device_id, size_t n,
			 const struct span *hashes, struct error *err) WARN_UNUSED;
int store_state_key_find(struct store_conn *c, struct span hash, struct arena *a,
			 struct device *ret, struct error *err) WARN_UNUSED; /* ERR_NOT_FOUND */
/* Hashes h with h mod 2^power == remainder, h read as a big-endian number; power at most 32. At most 'max' of
 * them, by one range of an index. *ret_width: when there are more, how much of the 2^32 places those found
 * lie in, else 0. */
int store_state_key_bucket(struct store_conn *c, unsigned power, uint64_t remainder, size_t max,
			   struct arena *a, struct span **ret, size_t *ret_n,
			   uint64_t *ret_width) WARN_UNUSED;

int store_pairing_put(struct store_conn *tx, int64_t host_id, int64_t controller_id,
		      int64_t now_ms) WARN_UNUSED;
int store_pairing_get(struct store_conn *c, int64_t host_id, int64_t controller_id,
		      bool *ret) WARN_UNUSED;

/* verbs-device.c: a token that is not the latest of its device. *ret_retired_ms 0: good. */
int store_device_token_find(struct store_conn *c, struct span token_hash, struct arena *a,
			    int64_t *ret_device_id, int64_t *ret_retired_ms) WARN_UNUSED;
