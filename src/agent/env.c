/* SPDX-License-Identifier: Apache-2.0
 *
 * The providers' environment; env.h has the contract. run.c runs the programs.
 */
#include "agent/env.h"
#include "agent/job.h"
#include "agent/state.h"

static int env_save(struct provider_env *env)
{
	const struct agent_env *e = env->user;
	return state_save_provider(e->state_dir, e->name, env->state);
}

static int env_run(struct provider_env *env, const char *const *argv, int64_t timeout_ms,
		   struct buf *out)
{
	return run_program(env->root, argv, timeout_ms, out);
}

static int env_fetch(struct provider_env *env, int64_t file_id, const char *path,
		     json_t **ret_description, struct error *err)
{
	const struct agent_env *e = env->user;
	char url[80];
	struct answer_file file;
	CLEANUP(buf_fini) struct buf body;
	AUTO_JSON description = NULL;
	buf_init(&body, ANSWER_BODY_MAX);
	if (!e->client)
		return error_set(err, ERR_UNAVAILABLE, "not enrolled: file %lld has no server",
				 (long long)file_id);
	snprintf(url, sizeof url, "/device/v1/files/%lld/description", (long long)file_id);
	int r = client_get(e->client, url, &body, err);
	r = r ? r : answer_file(buf_span(&body), &file, &description, err);
	r = r ? r : client_download(e->client, file_id, &file, path, job_stopping, err);
	if (r == 0)
		*ret_description = TAKE(description);
	return r;
}

int agent_env_init(struct agent_env *e, const char *name, const char *root, const char *state_dir,
		   struct client *client)
{
	*e = (struct agent_env){
		.env = { .root = root, .save = env_save, .run = env_run, .fetch = env_fetch },
		.state_dir = state_dir,
		.name = name,
		.client = client,
	};
	e->env.user = e;
	return state_load_provider(state_dir, name, &e->env.state);
}

void agent_env_fini(struct agent_env *e)
{
	json_decref(e->env.state);
}
