/* SPDX-License-Identifier: Apache-2.0
 *
 * When to try again: exponential, jittered, and never earlier than the other side asked. Pure:
 * time and randomness are given. Internal to net/fcm.
 *
 *     failure 1, 2, 3 …   10 s, 20 s, 40 s … at most an hour, less up to half of it at random
 *     Retry-After: n      n seconds, plus up to a quarter of it at random
 *
 * A pause is a moment in UTC. One that lies further ahead than any pause can is taken for a clock
 * that was set back, and is over.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_FIRST_MS ((int64_t)10 * 1000)
#define BACKOFF_MAX_MS   ((int64_t)3600 * 1000)

struct backoff {
	int64_t until_ms;    /* nothing goes out before; 0: no pause */
	unsigned n_failures; /* in a row */
	uint64_t (*random)(uint64_t bound);
};

/* How long to wait after one more failure; begins no pause by itself. retry_after_ms 0: nothing was
 * asked for. */
int64_t backoff_failed(struct backoff *b, int64_t retry_after_ms);
void backoff_pause(struct backoff *b, int64_t now_ms, int64_t wait_ms);
void backoff_succeeded(struct backoff *b);
/* Milliseconds of pause left; 0: go ahead. */
int64_t backoff_left(const struct backoff *b, int64_t now_ms);
