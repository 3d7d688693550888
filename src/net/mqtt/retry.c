/* SPDX-License-Identifier: Apache-2.0
 *
 * See retry.h.
 */
#include "net/mqtt/retry.h"

#define DOUBLINGS_MAX                                                                              \
	20 /* a million times the first: beyond every sensible maximum, and no overflow */

int64_t retry_failed(struct retry *r)
{
	int64_t wait_ms = r->first_ms << r->n_failures;
	if (r->n_failures < DOUBLINGS_MAX)
		r->n_failures++;
	if (wait_ms > r->max_ms)
		wait_ms = r->max_ms;
	return wait_ms - (int64_t)r->random((uint64_t)(wait_ms / 2) + 1);
}

void retry_succeeded(struct retry *r)
{
	r->n_failures = 0;
}
