/* SPDX-License-Identifier: Apache-2.0
 *
 * When a device shall come again: around the interval, spread by device so that a fleet that was
 * switched on at nine, or a server that restarts, is not followed by a stampede. A device gets the
 * same offset from one process for as long as it lives, another one from the next.
 */
#pragma once

#include "server/server.h"

/* Seconds, at least 1: interval ± jitter percent, by hash of seed and who. */
int64_t next_poll_spread(uint64_t seed, uint64_t who, int64_t interval_ms, int64_t jitter);
/* For who asks: its device by its organization's configuration; a stranger by the request. The same
 * for the whole request. */
int64_t next_poll_of(struct http_request *req);
/* Retry-After for those whom a stopping server sends away: 2 to 29 s, spread. */
int64_t next_poll_retry_s(struct http_request *req);
