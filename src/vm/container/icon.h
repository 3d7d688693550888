/* SPDX-License-Identifier: Apache-2.0
 *
 * icon: the file of an application's icon: the user's theme, what that inherits from, hicolor, icons without a theme, pixmaps.
 */
#pragma once

#include "base/arena.h"
#include <stdbool.h>

#define ICON_FILE_MAX (1u << 20) /* larger ones are not sent */

struct icon_search { /* of dirs.h */
	const char *const
		*icon_dirs; /* NULL-ended: folders of themes; icons without a theme, too */
	const char *const *data_dirs; /* NULL-ended: where pixmaps/ may be */
	const char *theme;            /* the user's; NULL: hicolor only */
};

struct icon_file {
	char *path; /* in the arena */
	bool svg;
};

/* 'name' is Icon of a desktop entry: a name, or a whole path. false: there is none. */
bool icon_find(const struct icon_search *s, const char *name, unsigned size, unsigned scale,
	       struct arena *a, struct icon_file *ret);
