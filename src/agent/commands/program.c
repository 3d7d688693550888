/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands that are one program of systemd's: reboot, shutdown, lock, unlock.
 *
 * reboot and shutdown only queue a job and return, so that the result is on its way before systemd ends
 * the agent.
 */
#include "agent/commands/commands.h"

#define RUN_MS     20000
#define OUTPUT_MAX 4096

int command_program(struct provider_env *env, const char *const *argv, int64_t timeout_ms,
		    struct error *err)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, OUTPUT_MAX);
	int r = env->run(env, argv, timeout_ms, &out);
	if (r < 0)
		return error_set(err, ERR_UNAVAILABLE, "%s: %s", argv[0], strerror(-r));
	if (r > 0)
		return error_set(err, ERR_UNAVAILABLE, "%s %s ended with %d: %.300s", argv[0],
				 argv[1] ? argv[1] : "", r, buf_str(&out));
	return 0;
}

#define PROGRAM(fn, ...)                                                                           \
	static int fn(struct provider_env *env, const json_t *params, json_t **ret_result,         \
		      struct error *err)                                                           \
	{                                                                                          \
		static const char *const argv[] = { __VA_ARGS__, NULL };                           \
		return command_program(env, argv, RUN_MS, err);                                    \
	}

PROGRAM(reboot, "systemctl", "--no-block", "reboot")
PROGRAM(shut_down, "systemctl", "--no-block", "poweroff")
PROGRAM(lock, "loginctl", "lock-sessions")
PROGRAM(unlock, "loginctl", "unlock-sessions")

const struct agent_command command_reboot = { "reboot", reboot };
const struct agent_command command_shutdown = { "shutdown", shut_down };
const struct agent_command command_lock = { "lock", lock };
const struct agent_command command_unlock = { "unlock", unlock };
