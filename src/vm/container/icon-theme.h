/* SPDX-License-Identifier: Apache-2.0
 *
 * icon-theme: index.theme of the Icon Theme Specification: which folders hold which sizes. Pure.
 */
#pragma once

#include "base/arena.h"
#include <stdbool.h>

#define ICON_THEME_FILE_MAX (1u << 20)
#define ICON_DIRS_MAX       1024
#define ICON_PARENTS_MAX    8
#define ICON_NAME_MAX       200 /* bytes of a theme's, a folder's or an icon's name */

enum icon_dir_type { ICON_FIXED, ICON_SCALABLE, ICON_THRESHOLD };

struct icon_dir {
	const char *path; /* below the theme's folder: "48x48/apps" */
	enum icon_dir_type type;
	unsigned size, scale, min, max, threshold;
};

struct icon_theme {
	struct icon_dir *dirs;
	size_t n_dirs;
	const char *parents[ICON_PARENTS_MAX];
	size_t n_parents;
};

/* What lives in the arena; a file that says nothing has no folders. */
void icon_theme_parse(struct span text, struct arena *a, struct icon_theme *ret);
/* How far its icons are from that size, in pixels; 0: they are meant for it. */
unsigned icon_dir_distance(const struct icon_dir *d, unsigned size, unsigned scale);
/* May it be part of a path? No way up, no root, no control characters. */
bool icon_path_ok(const char *path);
