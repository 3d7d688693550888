/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent as a whole: state, server, providers and the sync loop that ties them together.
 */
#pragma once

#include "agent/config.h"

struct agent_link; /* link.h */

/* Runs until it is told to stop, has synced once, or has left the fleet: the exit code, 0, or 1 with
 * the sentence in 'err'. Prints the milestones on stdout. */
int agent_run(const struct agent_config *config, const struct agent_link *link,
	      struct error *err) WARN_UNUSED;
