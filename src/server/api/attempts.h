/* SPDX-License-Identifier: Apache-2.0
 *
 * Log-in attempts, bounded by what they are about (an address, a name) in a minute and in a day.
 *
 * A table of fixed size, by seeded hash: keys that collide share their limits, which can only make
 * them stricter. throttle.h bounds addresses within the minute; this adds names, and the day.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct attempts; /* heap, one owner; any thread */

#define ATTEMPTS_A_DAY 300

struct attempts *attempts_new(void);
void attempts_free(struct attempts *a);
/* Counts one. false: too many, and *ret_wait_s says when the next may come. per_minute 0: no limit. */
bool attempts_take(struct attempts *a, const char *key, int64_t per_minute, int64_t per_day,
		   int64_t now_mono_ms, int64_t *ret_wait_s);
/* The attempt was right and does not count. */
void attempts_forgive(struct attempts *a, const char *key);
