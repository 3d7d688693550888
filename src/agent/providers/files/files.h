/* SPDX-License-Identifier: Apache-2.0
 *
 * The two halves of the files provider. env->state, beside "files" (undo.h):
 *   "deployed": {"<id> <destination>": {"file": id, "destination": "…", "path": "/final/path",
 *                "sha256": "…", "remove_on_delete": bool}}
 *   "removed": {"<path>": true}
 */
#pragma once

#include "agent/provider.h"
#include "agent/providers/setting.h"

#define FILES_DEPLOY "files.deploy"
#define FILES_REMOVE "files.remove"

/* Failures go to 'o'; lists are arrays. */

/* Makes every entry so; then lets go of those that have left the list. */
void files_deploy(struct provider_env *env, const json_t *list, struct outcome *o);
void files_deploy_observe(const struct provider_env *env, const json_t *list, struct outcome *o);
/* The entries that were deployed by us, as an array in the setting's own shape. */
json_t *files_deployed(const struct provider_env *env);
bool files_is_deployed(const struct provider_env *env, const char *path);

/* Gives back what has left the list. Before files_deploy(), which may want the place. */
void files_give_back(struct provider_env *env, const json_t *list, struct outcome *o);
void files_remove(struct provider_env *env, const json_t *list, struct outcome *o);
void files_remove_observe(const struct provider_env *env, const json_t *list, struct outcome *o);
