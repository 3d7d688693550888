/* SPDX-License-Identifier: Apache-2.0
 *
 * Randomness, hashes and equality over libcrypto. Algorithms are fetched once: OpenSSL 3 otherwise
 * searches its providers, under a lock, at every call.
 */
#include "base/crypto.h"
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <sys/random.h>

void rand_bytes(void *p, size_t n)
{
	uint8_t *at = p;
	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort();
		at += got;
		n -= (size_t)got;
	}
}

uint64_t rand_below(uint64_t bound)
{
	uint64_t v;
	if (bound == 0)
		return 0;
	const uint64_t excess = (UINT64_MAX % bound + 1) % bound; /* 2^64 mod bound */
	do
		rand_bytes(&v, sizeof v);
	while (v > UINT64_MAX - excess); /* the last, incomplete run would favour small values */
	return v % bound;
}

void rand_token(char text[TOKEN_TEXT_SIZE])
{
	uint8_t bits[32];
	rand_bytes(bits, sizeof bits);
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, TOKEN_TEXT_SIZE - 1);
	base64url_add(&out, (struct span){ bits, sizeof bits });
	if (out.n != TOKEN_TEXT_SIZE - 1)
		abort(); /* out of memory */
	memcpy(text, out.p, TOKEN_TEXT_SIZE);
	secret_erase(out.p, out.n);
	secret_erase(bits, sizeof bits);
}

static EVP_MD *md_sha256;
static EVP_MAC *mac_hmac;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void fetch(void)
{
	md_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	mac_hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!md_sha256 || !mac_hmac)
		abort();
}

void sha256(struct span in, uint8_t out[SHA256_SIZE])
{
	pthread_once(&fetched, fetch);
	if (EVP_Digest(in.n ? (const void *)in.p : "", in.n, out, NULL, md_sha256, NULL) != 1)
		abort(); /* only memory can be missing */
}

void hmac_sha256(struct span key, struct span in, uint8_t out[SHA256_SIZE])
{
	static char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	pthread_once(&fetched, fetch);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac_hmac);
	size_t n;
	if (!ctx || EVP_MAC_init(ctx, key.n ? key.p : (const uint8_t *)"", key.n, params) != 1 ||
	    EVP_MAC_update(ctx, in.n ? in.p : (const uint8_t *)"", in.n) != 1 ||
	    EVP_MAC_final(ctx, out, &n, SHA256_SIZE) != 1)
		abort();
	EVP_MAC_CTX_free(ctx);
}

bool ct_equal(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

void secret_erase(void *p, size_t n)
{
	if (n > 0)
		OPENSSL_cleanse(p, n);
}
