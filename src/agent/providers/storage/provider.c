/* SPDX-License-Identifier: Apache-2.0
 *
 * Is the storage encrypted? README.md says what counts. Nothing is ever changed, so there is no state.
 */
#include "agent/providers/all.h"
#include "agent/providers/mounts.h"
#include "agent/providers/place.h"
#include "agent/providers/setting.h"

#define SETTING   "storage.encryption"
#define BLOCK     "/sys/class/block"
#define DEPTH_MAX 16
#define WHY_SIZE  (3 * MOUNT_NAME_SIZE)

static bool lies_in(const char *path, const char *point)
{
	size_t n = strlen(point);
	if (strcmp(point, "/") == 0)
		return true;
	return strncmp(path, point, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

struct search {
	const char *path;
	struct mount *best; /* the longest, of the same the last */
	bool found;
};

static void consider(void *user, const struct mount *m)
{
	struct search *s = user;
	if (!lies_in(s->path, m->point))
		return;
	if (!s->found || strlen(m->point) >= strlen(s->best->point))
		*s->best = *m;
	s->found = true;
}

/* ---- block devices ---- */

static bool is_crypt(const struct provider_env *env, const char *name)
{
	static const char *const not_secret[] = { "CRYPT-VERITY", "CRYPT-INTEGRITY" };
	char path[400], uuid[MOUNT_NAME_SIZE];
	snprintf(path, sizeof path, BLOCK "/%s/dm/uuid", name);
	place_word(env->root, path, uuid, sizeof uuid);
	for (size_t i = 0; i < ARRAY_SIZE(not_secret); i++)
		if (strncmp(uuid, not_secret[i], strlen(not_secret[i])) == 0)
			return false;
	return strncmp(uuid, "CRYPT-", 6) == 0;
}

static bool all_encrypted(const struct provider_env *env, const json_t *names, int depth);

/* By the device itself, or by everything it is made of. */
static bool is_encrypted(const struct provider_env *env, const char *name, int depth)
{
	char path[400];
	AUTO_JSON below = NULL;
	if (is_crypt(env, name))
		return true;
	snprintf(path, sizeof path, BLOCK "/%s/slaves", name);
	return depth < DEPTH_MAX && place_list(env->root, path, &below) == 0 &&
	       all_encrypted(env, below, depth + 1);
}

static bool all_encrypted(const struct provider_env *env, const json_t *names, int depth)
{
	size_t i;
	json_t *item;
	json_array_foreach (names, i, item)
		if (!is_encrypted(env, json_string_value(item), depth))
			return false;
	return json_array_size(names) > 0;
}

/* The block device whose attribute has this value. */
static bool find_by(const struct provider_env *env, const char *attribute, const char *value,
		    char ret[MOUNT_NAME_SIZE])
{
	AUTO_JSON names = NULL;
	size_t i;
	json_t *item;
	char path[600], text[MOUNT_NAME_SIZE];
	if (place_list(env->root, BLOCK, &names) < 0)
		return false;
	json_array_foreach (names, i, item) {
		snprintf(path, sizeof path, BLOCK "/%s/%s", json_string_value(item), attribute);
		if (strcmp(place_word(env->root, path, text, sizeof text), value) != 0)
			continue;
		snprintf(ret, MOUNT_NAME_SIZE, "%s", json_string_value(item));
		return true;
	}
	return false;
}

/* btrfs and others have device numbers of their own: then the source tells. */
static bool device_of(const struct provider_env *env, const struct mount *m,
		      char ret[MOUNT_NAME_SIZE])
{
	static const char mapper[] = "/dev/mapper/", dev[] = "/dev/";
	char path[400];
	if (strncmp(m->device, "0:", 2) != 0)
		return find_by(env, "dev", m->device, ret);
	if (strncmp(m->source, mapper, strlen(mapper)) == 0)
		return find_by(env, "dm/name", m->source + strlen(mapper), ret);
	if (strncmp(m->source, dev, strlen(dev)) != 0 || strchr(m->source + strlen(dev), '/'))
		return false;
	snprintf(ret, MOUNT_NAME_SIZE, "%s", m->source + strlen(dev));
	snprintf(path, sizeof path, BLOCK "/%s", ret);
	return place_exists(env->root, path);
}

static bool holds(const json_t *names, const char *name)
{
	size_t i;
	json_t *item;
	json_array_foreach (names, i, item)
		if (strcmp(json_string_value(item), name) == 0)
			return true;
	return false;
}

/* Every device of the btrfs that 'name' is one of. */
static bool btrfs_encrypted(const struct provider_env *env, const char *name)
{
	AUTO_JSON systems = NULL;
	size_t i;
	json_t *item;
	char path[400];
	if (place_list(env->root, "/sys/fs/btrfs", &systems) < 0)
		return is_encrypted(env, name, 0);
	json_array_foreach (systems, i, item) {
		AUTO_JSON devices = NULL;
		snprintf(path, sizeof path, "/sys/fs/btrfs/%s/devices", json_string_value(item));
		if (place_list(env->root, path, &devices) == 0 && holds(devices, name))
			return all_encrypted(env, devices, 0);
	}
	return is_encrypted(env, name, 0);
}

static bool mount_encrypted(const struct provider_env *env, const struct mount *m)
{
	char name[MOUNT_NAME_SIZE];
	if (!device_of(env, m, name))
		return false;
	return strcmp(m->type, "btrfs") == 0 ? btrfs_encrypted(env, name)
					     : is_encrypted(env, name, 0);
}

/* ---- the provider ---- */

/* true: encrypted; 'why' is a sentence either way. */
static bool look(const struct provider_env *env, char why[WHY_SIZE])
{
	static const char *const paths[] = { "/", "/home" };
	struct mount m;
	snprintf(why, WHY_SIZE, "the mounts cannot be read");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct search search = { paths[i], &m, false };
		if (mounts_each(env->root, consider, &search) < 0 || !search.found)
			return false;
		if (!mount_encrypted(env, &m)) {
			snprintf(why, WHY_SIZE, "%s (%s on %s) is not encrypted", m.point, m.type,
				 m.source);
			return false;
		}
	}
	snprintf(why, WHY_SIZE, "/ and /home are on dm-crypt");
	return true;
}

static int observe(struct provider_env *env, const json_t *wanted, json_t *ret)
{
	char why[WHY_SIZE];
	if (!setting_asked(wanted, SETTING))
		return 0;
	bool encrypted = look(env, why);
	provider_result(ret, SETTING, json_boolean(encrypted), "observed", why);
	return 0;
}

static int enforce(struct provider_env *env, const json_t *desired, json_t *ret)
{
	bool wanted;
	if (!json_object_get(desired, SETTING))
		return 0;
	int r = observe(env, desired, ret);
	setting_applied(ret, desired);
	const json_t *result = json_object_get(ret, SETTING);
	if (!setting_bool(desired, SETTING, &wanted))
		setting_fail(ret, SETTING, "the value must be true or false");
	else if (wanted && !json_is_true(json_object_get(result, "value")))
		setting_fail(ret, SETTING, "%s; a disk in use is not encrypted by Reeve",
			     json_string_value(json_object_get(result, "message")));
	return r;
}

static int restore(struct provider_env *env)
{
	return 0; /* nothing was changed */
}

static const char *const settings[] = { SETTING, NULL };
const struct provider provider_storage = { "storage", settings, observe, enforce, restore };
