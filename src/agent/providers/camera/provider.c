/* SPDX-License-Identifier: Apache-2.0
 *
 * Cameras off: USB video interfaces are deauthorized and their driver is blocked. README.md has the
 * rule by which "off" is observed.
 *
 * env->state: "files" (undo.h) for the modprobe file, and "interfaces": name -> its `authorized` as it
 * was. Interface names are places of the bus: after a boot everything is authorized again, and a
 * name that is gone is passed over.
 */
#include "agent/providers/all.h"
#include "agent/providers/place.h"
#include "agent/providers/setting.h"
#include "agent/providers/undo.h"

#define SETTING       "camera.disabled"
#define DEVICES       "/sys/bus/usb/devices"
#define PROBE         "/sys/bus/usb/drivers_probe"
#define MODPROBE_FILE "/etc/modprobe.d/reeve-camera.conf"
#define NOTES         "interfaces"
#define CONF_MAX      65536
#define RUN_MS        10000

static const char modprobe_text[] = "# Written by reeve-agent (camera.disabled); removed with it.\n"
				    "blacklist uvcvideo\n"
				    "install uvcvideo /bin/false\n";

static const char *const modprobe_folders[] = { "/etc/modprobe.d", "/run/modprobe.d",
						"/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d",
						"/lib/modprobe.d" };

struct cameras {
	json_t *interfaces; /* name -> authorized, boolean */
	int n_usable;
	char blocker[300]; /* the file that blocks the driver, or "" */
};

/* ---- looking ---- */

static bool authorized(const struct provider_env *env, const char *interface)
{
	char path[400], text[16];
	snprintf(path, sizeof path, DEVICES "/%s/authorized", interface);
	return strcmp(place_word(env->root, path, text, sizeof text), "0") != 0;
}

static bool is_video(const struct provider_env *env, const char *interface)
{
	char path[400], text[16];
	snprintf(path, sizeof path, DEVICES "/%s/bInterfaceClass", interface);
	return strchr(interface, ':') &&
	       strcmp(place_word(env->root, path, text, sizeof text), "0e") == 0;
}

/* A line of a modprobe file, with its white space made single. */
static bool line_blocks(const char *line)
{
	static const char *const blocking[] = { "blacklist uvcvideo", "install uvcvideo /bin/false",
						"install uvcvideo /bin/true",
						"install uvcvideo /usr/bin/false",
						"install uvcvideo /usr/bin/true" };
	for (size_t i = 0; i < ARRAY_SIZE(blocking); i++)
		if (strcmp(line, blocking[i]) == 0)
			return true;
	return false;
}

static bool text_blocks(struct span text)
{
	char line[100];
	size_t n = 0;
	for (size_t i = 0; i <= text.n; i++) {
		char c = i < text.n ? (char)text.p[i] : '\n';
		bool blank = c == ' ' || c == '\t';
		if (c == '\n') {
			line[n > 0 && line[n - 1] == ' ' ? n - 1 : n] = '\0';
			if (line_blocks(line))
				return true;
			n = 0;
		} else if (n < sizeof line - 1 && !(blank && (n == 0 || line[n - 1] == ' '))) {
			line[n++] = blank ? ' ' : c;
		}
	}
	return false;
}

static bool file_blocks(const struct provider_env *env, const char *path)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, CONF_MAX);
	return place_read(env->root, path, &text) == 0 && text_blocks(buf_span(&text));
}

static void find_blocker(const struct provider_env *env, const char *folder, char ret[300])
{
	AUTO_JSON names = NULL;
	json_t *item;
	size_t i;
	if (place_list(env->root, folder, &names) < 0)
		return;
	json_array_foreach (names, i, item) {
		const char *name = json_string_value(item);
		size_t n = strlen(name);
		if (n < 5 || strcmp(name + n - 5, ".conf") != 0)
			continue;
		snprintf(ret, 300, "%s/%s", folder, name);
		if (file_blocks(env, ret))
			return;
	}
	ret[0] = '\0';
}

static void look(const struct provider_env *env, struct cameras *ret)
{
	AUTO_JSON names = NULL;
	json_t *item;
	size_t i;
	*ret = (struct cameras){ .interfaces = json_object() };
	if (place_list(env->root, DEVICES, &names) < 0)
		names = json_array();
	json_array_foreach (names, i, item) {
		const char *name = json_string_value(item);
		if (!is_video(env, name))
			continue;
		bool usable = authorized(env, name);
		ret->n_usable += usable;
		json_object_set_new(ret->interfaces, name, json_boolean(usable));
	}
	for (i = 0; i < ARRAY_SIZE(modprobe_folders) && !ret->blocker[0]; i++)
		find_blocker(env, modprobe_folders[i], ret->blocker);
}

static void cameras_fini(struct cameras *c)
{
	json_decref(c->interfaces);
}

static bool report(const struct cameras *c, const json_t *wanted, json_t *ret)
{
	size_t n = json_object_size(c->interfaces);
	bool value = true;
	setting_bool(wanted, SETTING, &value);
	if (n > 0)
		value = c->n_usable == 0 && c->blocker[0];
	else if (c->blocker[0])
		value = true;
	if (n == 0)
		setting_result(ret, SETTING, json_boolean(value), "observed",
			       "there is no camera%s%s",
			       c->blocker[0] ? "; the driver is blocked by " : "", c->blocker);
	else
		setting_result(ret, SETTING, json_boolean(value), "observed",
			       "%d of %zu video interfaces usable; the driver is %s%s", c->n_usable,
			       n, c->blocker[0] ? "blocked by " : "not blocked", c->blocker);
	return value;
}

static int observe(struct provider_env *env, const json_t *wanted, json_t *ret)
{
	if (!setting_asked(wanted, SETTING))
		return 0;
	CLEANUP(cameras_fini) struct cameras c;
	look(env, &c);
	report(&c, wanted, ret);
	return 0;
}

/* ---- changing ---- */

/* Notes what is about to change; saved once. */
static int note(struct provider_env *env, const json_t *interfaces, bool usable)
{
	json_t *notes = json_object_get(env->state, NOTES);
	AUTO_JSON before = notes ? json_copy(notes) : json_object();
	AUTO_JSON fresh = json_copy(before);
	const char *name;
	json_t *now;
	json_object_foreach ((json_t *)interfaces, name, now)
		if (json_is_true(now) != usable && !json_object_get(fresh, name))
			json_object_set(fresh, name, now);
	if (json_equal(fresh, before))
		return 0;
	json_object_set(env->state, NOTES, fresh);
	int r = env->save(env);
	if (r < 0)
		json_object_set(env->state, NOTES, before);
	return r;
}

static int authorize(struct provider_env *env, const char *interface, bool usable)
{
	char path[400];
	snprintf(path, sizeof path, DEVICES "/%s/authorized", interface);
	int r = place_poke(env->root, path, usable ? "1" : "0");
	if (r == 0 && usable && place_exists(env->root, PROBE))
		r = place_poke(env->root, PROBE, interface);
	return r;
}

/* The driver is not loaded by a camera that is there already. Not having it is no failure: the
 * kernel may have it built in, or none at all. */
static void load_driver(struct provider_env *env)
{
	static const char *const argv[] = { "modprobe", "--quiet", "uvcvideo", NULL };
	if (!place_exists(env->root, "/sys/module/uvcvideo"))
		env->run(env, argv, RUN_MS, NULL);
}

static int switch_all(struct provider_env *env, const json_t *interfaces, bool usable)
{
	const char *name;
	json_t *now;
	bool loaded = false;
	int first = note(env, interfaces, usable);
	if (first < 0)
		return first;
	json_object_foreach ((json_t *)interfaces, name, now) {
		if (json_is_true(now) == usable)
			continue;
		if (usable && !loaded)
			load_driver(env);
		loaded = true;
		int r = authorize(env, name, usable);
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

static int restore(struct provider_env *env)
{
	const char *name;
	json_t *was, *notes = json_object_get(env->state, NOTES);
	CLEANUP(cameras_fini) struct cameras c = { 0 };
	int r = undo_restore(env, MODPROBE_FILE);
	if (r < 0 || !notes)
		return r;
	look(env, &c);
	json_object_foreach (notes, name, was) {
		const json_t *now = json_object_get(c.interfaces, name);
		if (!now || json_is_true(now) == json_is_true(was))
			continue;
		if (json_is_true(was))
			load_driver(env);
		r = authorize(env, name, json_is_true(was));
		if (r < 0)
			return r;
	}
	json_object_del(env->state, NOTES);
	return env->save(env);
}

static int make(struct provider_env *env, bool disabled)
{
	CLEANUP(cameras_fini) struct cameras c;
	look(env, &c);
	int file =
		disabled ? undo_write(env, MODPROBE_FILE, span_str(modprobe_text), 0644, UNDO_OURS)
			 : undo_restore(env, MODPROBE_FILE);
	int r = switch_all(env, c.interfaces, !disabled);
	return r < 0 ? r : file;
}

static int enforce(struct provider_env *env, const json_t *desired, json_t *ret)
{
	CLEANUP(cameras_fini) struct cameras c = { 0 };
	bool disabled;
	if (!json_object_get(desired, SETTING))
		return restore(env);
	if (!setting_bool(desired, SETTING, &disabled)) {
		setting_fail(ret, SETTING, "the value must be true or false");
		return 0;
	}
	int failure = make(env, disabled);
	look(env, &c);
	bool value = report(&c, desired, ret);
	setting_applied(ret, desired);
	if (failure < 0)
		setting_fail(ret, SETTING, "cannot switch the cameras: %s", strerror(-failure));
	else if (value != disabled)
		setting_fail(ret, SETTING, "%s%s",
			     disabled ? "a camera can still be used" : "the driver is blocked by ",
			     disabled ? "" : c.blocker);
	return 0;
}

static const char *const settings[] = { SETTING, NULL };
const struct provider provider_camera = { "camera", settings, observe, enforce, restore };
