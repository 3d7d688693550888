/* SPDX-License-Identifier: Apache-2.0
 *
 * The small crypto everyone needs, over libcrypto: randomness, hashes, constant-time equality,
 * text encodings, password hashing. Signing keys live in server/keys.
 */
#pragma once

#include "base/buf.h"

#define SHA256_SIZE     32
#define TOKEN_TEXT_SIZE 44 /* 43 base64url characters of 256 random bits, and a NUL */

void rand_bytes(void *p, size_t n);          /* aborts when the kernel has no randomness */
uint64_t rand_below(uint64_t bound);         /* uniform in [0, bound); 0 when bound is 0 */
void rand_token(char text[TOKEN_TEXT_SIZE]); /* 256 bits, base64url */

void sha256(struct span in, uint8_t out[SHA256_SIZE]);
void hmac_sha256(struct span key, struct span in, uint8_t out[SHA256_SIZE]);
bool ct_equal(struct span a, struct span b); /* constant time in the content */

void hex_encode(struct span in, char *out);                  /* 2n characters and a NUL */
bool hex_decode(const char *in, uint8_t *out, size_t n_out); /* exactly n_out bytes */
void base64_add(struct buf *out, struct span in);            /* with padding */
void base64url_add(struct buf *out, struct span in);         /* without padding */
bool base64_decode(struct span in, struct buf *out);         /* either alphabet, padding optional */

/* scrypt (N=2^15, r=8, p=1), as "$scrypt$ln=15,r=8,p=1$salt$hash". About 80 ms and 32 MiB. */
int password_hash(const char *password, char text[128]) WARN_UNUSED;
bool password_verify(const char *password, const char *text);

void secret_erase(void *p, size_t n); /* not optimized away */
