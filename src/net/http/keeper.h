/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper: one thread that cuts connections past their deadline and drains closed ones.
 *
 * libmicrohttpd only knows inactivity: a peer that sends one byte a second holds a connection for
 * ever. So every connection carries a deadline for its present phase (headers, body, answer,
 * idle), set by the worker with one atomic store, and the keeper shuts the socket down when it
 * is over; the worker then sees a hang-up and closes as it always does.
 *
 * Closing a socket with unread input makes the kernel send a reset, which may destroy the answer
 * before the peer has read it (RFC 9112 section 9.6). Such sockets are duplicated just before
 * libmicrohttpd closes them and read to their end here: at most 2 s, 1 MiB, 256 at a time.
 */
#pragma once

#include "base/macros.h"
#include <stdint.h>

struct conn;
struct keeper;

/* Deadlines are looked at every tick_ms. 0 or -errno. */
int keeper_new(int64_t tick_ms, struct keeper **ret) WARN_UNUSED;
void keeper_free(struct keeper *k);

void keeper_add(struct keeper *k, struct conn *c);
/* The worker is about to close c->fd. */
void keeper_remove(struct keeper *k, struct conn *c);
