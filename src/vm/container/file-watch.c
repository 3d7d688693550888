/* SPDX-License-Identifier: Apache-2.0
 *
 * Watching files for the host, see file-watch.h.
 */
#include "vm/container/file-watch.h"
#include "vm/container/dirs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file_watch { /* owned by its list */
	struct file_watches *all;
	struct file_watch *next;
	char *path, *absolute;
	const char *paths[2];
	struct watch watch;
	struct timer timer; /* runs: told less than three seconds ago */
	bool again;         /* … and it has changed since */
};

static void tell(struct file_watch *f)
{
	VmTools__Container__FileWatchTriggeredInfo m =
		VM_TOOLS__CONTAINER__FILE_WATCH_TRIGGERED_INFO__INIT;
	struct host_link *l = f->all->link;
	watch_renew(f->all->watcher,
		    &f->watch); /* it may be another file by now; the host hears of it after that */
	m.token = (char *)(uintptr_t)l->options.token;
	m.path = f->path;
	host_link_send(l, &host_file_watch, &m);
	f->again = false;
	timer_start(loop_timers(l->loop), &f->timer, loop_now_ms(l->loop) + FILE_WATCH_MS);
}

static void on_timer(void *user)
{
	struct file_watch *f = user;
	if (f->again)
		tell(f);
}

static void on_changed(void *user)
{
	struct file_watch *f = user;
	f->again = true;
	if (f->timer.place == 0)
		tell(f);
}

static void watch_free(struct file_watch *f)
{
	watch_end(f->all->watcher, &f->watch);
	timer_stop(loop_timers(f->all->link->loop), &f->timer);
	free(f->path);
	free(f->absolute);
	free(f);
}

static struct file_watch **find(struct file_watches *all, const char *path)
{
	struct file_watch **at = &all->first;
	while (*at && strcmp((*at)->path, path) != 0)
		at = &(*at)->next;
	return at;
}

static struct file_watch *watch_new(struct file_watches *all, const char *path)
{
	struct file_watch *f = calloc(1, sizeof *f);
	if (!f)
		abort();
	f->all = all;
	f->path = strdup(path);
	if (!f->path || asprintf(&f->absolute, "%s/%s", all->home, path) < 0)
		abort();
	f->paths[0] = f->absolute;
	f->timer = (struct timer){ .fn = on_timer, .user = f };
	f->watch = (struct watch){ .paths = f->paths, .changed = on_changed, .user = f };
	return f;
}

int file_watches_add(struct file_watches *all, const char *path, struct error *err)
{
	if (!dirs_below_home(path))
		return error_set(err, ERR_INVALID, "the path is not relative to the home");
	if (*find(all, path))
		return 0;
	if (all->n == FILE_WATCHES_MAX)
		return error_set(err, ERR_TOO_LARGE, "%u paths are watched already", all->n);
	struct file_watch *f = watch_new(all, path);
	if (access(f->absolute, F_OK) != 0) {
		watch_free(f);
		return error_set(err, ERR_NOT_FOUND, "there is nothing of that name");
	}
	f->next = all->first;
	all->first = f;
	all->n++;
	watch_begin(all->watcher, &f->watch);
	return 0;
}

int file_watches_remove(struct file_watches *all, const char *path, struct error *err)
{
	struct file_watch **at = find(all, path), *f = *at;
	if (!f)
		return error_set(err, ERR_NOT_FOUND, "it is not watched");
	*at = f->next;
	all->n--;
	watch_free(f);
	return 0;
}

void file_watches_open(struct file_watches *f, const char *home, struct host_link *l,
		       struct watcher *w)
{
	*f = (struct file_watches){ .link = l, .watcher = w, .home = home };
}

void file_watches_close(struct file_watches *all)
{
	while (all->first) {
		struct file_watch *f = all->first;
		all->first = f->next;
		watch_free(f);
	}
}
