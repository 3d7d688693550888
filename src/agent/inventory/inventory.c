/* SPDX-License-Identifier: Apache-2.0
 *
 * The inventory: every section that this machine can fill.
 */
#include "agent/inventory/sections.h"
#include "agent/providers/place.h"
#include "base/utf8.h"

static const struct {
	const char *name;
	section_fn *collect;
} sections[] = {
	{ "disks", inventory_disks },       { "hardware", inventory_hardware },
	{ "network", inventory_network },   { "os", inventory_os },
	{ "packages", inventory_packages }, { "users", inventory_users },
};

json_t *inventory_collect(struct provider_env *env)
{
	json_t *ret = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		json_t *section = sections[i].collect(env);
		if (section)
			json_object_set_new(ret, sections[i].name, section);
	}
	return ret;
}

void section_text(json_t *o, const char *key, const char *text)
{
	if (text && *text && utf8_valid(span_str(text)))
		json_object_set_new(o, key, json_string(text));
}

void section_file(json_t *o, const char *key, struct provider_env *env, const char *path)
{
	char text[256];
	place_word(env->root, path, text, sizeof text);
	text[strcspn(text, "\n")] = '\0';
	section_text(o, key, text);
}

int64_t section_number(struct provider_env *env, const char *path)
{
	char text[64], *end;
	place_word(env->root, path, text, sizeof text);
	long long v = strtoll(text, &end, 10);
	return end == text || v < 0 ? -1 : v;
}
