/* SPDX-License-Identifier: Apache-2.0
 *
 * watcher: one inotify for all that is watched. A watch has paths, which need not exist, and hears that something there has
 * changed; what, it looks up itself.
 *
 * Whoever looks calls watch_renew() first: it covers folders that are new, so nothing that happens after it is missed. Too many
 * events at once count as a change of everything.
 */
#pragma once

#include "net/grpc/loop.h"

#define WATCHER_ROWS_MAX  8192
#define WATCHER_DEPTH_MAX 8

struct watch {                    /* embedded in its owner */
	const char *const *paths; /* NULL-ended, absolute; borrowed */
	bool recursive;
	void (*changed)(void *user); /* must not end a watch */
	void *user;
	struct watch *next;
	bool hit; /* watcher.c's: in this turn */
};

struct watcher_row;
struct watcher { /* embedded */
	struct loop *loop;
	struct loop_io io;
	struct watch *watches;
	struct watcher_row *rows; /* owned */
	size_t n_rows;
};

int watcher_open(struct watcher *w, struct loop *loop) WARN_UNUSED; /* 0 or -errno */
void watcher_close(struct watcher *w);
void watch_begin(struct watcher *w, struct watch *watch);
void watch_renew(struct watcher *w, struct watch *watch);
void watch_end(struct watcher *w, struct watch *watch);
