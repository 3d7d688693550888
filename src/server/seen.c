/* SPDX-License-Identifier: Apache-2.0
 *
 * Last contacts, noted in two maps (id -> time) that the flush takes away and replaces by empty
 * ones. One lock, held for a map_put or for the exchange.
 */
#include "server/seen.h"

#include "base/map.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SEEN_MAX 65536 /* devices noted between two flushes */

struct seen {
	pthread_mutex_t lock;
	struct map *devices, *api_tokens; /* id -> (void *)time */
	_Atomic uint64_t n_dropped;
};

static struct map *must_map(void)
{
	struct map *m = map_new();
	if (!m)
		abort();
	return m;
}

struct seen *seen_new(void)
{
	struct seen *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	pthread_mutex_init(&s->lock, NULL);
	s->devices = must_map();
	s->api_tokens = must_map();
	return s;
}

void seen_free(struct seen *s)
{
	if (!s)
		return;
	map_free(s->devices);
	map_free(s->api_tokens);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void note(struct seen *s, struct map *m, int64_t id, int64_t now_ms)
{
	struct span key = map_key_int(&id);
	if (map_n(m) < SEEN_MAX || map_get(m, key))
		(void)map_put(m, key, (void *)(uintptr_t)now_ms);
	else
		s->n_dropped++;
}

void seen_device(struct seen *s, int64_t device_id, int64_t now_ms)
{
	pthread_mutex_lock(&s->lock);
	note(s, s->devices, device_id, now_ms);
	pthread_mutex_unlock(&s->lock);
}

void seen_api_token(struct seen *s, int64_t api_token_id, int64_t now_ms)
{
	pthread_mutex_lock(&s->lock);
	note(s, s->api_tokens, api_token_id, now_ms);
	pthread_mutex_unlock(&s->lock);
}

struct flush {
	struct store_write write;
	struct device_seen *items; /* devices, then API tokens */
	size_t n, n_devices;
};

static void flush_add(void *user, struct span key, void *value)
{
	struct flush *f = user;
	int64_t id = 0;
	memcpy(&id, key.p, sizeof id);
	f->items[f->n++] = (struct device_seen){ id, (int64_t)(uintptr_t)value };
}

static int flush_apply(struct store_conn *tx, struct store_write *w)
{
	struct flush *f = CONTAINER_OF(w, struct flush, write);
	int r = f->n_devices > 0 ? store_device_touch(tx, f->items, f->n_devices) : 0;
	for (size_t i = f->n_devices; i < f->n && r == 0; i++)
		r = store_api_token_touch(tx, f->items[i].id, f->items[i].at_ms);
	return r;
}

int seen_flush(struct seen *s, struct store *store)
{
	pthread_mutex_lock(&s->lock);
	struct map *devices = s->devices, *api_tokens = s->api_tokens;
	size_t n = map_n(devices) + map_n(api_tokens);
	if (n > 0) {
		s->devices = must_map();
		s->api_tokens = must_map();
	}
	pthread_mutex_unlock(&s->lock);
	if (n == 0)
		return 0;

	struct flush f = { .write.apply = flush_apply, .items = calloc(n, sizeof *f.items) };
	if (!f.items)
		abort();
	map_each(devices, flush_add, &f);
	f.n_devices = f.n;
	map_each(api_tokens, flush_add, &f);
	map_free(devices);
	map_free(api_tokens);
	int r = store_write_wait(store, &f.write);
	free(f.items);
	return r;
}

uint64_t seen_n_dropped(const struct seen *s)
{
	return s->n_dropped;
}
