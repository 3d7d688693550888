/* SPDX-License-Identifier: Apache-2.0
 *
 * See jwt.h.
 */
#include "server/broker/jwt.h"

#include "server/keys.h"
#include "store/store.h"

#include "base/crypto.h"
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

#define PEM_MAX       16384
#define TOKEN_MAX     65535 /* an MQTT password has no more */
#define SIGNATURE_MAX 512   /* RSA-4096 */

static void pkey_freep(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
#define AUTO_PKEY CLEANUP(pkey_freep) EVP_PKEY *

static void bio_freep(BIO **b)
{
	BIO_free(*b);
}
#define AUTO_BIO CLEANUP(bio_freep) BIO *

/* ---- claims ---- */

static void add_right(void *user, const struct rights_row *row)
{
	json_array_append_new(user, json_pack("{s:s, s:s, s:s}", "permission", "allow", "action",
					      row->write ? "publish" : "subscribe", "topic",
					      row->filter));
}

json_t *jwt_acl(const struct rights *r)
{
	json_t *acl = json_array();
	if (r)
		rights_each(r, add_right, acl);
	json_array_append_new(acl, json_pack("{s:s, s:s, s:s}", "permission", r ? "deny" : "allow",
					     "action", "all", "topic", "#"));
	return acl;
}

static json_t *claims_of(const char *user, const struct rights *rights, int64_t now_ms,
			 int64_t life_ms)
{
	return json_pack("{s:s, s:I, s:I, s:o}", "sub", user, "iat", (json_int_t)(now_ms / 1000),
			 "exp", (json_int_t)((now_ms + life_ms) / 1000), "acl", jwt_acl(rights));
}

/* ---- signing ---- */

static void key_id(const struct signing_key *key, char out[32])
{
	snprintf(out, 32, "token-%lld", (long long)key->version);
}

static void add_part(struct buf *out, json_t *steals_part)
{
	char *text = json_text(steals_part);
	base64url_add(out, span_str(text));
	free(text);
	json_decref(steals_part);
}

static EVP_PKEY *read_private(struct keyring *k, const struct signing_key *key, struct error *err)
{
	struct buf pem;
	buf_init(&pem, PEM_MAX);
	AUTO_BIO bio = NULL;
	EVP_PKEY *pkey = NULL;
	if (keyring_export(k, key, &pem, err) == 0)
		bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (bio)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	if (pem.p)
		secret_erase(pem.p, pem.n);
	buf_fini(&pem);
	return pkey;
}

static int sign(EVP_PKEY *pkey, struct buf *token)
{
	uint8_t signature[SIGNATURE_MAX];
	size_t n = sizeof signature;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
		  EVP_DigestSign(ctx, signature, &n, (const uint8_t *)token->p, token->n) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return -EIO;
	buf_add_char(token, '.');
	base64url_add(token, (struct span){ signature, n });
	return token->failed ? -EMSGSIZE : 0;
}

int jwt_add(struct buf *out, struct keyring *k, struct store_conn *c, const char *user,
	    const struct rights *rights, int64_t now_ms, int64_t life_ms, struct error *err)
{
	CLEANUP(buf_fini) struct buf token;
	CLEANUP(arena_fini) struct arena a;
	struct signing_key key;
	char id[32];
	buf_init(&token, TOKEN_MAX);
	arena_init(&a);
	int r = store_signing_key_current(c, 0, KEY_TOKEN, &a, &key, err);
	AUTO_PKEY pkey = r == 0 ? read_private(k, &key, err) : NULL;
	if (r < 0)
		return r;
	if (!pkey)
		return error_set(err, ERR_UNAVAILABLE, "The token key is not there yet.");
	key_id(&key, id);
	add_part(&token, json_pack("{s:s, s:s, s:s}", "alg", "RS256", "typ", "JWT", "kid", id));
	buf_add_char(&token, '.');
	add_part(&token, claims_of(user, rights, now_ms, life_ms));
	r = sign(pkey, &token);
	if (r == 0)
		buf_add(out, token.p, token.n);
	return r;
}

/* ---- the public halves ---- */

static char *number_text(EVP_PKEY *pkey, const char *name)
{
	BIGNUM *n = NULL;
	uint8_t bytes[SIGNATURE_MAX];
	struct buf text;
	buf_init(&text, 2 * sizeof bytes);
	if (EVP_PKEY_get_bn_param(pkey, name, &n) == 1 && BN_num_bytes(n) <= (int)sizeof bytes)
		base64url_add(&text, (struct span){ bytes, (size_t)BN_bn2bin(n, bytes) });
	BN_free(n);
	return buf_take(&text);
}

static json_t *key_json(const struct signing_key *key)
{
	char id[32];
	AUTO_BIO bio = BIO_new_mem_buf(key->public_pem, -1);
	AUTO_PKEY pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	if (!pkey)
		return NULL;
	CLEANUP(free_charp) char *n = number_text(pkey, OSSL_PKEY_PARAM_RSA_N);
	CLEANUP(free_charp) char *e = number_text(pkey, OSSL_PKEY_PARAM_RSA_E);
	key_id(key, id);
	return n && e ? json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kty", "RSA", "use", "sig",
				  "alg", "RS256", "kid", id, "n", n, "e", e)
		      : NULL;
}

int jwt_keys(struct store_conn *c, json_t **ret)
{
	CLEANUP(arena_fini) struct arena a;
	struct signing_key *keys = NULL;
	size_t n = 0;
	arena_init(&a);
	int r = store_signing_key_list(c, 0, &a, &keys, &n);
	if (r)
		return r;
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		json_t *one = strcmp(keys[i].purpose, KEY_TOKEN) == 0 ? key_json(&keys[i]) : NULL;
		if (one)
			json_array_append_new(list, one);
	}
	*ret = json_pack("{s:o}", "keys", list);
	return 0;
}
