/* SPDX-License-Identifier: Apache-2.0
 *
 * Watching paths, see watcher.h. A row is a folder or file that the kernel watches for one watch; the kernel has one number for
 * a path, however many rows it has here. Of a path that does not exist the nearest folder above it is watched, for the one name
 * that would lead there.
 */
#include "vm/container/watcher.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define MASK                                                                                       \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB |        \
	 IN_DELETE_SELF | IN_MOVE_SELF)
#define PATH_SIZE 4096

struct watcher_row {
	int wd;
	struct watch *watch;
	char *name; /* only this one; NULL: any */
};

/* ---- what happens ---- */

static void hit(struct watcher *w, const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW)
		for (struct watch *watch = w->watches; watch; watch = watch->next)
			watch->hit = true;
	for (size_t i = 0; i < w->n_rows; i++) {
		const struct watcher_row *row = &w->rows[i];
		if (row->wd == e->wd && (!row->name || (e->len && strcmp(row->name, e->name) == 0)))
			row->watch->hit = true;
	}
}

static void take_events(struct watcher *w)
{
	_Alignas(struct inotify_event) char bytes[8192];
	ssize_t n;
	while ((n = read(w->io.fd, bytes, sizeof bytes)) > 0)
		for (char *at = bytes; at < bytes + n;) {
			const struct inotify_event *e = (void *)at;
			if (!(e->mask & IN_IGNORED))
				hit(w, e);
			at += sizeof *e + e->len;
		}
}

static void on_events(void *user, uint32_t events)
{
	struct watcher *w = user;
	(void)events;
	take_events(w);
	for (struct watch *watch = w->watches; watch; watch = watch->next) {
		bool was_hit = watch->hit;
		watch->hit = false;
		if (was_hit)
			watch->changed(watch->user);
	}
}

/* ---- rows ---- */

static bool add_row(struct watcher *w, struct watch *watch, const char *path, const char *name)
{
	if (w->n_rows == WATCHER_ROWS_MAX)
		return false;
	int wd = inotify_add_watch(w->io.fd, path, MASK);
	if (wd < 0)
		return false;
	struct watcher_row *rows = realloc(w->rows, (w->n_rows + 1) * sizeof *rows);
	char *copy = name ? strdup(name) : NULL;
	if (!rows || (name && !copy))
		abort();
	w->rows = rows;
	rows[w->n_rows++] = (struct watcher_row){ .wd = wd, .watch = watch, .name = copy };
	return true;
}

static bool is_used(const struct watcher *w, int wd)
{
	for (size_t i = 0; i < w->n_rows; i++)
		if (w->rows[i].wd == wd)
			return true;
	return false;
}

static void drop_rows(struct watcher *w, const struct watch *watch)
{
	for (size_t i = w->n_rows; i-- > 0;) {
		struct watcher_row row = w->rows[i];
		if (row.watch != watch)
			continue;
		w->rows[i] = w->rows[--w->n_rows];
		free(row.name);
		if (!is_used(w, row.wd))
			(void)!inotify_rm_watch(w->io.fd, row.wd);
	}
}

/* Or a link to one: whoever looks follows it. Not every file system says in its folders what is one. */
static bool is_folder(DIR *dir, const struct dirent *e)
{
	struct stat st;
	if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
		return false;
	if (e->d_type != DT_UNKNOWN && e->d_type != DT_LNK)
		return e->d_type == DT_DIR;
	return fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/* false: it is watched already, a link has led back to it. */
static bool add_folder(struct watcher *w, struct watch *watch, const char *path)
{
	if (!add_row(w, watch, path, NULL))
		return false;
	size_t last = w->n_rows - 1;
	for (size_t i = 0; i < last; i++)
		if (w->rows[i].wd == w->rows[last].wd && w->rows[i].watch == watch &&
		    !w->rows[i].name) {
			w->n_rows--;
			return false;
		}
	return true;
}

static void add_below(struct watcher *w, struct watch *watch, const char *path,
		      int depth) /* NOLINT(misc-no-recursion) */
{
	DIR *dir = depth < WATCHER_DEPTH_MAX ? opendir(path) : NULL;
	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		char sub[PATH_SIZE];
		int n = snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
		if (n < PATH_SIZE && is_folder(dir, e) && add_folder(w, watch, sub))
			add_below(w, watch, sub, depth + 1);
	}
	closedir(dir);
}

/* "/a/b" is missing: "/a" for the name "b", and so on up to the root. */
static void add_above(struct watcher *w, struct watch *watch, const char *path)
{
	char above[PATH_SIZE], *slash;
	if (snprintf(above, sizeof above, "%s", path) >= PATH_SIZE)
		return;
	while ((slash = strrchr(above, '/')) && slash > above) {
		*slash = '\0';
		if (add_row(w, watch, above, slash + 1))
			return;
	}
}

void watch_renew(struct watcher *w, struct watch *watch)
{
	drop_rows(w, watch);
	for (const char *const *p = watch->paths; *p; p++)
		if (!add_row(w, watch, *p, NULL))
			add_above(w, watch, *p);
		else if (watch->recursive)
			add_below(w, watch, *p, 0);
}

/* ---- life ---- */

void watch_begin(struct watcher *w, struct watch *watch)
{
	watch->next = w->watches;
	w->watches = watch;
	watch_renew(w, watch);
}

void watch_end(struct watcher *w, struct watch *watch)
{
	struct watch **at = &w->watches;
	while (*at && *at != watch)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = watch->next;
	drop_rows(w, watch);
}

int watcher_open(struct watcher *w, struct loop *loop)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	*w = (struct watcher){ .loop = loop, .io = { .fd = fd, .fn = on_events, .user = w } };
	return fd < 0 ? -errno : loop_add(loop, &w->io, EPOLLIN);
}

void watcher_close(struct watcher *w)
{
	if (!w->loop || w->io.fd < 0)
		return;
	while (w->watches)
		watch_end(w, w->watches);
	loop_remove(w->loop, &w->io);
	close(w->io.fd);
	free(w->rows);
	*w = (struct watcher){ .io.fd = -1 };
}
