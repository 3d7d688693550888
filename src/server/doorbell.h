/* SPDX-License-Identifier: Apache-2.0
 *
 * Doorbells: requests parked until something happens for their device, or their time is over.
 *
 * A parked request costs one small struct in two lists (its device, its fleet); a ring of a fleet
 * walks only the requests parked in its subtree. Rings come from the event log's follower, so
 * they happen after the commit that caused them. Between a handler's read and its parking
 * nothing is lost: the handler takes doorbell_ticket() before it reads the store, and parking with an
 * older ticket than the last ring of that device or fleet rings at once.
 */
#pragma once

#include "server/server.h"

enum doorbell_why {
	DOORBELL_RANG,      /* something happened for the device or its fleets */
	DOORBELL_TIMED_OUT, /* nothing did */
	DOORBELL_CLOSING,   /* the server stops: answer 503 */
};

#define DOORBELL_TIMEOUT_MAX_MS (300 * 1000)

/* Answers the request: http_reply_*() and http_resume(), or op_submit_deferred(). Runs on the
 * follower's thread (DOORBELL_CLOSING: on the one that stops), never before doorbell_park()
 * returned to a handler. */
typedef void doorbell_fn(struct http_request *req, enum doorbell_why why);

struct doorbells *doorbells_new(int64_t now_mono_ms);
void doorbells_free(struct doorbells *b); /* nothing is parked any more */
/* Called, on any thread, when doorbell_expire() should run now. Set before the first use. */
void doorbells_on_due(struct doorbells *b, void (*fn)(void *user), void *user);
/* Answers everything that is parked; what is parked later is answered as closing by doorbell_expire(). */
void doorbells_close(struct doorbells *b);
/* A number that grows with every ring; the handler takes it before it reads the store. */
int64_t doorbell_ticket(const struct doorbells *b);
/* Defers the request. timeout_ms is cut to the maximum. */
void doorbell_park(struct doorbells *b, struct http_request *req, const struct device *d,
		   int64_t ticket, int64_t timeout_ms, int64_t now_mono_ms, doorbell_fn *fn);
/* By the follower: something happened. device_id 0: not to one device. Fleets: the subtree's ids. */
void doorbell_ring(struct doorbells *b, int64_t device_id, const int64_t *fleet_ids,
		   size_t n_fleets);
/* Something happened that concerns everybody. */
void doorbell_ring_all(struct doorbells *b);
/* By the follower, regularly: answers what is due or over time; returns when the next one is (mono
 * ms; INT64_MAX: nothing is parked). */
int64_t doorbell_expire(struct doorbells *b, int64_t now_mono_ms);
size_t doorbells_n(struct doorbells *b);
