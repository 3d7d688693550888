/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands by name, for all.c's list and for their tests, and what they have in common.
 */
#pragma once

#include "agent/provider.h"

extern const struct agent_command command_echo;
extern const struct agent_command command_inventory;
extern const struct agent_command command_locate;
extern const struct agent_command command_lock;
extern const struct agent_command command_ping;
extern const struct agent_command command_reboot;
extern const struct agent_command command_shutdown;
extern const struct agent_command command_unenroll;
extern const struct agent_command command_unlock;
extern const struct agent_command command_wipe;

/* Runs a program whose failure is the command's: 0, or ERR_UNAVAILABLE with what it said. */
int command_program(struct provider_env *env, const char *const *argv, int64_t timeout_ms,
		    struct error *err) WARN_UNUSED;
