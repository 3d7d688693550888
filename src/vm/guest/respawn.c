/* SPDX-License-Identifier: Apache-2.0
 *
 * The respawn policy, see respawn.h.
 */
#include "vm/guest/respawn.h"
#include <assert.h>

void respawn_started(struct respawn *r, int64_t now_ms)
{
	assert(r->n < RESPAWN_MAX);
	r->starts_ms[r->n++] = now_ms;
}

bool respawn_allowed(struct respawn *r, int64_t now_ms)
{
	unsigned n_old = 0;
	while (n_old < r->n && now_ms - r->starts_ms[n_old] > RESPAWN_WINDOW_MS)
		n_old++;
	r->n -= n_old;
	memmove(r->starts_ms, r->starts_ms + n_old, r->n * sizeof *r->starts_ms);
	return r->n < RESPAWN_MAX;
}
