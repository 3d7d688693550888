/* SPDX-License-Identifier: Apache-2.0
 *
 * See backoff.h.
 */
#include "net/fcm/backoff.h"

#define DOUBLINGS_MAX 16 /* far past the hour, and no overflow */

static int64_t at_random(const struct backoff *b, int64_t bound_ms)
{
	return (int64_t)b->random((uint64_t)bound_ms + 1);
}

int64_t backoff_failed(struct backoff *b, int64_t retry_after_ms)
{
	unsigned doublings = b->n_failures < DOUBLINGS_MAX ? b->n_failures : DOUBLINGS_MAX;
	int64_t wait_ms = BACKOFF_FIRST_MS << doublings;
	if (b->n_failures < DOUBLINGS_MAX)
		b->n_failures++;
	if (wait_ms > BACKOFF_MAX_MS)
		wait_ms = BACKOFF_MAX_MS;
	wait_ms -= at_random(b, wait_ms / 2);
	if (retry_after_ms <= 0)
		return wait_ms;
	if (retry_after_ms > BACKOFF_MAX_MS)
		retry_after_ms = BACKOFF_MAX_MS;
	return retry_after_ms + at_random(b, retry_after_ms / 4);
}

void backoff_pause(struct backoff *b, int64_t now_ms, int64_t wait_ms)
{
	if (now_ms + wait_ms > b->until_ms || backoff_left(b, now_ms) == 0)
		b->until_ms = now_ms + wait_ms;
}

void backoff_succeeded(struct backoff *b)
{
	b->n_failures = 0;
}

int64_t backoff_left(const struct backoff *b, int64_t now_ms)
{
	int64_t left_ms = b->until_ms - now_ms;
	return left_ms > 0 && left_ms <= 2 * BACKOFF_MAX_MS ? left_ms : 0;
}
