/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading dconf's key files; keyfiles.h has the order.
 */
#include "agent/providers/screen/keyfiles.h"
#include "agent/providers/place.h"

#define FILE_MAX  (1024 * 1024)
#define LINE_SIZE 512

const struct screen_key_name screen_keys[SCREEN_N] = {
	[SCREEN_IDLE_DELAY] = { "org/gnome/desktop/session", "idle-delay", "uint32 " },
	[SCREEN_LOCK_ENABLED] = { "org/gnome/desktop/screensaver", "lock-enabled", "" },
	[SCREEN_LOCK_DELAY] = { "org/gnome/desktop/screensaver", "lock-delay", "uint32 " },
};

/* The next line without white space at its ends, cut when too long; false at the end. */
static bool next_line(struct span *rest, char line[LINE_SIZE])
{
	struct span part;
	if (rest->n == 0)
		return false;
	if (!span_get_until(rest, '\n', &part)) {
		part = *rest;
		rest->n = 0;
	}
	while (part.n > 0 && strchr(" \t\r", part.p[part.n - 1]))
		part.n--;
	while (part.n > 0 && strchr(" \t", part.p[0])) {
		part.p++;
		part.n--;
	}
	snprintf(line, LINE_SIZE, "%.*s", (int)part.n, (const char *)part.p);
	return true;
}

static int64_t parse_value(const char *text)
{
	if (strcmp(text, "true") == 0)
		return 1;
	if (strcmp(text, "false") == 0)
		return 0;
	if (strncmp(text, "uint32 ", 7) == 0)
		text += 7;
	char *end;
	unsigned long v = strtoul(text, &end, 10);
	return end == text || *end || *text == '-' || v > UINT32_MAX ? -1 : (int64_t)v;
}

static void read_pair(struct keyfiles *k, const char *group, char *line)
{
	char *value = strchr(line, '=');
	if (!value)
		return;
	for (char *end = value; end > line && strchr(" \t=", *end); end--)
		*end = '\0';
	value++;
	value += strspn(value, " \t");
	for (int i = 0; i < SCREEN_N; i++)
		if (strcmp(group, screen_keys[i].group) == 0 &&
		    strcmp(line, screen_keys[i].key) == 0)
			k->value[i] = parse_value(value);
}

static void read_keyfile(struct keyfiles *k, struct span text)
{
	char line[LINE_SIZE], group[LINE_SIZE] = "";
	while (next_line(&text, line)) {
		size_t n = strlen(line);
		if (n > 2 && line[0] == '[' && line[n - 1] == ']') {
			memcpy(group, line + 1, n - 2);
			group[n - 2] = '\0';
		} else if (line[0] != '#') {
			read_pair(k, group, line);
		}
	}
}

static void read_locks(struct keyfiles *k, struct span text)
{
	char line[LINE_SIZE], path[LINE_SIZE];
	while (next_line(&text, line))
		for (int i = 0; i < SCREEN_N; i++) {
			snprintf(path, sizeof path, "/%s/%s", screen_keys[i].group,
				 screen_keys[i].key);
			if (strcmp(line, path) == 0)
				k->locked[i] = true;
		}
}

static void each_file(const struct provider_env *env, const char *folder, struct keyfiles *k,
		      void (*read)(struct keyfiles *k, struct span text))
{
	AUTO_JSON names = NULL;
	json_t *item;
	size_t i;
	if (place_list(env->root, folder, &names) < 0)
		return;
	json_array_foreach (names, i, item) {
		char path[400];
		CLEANUP(buf_fini) struct buf text;
		buf_init(&text, FILE_MAX);
		snprintf(path, sizeof path, "%s/%s", folder, json_string_value(item));
		if (json_string_value(item)[0] != '.' && place_read(env->root, path, &text) == 0)
			read(k, buf_span(&text));
	}
}

bool keyfiles_profile_has(struct span text)
{
	char line[LINE_SIZE];
	while (next_line(&text, line))
		if (strcmp(line, DCONF_LINE) == 0)
			return true;
	return false;
}

void keyfiles_read(const struct provider_env *env, struct keyfiles *ret)
{
	CLEANUP(buf_fini) struct buf profile;
	*ret = (struct keyfiles){ .value = { -1, -1, -1 } };
	each_file(env, DCONF_FOLDER, ret, read_keyfile);
	each_file(env, DCONF_FOLDER "/locks", ret, read_locks);
	buf_init(&profile, FILE_MAX);
	ret->in_profile = place_read(env->root, DCONF_PROFILE, &profile) == 0 &&
			  keyfiles_profile_has(buf_span(&profile));
}
