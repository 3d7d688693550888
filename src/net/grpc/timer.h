/* SPDX-License-Identifier: Apache-2.0
 *
 * timers: what is due when, as a binary heap of embedded entries. Pure: takes `now_ms`.
 *
 * A timer belongs to the struct that embeds it and must be stopped before that goes away.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
	int64_t at_ms;          /* monotonic */
	size_t place;           /* in the heap, from 1; 0: not running */
	void (*fn)(void *user); /* may start, stop and free any timer */
	void *user;
};

struct timers {
	struct timer **heap; /* owned; heap[0] is place 1 */
	size_t n, cap;
};

void timers_fini(struct timers *t); /* what still runs is stopped, silently */
void timer_start(struct timers *t, struct timer *timer, int64_t at_ms); /* again: moves it */
void timer_stop(struct timers *t, struct timer *timer);
int64_t timers_next_ms(const struct timers *t); /* INT64_MAX: nothing runs */
void timers_run(struct timers *t, int64_t now_ms);
