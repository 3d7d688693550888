/* SPDX-License-Identifier: Apache-2.0
 *
 * The time to the screen's lock, for GNOME by dconf; README.md says which files and how it is observed.
 *
 * env->state: "files" (undo.h); "profile_line": the text we appended to a profile that was there;
 * "made_db": the compiled database came with us.
 */
#include "agent/providers/all.h"
#include "agent/providers/place.h"
#include "agent/providers/screen/keyfiles.h"
#include "agent/providers/setting.h"
#include "agent/providers/undo.h"
#include <errno.h>

#define SETTING      "screen.max_time_to_lock_ms"
#define KEY_FILE     DCONF_FOLDER "/50-reeve"
#define LOCKS        DCONF_FOLDER "/locks"
#define LOCK_FILE    LOCKS "/50-reeve"
#define DATABASE     "/etc/dconf/db/local"
#define LINE_NOTE    "profile_line"
#define DB_NOTE      "made_db"
#define RUN_MS       30000
#define HEAD         "# Written by reeve-agent (" SETTING "); removed with it.\n"
#define PROFILE_HEAD "user-db:user\n"
#define PROFILE      PROFILE_HEAD DCONF_LINE "\n"
#define PROFILE_MAX  65536

/* ---- looking ---- */

static int64_t effective_ms(const struct keyfiles *k, const char **ret_why)
{
	*ret_why = "nothing limits it";
	if (k->value[SCREEN_IDLE_DELAY] <= 0 || k->value[SCREEN_LOCK_ENABLED] != 1)
		return 0;
	*ret_why = "users may change it: the keys are not locked";
	for (int i = 0; i < SCREEN_N; i++)
		if (!k->locked[i])
			return 0;
	*ret_why = "users do not read it: " DCONF_PROFILE " has no line \"" DCONF_LINE "\"";
	if (!k->in_profile)
		return 0;
	*ret_why = "";
	int64_t delay = k->value[SCREEN_LOCK_DELAY];
	return 1000 * (k->value[SCREEN_IDLE_DELAY] + (delay > 0 ? delay : 0));
}

static bool has_dconf(const struct provider_env *env)
{
	return place_exists(env->root, "/usr/bin/dconf");
}

static int64_t report(const struct provider_env *env, json_t *ret)
{
	struct keyfiles k;
	const char *why;
	keyfiles_read(env, &k);
	int64_t ms = effective_ms(&k, &why);
	if (ms > 0 && !has_dconf(env))
		why = "dconf is not installed: takes effect when it is";
	provider_result(ret, SETTING, json_integer(ms), "observed", why);
	return ms;
}

static int observe(struct provider_env *env, const json_t *wanted, json_t *ret)
{
	if (setting_asked(wanted, SETTING))
		report(env, ret);
	return 0;
}

/* ---- changing ---- */

static int write_keys(struct provider_env *env, int64_t seconds)
{
	const int64_t values[SCREEN_N] = {
		[SCREEN_IDLE_DELAY] = seconds, [SCREEN_LOCK_ENABLED] = true
	};
	CLEANUP(buf_fini) struct buf keys;
	CLEANUP(buf_fini) struct buf locks;
	buf_init(&keys, 4096);
	buf_init(&locks, 4096);
	buf_add_str(&keys, HEAD);
	for (int i = 0; i < SCREEN_N; i++) {
		const struct screen_key_name *n = &screen_keys[i];
		buf_addf(&keys, "[%s]\n%s=%s", n->group, n->key, n->type);
		if (*n->type)
			buf_addf(&keys, "%lld\n", (long long)values[i]);
		else
			buf_addf(&keys, "%s\n", values[i] ? "true" : "false");
		buf_addf(&locks, "/%s/%s\n", n->group, n->key);
	}
	int r = undo_write(env, KEY_FILE, buf_span(&keys), 0644, UNDO_OURS);
	return r < 0 ? r : undo_write(env, LOCK_FILE, buf_span(&locks), 0644, UNDO_OURS);
}

/* Adds our line to a profile that somebody else wrote. */
static int append_line(struct provider_env *env, struct buf *text)
{
	const char *line = text->n > 0 && text->p[text->n - 1] != '\n' ? "\n" DCONF_LINE "\n"
								       : DCONF_LINE "\n";
	struct stat st;
	int r = place_stat(env->root, DCONF_PROFILE, &st);
	if (r < 0)
		return r;
	json_object_set_new(env->state, LINE_NOTE, json_string(line));
	r = env->save(env);
	if (r < 0) {
		json_object_del(env->state, LINE_NOTE);
		return r;
	}
	buf_add_str(text, line);
	return place_write(env->root, DCONF_PROFILE, buf_span(text), st.st_mode & 07777);
}

static int write_profile(struct provider_env *env)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, PROFILE_MAX);
	int r = place_read(env->root, DCONF_PROFILE, &text);
	if (r == -ENOENT)
		return undo_write(env, DCONF_PROFILE, span_str(PROFILE), 0644, 0);
	if (r < 0 || keyfiles_profile_has(buf_span(&text)))
		return r;
	return append_line(env, &text);
}

/* Takes the line we appended out of the profile, wherever it is by now. */
static int remove_line(struct provider_env *env)
{
	CLEANUP(buf_fini) struct buf text;
	CLEANUP(buf_fini) struct buf out;
	struct stat st;
	const char *line = json_string_value(json_object_get(env->state, LINE_NOTE));
	buf_init(&text, PROFILE_MAX);
	buf_init(&out, PROFILE_MAX);
	if (!line)
		return 0;
	if (place_read(env->root, DCONF_PROFILE, &text) == 0 &&
	    place_stat(env->root, DCONF_PROFILE, &st) == 0) {
		char *found = strstr(buf_str(&text), line);
		if (found) {
			buf_add(&out, text.p, (size_t)(found - text.p));
			buf_add_str(&out, found + strlen(line));
			int r = place_write(env->root, DCONF_PROFILE, buf_span(&out),
					    st.st_mode & 07777);
			if (r < 0)
				return r;
		}
	}
	json_object_del(env->state, LINE_NOTE);
	return env->save(env);
}

static bool is_older(const struct stat *st, const struct provider_env *env, const char *path)
{
	struct stat other;
	if (place_stat(env->root, path, &other) < 0)
		return false;
	return st->st_mtim.tv_sec < other.st_mtim.tv_sec ||
	       (st->st_mtim.tv_sec == other.st_mtim.tv_sec &&
		st->st_mtim.tv_nsec < other.st_mtim.tv_nsec);
}

/* The compiled database is missing, or older than a change of its folders: ours, or one that a
 * crash kept from being compiled. */
static bool is_stale(const struct provider_env *env)
{
	struct stat st;
	if (!place_exists(env->root, DCONF_FOLDER))
		return false;
	if (place_stat(env->root, DATABASE, &st) < 0)
		return true;
	return is_older(&st, env, DCONF_FOLDER) || is_older(&st, env, LOCKS);
}

static int note_database(struct provider_env *env)
{
	if (place_exists(env->root, DATABASE))
		return 0;
	json_object_set_new(env->state, DB_NOTE, json_true());
	return env->save(env);
}

static int compile(struct provider_env *env)
{
	static const char *const argv[] = { "dconf", "update", NULL };
	if (!has_dconf(env) || !is_stale(env))
		return 0;
	int r = note_database(env);
	if (r == 0)
		r = env->run(env, argv, RUN_MS, NULL);
	return r > 0 ? -EIO : r;
}

/* A profile that came with us goes with us when nothing but our own text is left in it. */
static int claim_profile(struct provider_env *env)
{
	char hash[HASH_SIZE], ours[HASH_SIZE];
	if (!undo_has(env, DCONF_PROFILE))
		return 0;
	hash_span(span_str(PROFILE_HEAD), ours);
	int r = hash_file(env->root, DCONF_PROFILE, hash);
	if (r < 0 || strcmp(hash, ours) != 0)
		return r;
	return undo_begin(env, DCONF_PROFILE, ours, 0);
}

static int restore_files(struct provider_env *env)
{
	int r = remove_line(env);
	if (r == 0)
		r = claim_profile(env);
	if (r == 0 && json_object_get(env->state, DB_NOTE))
		r = place_remove(env->root, DATABASE);
	int files = undo_restore_all(env);
	return r < 0 ? r : files;
}

static int restore(struct provider_env *env)
{
	if (json_object_size(env->state) == 0)
		return 0;
	int r = restore_files(env);
	if (r == 0)
		r = compile(env); /* what others wrote there stays in force */
	if (r == 0 && json_object_get(env->state, DB_NOTE)) {
		json_object_del(env->state, DB_NOTE);
		r = env->save(env);
	}
	return r;
}

static int make(struct provider_env *env, int64_t ms)
{
	if (ms == 0)
		return restore(env);
	int r = write_keys(env, ms < 1000 ? 1 : ms / 1000);
	if (r == 0)
		r = write_profile(env);
	return r < 0 ? r : compile(env);
}

static int enforce(struct provider_env *env, const json_t *desired, json_t *ret)
{
	int64_t ms;
	if (!json_object_get(desired, SETTING))
		return restore(env);
	if (!setting_int(desired, SETTING, &ms) || ms < 0 || ms / 1000 > UINT32_MAX) {
		setting_fail(ret, SETTING, "the value must be a number of milliseconds");
		return 0;
	}
	int failure = make(env, ms);
	int64_t now = report(env, ret);
	setting_applied(ret, desired);
	if (failure < 0)
		setting_fail(ret, SETTING, "cannot set the time to lock: %s", strerror(-failure));
	else if (ms > 0 && (now == 0 || now > (ms < 1000 ? 1000 : ms)))
		setting_fail(ret, SETTING,
			     "another file of " DCONF_FOLDER " that is read after ours prevails");
	return 0;
}

static const char *const settings[] = { SETTING, NULL };
const struct provider provider_screen = { "screen", settings, observe, enforce, restore };
