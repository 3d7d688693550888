/* SPDX-License-Identifier: Apache-2.0
 *
 * Block devices and the file systems on them: {"devices": […], "filesystems": […]}.
 */
#include "agent/inventory/sections.h"
#include "agent/providers/mounts.h"
#include "agent/providers/place.h"
#include <limits.h>
#include <sys/statvfs.h>

#define SECTOR 512 /* the unit of /sys/block/x/size, whatever the disk's own is */

/* Made by software on other devices or on memory: no hardware. */
static bool is_virtual(const char *name)
{
	static const char *const prefixes[] = { "loop", "ram", "zram", "dm-", "md", "nbd", "fd" };
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static json_t *describe_device(struct provider_env *env, const char *name)
{
	static const struct {
		const char *key, *attribute;
	} texts[] = {
		{ "model", "device/model" },
		{ "vendor", "device/vendor" },
		{ "serial", "device/serial" },
	};
	char path[400];
	json_t *ret = json_object();
	section_text(ret, "name", name);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		snprintf(path, sizeof path, "/sys/block/%s/%s", name, texts[i].attribute);
		section_file(ret, texts[i].key, env, path);
	}
	snprintf(path, sizeof path, "/sys/block/%s/size", name);
	int64_t sectors = section_number(env, path);
	if (sectors >= 0 && sectors < INT64_MAX / SECTOR)
		json_object_set_new(ret, "size", json_integer(sectors * SECTOR));
	snprintf(path, sizeof path, "/sys/block/%s/queue/rotational", name);
	json_object_set_new(ret, "rotational", json_boolean(section_number(env, path) == 1));
	snprintf(path, sizeof path, "/sys/block/%s/removable", name);
	json_object_set_new(ret, "removable", json_boolean(section_number(env, path) == 1));
	return ret;
}

static json_t *list_devices(struct provider_env *env)
{
	AUTO_JSON names = NULL;
	json_t *ret = json_array(), *item;
	size_t i;
	if (place_list(env->root, "/sys/block", &names) < 0)
		return ret;
	json_array_foreach (names, i, item)
		if (!is_virtual(json_string_value(item)) &&
		    json_array_size(ret) < SECTION_ITEMS_MAX)
			json_array_append_new(ret, describe_device(env, json_string_value(item)));
	return ret;
}

/* Those that answer by themselves: a network or FUSE file system may let statvfs() wait for ever. */
static bool is_local(const char *type)
{
	static const char *const types[] = { "ext2",  "ext3",     "ext4",  "xfs",
					     "btrfs", "vfat",     "exfat", "ntfs3",
					     "f2fs",  "bcachefs", "zfs",   "overlay" };
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

struct filesystems {
	struct provider_env *env;
	json_t *list;
};

static void add_size(json_t *o, struct provider_env *env, const char *point)
{
	char path[PATH_MAX];
	struct statvfs st;
	int n = snprintf(path, sizeof path, "%s%s", env->root, point);
	if (n >= (int)sizeof path || statvfs(path, &st) < 0 || st.f_frsize == 0 ||
	    st.f_blocks > INT64_MAX / st.f_frsize)
		return;
	json_object_set_new(o, "size", json_integer((json_int_t)(st.f_blocks * st.f_frsize)));
	json_object_set_new(o, "available", json_integer((json_int_t)(st.f_bavail * st.f_frsize)));
}

static void add_filesystem(void *user, const struct mount *m)
{
	struct filesystems *f = user;
	if (!is_local(m->type) || json_array_size(f->list) >= SECTION_ITEMS_MAX)
		return;
	json_t *o = json_object();
	section_text(o, "mount", m->point);
	section_text(o, "type", m->type);
	section_text(o, "source", m->source);
	json_object_set_new(o, "read_only", json_boolean(m->read_only));
	add_size(o, f->env, m->point);
	json_array_append_new(f->list, o);
}

json_t *inventory_disks(struct provider_env *env)
{
	struct filesystems f = { env, json_array() };
	int r = mounts_each(env->root, add_filesystem, &f);
	json_t *ret = json_pack("{s:o}", "devices", list_devices(env));
	if (r == 0)
		json_object_set(ret, "filesystems", f.list);
	json_decref(f.list);
	return ret;
}
