/* SPDX-License-Identifier: Apache-2.0
 *
 * applications: the list of applications, told when the host comes and three seconds after something in their folders changed.
 */
#pragma once

#include "vm/container/child.h"
#include "vm/container/dirs.h"
#include "vm/container/host-link.h"
#include "vm/container/pacing.h"
#include "vm/container/scan.h"
#include "vm/container/watcher.h"

struct applications { /* embedded */
	const struct dirs *dirs;
	struct host_link *link;
	struct watcher *watcher;
	struct watch watch;
	const char *paths[DATA_DIRS_MAX + 2]; /* the folders, in 'arena' */
	struct arena arena;
	struct programs *programs;
	struct arena list_arena; /* of 'list', while its packages are looked for */
	struct scanned list;
	struct pacing pacing;
	struct timer timer;
};

void applications_open(struct applications *a, const struct dirs *d, struct host_link *l,
		       struct watcher *w, struct programs *programs);
void applications_close(struct applications *a); /* after programs_end() */
void applications_send(struct applications *a);  /* now: the host is new */
