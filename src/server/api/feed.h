/* SPDX-License-Identifier: Apache-2.0
 *
 * feed: the event log, live, to any number of server-sent event streams.
 *
 * One thread reads what was committed once and hands it to every stream that is up to date; a
 * stream that starts further back is first fed from the store, in pieces that its peer can take.
 * The store's sequence numbers decide what a stream has had, so nothing is left out or sent twice.
 *
 * A stream ends after ten minutes at most (with its session, if that is earlier), when its actor's
 * rights may have changed, and when the log was set back by a restore. Its client comes back by
 * itself with Last-Event-ID, and is authenticated anew.
 */
#pragma once

#include "net/http/http.h"
#include "store/store.h"

#define FEED_STREAMS_MAX 1000
#define FEED_PING_MS     15000

struct feed; /* heap, one owner; any thread */
struct metrics;

int feed_new(struct store *store, struct metrics *metrics, struct feed **ret) WARN_UNUSED;
/* Ends the streams and the thread. */
void feed_stop(struct feed *f);
void feed_free(struct feed *f);

struct feed_wish {
	int64_t org_id;      /* 0: every organization's */
	int64_t device_id;   /* 0: any */
	int64_t after_id;    /* events beyond this one */
	int64_t end_mono_ms; /* when the stream is to end */
	const char *actor;   /* whose it is; copied */
};
/* Starts the stream. ERR_UNAVAILABLE: too many. */
int feed_add(struct feed *f, struct http_request *req, const struct feed_wish *wish,
	     struct error *err) WARN_UNUSED;
