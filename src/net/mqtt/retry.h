/* SPDX-License-Identifier: Apache-2.0
 *
 * How long to wait before something is tried again: doubling, bounded, spread at random. Pure: randomness
 * is given, and no clock is read.
 *
 *     failure 1, 2, 3 …   first, 2 × first, 4 × first … at most max; less up to half of it at random
 */
#pragma once

#include <stdint.h>

struct retry {
	int64_t first_ms, max_ms;
	uint64_t (*random)(uint64_t bound); /* [0, bound) */
	unsigned n_failures;                /* in a row */
};

int64_t retry_failed(struct retry *r); /* the wait, in ms */
void retry_succeeded(struct retry *r);
