/* SPDX-License-Identifier: Apache-2.0
 *
 * Hash table with linear probing and deletion by shifting back (no tombstones, so a table that
 * lives for months does not decay). SipHash-1-3 under a random key per table: peers choose keys and must
 * not be able to make them collide.
 *
 * A slot is taken when its value is not NULL. Keys of up to 8 bytes (every integer) lie in the
 * slot itself.
 */
#include "base/map.h"
#include "base/crypto.h"
#include <assert.h>

#define FIRST_CAP 16 /* slots; always a power of two */

struct slot {
	uint64_t hash;
	void *value; /* borrowed; NULL: free slot */
	size_t n;    /* of the key */
	union {
		uint8_t bytes[8];
		uint8_t *heap; /* when n > 8 */
	} key;
};

struct map {
	struct slot *slots;
	size_t cap, n;
	uint64_t seed[2];
};

static uint64_t rotl(uint64_t v, int by)
{
	return v << by | v >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static uint64_t hash_of(const struct map *m, struct span key)
{
	uint64_t v[4] = { m->seed[0] ^ 0x736f6d6570736575, m->seed[1] ^ 0x646f72616e646f6d,
			  m->seed[0] ^ 0x6c7967656e657261, m->seed[1] ^ 0x7465646279746573 };
	uint64_t last = (uint64_t)key.n << 56, word;
	for (; key.n >= 8; key.p += 8, key.n -= 8) {
		memcpy(&word, key.p, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < key.n; i++)
		last |= (uint64_t)key.p[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static struct span key_of(const struct slot *s)
{
	return (struct span){ s->n > sizeof s->key.bytes ? s->key.heap : s->key.bytes, s->n };
}

static struct slot *slots_new(size_t cap)
{
	struct slot *slots = calloc(cap, sizeof *slots);
	if (!slots)
		abort();
	return slots;
}

struct map *map_new(void)
{
	struct map *m = calloc(1, sizeof *m);
	if (!m)
		abort();
	m->cap = FIRST_CAP;
	m->slots = slots_new(m->cap);
	rand_bytes(m->seed, sizeof m->seed);
	return m;
}

static void slot_fini(struct slot *s)
{
	if (s->value && s->n > sizeof s->key.bytes)
		free(s->key.heap);
	*s = (struct slot){ 0 };
}

void map_free(struct map *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->cap; i++)
		slot_fini(&m->slots[i]);
	free(m->slots);
	free(m);
}

size_t map_n(const struct map *m)
{
	return m->n;
}

/* The slot of the key, or the free one where it would go: the table is never full. */
static struct slot *find(const struct map *m, uint64_t hash, struct span key)
{
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct slot *s = &m->slots[i];
		if (!s->value || (s->hash == hash && span_eq(key_of(s), key)))
			return s;
	}
}

void *map_get(const struct map *m, struct span key)
{
	return find(m, hash_of(m, key), key)->value;
}

static void grow(struct map *m)
{
	struct slot *old = m->slots;
	size_t old_cap = m->cap;
	m->cap *= 2;
	m->slots = slots_new(m->cap);
	for (size_t i = 0; i < old_cap; i++)
		if (old[i].value)
			*find(m, old[i].hash, key_of(&old[i])) = old[i];
	free(old);
}

static void set_key(struct slot *s, struct span key)
{
	uint8_t *to = s->key.bytes;
	s->n = key.n;
	if (key.n > sizeof s->key.bytes) {
		to = s->key.heap = malloc(key.n);
		if (!to)
			abort();
	}
	if (key.n > 0)
		memcpy(to, key.p, key.n);
}

void *map_put(struct map *m, struct span key, void *value)
{
	assert(value);
	uint64_t hash = hash_of(m, key);
	struct slot *s = find(m, hash, key);
	void *before = s->value;
	if (!before) {
		if (m->n >= m->cap / 4 * 3) {
			grow(m);
			s = find(m, hash, key);
		}
		set_key(s, key);
		s->hash = hash;
		m->n++;
	}
	s->value = value;
	return before;
}

/* Closes the gap at 'hole': whoever stands behind it only because of it moves forward. */
static void shift_back(struct map *m, size_t hole)
{
	const size_t mask = m->cap - 1;
	for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
		size_t home = m->slots[i].hash & mask;
		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* its home lies behind the hole */
		m->slots[hole] = m->slots[i];
		m->slots[i] = (struct slot){ 0 };
		hole = i;
	}
}

void *map_remove(struct map *m, struct span key)
{
	struct slot *s = find(m, hash_of(m, key), key);
	void *before = s->value;
	if (!before)
		return NULL;
	slot_fini(s);
	m->n--;
	shift_back(m, (size_t)(s - m->slots));
	return before;
}

void map_each(const struct map *m, void (*fn)(void *user, struct span key, void *value), void *user)
{
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value)
			fn(user, key_of(&m->slots[i]), m->slots[i].value);
}
