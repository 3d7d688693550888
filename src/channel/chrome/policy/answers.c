/* SPDX-License-Identifier: Apache-2.0
 *
 * Two hashed tables, see answers.h: answers in sets of four slots, of which the oldest gives way, and notes in
 * one slot each. Locks are striped over the sets and held to compare a key or to take a reference. When all
 * answers together are too large, a hand goes round and drops what it meets.
 */
#include "channel/chrome/policy/answers.h"

#include "base/crypto.h"
#include <pthread.h>

#define N_SLOTS    16384 /* answers */
#define N_WAYS     4
#define N_SETS     (N_SLOTS / N_WAYS)
#define N_NOTES    65536
#define N_LOCKS    64
#define BYTES_MAX  (64u << 20)
#define BYTES_EACH 5120 /* of an answer beside its payloads and what is written around them */

struct slot {
	struct answer *answer;
	uint8_t *key;
	size_t n_key;
	uint64_t hash; /* of the key: most comparisons end here */
};

struct note {
	int64_t device_id;
	struct device_note note;
};

struct chrome_answers {
	pthread_mutex_t locks[N_LOCKS];
	uint64_t seed;
	_Atomic size_t n_bytes;
	_Atomic size_t hand;
	_Atomic uint32_t serial;
	struct slot slots[N_SLOTS];
	struct note notes[N_NOTES];
};

struct chrome_answers *chrome_answers_new(void)
{
	struct chrome_answers *k = calloc(1, sizeof *k);
	if (!k)
		abort();
	for (size_t i = 0; i < N_LOCKS; i++)
		pthread_mutex_init(&k->locks[i], NULL);
	rand_bytes(&k->seed, sizeof k->seed);
	return k;
}

void chrome_answers_free(struct chrome_answers *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < N_SLOTS; i++) {
		answer_unref(k->slots[i].answer);
		free(k->slots[i].key);
	}
	for (size_t i = 0; i < N_LOCKS; i++)
		pthread_mutex_destroy(&k->locks[i]);
	free(k);
}

/* ---- one answer ---- */

struct answer *answer_new(void)
{
	struct answer *a = calloc(1, sizeof *a);
	if (!a)
		abort();
	a->n_refs = 1;
	return a;
}

void answer_unref(struct answer *a)
{
	if (!a || atomic_fetch_sub(&a->n_refs, 1) != 1)
		return;
	arena_fini(&a->arena);
	free(a);
}

static size_t size_of(const struct answer *a)
{
	size_t n = BYTES_EACH;
	for (size_t i = 0; i < a->n; i++)
		n += a->items[i].value.bytes.n + a->items[i].data.n;
	return n;
}

/* ---- the table ---- */

static uint64_t hash(const struct chrome_answers *k, struct span key)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ k->seed;
	for (size_t i = 0; i < key.n; i++)
		h = (h ^ key.p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

static pthread_mutex_t *lock_of(struct chrome_answers *k, size_t set)
{
	return &k->locks[set % N_LOCKS];
}

static bool has_key(const struct slot *s, struct span key, uint64_t h)
{
	return s->answer && s->hash == h && s->n_key == key.n && memcmp(s->key, key.p, key.n) == 0;
}

uint32_t answers_serial(struct chrome_answers *k)
{
	uint32_t serial = ++k->serial;
	return serial ? serial : ++k->serial;
}

struct answer *answers_get(struct chrome_answers *k, struct span key)
{
	uint64_t h = hash(k, key);
	size_t set = h % N_SETS;
	const struct slot *ways = &k->slots[set * N_WAYS];
	struct answer *a = NULL;
	pthread_mutex_lock(lock_of(k, set));
	for (size_t i = 0; i < N_WAYS && !a; i++)
		if (has_key(&ways[i], key, h))
			a = ways[i].answer;
	if (a)
		a->n_refs++;
	pthread_mutex_unlock(lock_of(k, set));
	return a;
}

/* What gives way: the same key, an empty slot, the oldest. */
static struct slot *victim_of(struct slot *ways, struct span key, uint64_t h)
{
	struct slot *victim = &ways[0];
	for (size_t i = 0; i < N_WAYS; i++)
		if (has_key(&ways[i], key, h))
			return &ways[i];
	for (size_t i = 1; i < N_WAYS && victim->answer; i++)
		if (!ways[i].answer || ways[i].answer->made_ms < victim->answer->made_ms)
			victim = &ways[i];
	return victim;
}

static void drop(struct chrome_answers *k, struct slot old)
{
	if (old.answer)
		k->n_bytes -= size_of(old.answer);
	answer_unref(old.answer);
	free(old.key);
}

/* Empties the slot, if it holds this device's (0: anybody's). */
static void empty(struct chrome_answers *k, size_t i, int64_t device_id)
{
	struct slot old = { 0 };
	pthread_mutex_lock(lock_of(k, i / N_WAYS));
	if (k->slots[i].answer && (!device_id || k->slots[i].answer->device_id == device_id)) {
		old = k->slots[i];
		k->slots[i] = (struct slot){ 0 };
	}
	pthread_mutex_unlock(lock_of(k, i / N_WAYS));
	drop(k, old);
}

void answers_put(struct chrome_answers *k, struct span key, struct answer *a)
{
	uint64_t h = hash(k, key);
	size_t set = h % N_SETS;
	struct slot fresh = { .answer = a, .key = malloc(key.n + 1), .n_key = key.n, .hash = h };
	if (!fresh.key)
		abort();
	memcpy(fresh.key, key.p, key.n);
	a->n_refs++;
	k->n_bytes += size_of(a);
	for (size_t i = 0; i < N_SLOTS && k->n_bytes > BYTES_MAX; i++)
		empty(k, k->hand++ % N_SLOTS, 0);
	pthread_mutex_lock(lock_of(k, set));
	struct slot *victim = victim_of(&k->slots[set * N_WAYS], key, h), old = *victim;
	*victim = fresh;
	pthread_mutex_unlock(lock_of(k, set));
	drop(k, old);
}

void chrome_answers_forget(struct chrome_answers *k, int64_t device_id)
{
	for (size_t i = 0; i < N_SLOTS; i++)
		empty(k, i, device_id);
}

/* ---- notes ---- */

static struct note *note_lock(struct chrome_answers *k, int64_t device_id, pthread_mutex_t **ret)
{
	struct span key = { (const uint8_t *)&device_id, sizeof device_id };
	size_t i = hash(k, key) % N_NOTES;
	*ret = lock_of(k, i);
	pthread_mutex_lock(*ret);
	if (k->notes[i].device_id != device_id)
		k->notes[i] = (struct note){ .device_id = device_id };
	return &k->notes[i];
}

struct device_note answers_note(struct chrome_answers *k, int64_t device_id)
{
	pthread_mutex_t *lock;
	struct device_note note = note_lock(k, device_id, &lock)->note;
	pthread_mutex_unlock(lock);
	return note;
}

void answers_note_named(struct chrome_answers *k, int64_t device_id, int64_t named_ms)
{
	pthread_mutex_t *lock;
	note_lock(k, device_id, &lock)->note.named_ms = named_ms;
	pthread_mutex_unlock(lock);
}

void answers_note_issued(struct chrome_answers *k, int64_t device_id, int64_t issued_ms)
{
	pthread_mutex_t *lock;
	struct note *n = note_lock(k, device_id, &lock);
	if (n->note.issued_ms < issued_ms)
		n->note.issued_ms = issued_ms;
	pthread_mutex_unlock(lock);
}
