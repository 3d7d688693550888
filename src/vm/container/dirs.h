/* SPDX-License-Identifier: Apache-2.0
 *
 * dirs: whose container it is, and where that user's and the system's data lie (XDG Base Directory Specification).
 */
#pragma once

#include "base/arena.h"
#include <stdbool.h>

#define DATA_DIRS_MAX 16

struct dirs {
	struct arena arena; /* of all that is below */
	const char *user, *home;
	const char *data[DATA_DIRS_MAX + 2]; /* the user's own first, NULL-ended; all absolute */
	const char *icons[DATA_DIRS_MAX +
			  3]; /* folders of themes: ~/.icons, then one of each of 'data' */
};

void dirs_init(struct dirs *d); /* from the environment; embedded, does not move */
void dirs_fini(struct dirs *d);
/* The icon theme that the user chose for GTK, in the arena; NULL: none. */
const char *dirs_icon_theme(const struct dirs *d, struct arena *a);
/* Does 'path' name something below the home, whatever is there? Relative, no "..", no control characters. */
bool dirs_below_home(const char *path);
