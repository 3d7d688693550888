/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap of timers, see timer.h. Every entry knows its place, so that stopping one is O(log n).
 */
#include "net/grpc/timer.h"

#define FIRST_CAP 16

void timers_fini(struct timers *t)
{
	for (size_t i = 0; i < t->n; i++)
		t->heap[i]->place = 0;
	free(t->heap);
	*t = (struct timers){ 0 };
}

static void put(struct timers *t, size_t place, struct timer *timer)
{
	t->heap[place - 1] = timer;
	timer->place = place;
}

static void rise(struct timers *t, size_t place)
{
	struct timer *timer = t->heap[place - 1];
	for (; place > 1 && t->heap[place / 2 - 1]->at_ms > timer->at_ms; place /= 2)
		put(t, place, t->heap[place / 2 - 1]);
	put(t, place, timer);
}

static void sink(struct timers *t, size_t place)
{
	struct timer *timer = t->heap[place - 1];
	for (size_t child; (child = place * 2) <= t->n; place = child) {
		if (child < t->n && t->heap[child]->at_ms < t->heap[child - 1]->at_ms)
			child++;
		if (t->heap[child - 1]->at_ms >= timer->at_ms)
			break;
		put(t, place, t->heap[child - 1]);
	}
	put(t, place, timer);
}

static void settle(struct timers *t, size_t place)
{
	struct timer *timer = t->heap[place - 1];
	rise(t, place);
	sink(t, timer->place);
}

void timer_start(struct timers *t, struct timer *timer, int64_t at_ms)
{
	timer->at_ms = at_ms;
	if (timer->place == 0) {
		if (t->n == t->cap) {
			t->cap = t->cap ? t->cap * 2 : FIRST_CAP;
			t->heap = reallocarray(t->heap, t->cap, sizeof *t->heap);
			if (!t->heap)
				abort();
		}
		put(t, ++t->n, timer);
	}
	settle(t, timer->place);
}

void timer_stop(struct timers *t, struct timer *timer)
{
	size_t place = timer->place;
	if (place == 0)
		return;
	timer->place = 0;
	struct timer *last = t->heap[--t->n];
	if (last == timer)
		return;
	put(t, place, last);
	settle(t, place);
}

int64_t timers_next_ms(const struct timers *t)
{
	return t->n > 0 ? t->heap[0]->at_ms : INT64_MAX;
}

/* At most what is running now: a timer that starts itself again for "now" must not keep us here. */
void timers_run(struct timers *t, int64_t now_ms)
{
	for (size_t left = t->n; left > 0 && timers_next_ms(t) <= now_ms; left--) {
		struct timer *timer = t->heap[0];
		timer_stop(t, timer);
		timer->fn(timer->user);
	}
}
