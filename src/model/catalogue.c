/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of the catalogue and how to look things up in them.
 *
 * There are two tables, both sorted by name: our own rows (catalogue.def) and the Chrome policies
 * (generated). All names of the second begin with "chrome.", so the merged order is: our rows
 * before that word, the policies, our remaining rows. Nothing is built at run time.
 *
 * What a value may be, and when it satisfies, is in catalogue-value.c.
 */
#include "model/catalogue.h"
#include "model/catalogue-value.h"
#include "model/chrome-policies.h"
#include "model/shape.h"
#include "model/text.h"

#define CHROME_PREFIX "chrome."

static const struct setting_type own_settings[] = {
#define SETTING(a_name, a_kind, a_min, a_max, a_choices, a_fields, a_default, a_rule, a_provider,  \
		a_chrome, a_flyve, a_mdmcore, a_mdmcore_default, a_doc)                            \
	{ .name = a_name,                                                                          \
	  .kind = SETTING_##a_kind,                                                                \
	  .min = a_min,                                                                            \
	  .max = a_max,                                                                            \
	  .choices = a_choices,                                                                    \
	  .fields = a_fields,                                                                      \
	  .default_json = a_default,                                                               \
	  .rule = RULE_##a_rule,                                                                   \
	  .provider = a_provider,                                                                  \
	  .chrome = a_chrome,                                                                      \
	  .flyve = a_flyve,                                                                        \
	  .mdmcore = a_mdmcore,                                                                    \
	  .mdmcore_default_json = a_mdmcore_default,                                               \
	  .doc = a_doc },
#include "model/catalogue.def"
#undef SETTING
};

/* Where 'name' is in a sorted table, or where it would be. */
static size_t lower_bound(const struct setting_type *rows, size_t n, const char *name)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(rows[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t catalogue_n(void)
{
	return ARRAY_SIZE(own_settings) + chrome_settings_n;
}

const struct setting_type *catalogue_at(size_t i)
{
	size_t n_before = lower_bound(own_settings, ARRAY_SIZE(own_settings), CHROME_PREFIX);
	if (i < n_before)
		return &own_settings[i];
	if (i < n_before + chrome_settings_n)
		return &chrome_settings[i - n_before];
	return i < catalogue_n() ? &own_settings[i - chrome_settings_n] : NULL;
}

const struct setting_type *catalogue_find(const char *name)
{
	if (!name)
		return NULL;
	bool chrome = strncmp(name, CHROME_PREFIX, strlen(CHROME_PREFIX)) == 0;
	const struct setting_type *rows = chrome ? chrome_settings : own_settings;
	size_t n = chrome ? chrome_settings_n : ARRAY_SIZE(own_settings);
	size_t i = lower_bound(rows, n, name);
	return i < n && strcmp(rows[i].name, name) == 0 ? &rows[i] : NULL;
}

const char *catalogue_nearest(const char *name)
{
	struct nearest nearest;
	nearest_init(&nearest, name);
	for (size_t i = 0; i < catalogue_n(); i++) {
		const struct setting_type *t = catalogue_at(i);
		nearest_add(&nearest, t->name, t->name);
		if (t->policy) /* HomepageLocation means chrome.HomepageLocation */
			nearest_add(&nearest, t->name + strlen(CHROME_PREFIX), t->name);
	}
	return nearest.name;
}

bool catalogue_applies(const struct setting_type *t, enum channel c)
{
	switch (c) {
	case CHANNEL_CHROME:
		return t->policy || t->chrome;
	case CHANNEL_FLYVE:
		return t->flyve;
	case CHANNEL_MDMCORE:
		return t->mdmcore;
	case CHANNEL_DEVICE:
		return t->provider;
	case CHANNEL_VM:
		return false; /* a guest is given commands, not settings */
	case CHANNEL_N:
		return true;
	}
	return false;
}

static const char *kind_text(enum setting_kind k)
{
	static const char *const words[] = {
		[SETTING_BOOL] = "boolean",    [SETTING_INT] = "integer",
		[SETTING_STRING] = "string",   [SETTING_ENUM] = "enum",
		[SETTING_LIST] = "list",       [SETTING_JSON] = "json",
		[SETTING_OBJECTS] = "objects",
	};
	return words[k];
}

static const char *rule_text(enum setting_rule r)
{
	static const char *const words[] = {
		[RULE_EQUAL] = "equal",     [RULE_AT_LEAST] = "at_least",
		[RULE_AT_MOST] = "at_most", [RULE_ALL_DONE] = "all_done",
		[RULE_NONE] = "none",
	};
	return words[r];
}

static json_t *text_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

static json_t *channels_to_json(const struct setting_type *t)
{
	json_t *all = json_array();
	for (size_t c = 0; c < CHANNEL_N; c++)
		if (catalogue_applies(t, (enum channel)c))
			json_array_append_new(all, json_string(channel_name((enum channel)c)));
	return all;
}

static json_t *policy_to_json(const struct chrome_policy *p)
{
	return json_pack("{s:i, s:b, s:b, s:b, s:b, s:b}", "id", p->id, "per_profile",
			 p->per_profile, "cloud_only", p->cloud_only, "deprecated", p->deprecated,
			 "future", p->future, "dynamic_refresh", p->dynamic_refresh);
}

json_t *catalogue_to_json(const struct setting_type *t)
{
	json_t *o = json_pack("{s:s, s:s}", "name", t->name, "type", kind_text(t->kind));
	int64_t min, max;
	bool bounded = setting_bounds(t, &min, &max);
	json_object_set_new(o, "min", bounded ? json_integer(min) : json_null());
	json_object_set_new(o, "max", bounded ? json_integer(max) : json_null());
	json_object_set_new(o, "choices", setting_choices(t));
	json_object_set_new(o, "fields", shape_to_json(t->fields ? t->fields : ""));
	json_object_set_new(o, "default",
			    t->default_json ? json_loads(t->default_json, JSON_DECODE_ANY, NULL)
					    : json_null());
	json_object_set_new(o, "rule", json_string(rule_text(t->rule)));
	json_object_set_new(o, "channels", channels_to_json(t));
	json_object_set_new(o, "provider", text_or_null(t->provider));
	json_object_set_new(o, "chrome", text_or_null(t->chrome));
	json_object_set_new(o, "flyve", text_or_null(t->flyve));
	json_object_set_new(o, "mdmcore", text_or_null(t->mdmcore));
	json_object_set_new(o, "policy", t->policy ? policy_to_json(t->policy) : json_null());
	json_object_set_new(o, "doc", json_string(t->doc));
	return o;
}
