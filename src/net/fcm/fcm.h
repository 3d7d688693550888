/* SPDX-License-Identifier: Apache-2.0
 *
 * The doorbell of Android devices: FCM HTTP v1. A ring is a data message {"type": "policy_changed"}
 * with a collapse key and a short life: it says "come and look", never what there is to see.
 *
 * fcm_new() reads a Google service account's key file; an OAuth access token is got with a signed
 * JWT when it is needed and kept until a minute before it expires. Calls block, but never for
 * longer than their time limit; they belong on a background thread, one thread at a time. Connections
 * stay open between calls.
 *
 * When FCM (or the network, or the OAuth server) says "not now", a back-off with jitter begins that
 * honours Retry-After. Until it is over every ring is answered FCM_RETRY without touching the
 * network: the caller keeps what it did not get rid of and comes back after retry_after_ms.
 *
 * No device token, access token or key is ever part of an error or a detail.
 */
#pragma once

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct fcm; /* heap, one owner */

enum fcm_result {
	FCM_OK,           /* FCM has taken it */
	FCM_UNREGISTERED, /* the token stands for no device any more: forget it */
	FCM_RETRY,        /* not now: again after retry_after_ms */
	FCM_FAILED,       /* again would not help; detail says why */
};

struct fcm_answer {
	enum fcm_result result;
	int64_t retry_after_ms; /* FCM_RETRY only */
	char detail[160];       /* for the log; "" when FCM_OK */
};

struct fcm_options {
	const char *credentials; /* service account file (JSON) */
	const char *endpoint;    /* "https://fcm.googleapis.com" */
	int64_t timeout_ms;      /* of one request; 0: 10 s */
	int64_t total_ms; /* of one call, however many rings, access token not counted; 0: 60 s */
	uint64_t (*random)(uint64_t bound); /* for the jitter; NULL: rand_below */
};

/* ERR_INVALID names the file and what is wrong in it. Plain http:// is allowed to loopback only. */
int fcm_new(const struct fcm_options *o, struct fcm **ret, struct error *err) WARN_UNUSED;
void fcm_free(struct fcm *f);

struct fcm_answer fcm_ring(struct fcm *f, const char *token, int64_t now_ms);

/* Rings many, up to 100 at a time. 'fn' is called exactly once for each token, in any order, before
 * the call returns. */
typedef void fcm_answer_fn(void *user, size_t i, const struct fcm_answer *answer);
void fcm_ring_all(struct fcm *f, const char *const *tokens, size_t n, int64_t now_ms,
		  fcm_answer_fn *fn, void *user);

/* From any thread: a call under way returns at once, with FCM_RETRY for what was not answered yet; so
 * does every later one. For shutting down. */
void fcm_interrupt(struct fcm *f);
