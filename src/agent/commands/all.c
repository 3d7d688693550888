/* SPDX-License-Identifier: Apache-2.0
 *
 * Every command of the agent, sorted by name.
 */
#include "agent/commands/commands.h"

const struct agent_command *const agent_commands[] = {
	&command_echo,
	&command_inventory,
	&command_locate,
	&command_lock,
	&command_ping,
	&command_reboot,
	&command_shutdown,
	&command_unenroll,
	&command_unlock,
	&command_wipe,
	NULL,
};
