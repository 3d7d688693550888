/* SPDX-License-Identifier: Apache-2.0
 *
 * Rate limiting; rate.h has the rules. Tokens are counted in thousandths, so that what a
 * millisecond adds is a whole number: `per_second` of them.
 */
#include "net/http/rate.h"
#include "base/crypto.h"
#include <netinet/in.h>
#include <pthread.h>

#define WAYS       8
#define SHARDS     64
#define TOKEN      1000
#define FOREVER_MS (24 * 3600 * 1000) /* a bound that keeps products in 64 bits */

struct bucket {
	struct rate_address from;
	uint8_t class;
	uint64_t used; /* the shard's count at the last use; 0: free */
	int64_t at_ms; /* when 'tokens' was right */
	uint64_t tokens;
};

struct shard {
	pthread_mutex_t lock;
	uint64_t n_uses;
	struct bucket *buckets; /* n_sets * WAYS */
};

struct rate_table {
	size_t n_sets; /* of a shard */
	uint64_t seed[2];
	struct shard shards[SHARDS];
	struct bucket buckets[];
};

struct rate_table *rate_table_new(size_t n_buckets)
{
	size_t n_sets = n_buckets / (SHARDS * WAYS);
	if (n_sets == 0)
		n_sets = 1;
	size_t per_shard = n_sets * WAYS;
	struct rate_table *t = calloc(1, sizeof *t + SHARDS * per_shard * sizeof *t->buckets);
	if (!t)
		abort();
	t->n_sets = n_sets;
	rand_bytes(t->seed, sizeof t->seed);
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&t->shards[i].lock, NULL);
		t->shards[i].buckets = t->buckets + i * per_shard;
	}
	return t;
}

void rate_table_free(struct rate_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < SHARDS; i++)
		pthread_mutex_destroy(&t->shards[i].lock);
	free(t);
}

void rate_address(const struct sockaddr *sa, struct rate_address *ret)
{
	*ret = (struct rate_address){ 0 };
	if (sa->sa_family == AF_INET) {
		ret->bytes[0] = 4;
		memcpy(ret->bytes + 1, &((const struct sockaddr_in *)(const void *)sa)->sin_addr,
		       4);
	} else if (sa->sa_family == AF_INET6) {
		const struct in6_addr *a =
			&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
		bool mapped = IN6_IS_ADDR_V4MAPPED(a);
		ret->bytes[0] = mapped ? 4 : 6;
		memcpy(ret->bytes + 1, a->s6_addr + (mapped ? 12 : 0), mapped ? 4 : 8);
	}
}

/* Seeded, so that a peer cannot aim at a set: multiply and fold, twice (as wyhash does). */
static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash(const struct rate_table *t, uint8_t class, const struct rate_address *from)
{
	uint64_t a, b;
	memcpy(&a, from->bytes, 8);
	memcpy(&b, from->bytes + 8, 8);
	return mix(mix(a ^ t->seed[0] ^ class, b ^ t->seed[1] ^ 0x9e3779b97f4a7c15u),
		   0xd6e8feb86659fd93u);
}

/* The peer's bucket, or a full one in place of the one unused for longest. */
static struct bucket *find(struct bucket *set, uint8_t class, const struct rate_address *from,
			   uint64_t full, int64_t now_ms)
{
	struct bucket *oldest = &set[0];
	for (size_t i = 0; i < WAYS; i++) {
		struct bucket *b = &set[i];
		if (b->used && b->class == class && memcmp(&b->from, from, sizeof *from) == 0)
			return b;
		if (b->used < oldest->used)
			oldest = b;
	}
	*oldest = (struct bucket){ .from = *from, .class = class, .at_ms = now_ms, .tokens = full };
	return oldest;
}

static void refill(struct bucket *b, uint32_t per_second, uint64_t full, int64_t now_ms)
{
	int64_t passed = now_ms - b->at_ms;
	if (passed <= 0) /* another worker's clock reading may be newer */
		return;
	if (passed > FOREVER_MS)
		passed = FOREVER_MS;
	b->tokens += (uint64_t)passed * per_second;
	b->at_ms = now_ms;
	if (b->tokens > full)
		b->tokens = full;
}

int64_t rate_take(struct rate_table *t, uint8_t class, const struct rate_address *from,
		  uint32_t per_second, uint32_t burst, int64_t now_ms)
{
	if (per_second == 0)
		return 0;
	uint64_t full = (uint64_t)(burst ? burst : per_second) * TOKEN;
	uint64_t h = hash(t, class, from);
	struct shard *s = &t->shards[h % SHARDS];
	struct bucket *set = s->buckets + (h / SHARDS) % t->n_sets * WAYS;
	int64_t wait_ms = 0;
	pthread_mutex_lock(&s->lock);
	struct bucket *b = find(set, class, from, full, now_ms);
	b->used = ++s->n_uses;
	refill(b, per_second, full, now_ms);
	if (b->tokens >= TOKEN)
		b->tokens -= TOKEN;
	else
		wait_ms = (int64_t)((TOKEN - b->tokens + per_second - 1) / per_second);
	pthread_mutex_unlock(&s->lock);
	return wait_ms;
}
