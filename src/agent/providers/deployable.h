/* SPDX-License-Identifier: Apache-2.0
 *
 * Deployables fetched into the agent's own folder (0700), where nobody can exchange them between the
 * check of their hash and their use.
 */
#pragma once

#include "agent/provider.h"

#define DEPLOYABLE_PATH_SIZE 128

struct deployable_file {                 /* fini removes the file */
	char path[DEPLOYABLE_PATH_SIZE]; /* below the root */
	json_t *description;             /* as provider_env.fetch gives it */
	struct provider_env *env;
};

/* 'suffix' of the file's name: ".deb", or "". 0, positive with the sentence in err, or -errno. */
int deployable_fetch(struct provider_env *env, int64_t id, const char *suffix,
		     struct deployable_file *ret, struct error *err) WARN_UNUSED;
void deployable_fini(struct deployable_file *f);
/* A text of the description; "" when it is missing. */
const char *deployable_text(const struct deployable_file *f, const char *key);
