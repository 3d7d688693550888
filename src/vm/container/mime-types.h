/* SPDX-License-Identifier: Apache-2.0
 *
 * mime-types: which type files of an extension have, told when the host comes and three seconds after a mime.cache changed. The
 * user's own says more than the system's; without the system's nothing is told.
 */
#pragma once

#include "vm/container/dirs.h"
#include "vm/container/host-link.h"
#include "vm/container/pacing.h"
#include "vm/container/watcher.h"

struct mime_types { /* embedded */
	struct host_link *link;
	struct watcher *watcher;
	struct watch watch;
	const char *paths[3]; /* the system's folder, the user's; in 'arena' */
	struct arena arena;
	struct pacing pacing;
	struct timer timer;
};

void mime_types_open(struct mime_types *m, const struct dirs *d, const char *system,
		     struct host_link *l, struct watcher *w);
void mime_types_close(struct mime_types *m);
void mime_types_send(struct mime_types *m); /* now: the host is new */
