/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker: one thread that runs one libmicrohttpd daemon on a duplicate of the listening socket.
 *
 * The thread is ours, not libmicrohttpd's, since that one may sleep on what it has just been told: when
 * epoll_wait() fills its array of 128 events it waits again, for as long as a connection may be silent,
 * before it looks at any of them (every version up to 1.0.1). Here libmicrohttpd never waits.
 *
 * It also makes resuming cheap: whoever answers a deferred request puts it on its worker's list, and
 * only the first on an empty list costs a wake-up.
 */
#pragma once

#include "net/http/internal.h"

/* 'fd' is duplicated. 0, or -errno. */
int worker_new(struct http_server *s, int fd, bool ipv6, unsigned connections_max,
	       struct worker **ret) WARN_UNUSED;
/* Ends the thread and closes its connections; nothing may be suspended any more. NULL is fine. */
void worker_free(struct worker *w);
struct http_server *worker_server(const struct worker *w);

/* A connection has ended. From its own thread. */
void worker_closed(struct worker *w);
/* From any thread. The request is the worker's again. */
void worker_resume(struct worker *w, struct http_request *req);
/* After MHD_resume_connection(). From any thread. */
void worker_wake(struct worker *w);
