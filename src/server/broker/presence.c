/* SPDX-License-Identifier: Apache-2.0
 *
 * See presence.h. Bounded by the broker's connections. The function is called without the lock, so it may ask.
 */
#include "server/broker/presence.h"

#include "broker/link.h"

#include "base/map.h"
#include <pthread.h>
#include <stdlib.h>

struct presence {
	pthread_mutex_t lock;
	struct map *online; /* device id -> the presence itself: only whether it is there counts */
	presence_fn *fn;
	void *user;
};

static struct map *must_map(void)
{
	struct map *m = map_new();
	if (!m)
		abort();
	return m;
}

struct presence *presence_new(void)
{
	struct presence *p = calloc(1, sizeof *p);
	if (!p)
		abort();
	pthread_mutex_init(&p->lock, NULL);
	p->online = must_map();
	return p;
}

void presence_free(struct presence *p)
{
	if (!p)
		return;
	map_free(p->online);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void presence_on_change(struct presence *p, presence_fn *fn, void *user)
{
	pthread_mutex_lock(&p->lock);
	p->fn = fn;
	p->user = user;
	pthread_mutex_unlock(&p->lock);
}

bool presence_online(struct presence *p, int64_t device_id)
{
	pthread_mutex_lock(&p->lock);
	bool online = map_get(p->online, map_key_int(&device_id)) != NULL;
	pthread_mutex_unlock(&p->lock);
	return online;
}

static void set(struct presence *p, int64_t id, bool online, int64_t at_ms)
{
	struct span key = map_key_int(&id);
	pthread_mutex_lock(&p->lock);
	bool was = (online ? map_put(p->online, key, p) : map_remove(p->online, key)) != NULL;
	presence_fn *fn = p->fn;
	void *user = p->user;
	pthread_mutex_unlock(&p->lock);
	if (was != online && fn)
		fn(user, id, online, at_ms);
}

void presence_report(struct presence *p, int64_t device_id, unsigned flags, int64_t at_ms)
{
	if (flags & LINK_WENT)
		set(p, device_id, false, at_ms);
	if (flags & LINK_CAME)
		set(p, device_id, true, at_ms);
	if (flags & (LINK_WENT | LINK_CAME) && !(flags & LINK_ONLINE))
		set(p, device_id, false, at_ms);
}

struct leaving {
	int64_t *ids;
	size_t n;
};

static void collect(void *user, struct span key, void *value)
{
	struct leaving *l = user;
	(void)value;
	memcpy(&l->ids[l->n++], key.p, sizeof *l->ids);
}

void presence_clear(struct presence *p, int64_t at_ms)
{
	pthread_mutex_lock(&p->lock);
	struct leaving l = { .ids = calloc(map_n(p->online) + 1, sizeof *l.ids) };
	if (!l.ids)
		abort();
	map_each(p->online, collect, &l);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < l.n; i++)
		set(p, l.ids[i], false, at_ms);
	free(l.ids);
}
