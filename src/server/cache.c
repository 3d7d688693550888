/* SPDX-License-Identifier: Apache-2.0
 *
 * Direct-mapped cache of reference counted values, see cache.h. One lock for each 1/64 of the slots, held
 * only to compare a key and to take a reference.
 */
#include "server/cache.h"

#include "base/crypto.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define N_LOCKS 64

struct cache_entry { /* reference counted: the slot's reference and those handed out */
	_Atomic uint32_t n_refs;
	uint64_t generation;
	void *value;
	void (*value_free)(void *value);
	size_t n_key;
	uint8_t key[];
};

struct slot {
	struct cache_entry *entry; /* NULL: free */
	uint64_t missed;           /* hash of the key that cache_wants() turned away last */
};

struct cache {
	pthread_mutex_t locks[N_LOCKS];
	uint64_t seed;
	size_t n_slots; /* a power of two */
	void (*value_free)(void *value);
	struct slot slots[];
};

struct cache *cache_new(size_t n_slots, void (*value_free)(void *value))
{
	assert(n_slots >= N_LOCKS && (n_slots & (n_slots - 1)) == 0);
	struct cache *c = calloc(1, sizeof *c + n_slots * sizeof c->slots[0]);
	if (!c)
		abort();
	for (size_t i = 0; i < N_LOCKS; i++)
		pthread_mutex_init(&c->locks[i], NULL);
	rand_bytes(&c->seed, sizeof c->seed);
	c->n_slots = n_slots;
	c->value_free = value_free;
	return c;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_slots; i++)
		cache_unref(c->slots[i].entry);
	for (size_t i = 0; i < N_LOCKS; i++)
		pthread_mutex_destroy(&c->locks[i]);
	free(c);
}

/* Seeded FNV-1a: a collision costs a miss, nothing more. */
static uint64_t hash_of(const struct cache *c, struct span key)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ c->seed;
	for (size_t i = 0; i < key.n; i++)
		h = (h ^ key.p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

static size_t slot_of(const struct cache *c, struct span key)
{
	return (size_t)hash_of(c, key) & (c->n_slots - 1);
}

static pthread_mutex_t *lock_of(struct cache *c, size_t slot)
{
	return &c->locks[slot % N_LOCKS];
}

struct cache_entry *cache_get(struct cache *c, struct span key, uint64_t generation)
{
	size_t slot = slot_of(c, key);
	pthread_mutex_lock(lock_of(c, slot));
	struct cache_entry *e = c->slots[slot].entry;
	if (e && e->generation == generation && e->n_key == key.n &&
	    memcmp(e->key, key.p, key.n) == 0)
		e->n_refs++;
	else
		e = NULL;
	pthread_mutex_unlock(lock_of(c, slot));
	return e;
}

bool cache_wants(struct cache *c, struct span key, uint64_t generation)
{
	uint64_t hash = hash_of(c, key);
	size_t slot = slot_of(c, key);
	struct slot *s = &c->slots[slot];
	pthread_mutex_lock(lock_of(c, slot));
	bool wanted = !s->entry || s->entry->generation != generation || s->missed == hash;
	s->missed = hash;
	pthread_mutex_unlock(lock_of(c, slot));
	return wanted;
}

struct cache_entry *cache_put(struct cache *c, struct span key, uint64_t generation, void *value)
{
	struct cache_entry *e = malloc(sizeof *e + key.n);
	if (!e)
		abort();
	*e = (struct cache_entry){ .n_refs = 2,
				   .generation = generation,
				   .value = value,
				   .value_free = c->value_free,
				   .n_key = key.n };
	memcpy(e->key, key.p, key.n);
	size_t slot = slot_of(c, key);
	pthread_mutex_lock(lock_of(c, slot));
	struct cache_entry *old = c->slots[slot].entry;
	c->slots[slot].entry = e;
	pthread_mutex_unlock(lock_of(c, slot));
	cache_unref(old);
	return e;
}

const void *cache_value(const struct cache_entry *e)
{
	return e->value;
}

void cache_unref(void *entry)
{
	struct cache_entry *e = entry;
	if (!e || atomic_fetch_sub(&e->n_refs, 1) != 1)
		return;
	e->value_free(e->value);
	free(e);
}
