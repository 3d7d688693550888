/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP POST over libcurl: a handle that is used again and again, with the answer's bounded body.
 * Internal to net/fcm.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include <curl/curl.h>
#include <stdatomic.h>

struct post { /* embedded */
	CURL *easy;
	struct buf body;         /* of the answer; erased with every use: it may hold a token */
	const atomic_bool *stop; /* ends a transfer within a second when it becomes true; or NULL */
};

void post_init(struct post *p);
void post_fini(struct post *p);
/* Aims the handle. 'headers' and 'payload' are borrowed until the transfer is over. */
void post_prepare(struct post *p, const char *url, struct curl_slist *headers, const char *payload,
		  int64_t timeout_ms);
long post_status(const struct post *p);
/* What Retry-After said, in milliseconds; 0: nothing. */
int64_t post_retry_after_ms(const struct post *p);
