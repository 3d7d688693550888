/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetching deployables; deployable.h has the contract. Leftovers of a crash are overwritten by the next
 * fetch of the same one.
 */
#include "agent/providers/deployable.h"
#include "agent/providers/place.h"
#include <errno.h>

#define FOLDER "/var/lib/reeve-agent/downloads"

int deployable_fetch(struct provider_env *env, int64_t id, const char *suffix,
		     struct deployable_file *ret, struct error *err)
{
	char text[PLACE_PATH_SIZE];
	CLEANUP(place_close) struct place p = PLACE_NONE;
	*ret = (struct deployable_file){ .env = env };
	snprintf(ret->path, sizeof ret->path, FOLDER "/%lld%s", (long long)id, suffix);
	int r = place_open(env->root, ret->path, PLACE_MAKE, &p);
	if (r == 0 && fchmodat(p.dir, ".", 0700, 0) < 0)
		r = -errno;
	return r < 0 ? r : env->fetch(env, id, place_path(&p, text), &ret->description, err);
}

void deployable_fini(struct deployable_file *f)
{
	if (f->env) {
		int r = place_remove(f->env->root, f->path);
		(void)r; /* overwritten by the next fetch */
	}
	json_decref(f->description);
}

const char *deployable_text(const struct deployable_file *f, const char *key)
{
	const char *s = json_string_value(json_object_get(f->description, key));
	return s ? s : "";
}
