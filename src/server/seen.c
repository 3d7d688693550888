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
#define PIECE    256   /* written at once */

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

struct flush { /* a piece of what was noted: devices, then API tokens */
	struct store_write write;
	const struct device_seen *devices, *api_tokens;
	size_t n_devices, n_api_tokens;
};

struct list {
	struct device_seen *items;
	size_t n;
};

static void list_add(void *user, struct span key, void *value)
{
	struct list *l = user;
	int64_t id = 0;
	memcpy(&id, key.p, sizeof id);
	l->items[l->n++] = (struct device_seen){ id, (int64_t)(uintptr_t)value };
}

static int by_id(const void *a, const void *b)
{
	const struct device_seen *x = a, *y = b;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Neighbours lie in the same page of the store. */
static struct list list_of(struct map *m)
{
	struct list l = { .items = calloc(map_n(m) + 1, sizeof *l.items) };
	if (!l.items)
		abort();
	map_each(m, list_add, &l);
	map_free(m);
	qsort(l.items, l.n, sizeof *l.items, by_id);
	return l;
}

static int flush_apply(struct store_conn *tx, struct store_write *w)
{
	struct flush *f = CONTAINER_OF(w, struct flush, write);
	int r = store_device_touch(tx, f->devices, f->n_devices);
	for (size_t i = 0; i < f->n_api_tokens && r == 0; i++)
		r = store_api_token_touch(tx, f->api_tokens[i].id, f->api_tokens[i].at_ms);
	return r;
}

static size_t piece_of(size_t left)
{
	return left < PIECE ? left : PIECE;
}

/* In pieces, so that nobody's write waits for all of them. */
static int flush(struct store *store, const struct list *devices, const struct list *api_tokens)
{
	int r = 0;
	for (size_t d = 0, t = 0; r == 0 && (d < devices->n || t < api_tokens->n);) {
		struct flush f = { .write.apply = flush_apply,
				   .devices = devices->items + d,
				   .n_devices = piece_of(devices->n - d),
				   .api_tokens = api_tokens->items + t,
				   .n_api_tokens = piece_of(api_tokens->n - t) };
		r = store_write_wait(store, &f.write);
		d += f.n_devices;
		t += f.n_api_tokens;
	}
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
	struct list d = list_of(devices), t = list_of(api_tokens);
	int r = flush(store, &d, &t);
	free(d.items);
	free(t.items);
	return r;
}

uint64_t seen_n_dropped(const struct seen *s)
{
	return s->n_dropped;
}
