/* SPDX-License-Identifier: Apache-2.0
 *
 * Who waits until a commit is in force at the broker (broker_when_in_force()).
 *
 * A waiter is new until the loop begins a turn, so that everything committed before it is read in that turn or a
 * later one; when a turn leaves nothing unread it is sent behind a SYNC, and answered when the plugin says SYNCED, or
 * when its time is up.
 *
 * Any thread adds, the loop's thread does the rest. Nobody is called under the lock, and everybody exactly once.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define WAITERS_PATIENCE_MS 2000

struct waiter;
struct waiters { /* embedded; times are monotonic */
	pthread_mutex_t lock;
	struct waiter *first;
	bool closed;
};

void waiters_init(struct waiters *w);
void waiters_fini(struct waiters *w); /* after waiters_close() */

/* false: closed, fn will not be called. */
bool waiters_add(struct waiters *w, void (*fn)(void *user, bool in_force), void *user,
		 int64_t now_ms);
void waiters_begin_turn(struct waiters *w);
/* The turn left nothing unread. True: 'seq' is now what some of them wait for. */
bool waiters_sent(struct waiters *w, uint64_t seq);
/* Answers those that the SYNC covers (0: none), and those whose time is up. Returns when the next one's is. */
int64_t waiters_answer(struct waiters *w, uint64_t synced, int64_t now_ms);
void waiters_forget(struct waiters *w); /* what was sent is lost: they wait for another SYNC */
void waiters_close(struct waiters *w);  /* answers all of them */
