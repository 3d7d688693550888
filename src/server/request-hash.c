/* SPDX-License-Identifier: Apache-2.0
 *
 * HMACs of requests, see request-hash.h.
 */
#include "server/request-hash.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME   "idempotency.key"
#define SECRET_SIZE 32
#define ID_SIZE     8

struct hash_secret {
	uint8_t id[ID_SIZE]; /* of its SHA-256, which says nothing about 256 random bits */
	uint8_t secret[SECRET_SIZE];
};

static int make(const char *path, uint8_t secret[SECRET_SIZE])
{
	rand_bytes(secret, SECRET_SIZE);
	return file_write_atomic(path, (struct span){ secret, SECRET_SIZE }, 0600);
}

/* A file of another size is none of ours; what depends on it is a day old at most. */
static int load(const char *path, uint8_t secret[SECRET_SIZE])
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	int r = file_read(path, &b);
	if (r == 0 && b.n == SECRET_SIZE) {
		memcpy(secret, b.p, SECRET_SIZE);
		secret_erase(b.p, b.n);
		return 0;
	}
	if (r != 0 && r != -ENOENT && r != -EFBIG)
		return r;
	if (r != -ENOENT)
		log_warn("the secret is not what it should be: a new one is made",
			 F_STR("file", path));
	return make(path, secret);
}

int hash_secret_open(const char *data_dir, struct hash_secret **ret)
{
	CLEANUP(free_charp) char *path = NULL;
	uint8_t sum[SHA256_SIZE];
	struct hash_secret *s = calloc(1, sizeof *s);
	if (!s || asprintf(&path, "%s/" FILE_NAME, data_dir) < 0)
		abort();
	int r = load(path, s->secret);
	if (r) {
		hash_secret_free(s);
		return r;
	}
	sha256((struct span){ s->secret, SECRET_SIZE }, sum);
	memcpy(s->id, sum, ID_SIZE);
	*ret = s;
	return 0;
}

void hash_secret_free(struct hash_secret *s)
{
	if (!s)
		return;
	secret_erase(s, sizeof *s);
	free(s);
}

void request_hash(const struct hash_secret *s, struct span request, uint8_t out[REQUEST_HASH_SIZE])
{
	uint8_t mac[SHA256_SIZE];
	hmac_sha256((struct span){ s->secret, SECRET_SIZE }, request, mac);
	memcpy(out, s->id, ID_SIZE);
	memcpy(out + ID_SIZE, mac, REQUEST_HASH_SIZE - ID_SIZE);
}

int request_hash_check(const uint8_t hash[REQUEST_HASH_SIZE], struct span kept, struct error *err)
{
	if (ct_equal(kept, (struct span){ hash, REQUEST_HASH_SIZE }))
		return 0;
	if (kept.n == REQUEST_HASH_SIZE && memcmp(kept.p, hash, ID_SIZE) == 0)
		return error_set(err, ERR_CONFLICT,
				 "The Idempotency-Key was used for another request already.");
	return error_set(
		err, ERR_CONFLICT,
		"The Idempotency-Key was used already, and this server cannot tell for which "
		"request: see whether it was done, or use another key.");
}
