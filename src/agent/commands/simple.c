/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands that only answer: ping, echo, and those whose work is the agent's own (it collects the
 * inventory or leaves the server after the command was done).
 */
#include "agent/commands/commands.h"

static int done(struct provider_env *env, const json_t *params, json_t **ret_result,
		struct error *err)
{
	return 0;
}

static int echo(struct provider_env *env, const json_t *params, json_t **ret_result,
		struct error *err)
{
	json_t *payload = json_object_get(params, "payload");
	*ret_result = payload ? json_pack("{s:O}", "payload", payload) : json_object();
	return 0;
}

const struct agent_command command_ping = { "ping", done };
const struct agent_command command_echo = { "echo", echo };
const struct agent_command command_inventory = { "inventory", done };
const struct agent_command command_unenroll = { "unenroll", done };
