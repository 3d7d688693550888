/* SPDX-License-Identifier: Apache-2.0
 *
 * Token buckets in a table of fixed size, see throttle.h. The unit of a
 * bucket's level is chosen so that it drains by exactly the limit every millisecond.
 */
#include "server/throttle.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define ATTEMPT   MINUTE_MS /* so N attempts a minute drain N units a millisecond */

struct bucket {
	int64_t level;   /* attempts * ATTEMPT, as of 'at_ms' */
	int64_t at_ms;   /* monotonic */
	int64_t rate_pm; /* limit it drains with, attempts a minute */
};

struct throttle {
	pthread_mutex_t lock;
	uint64_t seed;
	size_t n_buckets;
	struct bucket buckets[];
};

struct throttle *throttle_new(uint64_t seed, size_t n_buckets)
{
	struct throttle *t = calloc(1, sizeof *t + n_buckets * sizeof t->buckets[0]);
	if (!t)
		abort();
	pthread_mutex_init(&t->lock, NULL);
	t->seed = seed;
	t->n_buckets = n_buckets;
	return t;
}

void throttle_free(struct throttle *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* FNV-1a over seed and key. */
static struct bucket *bucket_of(struct throttle *t, const void *key, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ t->seed;
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)key)[i]) * UINT64_C(0x100000001b3);
	return &t->buckets[(h ^ h >> 32) % t->n_buckets];
}

/* An IPv6 host owns its whole /64, so that is what counts. */
static struct bucket *bucket_of_peer(struct throttle *t, const char *peer)
{
	uint8_t bytes[16] = { 0 };
	if (inet_pton(AF_INET, peer, bytes) == 1)
		return bucket_of(t, bytes, 4);
	if (inet_pton(AF_INET6, peer, bytes) != 1)
		memset(bytes, 0, sizeof bytes);
	return bucket_of(t, bytes, 8);
}

static void drain(struct bucket *b, int64_t now_ms)
{
	int64_t passed = now_ms - b->at_ms;
	if (passed > 0)
		b->level -= passed > MINUTE_MS ? b->level : passed * b->rate_pm;
	if (b->level < 0)
		b->level = 0;
	b->at_ms = now_ms;
}

/* Under the lock. */
static bool attempt(struct bucket *b, int64_t per_minute, int64_t now_ms, int64_t *ret_wait_s)
{
	drain(b, now_ms);
	b->rate_pm = per_minute;
	int64_t over = b->level + ATTEMPT - per_minute * ATTEMPT;
	if (over > 0) {
		*ret_wait_s = over / per_minute / 1000 + 1;
		return false;
	}
	b->level += ATTEMPT;
	return true;
}

bool throttle_attempt(struct throttle *t, const char *peer, int64_t per_minute, int64_t now_mono_ms,
		      int64_t *ret_wait_s)
{
	*ret_wait_s = 0;
	if (per_minute <= 0)
		return true;
	pthread_mutex_lock(&t->lock);
	bool may = attempt(bucket_of_peer(t, peer), per_minute, now_mono_ms, ret_wait_s);
	pthread_mutex_unlock(&t->lock);
	return may;
}

bool throttle_attempt_id(struct throttle *t, int64_t id, int64_t per_minute, int64_t now_mono_ms,
			 int64_t *ret_wait_s)
{
	*ret_wait_s = 0;
	pthread_mutex_lock(&t->lock);
	bool may = attempt(bucket_of(t, &id, sizeof id), per_minute, now_mono_ms, ret_wait_s);
	pthread_mutex_unlock(&t->lock);
	return may;
}

void throttle_success(struct throttle *t, const char *peer)
{
	pthread_mutex_lock(&t->lock);
	struct bucket *b = bucket_of_peer(t, peer);
	b->level = b->level > ATTEMPT ? b->level - ATTEMPT : 0;
	pthread_mutex_unlock(&t->lock);
}
