/* SPDX-License-Identifier: Apache-2.0
 *
 * The plugin's thread that talks with the server: applies what it says to the accounts, and tells it who came and
 * went. When the server is gone, the broker ends: without it nobody's rights are kept right.
 */
#pragma once

#include "broker/accounts.h"

struct talk; /* heap, one owner */

/* Takes the socket over. 0 or -errno. */
int talk_start(int fd, struct accounts *accounts, struct talk **ret) WARN_UNUSED;
/* Until everything was received once. false: the server is gone, or nothing came for timeout_ms. */
bool talk_wait_loaded(struct talk *t, int64_t timeout_ms);
/* The broker's thread, often: it serves, and there may be news. */
void talk_tick(struct talk *t);
void talk_stop(struct talk *t); /* frees */
