/* SPDX-License-Identifier: Apache-2.0
 *
 * Who waits for a device's topics to be clean: enrollments, before they hand credentials out.
 */
#include "channel/flyve/session.h"

#include "base/clock.h"
#include <stdlib.h>

#define PATIENCE_MS 10000

struct waiter {
	struct waiter *next;
	int64_t device_id;
	int64_t deadline_ms; /* monotonic */
	void (*fn)(void *user, bool clean);
	void *user;
};

void flyve_when_clean(struct flyve *f, int64_t device_id, void (*fn)(void *user, bool clean),
		      void *user)
{
	struct waiter *w = calloc(1, sizeof *w);
	if (!w)
		abort();
	*w = (struct waiter){ .device_id = device_id,
			      .deadline_ms = clock_mono_ms() + PATIENCE_MS,
			      .fn = fn,
			      .user = user };
	pthread_mutex_lock(&f->lock);
	bool stopped = f->stopped;
	if (!stopped) {
		w->next = f->waiters;
		f->waiters = w;
	}
	pthread_mutex_unlock(&f->lock);
	if (!stopped) {
		follow_wake(f->follow);
		return;
	}
	free(w);
	fn(user, false);
}

static struct waiter *take_all(struct flyve *f)
{
	pthread_mutex_lock(&f->lock);
	struct waiter *list = f->waiters;
	f->waiters = NULL;
	pthread_mutex_unlock(&f->lock);
	return list;
}

static void put_back(struct flyve *f, struct waiter *w)
{
	pthread_mutex_lock(&f->lock);
	w->next = f->waiters;
	f->waiters = w;
	pthread_mutex_unlock(&f->lock);
}

static bool is_clean(struct flyve *f, int64_t device_id)
{
	CLEANUP(arena_fini) struct arena a;
	struct retained *rows;
	size_t n = 0;
	arena_init(&a);
	bool clean = f->checked && !flyve_goodbye_under_way(f, device_id) &&
		     store_retained_list(store_reader(f->server->store), 0, device_id, &a, &rows,
					 &n) == 0;
	for (size_t i = 0; i < n && clean; i++)
		clean = rows[i].payload[0] != '\0'; /* to be erased still */
	return clean;
}

void flyve_serve_waiters(struct flyve *f, int64_t now_mono_ms)
{
	struct waiter *w = take_all(f);
	while (w) {
		struct waiter *next = w->next;
		bool clean = is_clean(f, w->device_id);
		if (clean || now_mono_ms >= w->deadline_ms) {
			w->fn(w->user, clean);
			free(w);
		} else {
			put_back(f, w);
		}
		w = next;
	}
}

void flyve_end_waiters(struct flyve *f)
{
	pthread_mutex_lock(&f->lock);
	f->stopped = true;
	pthread_mutex_unlock(&f->lock);
	struct waiter *w = take_all(f);
	while (w) {
		struct waiter *next = w->next;
		w->fn(w->user, false);
		free(w);
		w = next;
	}
}
