/* SPDX-License-Identifier: Apache-2.0
 *
 * Two threads over one bounded ring of jobs, see jobs.h.
 */
#include "server/jobs.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define N_THREADS 2
#define JOBS_MAX  256

struct job {
	job_fn *fn;
	void *arg;
};

struct jobs {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct job ring[JOBS_MAX];
	size_t first, n;
	bool stopping;
	pthread_t threads[N_THREADS];
};

static void *jobs_main(void *arg)
{
	struct jobs *j = arg;
	pthread_mutex_lock(&j->lock);
	for (;;) {
		while (j->n == 0 && !j->stopping)
			pthread_cond_wait(&j->work, &j->lock);
		if (j->n == 0)
			break;
		struct job job = j->ring[j->first];
		j->first = (j->first + 1) % JOBS_MAX;
		j->n--;
		pthread_mutex_unlock(&j->lock);
		job.fn(job.arg);
		pthread_mutex_lock(&j->lock);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

struct jobs *jobs_new(void)
{
	struct jobs *j = calloc(1, sizeof *j);
	if (!j)
		abort();
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->work, NULL);
	for (size_t i = 0; i < N_THREADS; i++)
		if (pthread_create(&j->threads[i], NULL, jobs_main, j) != 0)
			abort();
	return j;
}

void jobs_free(struct jobs *j)
{
	if (!j)
		return;
	pthread_mutex_lock(&j->lock);
	j->stopping = true;
	pthread_cond_broadcast(&j->work);
	pthread_mutex_unlock(&j->lock);
	for (size_t i = 0; i < N_THREADS; i++)
		pthread_join(j->threads[i], NULL);
	assert(j->n == 0);
	pthread_cond_destroy(&j->work);
	pthread_mutex_destroy(&j->lock);
	free(j);
}

int jobs_submit(struct jobs *j, job_fn *fn, void *arg, struct error *err)
{
	pthread_mutex_lock(&j->lock);
	bool full = j->n == JOBS_MAX || j->stopping;
	if (!full) {
		j->ring[(j->first + j->n) % JOBS_MAX] = (struct job){ fn, arg };
		j->n++;
		pthread_cond_signal(&j->work);
	}
	pthread_mutex_unlock(&j->lock);
	return full ? error_set(err, ERR_UNAVAILABLE, "The server has too much to do just now.")
		    : 0;
}
