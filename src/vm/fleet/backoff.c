/* SPDX-License-Identifier: Apache-2.0
 *
 * See backoff.h.
 */
#include "vm/fleet/backoff.h"

#define DOUBLINGS_MAX 8 /* past the cap, and no overflow */
#define SPREAD_MS     1000

void backoff_failed(struct backoff *b, int64_t retry_after_ms, int64_t now)
{
	int64_t wait = (int64_t)BACKOFF_BASE_MS << b->n_failed;
	if (b->n_failed < DOUBLINGS_MAX)
		b->n_failed++;
	if (wait > BACKOFF_CAP_MS)
		wait = BACKOFF_CAP_MS;
	wait = wait / 2 + (int64_t)b->random((uint64_t)wait);
	if (retry_after_ms > BACKOFF_RETRY_AFTER_MAX)
		retry_after_ms = BACKOFF_RETRY_AFTER_MAX;
	if (wait < retry_after_ms)
		wait = retry_after_ms + (int64_t)b->random(SPREAD_MS);
	b->until = now + wait;
}

void backoff_succeeded(struct backoff *b)
{
	b->n_failed = 0;
}
