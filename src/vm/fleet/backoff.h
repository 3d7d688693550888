/* SPDX-License-Identifier: Apache-2.0
 *
 * When to ask again what was asked in vain: after half a second or so, then doubling up to a minute or so, spread
 * so that hosts do not come together, and as late as the server says. Takes `now`, and its randomness from its owner.
 */
#pragma once

#include <stdint.h>

#define BACKOFF_BASE_MS         500
#define BACKOFF_CAP_MS          (60 * 1000)
#define BACKOFF_RETRY_AFTER_MAX (15 * 60 * 1000)

struct backoff { /* embedded */
	uint64_t (*random)(uint64_t bound);
	unsigned n_failed; /* in a row */
	int64_t until;     /* not before; monotonic milliseconds */
};

/* retry_after_ms: what the server said; -1: nothing. */
void backoff_failed(struct backoff *b, int64_t retry_after_ms, int64_t now);
void backoff_succeeded(struct backoff *b);
