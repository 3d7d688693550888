/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading policy files in the browser's own order; policies.h has the contract.
 */
#include "agent/providers/chrome/policies.h"
#include "agent/providers/chrome/relaxed-json.h"
#include "agent/providers/place.h"

#define FILE_MAX (16 * 1024 * 1024)

static const struct {
	const char *name, *folders[LEVEL_N], *program;
} browsers[BROWSER_N] = {
	[BROWSER_CHROMIUM] = { "Chromium",
			       { [LEVEL_RECOMMENDED] = "/etc/chromium/policies/recommended",
				 [LEVEL_MANDATORY] = "/etc/chromium/policies/managed" },
			       "/usr/bin/chromium" },
	[BROWSER_CHROME] = { "Google Chrome",
			     { [LEVEL_RECOMMENDED] = "/etc/opt/chrome/policies/recommended",
			       [LEVEL_MANDATORY] = "/etc/opt/chrome/policies/managed" },
			     "/opt/google/chrome/chrome" },
};

static const char *const level_names[LEVEL_N] = {
	[LEVEL_RECOMMENDED] = "recommended", [LEVEL_MANDATORY] = "mandatory"
};

const char *policies_folder(enum browser b, enum level l)
{
	return browsers[b].folders[l];
}

const char *browser_name(enum browser b)
{
	return browsers[b].name;
}

bool browser_there(const struct provider_env *env, enum browser b)
{
	return place_exists(env->root, browsers[b].program) ||
	       place_exists(env->root, browsers[b].folders[LEVEL_RECOMMENDED]) ||
	       place_exists(env->root, browsers[b].folders[LEVEL_MANDATORY]);
}

/* A file that is read later, or of the higher level, replaces what is known of a policy. */
static void merge(json_t *ret, json_t *file, enum level l, const char *path)
{
	const char *name;
	json_t *value;
	json_object_foreach (file, name, value) {
		const json_t *before = json_object_get(ret, name);
		json_t *now = json_pack("{s:O, s:s, s:s}", "value", value, "level", level_names[l],
					"file", path);
		if (before && !json_equal(json_object_get(before, "value"), value))
			json_object_set(now, "loser", json_object_get(before, "file"));
		json_object_set_new(ret, name, now);
	}
}

static void read_folder(const struct provider_env *env, enum browser b, enum level l, json_t *ret,
			json_t *broken)
{
	AUTO_JSON names = NULL;
	size_t i;
	json_t *item;
	if (place_list(env->root, browsers[b].folders[l], &names) < 0)
		return;
	json_array_foreach (names, i, item) {
		CLEANUP(buf_fini) struct buf text;
		char path[400];
		buf_init(&text, FILE_MAX);
		snprintf(path, sizeof path, "%s/%s", browsers[b].folders[l],
			 json_string_value(item));
		if (place_read(env->root, path, &text) < 0)
			continue; /* a folder, or something worse */
		AUTO_JSON file = relaxed_json_parse(buf_span(&text));
		if (file)
			merge(ret, file, l, path);
		else if (broken)
			json_array_append_new(broken, json_string(path));
	}
}

json_t *policies_read(const struct provider_env *env, enum browser b, json_t *broken)
{
	json_t *ret = json_object();
	for (int l = LEVEL_RECOMMENDED; l < LEVEL_N; l++)
		read_folder(env, b, (enum level)l, ret, broken);
	return ret;
}
