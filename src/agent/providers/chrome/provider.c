/* SPDX-License-Identifier: Apache-2.0
 *
 * Chrome policies in files, for branded and unbranded browsers; README.md has the folders and the rules.
 *
 * The files are made anew from everything that is desired, so a policy that is no longer desired
 * goes by itself. env->state: "files" (undo.h).
 */
#include "agent/providers/all.h"
#include "agent/providers/chrome/policies.h"
#include "agent/providers/place.h"
#include "agent/providers/setting.h"
#include "agent/providers/undo.h"
#include <errno.h>

#define PREFIX   "chrome."
#define FILE_MAX (16 * 1024 * 1024)

/* "HomepageLocation" of "chrome.HomepageLocation"; NULL: another setting. */
static const char *policy_of(const char *setting)
{
	size_t n = strlen(PREFIX);
	return strncmp(setting, PREFIX, n) == 0 && setting[n] ? setting + n : NULL;
}

/* ---- looking ---- */

struct view {                        /* of all browsers that are there */
	json_t *policies[BROWSER_N]; /* NULL: not there */
	json_t *broken;              /* paths of files that cannot be read */
	int n;
};

static void look(const struct provider_env *env, struct view *ret)
{
	*ret = (struct view){ .broken = json_array() };
	for (int b = 0; b < BROWSER_N; b++)
		if (browser_there(env, (enum browser)b)) {
			ret->policies[b] = policies_read(env, (enum browser)b, ret->broken);
			ret->n++;
		}
}

static void view_fini(struct view *v)
{
	for (int b = 0; b < BROWSER_N; b++)
		json_decref(v->policies[b]);
	json_decref(v->broken);
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

/* Is what the browser ends up with as wanted? Mandatory where recommended is wanted is more. */
static bool is_so(const json_t *found, const json_t *wanted)
{
	return found &&
	       json_equal(json_object_get(found, "value"), json_object_get(wanted, "value")) &&
	       (strcmp(text_of(found, "level"), "mandatory") == 0 ||
		strcmp(text_of(wanted, "level"), "recommended") == 0);
}

/* What another file does to this policy; "" when nothing. */
static void explain(const struct view *v, const json_t *found, bool so, char *ret, size_t size)
{
	const char *file = text_of(found, "file"), *loser = text_of(found, "loser");
	const char *name = strrchr(file, '/');
	bool ours = name && strcmp(name + 1, OWN_FILE) == 0;
	ret[0] = '\0';
	if (!so && found && !ours)
		snprintf(ret, size, "%s sets it otherwise and prevails", file);
	else if (!so && found)
		snprintf(ret, size, "%s says otherwise", file);
	else if (!so && json_array_size(v->broken) > 0)
		snprintf(ret, size, "%s is not JSON",
			 json_string_value(json_array_get(v->broken, 0)));
	else if (so && loser[0])
		snprintf(ret, size, "%s sets it otherwise, in vain", loser);
}

/* The browser that tells: the first where it is not as wanted, else the first that is there. */
static const json_t *telling(const struct view *v, const char *policy, const json_t *wanted,
			     bool *ret_so)
{
	const json_t *ret = NULL;
	*ret_so = v->n > 0;
	for (int b = BROWSER_N - 1; b >= 0; b--) {
		const json_t *found = json_object_get(v->policies[b], policy);
		bool so = is_so(found, wanted);
		if (!v->policies[b] || (so && !*ret_so))
			continue;
		ret = found;
		*ret_so = so;
	}
	return ret;
}

/* A value that is only recommended is none where it is to be mandatory. */
static json_t *value_of(const json_t *found, const json_t *wanted)
{
	bool weak = strcmp(text_of(found, "level"), "recommended") == 0 &&
		    strcmp(text_of(wanted, "level"), "recommended") != 0;
	return weak ? NULL : json_incref(json_object_get(found, "value"));
}

static void report(const struct view *v, const json_t *wanted, json_t *ret)
{
	const char *setting;
	json_t *want;
	json_object_foreach ((json_t *)wanted, setting, want) {
		char message[MESSAGE_SIZE];
		bool so;
		if (!policy_of(setting))
			continue;
		const json_t *found = telling(v, policy_of(setting), want, &so);
		explain(v, found, so, message, sizeof message);
		provider_result(ret, setting, value_of(found, want), "observed",
				v->n == 0 ? "there is no browser here" : message);
	}
}

static void report_everything(const struct view *v, json_t *ret)
{
	for (int b = BROWSER_N - 1; b >= 0; b--) {
		const char *policy;
		json_t *found;
		json_object_foreach (v->policies[b], policy, found) {
			char setting[300];
			snprintf(setting, sizeof setting, PREFIX "%s", policy);
			provider_result(ret, setting, json_incref(json_object_get(found, "value")),
					"observed", text_of(found, "file"));
		}
	}
}

static int observe(struct provider_env *env, const json_t *wanted, json_t *ret)
{
	CLEANUP(view_fini) struct view v;
	look(env, &v);
	if (json_object_size(wanted) == 0)
		report_everything(&v, ret);
	else
		report(&v, wanted, ret);
	return 0;
}

/* ---- changing ---- */

/* A crash while a file was being replaced: the browser would read the leftover as policy. */
static int sweep(struct provider_env *env, const char *folder)
{
	AUTO_JSON names = NULL;
	size_t i;
	json_t *item;
	if (place_list(env->root, folder, &names) < 0)
		return 0;
	json_array_foreach (names, i, item) {
		char path[400];
		if (strncmp(json_string_value(item), ".tmp-", 5) != 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, json_string_value(item));
		int r = place_remove(env->root, path);
		if (r < 0)
			return r;
	}
	return 0;
}

static json_t *policies_for(const json_t *desired, enum level l)
{
	json_t *ret = json_object();
	const char *setting;
	json_t *unused;
	json_object_foreach ((json_t *)desired, setting, unused) {
		bool recommended = setting_recommended(desired, setting);
		if (policy_of(setting) && recommended == (l == LEVEL_RECOMMENDED))
			json_object_set(ret, policy_of(setting),
					(json_t *)setting_value(desired, setting));
	}
	return ret;
}

static int write_level(struct provider_env *env, enum browser b, enum level l,
		       const json_t *policies)
{
	char path[200];
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, FILE_MAX);
	const char *folder = policies_folder(b, l);
	snprintf(path, sizeof path, "%s/" OWN_FILE, folder);
	int r = sweep(env, folder);
	if (r == 0 && json_object_size(policies) == 0)
		return undo_restore(env, path);
	CLEANUP(free_charp) char *json = json_dumps(policies, JSON_INDENT(2) | JSON_SORT_KEYS);
	if (!json)
		return -EILSEQ;
	buf_addf(&text, "%s\n", json);
	if (text.failed)
		return -EFBIG;
	return r < 0 ? r : undo_write(env, path, buf_span(&text), 0644, UNDO_OURS);
}

static int write_all(struct provider_env *env, const json_t *desired)
{
	int first = 0;
	for (int l = 0; l < LEVEL_N; l++) {
		AUTO_JSON policies = policies_for(desired, (enum level)l);
		for (int b = 0; b < BROWSER_N; b++) {
			int r = write_level(env, (enum browser)b, (enum level)l, policies);
			if (r < 0 && first == 0)
				first = r;
		}
	}
	return first;
}

/* What was written and still does not hold has failed. */
static void judge(const struct view *v, const json_t *desired, int failure, json_t *ret)
{
	const char *setting;
	json_t *want;
	json_object_foreach ((json_t *)desired, setting, want) {
		bool so;
		if (!policy_of(setting))
			continue;
		telling(v, policy_of(setting), want, &so);
		const char *message = text_of(json_object_get(ret, setting), "message");
		if (!so && failure < 0)
			setting_fail(ret, setting, "cannot write the policy file: %s",
				     strerror(-failure));
		else if (!so)
			setting_fail(ret, setting, "%s", *message ? message : "it is not in force");
	}
}

static int enforce(struct provider_env *env, const json_t *desired, json_t *ret)
{
	int failure = write_all(env, desired);
	if (json_object_size(desired) == 0)
		return failure;
	CLEANUP(view_fini) struct view v;
	look(env, &v);
	report(&v, desired, ret);
	setting_applied(ret, desired);
	judge(&v, desired, failure, ret);
	return 0;
}

static int restore(struct provider_env *env)
{
	return undo_restore_all(env);
}

static const char *const settings[] = { PREFIX "*", NULL };
const struct provider provider_chrome = { "chrome", settings, observe, enforce, restore };
