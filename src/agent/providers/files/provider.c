/* SPDX-License-Identifier: Apache-2.0
 *
 * Files put in place and files taken away; README.md has the rules, files.h the two halves, lists.h the order.
 */
#include "agent/providers/all.h"
#include "agent/providers/files/files.h"
#include "agent/providers/lists.h"
#include "agent/providers/undo.h"

static const struct list_provider lists = {
	.deploy = FILES_DEPLOY,
	.removal = FILES_REMOVE,
	.give_back = files_give_back,
	.do_deploy = files_deploy,
	.do_remove = files_remove,
	.look_deploy = files_deploy_observe,
	.look_removal = files_remove_observe,
	.deployed = files_deployed,
};

static int observe(struct provider_env *env, const json_t *wanted, json_t *ret)
{
	return lists_observe(&lists, env, wanted, ret);
}

static int enforce(struct provider_env *env, const json_t *desired, json_t *ret)
{
	return lists_enforce(&lists, env, desired, ret);
}

static int restore(struct provider_env *env)
{
	int r = undo_restore_all(env);
	if (r < 0 || json_object_size(env->state) == 0)
		return r;
	json_object_clear(env->state);
	return env->save(env);
}

static const char *const settings[] = { FILES_DEPLOY, FILES_REMOVE, NULL };
const struct provider provider_files = { "files", settings, observe, enforce, restore };
