/* SPDX-License-Identifier: Apache-2.0
 *
 * A Google service account: its key file, and the signed assertion (JWT, RS256) that the OAuth
 * server gives an access token for. Internal to net/fcm.
 *
 * https://developers.google.com/identity/protocols/oauth2/service-account#httprest
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include <openssl/types.h>

struct credential { /* owns everything in it */
	char *project_id;
	char *client_email; /* the JWT's issuer */
	char *token_uri;    /* the OAuth server */
	char *key_id;       /* "" when the file has none */
	EVP_PKEY *key;      /* RSA */
};

/* ERR_INVALID: "FILE: what is wrong", naming the key of the file; never quoting the private key. */
int credential_load(const char *path, struct credential *ret, struct error *err) WARN_UNUSED;
void credential_fini(struct credential *c);
/* Adds the JWT, good for an hour, to 'out'. It is a secret: erase it. -EIO: libcrypto failed;
 * -ENOBUFS: 'out' is too small. */
int credential_assertion(const struct credential *c, int64_t now_ms, struct buf *out) WARN_UNUSED;

/* ERR_INVALID unless it is https://, or http:// to loopback (a stand-in, a local proxy). */
int address_check(const char *what, const char *url, struct error *err) WARN_UNUSED;
