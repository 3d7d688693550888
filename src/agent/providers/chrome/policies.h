/* SPDX-License-Identifier: Apache-2.0
 *
 * Policies as a browser reads them from its folders; README.md has the rules of precedence.
 */
#pragma once

#include "agent/provider.h"

enum level { LEVEL_RECOMMENDED, LEVEL_MANDATORY, LEVEL_N };
enum browser { BROWSER_CHROMIUM, BROWSER_CHROME, BROWSER_N };

#define OWN_FILE "reeve.json"

/* "/etc/chromium/policies/managed" */
const char *policies_folder(enum browser b, enum level l);
const char *browser_name(enum browser b);
/* Is there a browser that reads these folders, or are there the folders? */
bool browser_there(const struct provider_env *env, enum browser b);

/* Owned: name -> {"value": any, "level": "…", "file": "<path that decides>", "loser": "<path of one
 * that says otherwise in vain>"?}; files that cannot be read are in "broken" paths (array, may be NULL). */
json_t *policies_read(const struct provider_env *env, enum browser b, json_t *broken);
