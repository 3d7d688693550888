/* SPDX-License-Identifier: Apache-2.0
 *
 * Wipe: only where the machine's owner allows it (in the agent's own file, out of the server's reach).
 *
 * First everything that the agent deployed and changed is taken back; then the owner's program runs,
 * if one is named, and decides what "erased" means on this machine (luksErase, blkdiscard, …). A
 * failure to take something back does not save the machine from its owner's program.
 */
#include "agent/commands/commands.h"

#define RUN_MS (8 * 60 * 1000) /* within the time the agent gives a command */

static int run(struct provider_env *env, const json_t *params, json_t **ret_result,
	       struct error *err)
{
	if (!env->allow_wipe)
		return error_set(err, ERR_FORBIDDEN,
				 "refused: this machine's own configuration does not allow it "
				 "(allow_wipe)");
	int restored = env->restore_all ? env->restore_all(env) : 0;
	bool has_program = env->wipe_argv && env->wipe_argv[0];
	int r = has_program ? command_program(env, env->wipe_argv, RUN_MS, err) : 0;
	if (r)
		return r;
	if (restored < 0 && !has_program)
		return error_set(err, ERR_INTERNAL, "not everything could be put back: %s",
				 strerror(-restored));
	*ret_result = json_pack("{s:b, s:b}", "restored", restored == 0, "program", has_program);
	return 0;
}

const struct agent_command command_wipe = { "wipe", run };
