/* SPDX-License-Identifier: Apache-2.0
 *
 * What is deployed and what is removed, see deploy.h.
 */
#include "model/deploy.h"

#include <string.h>

enum { APPS, FILES };

static const struct deploy_pair pairs[] = {
	[APPS] = { "apps.deploy", "apps.remove", "app" },
	[FILES] = { "files.deploy", "files.remove", "file" },
};

const struct deploy_pair *deploy_pair_of(const char *setting)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (strcmp(setting, pairs[i].deploy) == 0 || strcmp(setting, pairs[i].remove) == 0)
			return &pairs[i];
	return NULL;
}

const char *deploy_path(const char *destination, const char *name, struct arena *a)
{
	size_t n = strlen(destination);
	return arena_printf(a, "%s%s", destination, n > 0 && destination[n - 1] == '/' ? name : "");
}

const char *deploy_path_plain(const char *path, struct arena *a)
{
	char *plain = arena_strdup(a, path);
	size_t n = 0;
	for (const char *s = path; *s; s++)
		if (*s != '/' || n == 0 || plain[n - 1] != '/')
			plain[n++] = *s;
	if (n > 1 && plain[n - 1] == '/')
		n--;
	plain[n] = '\0';
	return plain;
}

const char *deploy_thing(const struct deploy_pair *p, const json_t *element, const struct file *f,
			 struct arena *a)
{
	if (p == &pairs[APPS])
		return f->package && *f->package ? arena_strdup(a, f->package) : NULL;
	const char *destination = json_string_value(json_object_get(element, "destination"));
	if (!destination || !*destination)
		return NULL;
	return deploy_path_plain(deploy_path(destination, f->name ? f->name : "", a), a);
}

const char *deploy_removed(const struct deploy_pair *p, const json_t *element, struct arena *a)
{
	const char *text = json_string_value(element);
	if (!text || !*text)
		return NULL;
	return p == &pairs[FILES] ? deploy_path_plain(text, a) : arena_strdup(a, text);
}
