/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of enrollments, see enrollment-key.h.
 */
#include "server/enrollment-key.h"

#include <stdio.h>
#include <string.h>

#define KEY_MIN 22 /* 128 bits in base64 */
#define KEY_MAX 200

int enrollment_key_read(const json_t *body, const uint8_t token_hash[SHA256_SIZE],
			struct enrollment_key *ret, struct error *err)
{
	const char *key = NULL;
	uint8_t hash[SHA256_SIZE];
	char token[2 * SHA256_SIZE + 1];
	*ret = (struct enrollment_key){ .key = "" };
	int r = json_read_str(body, "enrollment_key", false, &key, err);
	if (r || !key)
		return r;
	size_t n = strlen(key);
	if (n < KEY_MIN || n > KEY_MAX)
		return error_set(err, ERR_INVALID, "enrollment_key: not within %d and %d bytes.",
				 KEY_MIN, KEY_MAX);
	sha256(span_str(key), hash);
	hex_encode((struct span){ hash, sizeof hash }, ret->key);
	hex_encode((struct span){ token_hash, SHA256_SIZE }, token);
	snprintf(ret->actor, sizeof ret->actor, "enrollment:%s", token);
	memcpy(ret->token_hash, token_hash, SHA256_SIZE);
	return 0;
}

int enrollment_key_find(struct store_conn *tx, const struct enrollment_key *k, struct arena *a,
			int64_t *ret_id)
{
	struct idempotency kept;
	struct device d;
	struct error ignored;
	AUTO_JSON body = NULL;
	int64_t id = 0;
	*ret_id = 0;
	if (!*k->key)
		return 0;
	int r = store_idempotency_get(tx, k->actor, k->key, a, &kept, &ignored);
	if (r == 0 && json_parse(span_str(kept.body_json), &body, &ignored) == 0 &&
	    json_read_int(body, "device_id", true, &id, &ignored) == 0)
		r = store_device_get(tx, id, a, &d, &ignored);
	if (r == 0 && id != 0 && d.unenrolled_ms == 0)
		*ret_id = id;
	return r < 0 ? r : 0;
}

int enrollment_key_keep(struct store_conn *tx, const struct enrollment_key *k, int64_t device_id,
			int64_t now_ms, struct arena *a)
{
	if (!*k->key)
		return 0;
	return store_idempotency_put(
		tx, &(struct idempotency){ .actor = k->actor,
					   .key = k->key,
					   .request_hash = { k->token_hash, SHA256_SIZE },
					   .status = 201,
					   .body_json = arena_printf(a, "{\"device_id\":%lld}",
								     (long long)device_id),
					   .created_ms = now_ms });
}
