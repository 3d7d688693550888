/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that must not exist; files.h has the state, README.md the rules.
 */
#include "agent/providers/files/files.h"
#include "agent/providers/undo.h"
#include <errno.h>

#define RECORDS "removed"

static void drop_record(struct provider_env *env, const char *path)
{
	json_t *records = json_object_get(env->state, RECORDS);
	json_object_del(records, path);
	if (json_object_size(records) == 0)
		json_object_del(env->state, RECORDS);
}

static bool listed(const json_t *list, const char *path)
{
	size_t i;
	json_t *element;
	json_array_foreach (list, i, element)
		if (json_is_string(element) && strcmp(json_string_value(element), path) == 0)
			return true;
	return false;
}

/* 1: there is nothing at the path; 0: something; or -errno. */
static int is_gone(const struct provider_env *env, const char *path)
{
	struct stat st;
	int r = place_stat(env->root, path, &st);
	return r == -ENOENT || r == -ENOTDIR ? 1 : r;
}

/* The record is saved by undo_remove(), together with its own note, before the file goes. */
static int remove_one(struct provider_env *env, const char *path)
{
	json_t *records = json_object_get(env->state, RECORDS);
	if (!records) {
		records = json_object();
		json_object_set_new(env->state, RECORDS, records);
	}
	bool fresh = !json_object_get(records, path);
	json_object_set_new(records, path, json_true());
	int r = undo_remove(env, path);
	if (fresh && !undo_has(env, path)) /* refused */
		drop_record(env, path);
	return r;
}

static int check_path(const struct provider_env *env, const json_t *element, const char **ret,
		      struct error *err)
{
	const char *path = json_string_value(element);
	if (!path || !place_path_valid(path))
		return error_set(err, ERR_INVALID,
				 "what is to be removed must be an absolute path without \"..\"");
	if (files_is_deployed(env, path))
		return error_set(err, ERR_CONFLICT, "%s is in " FILES_DEPLOY " as well", path);
	*ret = path;
	return 0;
}

void files_remove(struct provider_env *env, const json_t *list, struct outcome *o)
{
	size_t i;
	json_t *element;
	json_array_foreach (list, i, element) {
		struct error err;
		const char *path;
		if (check_path(env, element, &path, &err) != 0) {
			outcome_fail(o, "%s", err.message);
			continue;
		}
		int r = is_gone(env, path);
		if (r == 0)
			r = remove_one(env, path);
		if (r == -EISDIR)
			outcome_fail(o, "%s is a folder", path);
		else if (r < 0)
			outcome_fail(o, "%s cannot be removed: %s", path, strerror(-r));
		else
			outcome_done(o, element);
	}
}

void files_remove_observe(const struct provider_env *env, const json_t *list, struct outcome *o)
{
	size_t i;
	json_t *element;
	json_array_foreach (list, i, element) {
		const char *path = json_string_value(element);
		if (path && place_path_valid(path) && is_gone(env, path) == 1)
			outcome_done(o, element);
		else
			outcome_fail(o, "%s is there", path ? path : "(not a path)");
	}
}

void files_give_back(struct provider_env *env, const json_t *list, struct outcome *o)
{
	AUTO_JSON records = json_copy(json_object_get(env->state, RECORDS));
	const char *path;
	json_t *unused;
	json_object_foreach (records, path, unused) {
		if (listed(list, path))
			continue;
		int r = undo_restore(env, path);
		if (r == 0) {
			drop_record(env, path);
			r = env->save(env);
		}
		if (r < 0)
			outcome_fail(o, "%s cannot be put back: %s", path, strerror(-r));
	}
}
