/* SPDX-License-Identifier: Apache-2.0
 *
 * Applications installed and packages removed; README.md has the rules, apps.h the two halves, lists.h the order.
 */
#include "agent/providers/all.h"
#include "agent/providers/apps/apps.h"
#include "agent/providers/lists.h"

static const struct list_provider lists = {
	.deploy = APPS_DEPLOY,
	.removal = APPS_REMOVE,
	.give_back = apps_give_back,
	.do_deploy = apps_deploy,
	.do_remove = apps_remove,
	.look_deploy = apps_deploy_observe,
	.look_removal = apps_remove_observe,
	.deployed = apps_deployed,
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
	struct outcome o;
	AUTO_JSON none = json_array();
	outcome_init(&o);
	int r = apps_let_go_all(env);
	apps_give_back(env, none, &o); /* what apt no longer has is no failure */
	json_decref(o.done);
	return r;
}

static const char *const settings[] = { APPS_DEPLOY, APPS_REMOVE, NULL };
const struct provider provider_apps = { "apps", settings, observe, enforce, restore };
