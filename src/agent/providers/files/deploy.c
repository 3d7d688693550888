/* SPDX-License-Identifier: Apache-2.0
 *
 * Deploying files; files.h has the state, README.md the rules.
 *
 * Order, so that a crash is repaired by the next call: fetched into our own folder and checked; what is
 * there is kept and noted (undo_begin); moved into place; recorded as deployed. Without the record
 * the file is fetched again and found to be in place.
 */
#include "agent/providers/copy.h"
#include "agent/providers/deployable.h"
#include "agent/providers/deployed.h"
#include "agent/providers/files/files.h"
#include "agent/providers/undo.h"
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#define MODE       0644
#define DEPLOY_MAX (INT64_C(1) << 40) /* the server's and fetch()'s limits are tighter */

static const struct deploy_kind files;

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static int parse_entry(const json_t *element, struct deploy_entry *ret, struct error *err)
{
	int r = json_read_int(element, "file", true, &ret->id, err);
	if (!r)
		r = json_read_str(element, "destination", true, &ret->destination, err);
	if (r)
		return r;
	if (!place_path_valid(ret->destination) || has_control(ret->destination))
		return error_set(
			err, ERR_INVALID,
			"file %lld: the destination must be an absolute path without \"..\"",
			(long long)ret->id);
	snprintf(ret->key, sizeof ret->key, "%lld %s", (long long)ret->id, ret->destination);
	return 0;
}

/* ---- records ---- */

static bool is_in_place(const struct provider_env *env, const char *path, const char *sha256)
{
	char hash[HASH_SIZE];
	struct stat st;
	return place_stat(env->root, path, &st) == 0 && (st.st_mode & 07777) == MODE &&
	       st.st_uid == geteuid() && hash_file(env->root, path, hash) == 0 && sha256[0] &&
	       strcmp(hash, sha256) == 0;
}

static bool is_done(const struct provider_env *env, const json_t *record)
{
	return is_in_place(env, deployed_text(record, "path"), deployed_text(record, "sha256"));
}

bool files_is_deployed(const struct provider_env *env, const char *path)
{
	return deployed_owner(&files, env, path, NULL, NULL) != NULL;
}

static int save_record(struct provider_env *env, const struct deploy_entry *e, const char *path,
		       const char *sha256)
{
	return deployed_save(env, e->key,
			     json_pack("{s:I, s:s, s:s, s:s, s:b}", "file", (json_int_t)e->id,
				       "destination", e->destination, "path", path, "sha256",
				       sha256, "remove_on_delete", e->remove_on_delete));
}

/* ---- one entry ---- */

static bool is_name(const char *s)
{
	return *s && strlen(s) <= NAME_MAX && !strchr(s, '/') && !has_control(s) &&
	       strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

static int final_path(const struct deploy_entry *e, const char *name, char ret[PATH_MAX],
		      struct error *err)
{
	size_t n = strlen(e->destination);
	bool folder = e->destination[n - 1] == '/';
	if (folder && !is_name(name))
		return error_set(err, ERR_INVALID, "file %lld has no usable name of its own",
				 (long long)e->id);
	int len = snprintf(ret, PATH_MAX, "%s%s", e->destination, folder ? name : "");
	if (len >= PATH_MAX)
		return error_set(err, ERR_INVALID, "%.100s…: the path is too long", e->destination);
	return 0;
}

static int put(struct provider_env *env, const char *from_path, const char *path)
{
	CLEANUP(place_close) struct place from = PLACE_NONE;
	CLEANUP(place_close) struct place to = PLACE_NONE;
	int r = place_open(env->root, from_path, 0, &from);
	if (r == 0 && fchmodat(from.dir, from.name, MODE, 0) < 0)
		r = -errno;
	if (r == 0)
		r = place_open(env->root, path, PLACE_MAKE, &to);
	return r < 0 ? r : move_object(&from, &to, DEPLOY_MAX);
}

static int place_error(const char *path, int r, struct error *err)
{
	if (r == -EISDIR)
		return error_set(err, ERR_CONFLICT, "%s is a folder", path);
	if (r == -ELOOP)
		return error_set(err, ERR_FORBIDDEN,
				 "%s leads through a symbolic link that is not root's", path);
	if (r == -EFBIG)
		return error_set(err, ERR_TOO_LARGE, "what is at %s is too large to be kept", path);
	return error_set(err, ERR_INTERNAL, "%s: %s", path, strerror(-r));
}

static int install(struct provider_env *env, const struct deploy_entry *e,
		   const struct deployable_file *f, const json_t *live, struct error *err)
{
	char path[PATH_MAX];
	const char *sha256 = deployable_text(f, "sha256");
	int r = final_path(e, deployable_text(f, "name"), path, err);
	if (r)
		return r;
	if (deployed_owner(&files, env, path, e->key, live))
		return error_set(err, ERR_CONFLICT, "%s is the place of another file of the list",
				 path);
	if (!is_in_place(env, path, sha256)) {
		r = undo_begin(env, path, sha256, 0);
		if (r == 0)
			r = put(env, f->path, path);
	}
	if (r == 0)
		r = save_record(env, e, path, sha256);
	return r < 0 ? place_error(path, r, err) : 0;
}

static int deploy(struct provider_env *env, const struct deploy_entry *e, const json_t *live,
		  struct error *err)
{
	CLEANUP(deployable_fini) struct deployable_file f = { 0 };
	int r = deployable_fetch(env, e->id, "", &f, err);
	if (r < 0)
		return place_error("the download", r, err);
	return r ? r : install(env, e, &f, live, err);
}

static int let_go(struct provider_env *env, const json_t *record, bool taken_over,
		  struct error *err)
{
	const char *path = deployed_text(record, "path");
	int r = 0;
	if (!taken_over)
		r = json_is_true(json_object_get(record, "remove_on_delete"))
			    ? undo_restore(env, path)
			    : undo_forget(env, path);
	return r < 0 ? error_set(err, ERR_INTERNAL, "%.200s cannot be put back: %s", path,
				 strerror(-r))
		     : 0;
}

/* ---- the list ---- */

static const struct deploy_kind files = { .place = "path",
					  .noun = "file",
					  .not_done = "is not in place",
					  .parse = parse_entry,
					  .is_done = is_done,
					  .deploy = deploy,
					  .let_go = let_go };

void files_deploy(struct provider_env *env, const json_t *list, struct outcome *o)
{
	deploy_list(&files, env, list, o);
}

void files_deploy_observe(const struct provider_env *env, const json_t *list, struct outcome *o)
{
	deploy_list_observe(&files, env, list, o);
}

json_t *files_deployed(const struct provider_env *env)
{
	json_t *ret = json_array(), *record;
	const char *key;
	json_object_foreach (deployed_records(env), key, record) {
		if (!is_done(env, record))
			continue;
		json_array_append_new(ret, json_pack("{s:O, s:O, s:O}", "file",
						     json_object_get(record, "file"), "destination",
						     json_object_get(record, "destination"),
						     "remove_on_delete",
						     json_object_get(record, "remove_on_delete")));
	}
	return ret;
}
