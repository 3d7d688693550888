/* SPDX-License-Identifier: Apache-2.0
 *
 * The user's folders, see dirs.h.
 */
#include "vm/container/dirs.h"
#include "base/file.h"
#include "base/utf8.h"
#include "vm/container/keyfile.h"
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SETTINGS_MAX (64 * 1024)

static const char *variable(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return value && value[0] ? value : otherwise;
}

static void add_data_dirs(struct dirs *d, size_t n, const char *list)
{
	struct span rest = span_str(list);
	while (rest.n > 0 && n <= DATA_DIRS_MAX) {
		struct span dir;
		if (!span_get_until(&rest, ':', &dir)) {
			dir = rest;
			rest.n = 0;
		}
		if (dir.n > 0 && dir.p[0] == '/') /* others mean nothing, says the specification */
			d->data[n++] = arena_strndup(&d->arena, (const char *)dir.p, dir.n);
	}
}

void dirs_init(struct dirs *d)
{
	const struct passwd *pw = getpwuid(geteuid());
	*d = (struct dirs){ .user = "" };
	arena_init(&d->arena);
	const char *home = variable("HOME", pw ? pw->pw_dir : "/");
	const char *data_home = variable("XDG_DATA_HOME", "");
	d->user = arena_strdup(&d->arena, pw ? pw->pw_name : "");
	d->home = arena_strdup(&d->arena, home);
	d->data[0] = data_home[0] == '/' ? arena_strdup(&d->arena, data_home)
					 : arena_printf(&d->arena, "%s/.local/share", home);
	add_data_dirs(d, 1, variable("XDG_DATA_DIRS", "/usr/local/share:/usr/share"));
	d->icons[0] = arena_printf(&d->arena, "%s/.icons", home);
	for (size_t i = 0; d->data[i]; i++)
		d->icons[i + 1] = arena_printf(&d->arena, "%s/icons", d->data[i]);
}

void dirs_fini(struct dirs *d)
{
	arena_fini(&d->arena);
}

const char *dirs_icon_theme(const struct dirs *d, struct arena *a)
{
	CLEANUP(buf_fini) struct buf text;
	struct keyfile file;
	struct keyfile_line line;
	buf_init(&text, SETTINGS_MAX);
	if (file_read_regular(arena_printf(a, "%s/.config/gtk-3.0/settings.ini", d->home), &text) !=
	    0)
		return NULL;
	keyfile_init(&file, buf_span(&text));
	while (keyfile_next(&file, &line))
		if (span_eq_str(line.key, "gtk-icon-theme-name"))
			return arena_strndup(a, (const char *)line.value.p, line.value.n);
	return NULL;
}

bool dirs_below_home(const char *path)
{
	size_t n = strlen(path);
	bool up = strcmp(path, "..") == 0 || strncmp(path, "../", 3) == 0 || strstr(path, "/../") ||
		  (n >= 3 && strcmp(path + n - 3, "/..") == 0);
	return n > 0 && n < 4096 && path[0] != '/' && !up && !utf8_has_control(span_str(path));
}
