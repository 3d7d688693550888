/* SPDX-License-Identifier: Apache-2.0
 *
 * Soft switches of radios; rfkill.h has the rules.
 */
#include "agent/providers/rfkill.h"
#include "agent/providers/place.h"
#include "agent/providers/setting.h"

#define FOLDER     "/sys/class/rfkill"
#define NOTES      "radios"
#define DEVICE_MAX 64

struct switches { /* the radios of one type */
	struct rfkill_device {
		char id[32];   /* folder in sysfs, changes from boot to boot */
		char name[64]; /* what the driver calls it: "phy0", "hci0" */
		bool soft, hard;
	} all[DEVICE_MAX];
	int n;
};

static const char *attribute(const struct provider_env *env, const char *id, const char *name,
			     char text[64])
{
	char path[128];
	snprintf(path, sizeof path, FOLDER "/%s/%s", id, name);
	return place_word(env->root, path, text, 64);
}

static void scan(const struct provider_env *env, const struct radio *radio, struct switches *ret)
{
	AUTO_JSON ids = NULL;
	json_t *item;
	size_t i;
	char text[64];
	ret->n = 0;
	if (place_list(env->root, FOLDER, &ids) < 0)
		return; /* no rfkill at all: no radio */
	json_array_foreach (ids, i, item) {
		const char *id = json_string_value(item);
		struct rfkill_device *d = &ret->all[ret->n];
		if (strlen(id) >= sizeof d->id ||
		    strcmp(attribute(env, id, "type", text), radio->type) != 0)
			continue;
		snprintf(d->id, sizeof d->id, "%s", id);
		attribute(env, id, "name", d->name);
		d->soft = strcmp(attribute(env, id, "soft", text), "1") == 0;
		d->hard = strcmp(attribute(env, id, "hard", text), "1") == 0;
		if (++ret->n == DEVICE_MAX)
			return;
	}
}

static int set_soft(struct provider_env *env, const struct rfkill_device *d, bool soft)
{
	char path[128];
	snprintf(path, sizeof path, FOLDER "/%s/soft", d->id);
	return place_poke(env->root, path, soft ? "1" : "0");
}

/* The radio that decides: one that is on, else one that is off in hardware, else any. */
static const struct rfkill_device *telling(const struct switches *s)
{
	const struct rfkill_device *ret = &s->all[0];
	for (int i = 0; i < s->n; i++) {
		if (!s->all[i].soft && !s->all[i].hard)
			return &s->all[i];
		if (s->all[i].hard)
			ret = &s->all[i];
	}
	return ret;
}

static void report(const struct radio *radio, const struct switches *s, const json_t *wanted,
		   json_t *ret)
{
	bool value = true;
	setting_bool(wanted, radio->setting, &value);
	if (s->n == 0) {
		setting_result(ret, radio->setting, json_boolean(value), "observed",
			       "there is no %s", radio->called);
		return;
	}
	const struct rfkill_device *d = telling(s);
	value = d->soft || d->hard;
	setting_result(ret, radio->setting, json_boolean(value), "observed", "%s is %s", d->name,
		       !value    ? "on"
		       : d->hard ? "switched off in hardware"
				 : "off");
}

int rfkill_observe(struct provider_env *env, const struct radio *radio, const json_t *wanted,
		   json_t *ret)
{
	struct switches s;
	if (!setting_asked(wanted, radio->setting))
		return 0;
	scan(env, radio, &s);
	report(radio, &s, wanted, ret);
	return 0;
}

/* Notes the originals of the radios that are about to change; saved once. */
static int note(struct provider_env *env, const struct switches *s, bool off)
{
	json_t *notes = json_object_get(env->state, NOTES);
	AUTO_JSON fresh = notes ? json_copy(notes) : json_object();
	for (int i = 0; i < s->n; i++)
		if (s->all[i].soft != off && !json_object_get(fresh, s->all[i].name))
			json_object_set_new(fresh, s->all[i].name, json_boolean(s->all[i].soft));
	if (json_object_size(fresh) == json_object_size(notes))
		return 0;
	AUTO_JSON before = notes ? json_incref(notes) : json_object();
	json_object_set(env->state, NOTES, fresh);
	int r = env->save(env);
	if (r < 0)
		json_object_set(env->state, NOTES, before);
	return r;
}

static int switch_all(struct provider_env *env, const struct switches *s, bool off)
{
	int first = note(env, s, off);
	if (first < 0)
		return first;
	for (int i = 0; i < s->n; i++) {
		int r = s->all[i].soft != off ? set_soft(env, &s->all[i], off) : 0;
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

int rfkill_restore(struct provider_env *env, const struct radio *radio)
{
	struct switches s;
	const json_t *notes = json_object_get(env->state, NOTES);
	if (!notes)
		return 0;
	scan(env, radio, &s);
	for (int i = 0; i < s.n; i++) {
		const json_t *was = json_object_get(notes, s.all[i].name);
		int r = was && json_is_true(was) != s.all[i].soft
				? set_soft(env, &s.all[i], json_is_true(was))
				: 0;
		if (r < 0)
			return r; /* the note stays: tried again */
	}
	json_object_del(env->state, NOTES);
	return env->save(env);
}

int rfkill_enforce(struct provider_env *env, const struct radio *radio, const json_t *desired,
		   json_t *ret)
{
	struct switches s;
	bool off;
	if (!json_object_get(desired, radio->setting))
		return rfkill_restore(env, radio);
	if (!setting_bool(desired, radio->setting, &off)) {
		setting_fail(ret, radio->setting, "the value must be true or false");
		return 0;
	}
	scan(env, radio, &s);
	int failure = switch_all(env, &s, off);
	scan(env, radio, &s);
	report(radio, &s, desired, ret);
	setting_applied(ret, desired);
	if (failure < 0)
		setting_fail(ret, radio->setting, "cannot switch a %s: %s", radio->called,
			     strerror(-failure));
	else if (s.n > 0 && (telling(&s)->soft || telling(&s)->hard) != off)
		setting_fail(ret, radio->setting, "%s %s", telling(&s)->name,
			     off ? "is still on" : "is switched off in hardware");
	return 0;
}
