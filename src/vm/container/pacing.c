/* SPDX-License-Identifier: Apache-2.0
 *
 * See pacing.h.
 */
#include "vm/container/pacing.h"

bool pacing_change(struct pacing *p, int64_t now_ms)
{
	if (p->posted)
		return false;
	p->posted = true;
	p->due_ms = now_ms + PACING_MS;
	return true;
}

bool pacing_due(struct pacing *p, int64_t now_ms)
{
	if (!p->posted || now_ms < p->due_ms)
		return false;
	if (p->busy) {
		p->due_ms = now_ms + PACING_MS;
		return false;
	}
	p->posted = false;
	p->busy = true;
	return true;
}

void pacing_done(struct pacing *p)
{
	p->busy = false;
}

unsigned pacing_count(const struct pacing *p)
{
	return (unsigned)p->posted + (unsigned)p->busy;
}
