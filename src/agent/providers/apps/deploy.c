/* SPDX-License-Identifier: Apache-2.0
 *
 * Deploying applications; apps.h has the state, README.md the rules.
 *
 * The record is saved before apt runs: after a crash in between, the application is seen not to be
 * installed in that version and is installed by the next call, and what was there before is known.
 */
#include "agent/providers/apps/apps.h"
#include "agent/providers/deployable.h"
#include "agent/providers/deployed.h"
#include "agent/providers/dpkg.h"
#include <errno.h>

static const struct deploy_kind apps;

static int parse_entry(const json_t *element, struct deploy_entry *ret, struct error *err)
{
	int r = json_read_int(element, "app", true, &ret->id, err);
	snprintf(ret->key, sizeof ret->key, "%lld", (long long)ret->id);
	return r;
}

/* ---- records ---- */

static bool is_installed(const struct provider_env *env, const json_t *record)
{
	char version[DPKG_VERSION_SIZE];
	return strcmp(dpkg_version(env->root, deployed_text(record, "package"), version),
		      deployed_text(record, "version")) == 0;
}

bool apps_is_deployed(const struct provider_env *env, const char *package)
{
	return deployed_owner(&apps, env, package, NULL, NULL) != NULL;
}

static int save_record(struct provider_env *env, const struct deploy_entry *e, const char *package,
		       const char *version, const char *was)
{
	return deployed_save(env, e->key,
			     json_pack("{s:s, s:s, s:s, s:b}", "package", package, "version",
				       version, "was", was, "remove_on_delete",
				       e->remove_on_delete));
}

/* ---- one entry ---- */

static int state_error(const struct deploy_entry *e, int r, struct error *err)
{
	return error_set(err, ERR_INTERNAL, "app %s: %s", e->key, strerror(-r));
}

/* What was there before the first version of ours. */
static const char *original_of(const struct provider_env *env, const struct deploy_entry *e,
			       const char *package, const char *installed)
{
	const json_t *record = json_object_get(deployed_records(env), e->key);
	if (!record || strcmp(deployed_text(record, "package"), package) != 0)
		record = deployed_owner(&apps, env, package, e->key, NULL);
	return record ? deployed_text(record, "was") : installed;
}

static int install(struct provider_env *env, const struct deploy_entry *e,
		   const struct deployable_file *f, const json_t *live, struct error *err)
{
	char now[DPKG_VERSION_SIZE], was[DPKG_VERSION_SIZE];
	const char *package = deployable_text(f, "package");
	const char *version = deployable_text(f, "package_version");
	if (!dpkg_name_valid(package) || !dpkg_version_valid(version))
		return error_set(err, ERR_INVALID, "app %s is not a Debian package", e->key);
	if (deployed_owner(&apps, env, package, e->key, live))
		return error_set(err, ERR_CONFLICT, "app %s: %s is deployed by another app", e->key,
				 package);
	dpkg_version(env->root, package, now);
	snprintf(was, sizeof was, "%s", original_of(env, e, package, now));
	int r = save_record(env, e, package, version, was);
	if (r < 0)
		return state_error(e, r, err);
	if (strcmp(now, version) == 0)
		return 0;
	r = packages_install_file(env, f->path, err);
	if (r == 0 && strcmp(dpkg_version(env->root, package, now), version) != 0)
		r = error_set(err, ERR_CONFLICT, "%s %s was installed, but %s is there", package,
			      version, now[0] ? now : "nothing");
	return r;
}

static int deploy(struct provider_env *env, const struct deploy_entry *e, const json_t *live,
		  struct error *err)
{
	CLEANUP(deployable_fini) struct deployable_file f = { 0 };
	int r = deployable_fetch(env, e->id, ".deb", &f, err);
	if (r < 0)
		return state_error(e, r, err);
	return r ? r : install(env, e, &f, live, err);
}

/* ---- letting go ---- */

/* As it was before us. A version that apt no longer has is no reason to fail for ever. */
static int put_back(struct provider_env *env, const json_t *record, struct error *err)
{
	char now[DPKG_VERSION_SIZE];
	const char *package = deployed_text(record, "package"), *was = deployed_text(record, "was");
	dpkg_version(env->root, package, now);
	if (strcmp(now, was) == 0)
		return 0;
	if (!was[0])
		return packages_remove(env, package, err);
	int r = packages_install(env, package, was, err);
	(void)r;
	return 0;
}

static int let_go(struct provider_env *env, const json_t *record, bool taken_over,
		  struct error *err)
{
	if (taken_over || !json_is_true(json_object_get(record, "remove_on_delete")))
		return 0;
	return put_back(env, record, err);
}

int apps_let_go_all(struct provider_env *env)
{
	AUTO_JSON records = json_copy(deployed_records(env));
	const char *key;
	json_t *record;
	int first = 0;
	json_object_foreach (records, key, record) {
		struct error err;
		int r = put_back(env, record, &err) ? -EIO : deployed_drop(env, key);
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

/* ---- the list ---- */

static const struct deploy_kind apps = { .place = "package",
					 .noun = "app",
					 .not_done = "is not installed",
					 .parse = parse_entry,
					 .is_done = is_installed,
					 .deploy = deploy,
					 .let_go = let_go };

void apps_deploy(struct provider_env *env, const json_t *list, struct outcome *o)
{
	deploy_list(&apps, env, list, o);
}

void apps_deploy_observe(const struct provider_env *env, const json_t *list, struct outcome *o)
{
	deploy_list_observe(&apps, env, list, o);
}

json_t *apps_deployed(const struct provider_env *env)
{
	json_t *ret = json_array(), *record;
	const char *key;
	json_object_foreach (deployed_records(env), key, record)
		if (is_installed(env, record))
			json_array_append_new(
				ret,
				json_pack("{s:I, s:O}", "app", (json_int_t)strtoll(key, NULL, 10),
					  "remove_on_delete",
					  json_object_get(record, "remove_on_delete")));
	return ret;
}
