/* SPDX-License-Identifier: Apache-2.0
 *
 * The OAuth access token: got with a signed assertion, kept until a minute before it expires.
 * Internal to net/fcm.
 */
#pragma once

#include "net/fcm/answer.h"
#include "net/fcm/credential.h"
#include "net/fcm/post.h"

enum access_result {
	ACCESS_BUSY = 1, /* the server cannot be reached, or not now */
	ACCESS_REFUSED,  /* it does not accept the credential */
};

struct access { /* embedded */
	struct credential credential;
	struct post post;
	struct curl_slist
		*headers;   /* of a request that the token authorizes; NULL: there is none */
	int64_t expires_ms; /* when to get another */
};

/* 'stop' ends a call under way; borrowed. */
int access_init(struct access *a, const char *credentials_path, const atomic_bool *stop,
		struct error *err) WARN_UNUSED;
void access_fini(struct access *a);
void access_drop(struct access *a); /* the token was refused */
/* Makes a->headers valid. A positive result comes with the reason. */
int access_ensure(struct access *a, int64_t now_ms, int64_t timeout_ms,
		  char reason[REASON_SIZE]) WARN_UNUSED;
