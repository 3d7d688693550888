/* SPDX-License-Identifier: Apache-2.0
 *
 * link: moves the bytes of an h2 over a socket on a loop, and notices when the peer is dead.
 *
 *   - until the peer's SETTINGS came: handshake_ms
 *   - nothing read for keepalive_ms: a PING, and an answer within ping_timeout_ms
 *   - bytes to send and none of them taken for stall_ms
 *
 * Ends by calling closed() exactly once, from the loop and never from inside of a link_ function;
 * then its owner calls link_close().
 */
#pragma once

#include "net/grpc/h2.h"
#include "net/grpc/loop.h"

struct link_times { /* 0: never */
	int64_t handshake_ms, keepalive_ms, ping_timeout_ms, stall_ms;
};

struct link { /* embedded in its owner */
	struct loop *loop;
	struct h2 *h2;
	int fd; /* owned */
	struct loop_io io;
	struct loop_task flush;
	struct timer watch;
	struct link_times times;
	int64_t opened_ms, read_ms;
	int64_t ping_ms;    /* when the PING went that has no answer yet; 0: none */
	int64_t blocked_ms; /* since when the socket takes nothing; 0: it does */
	int failed;         /* -errno: over, what is in the socket's way is not waited for */
	void (*closed)(struct link *l, int why); /* 0: orderly; -errno */
};

/* Takes the descriptor, also when it fails. */
int link_open(struct link *l, struct loop *loop, int fd, struct h2 *h2,
	      const struct link_times *times) WARN_UNUSED;
void link_close(struct link *l);         /* does not call closed() */
void link_fail(struct link *l, int why); /* closed(why) soon */
void link_ping(struct link *l);          /* now: is it still there? */
