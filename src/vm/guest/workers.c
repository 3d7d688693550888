/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads over a bounded ring of jobs, see workers.h. A thread is made when there is work for it.
 *
 * Jobs of one turn of the loop cost one wake at its end, which is passed on: at most one thread is on the way at any time, and whoever arrives, takes a job and leaves others wakes the
 * next. So while jobs wait and somebody is idle, somebody is on the way; and a burst of short jobs costs one or two wakes, not a
 * wake a job. A semaphore and not a condition: a thread that a condition wakes finds the lock contended by its own waking.
 */
#include "vm/guest/workers.h"
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>

#define THREADS_MAX 4
#define JOBS_MAX    64

struct job {
	void (*fn)(void *user);
	void *user;
};

struct workers {
	struct loop *loop;
	struct loop_task begin; /* wakes the first */
	pthread_mutex_t lock;
	sem_t wakes;
	struct job ring[JOBS_MAX];
	size_t first, n;
	size_t n_idle, n_threads;
	pthread_t threads[THREADS_MAX];
	bool waking; /* a thread is on the way */
	bool stopping;
};

/* With the lock held, which it gives back: whom it wakes finds it free. */
static void unlock_and_wake(struct workers *w)
{
	bool needed = w->n > 0 && w->n_idle > 0 && !w->waking;
	w->waking = w->waking || needed;
	pthread_mutex_unlock(&w->lock);
	if (needed)
		(void)!sem_post(&w->wakes);
}

/* With the lock held, which it lets go of meanwhile. */
static void sleep_until_woken(struct workers *w)
{
	w->n_idle++;
	pthread_mutex_unlock(&w->lock);
	while (sem_wait(&w->wakes) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&w->lock);
	w->n_idle--;
	w->waking = false;
}

static void *work(void *user)
{
	struct workers *w = user;
	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (w->n == 0 && !w->stopping)
			sleep_until_woken(w);
		if (w->n == 0)
			break;
		struct job job = w->ring[w->first];
		w->first = (w->first + 1) % JOBS_MAX;
		w->n--;
		unlock_and_wake(w);
		job.fn(job.user);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void begin(void *user)
{
	struct workers *w = user;
	pthread_mutex_lock(&w->lock);
	unlock_and_wake(w);
}

struct workers *workers_new(struct loop *loop)
{
	struct workers *w = calloc(1, sizeof *w);
	if (!w)
		abort();
	w->loop = loop;
	w->begin = (struct loop_task){ .fn = begin, .user = w };
	pthread_mutex_init(&w->lock, NULL);
	if (sem_init(&w->wakes, 0, 0) < 0)
		abort();
	return w;
}

/* With the lock held. */
static bool has_hands(struct workers *w)
{
	if (w->n_idle > w->n || w->n_threads == THREADS_MAX)
		return true;
	if (pthread_create(&w->threads[w->n_threads], NULL, work, w) == 0)
		w->n_threads++;
	return w->n_threads > 0;
}

bool workers_do(struct workers *w, void (*fn)(void *user), void *user)
{
	pthread_mutex_lock(&w->lock);
	bool ok = w->n < JOBS_MAX && has_hands(w);
	if (ok)
		w->ring[(w->first + w->n++) % JOBS_MAX] = (struct job){ fn, user };
	pthread_mutex_unlock(&w->lock);
	loop_post(w->loop, &w->begin);
	return ok;
}

void workers_free(struct workers *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_mutex_unlock(&w->lock);
	loop_unpost(w->loop, &w->begin);
	for (size_t i = 0; i < w->n_threads; i++)
		(void)!sem_post(&w->wakes);
	for (size_t i = 0; i < w->n_threads; i++)
		pthread_join(w->threads[i], NULL);
	(void)!sem_destroy(&w->wakes);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
