/* SPDX-License-Identifier: Apache-2.0
 *
 * Parked requests, see doorbell.h. Each hangs in three lists: its device's bell, its fleet's bell, and
 * a slot of the timer wheel. Whoever rings takes requests off all three under the lock and answers
 * them after it.
 *
 * So that nothing is lost between a handler's read and its parking, rings are numbered, and the last one
 * of each device and fleet is remembered, in tables of fixed size. Ids that share a slot share the
 * later of their rings: such a request is answered once too early, never too late. (The numbers are
 * not those of events: a restore sets the event log back.)
 */
#include "server/doorbell.h"

#include "base/map.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WHEEL_TICK_MS 100
#define WHEEL_SLOTS   4096 /* must reach further than DOORBELL_TIMEOUT_MAX_MS */
#define LAST_SLOTS    4096

_Static_assert(WHEEL_SLOTS *WHEEL_TICK_MS > DOORBELL_TIMEOUT_MAX_MS + 60000,
	       "the wheel is too small");

struct link { /* of a ring with a head; an unlinked one points to itself */
	struct link *next, *prev;
};

struct bell { /* of a device or fleet; heap, freed when nobody waits at it any more */
	int64_t id;
	struct link parked;
};

struct parked { /* heap; freed when answered */
	struct http_request *req;
	doorbell_fn *fn;
	struct bell *device, *fleet;
	struct link by_device, by_fleet;
	struct link by_time; /* in a wheel slot, in 'due', or in the list of who answers it */
};

struct doorbells {
	pthread_mutex_t lock;
	struct map *devices, *fleets; /* id -> struct bell */
	struct link wheel[WHEEL_SLOTS];
	struct link due; /* to be answered by the next doorbell_expire() */
	int64_t tick;    /* the wheel is done up to here */
	int64_t wake_at; /* what doorbell_expire() returned */
	size_t n;
	bool closing;
	int64_t last_device[LAST_SLOTS], last_fleet[LAST_SLOTS], last_all;
	_Atomic int64_t n_rings; /* so far; written under the lock */
	void (*on_due)(void *user);
	void *on_due_user;
};

static void link_init(struct link *l)
{
	l->next = l->prev = l;
}

static bool link_empty(const struct link *head)
{
	return head->next == head;
}

static void link_append(struct link *head, struct link *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

static void link_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	link_init(l);
}

struct doorbells *doorbells_new(int64_t now_mono_ms)
{
	struct doorbells *b = calloc(1, sizeof *b);
	if (!b || !(b->devices = map_new()) || !(b->fleets = map_new()))
		abort();
	pthread_mutex_init(&b->lock, NULL);
	for (size_t i = 0; i < WHEEL_SLOTS; i++)
		link_init(&b->wheel[i]);
	link_init(&b->due);
	b->tick = now_mono_ms / WHEEL_TICK_MS;
	b->wake_at = INT64_MAX;
	return b;
}

void doorbells_free(struct doorbells *b)
{
	if (!b)
		return;
	assert(b->n == 0);
	map_free(b->devices);
	map_free(b->fleets);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void doorbells_on_due(struct doorbells *b, void (*fn)(void *user), void *user)
{
	b->on_due = fn;
	b->on_due_user = user;
}

int64_t doorbell_ticket(const struct doorbells *b)
{
	return b->n_rings;
}

static size_t last_slot(int64_t id)
{
	return (size_t)((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15) >> 52) % LAST_SLOTS;
}

static struct bell *bell_of(struct map *bells, int64_t id)
{
	struct bell *bell = map_get(bells, map_key_int(&id));
	if (bell)
		return bell;
	bell = calloc(1, sizeof *bell);
	if (!bell)
		abort();
	bell->id = id;
	link_init(&bell->parked);
	(void)map_put(bells, map_key_int(&id), bell);
	return bell;
}

static void leave_bell(struct map *bells, struct bell *bell, struct link *l)
{
	link_remove(l);
	if (!link_empty(&bell->parked))
		return;
	(void)map_remove(bells, map_key_int(&bell->id));
	free(bell);
}

/* Off its bells, onto 'list'. */
static void take(struct doorbells *b, struct parked *p, struct link *list)
{
	if (p->device) {
		leave_bell(b->devices, p->device, &p->by_device);
		leave_bell(b->fleets, p->fleet, &p->by_fleet);
		p->device = p->fleet = NULL;
	}
	link_remove(&p->by_time);
	link_append(list, &p->by_time);
}

static void answer(struct doorbells *b, struct link *list, enum doorbell_why why)
{
	size_t n = 0;
	while (!link_empty(list)) {
		struct parked *p = CONTAINER_OF(list->next, struct parked, by_time);
		link_remove(&p->by_time);
		p->fn(p->req, why);
		free(p);
		n++;
	}
	if (n == 0)
		return;
	pthread_mutex_lock(&b->lock);
	b->n -= n;
	pthread_mutex_unlock(&b->lock);
}

void doorbell_park(struct doorbells *b, struct http_request *req, const struct device *d,
		   int64_t ticket, int64_t timeout_ms, int64_t now_mono_ms, doorbell_fn *fn)
{
	struct parked *p = calloc(1, sizeof *p);
	if (!p)
		abort();
	p->req = req;
	p->fn = fn;
	link_init(&p->by_time);
	if (timeout_ms > DOORBELL_TIMEOUT_MAX_MS)
		timeout_ms = DOORBELL_TIMEOUT_MAX_MS;
	http_defer(req); /* before anybody else can see it */
	pthread_mutex_lock(&b->lock);
	b->n++;
	int64_t deadline = now_mono_ms + timeout_ms;
	bool now = b->closing || b->last_all > ticket ||
		   b->last_device[last_slot(d->id)] > ticket ||
		   b->last_fleet[last_slot(d->fleet_id)] > ticket;
	if (now) {
		link_append(&b->due, &p->by_time);
	} else {
		p->device = bell_of(b->devices, d->id);
		p->fleet = bell_of(b->fleets, d->fleet_id);
		link_append(&p->device->parked, &p->by_device);
		link_append(&p->fleet->parked, &p->by_fleet);
		int64_t tick = deadline / WHEEL_TICK_MS + 1;
		link_append(&b->wheel[tick % WHEEL_SLOTS], &p->by_time);
	}
	bool wake = now || deadline < b->wake_at;
	if (wake && !now)
		b->wake_at = deadline;
	pthread_mutex_unlock(&b->lock);
	if (wake && b->on_due)
		b->on_due(b->on_due_user);
}

static void ring_bell(struct doorbells *b, struct map *bells, int64_t id, bool fleets,
		      struct link *list)
{
	struct bell *bell = map_get(bells, map_key_int(&id));
	/* The bell goes with its last request, so look it up anew rather than look into it. */
	for (; bell; bell = map_get(bells, map_key_int(&id))) {
		struct link *l = bell->parked.next;
		take(b,
		     fleets ? CONTAINER_OF(l, struct parked, by_fleet)
			    : CONTAINER_OF(l, struct parked, by_device),
		     list);
	}
}

void doorbell_ring(struct doorbells *b, int64_t device_id, const int64_t *fleet_ids,
		   size_t n_fleets)
{
	struct link list;
	link_init(&list);
	pthread_mutex_lock(&b->lock);
	int64_t n = ++b->n_rings;
	if (device_id) {
		b->last_device[last_slot(device_id)] = n;
		ring_bell(b, b->devices, device_id, false, &list);
	}
	for (size_t i = 0; i < n_fleets; i++) {
		b->last_fleet[last_slot(fleet_ids[i])] = n;
		ring_bell(b, b->fleets, fleet_ids[i], true, &list);
	}
	pthread_mutex_unlock(&b->lock);
	answer(b, &list, DOORBELL_RANG);
}

static void take_everything(struct doorbells *b, struct link *list)
{
	for (size_t i = 0; i < WHEEL_SLOTS; i++)
		while (!link_empty(&b->wheel[i]))
			take(b, CONTAINER_OF(b->wheel[i].next, struct parked, by_time), list);
}

void doorbell_ring_all(struct doorbells *b)
{
	struct link list;
	link_init(&list);
	pthread_mutex_lock(&b->lock);
	b->last_all = ++b->n_rings;
	take_everything(b, &list);
	pthread_mutex_unlock(&b->lock);
	answer(b, &list, DOORBELL_RANG);
}

void doorbells_close(struct doorbells *b)
{
	struct link list;
	link_init(&list);
	pthread_mutex_lock(&b->lock);
	b->closing = true;
	take_everything(b, &list);
	pthread_mutex_unlock(&b->lock);
	answer(b, &list, DOORBELL_CLOSING);
}

/* When the first request in the wheel is over time. */
static int64_t next_deadline(const struct doorbells *b)
{
	for (int64_t tick = b->tick + 1; b->n > 0 && tick <= b->tick + WHEEL_SLOTS; tick++)
		if (!link_empty(&b->wheel[tick % WHEEL_SLOTS]))
			return tick * WHEEL_TICK_MS;
	return INT64_MAX;
}

int64_t doorbell_expire(struct doorbells *b, int64_t now_mono_ms)
{
	struct link due, late;
	link_init(&due);
	link_init(&late);
	pthread_mutex_lock(&b->lock);
	while (!link_empty(&b->due))
		take(b, CONTAINER_OF(b->due.next, struct parked, by_time), &due);
	int64_t now = now_mono_ms / WHEEL_TICK_MS;
	if (now - b->tick > WHEEL_SLOTS)
		b->tick = now - WHEEL_SLOTS; /* once round is everything */
	for (; b->tick < now; b->tick++) {
		struct link *slot = &b->wheel[(b->tick + 1) % WHEEL_SLOTS];
		while (!link_empty(slot))
			take(b, CONTAINER_OF(slot->next, struct parked, by_time), &late);
	}
	int64_t next = b->wake_at = next_deadline(b);
	enum doorbell_why why = b->closing ? DOORBELL_CLOSING : DOORBELL_RANG;
	pthread_mutex_unlock(&b->lock);
	answer(b, &due, why);
	answer(b, &late, DOORBELL_TIMED_OUT);
	return next;
}

size_t doorbells_n(struct doorbells *b)
{
	pthread_mutex_lock(&b->lock);
	size_t n = b->n;
	pthread_mutex_unlock(&b->lock);
	return n;
}
