/* SPDX-License-Identifier: Apache-2.0
 *
 * pacing: when a list is looked at and told again. Pure.
 *
 * The first change starts the clock, more of them until it is due are absorbed. While a list is on its way another waits:
 *
 *     QUIET ──change──> POSTED ──due──> BUSY ──done──> QUIET
 *                          ^              └──change──> BUSY and POSTED ──due──> the same, three seconds later
 *                          └────────────────────────────────┴──done
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PACING_MS 3000

struct pacing { /* zeroed: quiet */
	bool posted, busy;
	int64_t due_ms; /* when posted */
};

/* true: this is news, the clock has started. */
bool pacing_change(struct pacing *p, int64_t now_ms);
/* The clock ran out: true, look now (it is busy from here on); false, due_ms is later. */
bool pacing_due(struct pacing *p, int64_t now_ms);
void pacing_done(struct pacing *p);
unsigned pacing_count(const struct pacing *p); /* lists that will come: 0 to 2 */
