/* SPDX-License-Identifier: Apache-2.0
 *
 * respawn: may a process that has ended be started again? At most RESPAWN_MAX starts in any
 * RESPAWN_WINDOW_MS; a program that crashes at once is therefore started exactly ten times. Pure; monotonic
 * time, so that setting the clock of the machine does not matter.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RESPAWN_MAX       10
#define RESPAWN_WINDOW_MS ((int64_t)30 * 1000)

struct respawn {
	int64_t starts_ms[RESPAWN_MAX]; /* of the last starts, oldest first */
	unsigned n;
};

void respawn_started(struct respawn *r, int64_t now_ms);
bool respawn_allowed(struct respawn *r, int64_t now_ms); /* forgets what is older than the window */
