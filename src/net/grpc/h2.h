/* SPDX-License-Identifier: Apache-2.0
 *
 * h2: one HTTP/2 connection without its socket: nghttp2's session, the bytes that wait to be sent,
 * and the budget for frames that get nobody anywhere.
 *
 * Bytes go in by h2_feed() and come out of `out`. link.h moves them over a socket; tests and the fuzz
 * target do it in memory. The owner (a server's session, a client's connection) embeds it and is told what
 * arrives through a table; those functions may submit frames, but not close the h2.
 *
 * Floods. nghttp2 bounds CONTINUATION, SETTINGS entries, unsent acks and resets by itself. The rest
 * (PING, SETTINGS, empty DATA, PRIORITY, WINDOW_UPDATE, unknown types, of which nghttp2 does not tell) is paid from a bucket that
 * refills with time and with every frame of real data in either direction: BDP probes and window updates
 * of an honest peer come with data. An empty bucket ends the connection with ENHANCE_YOUR_CALM.
 */
#pragma once

#include "base/buf.h"
#include <nghttp2/nghttp2.h>

struct h2;
struct link;

#define H2_STREAM_WINDOW     ((uint32_t)256 * 1024)
#define H2_CONNECTION_WINDOW ((uint32_t)1024 * 1024)

struct h2_ops { /* 0, or NGHTTP2_ERR_CALLBACK_FAILURE to end the connection */
	int (*begin)(struct h2 *h, int32_t stream); /* server: a request begins */
	int (*header)(struct h2 *h, int32_t stream, struct span name, struct span value);
	int (*data)(struct h2 *h, int32_t stream, struct span bytes);
	int (*frame)(struct h2 *h, const nghttp2_frame *f); /* received, whole */
	int (*sent)(struct h2 *h, const nghttp2_frame *f);
	int (*closed)(struct h2 *h, int32_t stream, uint32_t code);
};

struct h2_limits {
	uint32_t streams_max;       /* that the peer may have open; 0 for a client */
	uint32_t header_list_max;   /* bytes, announced; the owner refuses what is longer */
	uint32_t stream_window;     /* bytes of a stream in flight */
	uint32_t connection_window; /* of all streams */
};

struct h2 {
	const struct h2_ops *ops;
	nghttp2_session *session; /* owned */
	struct buf out;           /* to be sent … */
	size_t n_out;             /* … of which so many are */
	int64_t credit, credit_ms;
	uint8_t head[9]; /* of the frame that arrives, so far */
	size_t n_head;
	size_t n_skip;                   /* bytes to come before the next frame's head */
	bool ready;                      /* the peer's SETTINGS came: it speaks HTTP/2 */
	bool ping_acked;                 /* since whoever cares set it to false */
	void (*wants_out)(struct h2 *h); /* something was submitted; may be NULL */
	struct link *link;               /* whom that is for; borrowed */
};

int h2_init(struct h2 *h, bool server, const struct h2_ops *ops, const struct h2_limits *limits,
	    int64_t now_ms) WARN_UNUSED; /* 0 or -errno */
void h2_fini(struct h2 *h);
/* What arrived. -EPROTO: the connection is beyond repair; what is in `out` may still be sent. */
int h2_feed(struct h2 *h, struct span bytes, int64_t now_ms) WARN_UNUSED;
/* Fills `out` up to a bound, with what was submitted. -EPROTO as above. */
int h2_fill(struct h2 *h) WARN_UNUSED;
void h2_taken(struct h2 *h, size_t n);      /* n bytes of `out` are on their way */
struct span h2_waiting(const struct h2 *h); /* what is left of `out` */
bool h2_over(const struct h2 *h);           /* nothing more will happen on it */
void h2_wants_out(struct h2 *h);            /* after a submit */

struct h2_text { /* a header of ours; the texts must live until it is sent, or are copied */
	const char *name, *value;
	bool copy;
};
#define H2_TEXTS_MAX 12
/* Returns how many. */
size_t h2_headers(nghttp2_nv nv[H2_TEXTS_MAX], const struct h2_text *texts, size_t n);
