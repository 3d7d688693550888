/* SPDX-License-Identifier: Apache-2.0
 *
 * See waiters.h.
 */
#include "server/broker/waiters.h"

#include <stdlib.h>

struct waiter { /* heap; of the list, then of who answers */
	struct waiter *next;
	void (*fn)(void *user, bool in_force);
	void *user;
	int64_t until_ms;
	bool fresh;   /* new */
	uint64_t seq; /* sent behind this SYNC; 0: not yet */
};

void waiters_init(struct waiters *w)
{
	*w = (struct waiters){ 0 };
	pthread_mutex_init(&w->lock, NULL);
}

void waiters_fini(struct waiters *w)
{
	waiters_close(w);
	pthread_mutex_destroy(&w->lock);
}

bool waiters_add(struct waiters *w, void (*fn)(void *user, bool in_force), void *user,
		 int64_t now_ms)
{
	struct waiter *x = calloc(1, sizeof *x);
	if (!x)
		abort();
	*x = (struct waiter){
		.fn = fn, .user = user, .until_ms = now_ms + WAITERS_PATIENCE_MS, .fresh = true
	};
	pthread_mutex_lock(&w->lock);
	bool closed = w->closed;
	if (!closed) {
		x->next = w->first;
		w->first = x;
	}
	pthread_mutex_unlock(&w->lock);
	if (closed)
		free(x);
	return !closed;
}

void waiters_begin_turn(struct waiters *w)
{
	pthread_mutex_lock(&w->lock);
	for (struct waiter *x = w->first; x; x = x->next)
		x->fresh = false;
	pthread_mutex_unlock(&w->lock);
}

bool waiters_sent(struct waiters *w, uint64_t seq)
{
	bool any = false;
	pthread_mutex_lock(&w->lock);
	for (struct waiter *x = w->first; x; x = x->next)
		if (!x->fresh && x->seq == 0) {
			x->seq = seq;
			any = true;
		}
	pthread_mutex_unlock(&w->lock);
	return any;
}

int64_t waiters_answer(struct waiters *w, uint64_t synced, int64_t now_ms)
{
	struct waiter *done = NULL;
	int64_t next_ms = INT64_MAX;
	pthread_mutex_lock(&w->lock);
	for (struct waiter **at = &w->first; *at;) {
		struct waiter *x = *at;
		if ((x->seq == 0 || x->seq > synced) && now_ms < x->until_ms) {
			next_ms = x->until_ms < next_ms ? x->until_ms : next_ms;
			at = &x->next;
			continue;
		}
		*at = x->next;
		x->next = done;
		done = x;
	}
	pthread_mutex_unlock(&w->lock);
	while (done) {
		struct waiter *x = done;
		done = x->next;
		x->fn(x->user, x->seq != 0 && x->seq <= synced);
		free(x);
	}
	return next_ms;
}

void waiters_forget(struct waiters *w)
{
	pthread_mutex_lock(&w->lock);
	for (struct waiter *x = w->first; x; x = x->next)
		x->seq = 0;
	pthread_mutex_unlock(&w->lock);
}

void waiters_close(struct waiters *w)
{
	pthread_mutex_lock(&w->lock);
	w->closed = true;
	pthread_mutex_unlock(&w->lock);
	(void)waiters_answer(w, 0, INT64_MAX);
}
