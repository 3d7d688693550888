/* SPDX-License-Identifier: Apache-2.0
 *
 * Packages that must not be installed; apps.h has the state, README.md the rules.
 */
#include "agent/providers/apps/apps.h"
#include "agent/providers/dpkg.h"

#define RECORDS     "removed"
#define OWN_PACKAGE "reeve-agent"

static bool listed(const json_t *list, const char *package)
{
	size_t i;
	json_t *element;
	json_array_foreach (list, i, element)
		if (json_is_string(element) && strcmp(json_string_value(element), package) == 0)
			return true;
	return false;
}

static int note(struct provider_env *env, const char *package, const char *version)
{
	json_t *records = json_object_get(env->state, RECORDS);
	if (!records) {
		records = json_object();
		json_object_set_new(env->state, RECORDS, records);
	}
	if (json_object_get(records, package))
		return 0; /* somebody installed it again: the first version counts */
	json_object_set_new(records, package, json_string(version));
	int r = env->save(env);
	if (r < 0)
		json_object_del(records, package);
	return r;
}

static int drop(struct provider_env *env, const char *package)
{
	json_t *records = json_object_get(env->state, RECORDS);
	json_object_del(records, package);
	if (json_object_size(records) == 0)
		json_object_del(env->state, RECORDS);
	return env->save(env);
}

static int check(const struct provider_env *env, const json_t *element, const char **ret,
		 struct error *err)
{
	const char *package = json_string_value(element);
	if (!package || !dpkg_name_valid(package))
		return error_set(err, ERR_INVALID, "\"%s\" is not the name of a package",
				 package ? package : "");
	if (strcmp(package, OWN_PACKAGE) == 0)
		return error_set(err, ERR_FORBIDDEN,
				 "the agent does not remove itself: unenroll the device");
	if (apps_is_deployed(env, package))
		return error_set(err, ERR_CONFLICT, "%s is in " APPS_DEPLOY " as well", package);
	*ret = package;
	return 0;
}

static int remove_one(struct provider_env *env, const json_t *element, struct error *err)
{
	char version[DPKG_VERSION_SIZE];
	const char *package;
	int r = check(env, element, &package, err);
	if (r || !dpkg_version(env->root, package, version)[0])
		return r;
	r = note(env, package, version);
	if (r < 0)
		return error_set(err, ERR_INTERNAL, "%s: %s", package, strerror(-r));
	r = packages_remove(env, package, err);
	if (r == 0 && dpkg_version(env->root, package, version)[0])
		r = error_set(err, ERR_CONFLICT, "%s was removed, but %s is there", package,
			      version);
	return r;
}

void apps_remove(struct provider_env *env, const json_t *list, struct outcome *o)
{
	size_t i;
	json_t *element;
	json_array_foreach (list, i, element) {
		struct error err;
		if (remove_one(env, element, &err))
			outcome_fail(o, "%s", err.message);
		else
			outcome_done(o, element);
	}
}

void apps_remove_observe(const struct provider_env *env, const json_t *list, struct outcome *o)
{
	char version[DPKG_VERSION_SIZE];
	size_t i;
	json_t *element;
	json_array_foreach (list, i, element) {
		const char *package = json_string_value(element);
		if (package && dpkg_name_valid(package) &&
		    !dpkg_version(env->root, package, version)[0])
			outcome_done(o, element);
		else
			outcome_fail(o, "%s is installed", package ? package : "(no name)");
	}
}

void apps_give_back(struct provider_env *env, const json_t *list, struct outcome *o)
{
	AUTO_JSON records = json_copy(json_object_get(env->state, RECORDS));
	const char *package;
	json_t *version;
	json_object_foreach (records, package, version) {
		char now[DPKG_VERSION_SIZE];
		struct error err;
		int r = 0;
		if (listed(list, package))
			continue;
		if (!dpkg_version(env->root, package, now)[0]) {
			r = packages_install(env, package, json_string_value(version), &err);
			if (r)
				r = packages_install(env, package, NULL, &err);
		}
		if (r)
			outcome_fail(o, "%s cannot be installed again: %s", package, err.message);
		r = drop(env, package); /* tried once */
		if (r < 0)
			outcome_fail(o, "%s: %s", package, strerror(-r));
	}
}
