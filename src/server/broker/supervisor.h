/* SPDX-License-Identifier: Apache-2.0
 *
 * When a child process is started, ended and started again. Pure: events and monotonic time come in, what to do
 * comes out.
 *
 *               due: SPAWN                READY
 *     WAITING ------------> STARTING ------------> SERVING
 *        ^                   |    | due: KILL         |   BROKEN (either): TERMINATE, -> ENDING
 *        +---- EXITED -------+    v                   |
 *        +---- EXITED ------- ENDING (due: KILL)      |
 *        +---- EXITED --------------------------------+
 *
 *     STOP: TERMINATE, -> STOPPING (due: KILL) -- EXITED --> ENDED; from WAITING at once
 *
 * The wait grows with each exit (net/mqtt/retry.h) and starts anew after a minute of serving. While it starts,
 * PROGRESS moves the time at which it is given up.
 */
#pragma once

#include "net/mqtt/retry.h"
#include <stdbool.h>

#define SUPERVISOR_START_MS   30000 /* without progress */
#define SUPERVISOR_STOP_MS    10000
#define SUPERVISOR_SERVING_MS 60000 /* this long is a success */

enum supervisor_state {
	SUPERVISOR_WAITING,
	SUPERVISOR_STARTING,
	SUPERVISOR_SERVING,
	SUPERVISOR_ENDING,
	SUPERVISOR_STOPPING,
	SUPERVISOR_ENDED,
	SUPERVISOR_STATES_N
};
enum supervisor_event {
	SUPERVISOR_TICK,
	SUPERVISOR_PROGRESS,
	SUPERVISOR_READY,
	SUPERVISOR_BROKEN, /* it runs, but is of no use */
	SUPERVISOR_EXITED,
	SUPERVISOR_STOP,
	SUPERVISOR_EVENTS_N
};
enum supervisor_action { SUPERVISOR_NONE, SUPERVISOR_SPAWN, SUPERVISOR_TERMINATE, SUPERVISOR_KILL };

struct supervisor {
	enum supervisor_state state;
	int64_t due_ms;   /* monotonic; INT64_MAX: nothing is due */
	int64_t ready_ms; /* since when it serves */
	struct retry retry;
	unsigned n_bad; /* starts in a row that never served */
	uint64_t n_starts;
};

void supervisor_init(struct supervisor *s, int64_t now_ms, uint64_t (*random)(uint64_t bound));
/* A spawn that fails is SUPERVISOR_EXITED. */
enum supervisor_action supervisor_step(struct supervisor *s, enum supervisor_event e,
				       int64_t now_ms);
