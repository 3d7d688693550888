/* SPDX-License-Identifier: Apache-2.0
 *
 * The notes of what was changed, and putting it back; undo.h has the contract, kept.h the originals.
 *
 * Order, so that a crash anywhere is repaired: the original is kept, the note is saved, the file is
 * changed. Back: the file is put back, the note is dropped and saved, the original is dropped. What
 * a crash leaves twice is recognized: the same file, or a kept original without a note.
 */
#include "agent/providers/undo.h"
#include "agent/providers/kept.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#define NOTES "files"
#define MADE  "folders"

struct now { /* what is at a path */
	bool there;
	struct stat st;
	char hash[HASH_SIZE]; /* of a regular file, else "" */
};

static int look(const char *root, const char *path, struct now *ret)
{
	*ret = (struct now){ .there = true };
	int r = place_stat(root, path, &ret->st);
	if (r == -ENOENT || r == -ENOTDIR) {
		ret->there = false;
		return 0;
	}
	return r < 0 ? r : hash_file(root, path, ret->hash);
}

static json_t *note_of(const struct provider_env *env, const char *path)
{
	return json_object_get(json_object_get(env->state, NOTES), path);
}

bool undo_has(const struct provider_env *env, const char *path)
{
	return note_of(env, path) != NULL;
}

static void drop_note(struct provider_env *env, const char *path)
{
	json_t *notes = json_object_get(env->state, NOTES);
	json_object_del(notes, path);
	if (notes && json_object_size(notes) == 0)
		json_object_del(env->state, NOTES);
}

static json_t *new_note(struct provider_env *env, const char *path, const char *was, unsigned flags)
{
	json_t *notes = json_object_get(env->state, NOTES);
	json_t *note = json_pack("{s:s, s:[]}", "was", was, "wrote");
	if (!notes) {
		notes = json_object();
		json_object_set_new(env->state, NOTES, notes);
	}
	if (flags & UNDO_OURS)
		json_object_set_new(note, "ours", json_true());
	json_object_set_new(notes, path, note);
	return note;
}

static bool holds(const json_t *strings, const char *s)
{
	size_t i;
	json_t *item;
	json_array_foreach (strings, i, item)
		if (json_is_string(item) && strcmp(json_string_value(item), s) == 0)
			return true;
	return false;
}

/* ---- changing ---- */

/* Which folders of the path will have to be made, outermost first. */
static void note_folders(struct provider_env *env, const char *path)
{
	char folder[PATH_MAX];
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		json_t *made = json_object_get(env->state, MADE);
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
		if (slash[-1] == '/' || holds(made, folder) || place_exists(env->root, folder))
			continue;
		if (!made) {
			made = json_array();
			json_object_set_new(env->state, MADE, made);
		}
		json_array_append_new(made, json_string(folder));
	}
}

/* What may be there from now on: the content of now, if it is ours, and the new one. */
static void note_hash(json_t *note, const struct now *now, const char *hash)
{
	json_t *wrote = json_array();
	if (now->hash[0] && strcmp(now->hash, hash) != 0 &&
	    holds(json_object_get(note, "wrote"), now->hash))
		json_array_append_new(wrote, json_string(now->hash));
	json_array_append_new(wrote, json_string(hash));
	json_object_set_new(note, "wrote", wrote);
}

int undo_begin(struct provider_env *env, const char *path, const char *hash, unsigned flags)
{
	struct now now;
	if (!place_path_valid(path))
		return -EINVAL;
	int r = look(env->root, path, &now);
	if (r == 0 && now.there && S_ISDIR(now.st.st_mode))
		r = -EISDIR;
	if (r < 0)
		return r;
	json_t *note = note_of(env, path);
	bool fresh = !note;
	if (fresh) {
		r = now.there ? kept_take(env->root, path) : 0;
		if (r < 0)
			return r;
		note = new_note(env, path, now.there ? "kept" : "absent", flags);
	}
	note_folders(env, path);
	note_hash(note, &now, hash);
	r = env->save(env);
	if (r < 0 && fresh) {
		drop_note(env, path);
		kept_drop(env->root, path);
	}
	return r;
}

static bool is_so(const struct provider_env *env, const char *path, struct span content,
		  mode_t mode)
{
	char wanted[HASH_SIZE];
	struct now now;
	hash_span(content, wanted);
	return look(env->root, path, &now) == 0 && now.there && S_ISREG(now.st.st_mode) &&
	       (now.st.st_mode & 07777) == mode && now.st.st_uid == geteuid() &&
	       strcmp(now.hash, wanted) == 0;
}

int undo_write(struct provider_env *env, const char *path, struct span content, mode_t mode,
	       unsigned flags)
{
	char hash[HASH_SIZE];
	if (is_so(env, path, content, mode))
		return 0;
	hash_span(content, hash);
	int r = undo_begin(env, path, hash, flags);
	return r < 0 ? r : place_write(env->root, path, content, mode);
}

int undo_remove(struct provider_env *env, const char *path)
{
	struct stat st;
	if (!place_path_valid(path))
		return -EINVAL;
	int r = place_stat(env->root, path, &st);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r == 0)
		r = undo_begin(env, path, "", 0);
	return r < 0 ? r : place_remove(env->root, path);
}

/* ---- putting back ---- */

/* Is what is there now nobody's own work? */
static bool may_replace(const json_t *note, const struct now *now, const char *kept_hash)
{
	if (!now->there || json_is_true(json_object_get(note, "ours")))
		return true;
	if (!now->hash[0])
		return false;
	return holds(json_object_get(note, "wrote"), now->hash) ||
	       strcmp(now->hash, kept_hash) == 0;
}

static int restore_kept(struct provider_env *env, const char *path, const json_t *note,
			const struct now *now)
{
	char kept[KEPT_PATH_SIZE], kept_hash[HASH_SIZE], beside[PATH_MAX];
	struct stat st;
	int r = place_stat(env->root, kept_path(path, kept), &st);
	if (r == -ENOENT) /* a crash after it was given back */
		return 0;
	if (r == 0)
		r = hash_file(env->root, kept, kept_hash);
	if (r < 0)
		return r;
	if (now->there && now->st.st_dev == st.st_dev && now->st.st_ino == st.st_ino)
		return 0; /* never changed */
	if (may_replace(note, now, kept_hash))
		return kept_give(env->root, path, path);
	int n = snprintf(beside, sizeof beside, "%s.reeve-original", path);
	return n < (int)sizeof beside ? kept_give(env->root, path, beside) : -ENAMETOOLONG;
}

static int restore_absent(struct provider_env *env, const char *path, const json_t *note,
			  const struct now *now)
{
	if (!now->there || S_ISDIR(now->st.st_mode) || !may_replace(note, now, ""))
		return 0;
	return place_remove(env->root, path);
}

/* Folders that came with our files go with the last of them, unless something else lives there by
 * now: then, once we have no file left, they are somebody else's. */
static void remove_made(struct provider_env *env)
{
	json_t *made = json_object_get(env->state, MADE);
	for (size_t i = json_array_size(made); i > 0; i--) {
		const char *path = json_string_value(json_array_get(made, i - 1));
		CLEANUP(place_close) struct place p = PLACE_NONE;
		if (path && place_open(env->root, path, 0, &p) == 0 &&
		    unlinkat(p.dir, p.name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			continue;
		json_array_remove(made, i - 1);
	}
	if (!json_object_get(env->state, NOTES) || json_array_size(made) == 0)
		json_object_del(env->state, MADE);
}

static int finish(struct provider_env *env, const char *path)
{
	drop_note(env, path);
	remove_made(env);
	int r = env->save(env);
	if (r == 0)
		kept_drop(env->root, path);
	return r;
}

int undo_restore(struct provider_env *env, const char *path)
{
	struct now now;
	const json_t *note = note_of(env, path);
	if (!note)
		return 0;
	int r = look(env->root, path, &now);
	if (r < 0)
		return r;
	const char *was = json_string_value(json_object_get(note, "was"));
	if (was && strcmp(was, "kept") == 0)
		r = restore_kept(env, path, note, &now);
	else
		r = restore_absent(env, path, note, &now);
	return r < 0 ? r : finish(env, path);
}

int undo_restore_all(struct provider_env *env)
{
	AUTO_JSON notes = json_copy(json_object_get(env->state, NOTES));
	const char *path;
	json_t *note;
	int first = 0;
	json_object_foreach (notes, path, note) {
		int r = undo_restore(env, path);
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

int undo_forget(struct provider_env *env, const char *path)
{
	return undo_has(env, path) ? finish(env, path) : 0;
}
