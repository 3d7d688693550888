/* SPDX-License-Identifier: Apache-2.0
 *
 * file-watch: files and folders of the user that the host wants to hear of. Told at once, then at most once in three seconds
 * for each.
 */
#pragma once

#include "vm/container/host-link.h"
#include "vm/container/watcher.h"

#define FILE_WATCHES_MAX 256
#define FILE_WATCH_MS    3000

struct file_watch;
struct file_watches { /* embedded */
	struct host_link *link;
	struct watcher *watcher;
	const char *home;
	struct file_watch *first; /* owned */
	unsigned n;
};

void file_watches_open(struct file_watches *f, const char *home, struct host_link *l,
		       struct watcher *w);
void file_watches_close(struct file_watches *f);
/* 'path' is below the home, relative. ERR_INVALID, ERR_NOT_FOUND, ERR_TOO_LARGE (there are too many). Again: no mistake. */
int file_watches_add(struct file_watches *f, const char *path, struct error *err) WARN_UNUSED;
int file_watches_remove(struct file_watches *f, const char *path, struct error *err) WARN_UNUSED;
