/* SPDX-License-Identifier: Apache-2.0
 *
 * What embedded.c (the child's life, the thread) and embedded-link.c (what is said to its plugin) share.
 */
#pragma once

#include "server/broker/embedded.h"
#include "server/broker/feeder.h"
#include "server/broker/files.h"
#include "server/broker/internal.h"
#include "server/broker/spawn.h"
#include "server/broker/supervisor.h"
#include "server/broker/waiters.h"
#include "server/broker/words.h"

#include "broker/link.h"
#include <stdatomic.h>

struct embedded {
	struct broker *broker;
	struct server *server;
	struct feeder *feed;
	struct presence *presence;
	struct broker_files files;
	bool tls;
	char program[4096], socket[64], secret[TOKEN_TEXT_SIZE];
	pthread_t thread;
	bool started;
	int wake_fd;
	atomic_bool woken, stopping, reloading;
	atomic_uint_fast64_t life;     /* which child this is; the first is 1 */
	atomic_uint_fast64_t admitted; /* the life that devices may come to */

	struct waiters waiters;
	pthread_mutex_t lock; /* of the following */
	pthread_cond_t changed;
	bool ready, failed; /* of the first start */
	bool admits;        /* the first child, or one after it, has let devices in */

	/* the thread's own */
	struct supervisor supervisor;
	struct child child; /* pid 0: none */
	int link;           /* our end; -1: no child */
	struct link_reader reader;
	struct buf out;
	size_t n_written;
	bool broken;         /* the link: the child is ended */
	int64_t feed_due_ms; /* monotonic; INT64_MAX: when woken */
	uint64_t last_sync;
	uint64_t said_admitted; /* the life whose plugin was told */
	uint64_t admit_sync;    /* … and the SYNC behind it; 0: answered */
	uint64_t stats[LINK_STATS_N];
	struct words words;
};

/* What the plugin says. A link that is broken says so in `broken`. */
void embedded_receive(struct embedded *e);
/* What it is to be told: accounts, who waits, that devices may come; as much as it takes now. */
void embedded_feed(struct embedded *e);
void embedded_send(struct embedded *e);
void embedded_link_lost(struct embedded *e); /* nothing that was said counts any more */
