/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads over a bounded ring of jobs, see workers.h. A thread is made when there is work for it.
 *
 * Waking is passed on: a job wakes somebody only when nothing waited before it, and whoever takes one and leaves others wakes the
 * next. So while jobs wait and somebody is idle, somebody is on the way; and a burst costs a wake a thread, not a wake a job.
 */
#include "vm/guest/workers.h"
#include <pthread.h>
#include <stddef.h>

#define THREADS_MAX 4
#define JOBS_MAX    64

struct job {
	void (*fn)(void *user);
	void *user;
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job ring[JOBS_MAX];
	size_t first, n;
	size_t n_idle, n_threads;
	pthread_t threads[THREADS_MAX];
	bool stopping;
};

static void *work(void *user)
{
	struct workers *w = user;
	pthread_mutex_lock(&w->lock);
	for (;;) {
		w->n_idle++;
		while (w->n == 0 && !w->stopping)
			pthread_cond_wait(&w->changed, &w->lock);
		w->n_idle--;
		if (w->n == 0)
			break;
		struct job job = w->ring[w->first];
		w->first = (w->first + 1) % JOBS_MAX;
		bool pass_on = --w->n > 0 && w->n_idle > 0;
		pthread_mutex_unlock(&w->lock);
		if (pass_on)
			pthread_cond_signal(&w->changed);
		job.fn(job.user);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct workers *workers_new(void)
{
	struct workers *w = calloc(1, sizeof *w);
	if (!w)
		abort();
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
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
	bool alone = ok && w->n == 1;
	pthread_mutex_unlock(&w->lock);
	if (alone)
		pthread_cond_signal(&w->changed); /* whom it wakes finds the lock free */
	return ok;
}

void workers_free(struct workers *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < w->n_threads; i++)
		pthread_join(w->threads[i], NULL);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
