/* SPDX-License-Identifier: Apache-2.0
 *
 * Icon lookup (Icon Theme Specification, "Icon Lookup"): the nearest folder of the first theme that has the icon at all. The
 * specification has a loop for an exact size and a second one for the nearest; an exact one is just at distance 0.
 */
#include "vm/container/icon.h"
#include "base/file.h"
#include "vm/container/icon-theme.h"
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define THEMES_MAX 16

struct lookup {
	const struct icon_search *search;
	const char *name;
	unsigned size, scale;
	struct arena *arena;
	const char *themes[THEMES_MAX]; /* that were looked at, or will be */
	size_t n_themes;
};

static const char *const endings[] = { ".png", ".svg" };

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), n_end = strlen(end);
	return n > n_end && strcmp(s + n - n_end, end) == 0;
}

static bool take_file(struct lookup *l, const char *folder, struct icon_file *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		char *path = arena_printf(l->arena, "%s/%s%s", folder, l->name, endings[i]);
		if (access(path, R_OK) != 0)
			continue;
		*ret = (struct icon_file){ .path = path, .svg = i == 1 };
		return true;
	}
	return false;
}

/* Of the first folder that has one. */
static bool read_index(const struct lookup *l, const char *theme, struct icon_theme *ret)
{
	CLEANUP(buf_fini) struct buf text;
	bool found = false;
	buf_init(&text, ICON_THEME_FILE_MAX);
	for (const char *const *d = l->search->icon_dirs; *d && !found; d++) {
		buf_reset(&text);
		found = file_read_regular(arena_printf(l->arena, "%s/%s/index.theme", *d, theme),
					  &text) == 0;
	}
	if (found)
		icon_theme_parse(buf_span(&text), l->arena, ret);
	return found;
}

static bool look_in_dir(struct lookup *l, const char *theme, const struct icon_dir *dir,
			struct icon_file *ret)
{
	for (const char *const *d = l->search->icon_dirs; *d; d++)
		if (take_file(l, arena_printf(l->arena, "%s/%s/%s", *d, theme, dir->path), ret))
			return true;
	return false;
}

static bool look_in_theme(struct lookup *l, const char *theme, const struct icon_theme *index,
			  struct icon_file *ret)
{
	unsigned nearest = UINT_MAX;
	for (size_t i = 0; i < index->n_dirs && nearest > 0; i++) {
		unsigned distance = icon_dir_distance(&index->dirs[i], l->size, l->scale);
		if (distance < nearest && look_in_dir(l, theme, &index->dirs[i], ret))
			nearest = distance;
	}
	return nearest < UINT_MAX;
}

static void add_theme(struct lookup *l, const char *theme)
{
	for (size_t i = 0; i < l->n_themes; i++)
		if (strcmp(l->themes[i], theme) == 0)
			return;
	if (l->n_themes < THEMES_MAX && icon_path_ok(theme))
		l->themes[l->n_themes++] = theme;
}

static bool look_in_themes(struct lookup *l, struct icon_file *ret)
{
	bool last = false;
	for (size_t i = 0; i < l->n_themes; i++) {
		struct icon_theme index;
		if (read_index(l, l->themes[i], &index)) {
			if (look_in_theme(l, l->themes[i], &index, ret))
				return true;
			for (size_t k = 0; k < index.n_parents; k++)
				add_theme(l, index.parents[k]);
		}
		if (i + 1 == l->n_themes && !last) {
			add_theme(l, "hicolor");
			last = true;
		}
	}
	return false;
}

static bool look_outside_of_themes(struct lookup *l, struct icon_file *ret)
{
	for (const char *const *d = l->search->icon_dirs; *d; d++)
		if (take_file(l, *d, ret))
			return true;
	for (const char *const *d = l->search->data_dirs; *d; d++)
		if (take_file(l, arena_printf(l->arena, "%s/pixmaps", *d), ret))
			return true;
	return false;
}

static bool take_path(const char *path, struct arena *a, struct icon_file *ret)
{
	bool svg = ends_with(path, endings[1]);
	if (!svg && !ends_with(path, endings[0]))
		return false;
	*ret = (struct icon_file){ .path = arena_strdup(a, path), .svg = svg };
	return access(path, R_OK) == 0;
}

bool icon_find(const struct icon_search *s, const char *name, unsigned size, unsigned scale,
	       struct arena *a, struct icon_file *ret)
{
	struct lookup l = { .search = s, .size = size, .scale = scale, .arena = a };
	if (name[0] == '/')
		return take_path(name, a, ret);
	if (!icon_path_ok(name) || strchr(name, '/'))
		return false;
	char *bare = arena_strdup(a, name); /* some say "vim.png" where "vim" is meant */
	if (ends_with(bare, endings[0]) || ends_with(bare, endings[1]))
		bare[strlen(bare) - 4] = '\0';
	l.name = bare;
	add_theme(&l, s->theme ? s->theme : "hicolor");
	return look_in_themes(&l, ret) || look_outside_of_themes(&l, ret);
}
