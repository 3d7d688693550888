/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the apps provider. env->state:
 *   "deployed": {"<id>": {"package": "…", "version": "…", "was": "<version before us, or empty>",
 *                "remove_on_delete": bool}}
 *   "removed": {"<package>": "<version that was there>"}
 * Records are saved before packages are changed.
 */
#pragma once

#include "agent/provider.h"
#include "agent/providers/setting.h"

#define APPS_DEPLOY "apps.deploy"
#define APPS_REMOVE "apps.remove"

/* ---- packages.c: each runs apt-get (or dpkg); positive: it failed, err says how ---- */

int packages_install_file(struct provider_env *env, const char *path, struct error *err);
/* From the repositories; 'version' may be NULL: whatever they have. */
int packages_install(struct provider_env *env, const char *package, const char *version,
		     struct error *err);
int packages_remove(struct provider_env *env, const char *package, struct error *err);

/* ---- deploy.c, removal.c; lists are arrays, failures go to 'o' ---- */

/* Makes every entry so; then lets go of those that have left the list. */
void apps_deploy(struct provider_env *env, const json_t *list, struct outcome *o);
void apps_deploy_observe(const struct provider_env *env, const json_t *list, struct outcome *o);
json_t *apps_deployed(const struct provider_env *env); /* what we installed and still is there */
/* Puts back everything; 0 or -EIO: a package could not be removed. */
int apps_let_go_all(struct provider_env *env);

/* Installs again what has left the list. Before apps_deploy(). */
void apps_give_back(struct provider_env *env, const json_t *list, struct outcome *o);
void apps_remove(struct provider_env *env, const json_t *list, struct outcome *o);
void apps_remove_observe(const struct provider_env *env, const json_t *list, struct outcome *o);
bool apps_is_deployed(const struct provider_env *env, const char *package);
