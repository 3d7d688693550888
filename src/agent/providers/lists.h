/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files and apps providers have in common: a setting that is a list of deployables and one that
 * is a list of what must not be there, each enforced element by element.
 *
 * Order of enforcing: what left the list of removals comes back, so that a deployment finds the true
 * original; then elements are deployed and let go of; then things are removed. A value that is no list
 * is a failed result and changes nothing.
 */
#pragma once

#include "agent/provider.h"
#include "agent/providers/setting.h"

typedef void list_fn(struct provider_env *env, const json_t *list, struct outcome *o);
typedef void list_look_fn(const struct provider_env *env, const json_t *list, struct outcome *o);

struct list_provider {
	const char *deploy, *removal; /* names of the settings */
	list_fn *give_back;           /* what has left the list of removals */
	list_fn *do_deploy;           /* and lets go of what has left the list */
	list_fn *do_remove;
	list_look_fn *look_deploy, *look_removal;
	json_t *(*deployed)(const struct provider_env *env); /* in the setting's own shape */
};

int lists_observe(const struct list_provider *p, struct provider_env *env, const json_t *wanted,
		  json_t *ret) WARN_UNUSED;
int lists_enforce(const struct list_provider *p, struct provider_env *env, const json_t *desired,
		  json_t *ret) WARN_UNUSED;
