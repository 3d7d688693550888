/* SPDX-License-Identifier: Apache-2.0
 *
 * The environment of providers, commands and inventory (provider.h) as the agent gives it: durable
 * state in the state folder, programs run without a shell and with a time limit, deployables fetched
 * from the server. Lives in a worker process.
 */
#pragma once

#include "agent/client.h"
#include "agent/provider.h"

struct agent_env {               /* embedded in a local of the worker */
	struct provider_env env; /* env.user is this */
	const char *state_dir;
	const char *name; /* of the provider, or "commands", "inventory" */
	struct client *client;
};

/* Loads its state; 0 or -errno. Everything is borrowed. */
int agent_env_init(struct agent_env *e, const char *name, const char *root, const char *state_dir,
		   struct client *client) WARN_UNUSED;
void agent_env_fini(struct agent_env *e);

/* provider_env.run without an environment: below 'root' by chroot, unless it is "". */
int run_program(const char *root, const char *const *argv, int64_t timeout_ms,
		struct buf *out) WARN_UNUSED;
