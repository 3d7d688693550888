/* SPDX-License-Identifier: Apache-2.0
 *
 * Fixed windows of a minute and a day in a table of fixed size, see attempts.h.
 */
#include "server/api/attempts.h"
#include "base/crypto.h"
#include <pthread.h>

#define N_BUCKETS 4096

enum { WINDOW_MINUTE, WINDOW_DAY, WINDOW_N };
static const int64_t window_ms[WINDOW_N] = { 60 * 1000, 24 * 3600 * 1000 };

struct bucket {
	int64_t start_ms[WINDOW_N];
	int64_t n[WINDOW_N];
};

struct attempts {
	pthread_mutex_t lock;
	uint8_t seed[SHA256_SIZE];
	struct bucket buckets[N_BUCKETS];
};

struct attempts *attempts_new(void)
{
	struct attempts *a = calloc(1, sizeof *a);
	if (!a)
		abort();
	pthread_mutex_init(&a->lock, NULL);
	rand_bytes(a->seed, sizeof a->seed);
	return a;
}

void attempts_free(struct attempts *a)
{
	if (!a)
		return;
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static struct bucket *bucket_of(struct attempts *a, const char *key)
{
	uint8_t hash[SHA256_SIZE];
	hmac_sha256((struct span){ a->seed, sizeof a->seed }, span_str(key), hash);
	return &a->buckets[(hash[0] << 8 | hash[1]) % N_BUCKETS];
}

/* Milliseconds until this window has room again; 0: it has. */
static int64_t window_wait(struct bucket *b, int window, int64_t max, int64_t now_ms)
{
	int64_t end_ms = b->start_ms[window] + window_ms[window];
	if (b->n[window] == 0 || now_ms >= end_ms) {
		b->start_ms[window] = now_ms;
		b->n[window] = 0;
		return 0;
	}
	return b->n[window] < max ? 0 : end_ms - now_ms;
}

bool attempts_take(struct attempts *a, const char *key, int64_t per_minute, int64_t per_day,
		   int64_t now_mono_ms, int64_t *ret_wait_s)
{
	const int64_t max[WINDOW_N] = { per_minute, per_day };
	int64_t wait_ms = 0;
	*ret_wait_s = 0;
	if (per_minute <= 0)
		return true;
	pthread_mutex_lock(&a->lock);
	struct bucket *b = bucket_of(a, key);
	for (int i = 0; i < WINDOW_N; i++) {
		int64_t ms = window_wait(b, i, max[i], now_mono_ms);
		wait_ms = ms > wait_ms ? ms : wait_ms;
	}
	for (int i = 0; wait_ms == 0 && i < WINDOW_N; i++)
		b->n[i]++;
	pthread_mutex_unlock(&a->lock);
	*ret_wait_s = (wait_ms + 999) / 1000;
	return wait_ms == 0;
}

void attempts_forgive(struct attempts *a, const char *key)
{
	pthread_mutex_lock(&a->lock);
	struct bucket *b = bucket_of(a, key);
	for (int i = 0; i < WINDOW_N; i++)
		if (b->n[i] > 0)
			b->n[i]--;
	pthread_mutex_unlock(&a->lock);
}
