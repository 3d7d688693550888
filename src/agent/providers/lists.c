/* SPDX-License-Identifier: Apache-2.0
 *
 * Enforcing and observing lists; lists.h has the order.
 */
#include "agent/providers/lists.h"

/* The desired list, or an empty one when it is not desired. false (and a failed result): it is no
 * list, and what was done before stays. */
static bool read_list(const json_t *desired, const char *name, const json_t *none,
		      const json_t **ret, json_t *bad)
{
	*ret = none;
	if (!json_object_get(desired, name))
		return true;
	*ret = setting_value(desired, name);
	if (!json_is_array(*ret))
		setting_fail(bad, name, "the value must be a list");
	return json_is_array(*ret);
}

static void observe_one(struct provider_env *env, const json_t *wanted, const char *name,
			list_look_fn *look, json_t *ret)
{
	struct outcome o;
	const json_t *list;
	if (!json_object_get(wanted, name) || !read_list(wanted, name, NULL, &list, ret))
		return;
	outcome_init(&o);
	look(env, list, &o);
	outcome_result(&o, ret, name, "observed");
}

int lists_observe(const struct list_provider *p, struct provider_env *env, const json_t *wanted,
		  json_t *ret)
{
	if (json_object_size(wanted) == 0)
		provider_result(ret, p->deploy, p->deployed(env), "observed", NULL);
	observe_one(env, wanted, p->deploy, p->look_deploy, ret);
	observe_one(env, wanted, p->removal, p->look_removal, ret);
	return 0;
}

/* A failure to let go of something is told even when the setting is gone. */
static void give_result(struct outcome *o, const json_t *desired, const char *name, json_t *ret)
{
	if (json_object_get(desired, name) || o->n_failed > 0)
		outcome_result(o, ret, name, "applied");
	json_decref(o->done);
}

int lists_enforce(const struct list_provider *p, struct provider_env *env, const json_t *desired,
		  json_t *ret)
{
	struct outcome deployed, removed;
	const json_t *deploy, *removal;
	AUTO_JSON bad = json_object();
	AUTO_JSON none = json_array();
	bool deploy_ok = read_list(desired, p->deploy, none, &deploy, bad);
	bool removal_ok = read_list(desired, p->removal, none, &removal, bad);
	outcome_init(&deployed);
	outcome_init(&removed);
	if (removal_ok)
		p->give_back(env, removal, &removed);
	if (deploy_ok)
		p->do_deploy(env, deploy, &deployed);
	if (removal_ok)
		p->do_remove(env, removal, &removed);
	give_result(&deployed, desired, p->deploy, ret);
	give_result(&removed, desired, p->removal, ret);
	json_object_update(ret, bad);
	return 0;
}
