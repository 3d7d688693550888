/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries and icons, see menu.h. An entry is written when its text is another than what we wrote before; icons are asked for a
 * few at a time, after the entries, which have their place in the menu meanwhile.
 */
#include "vm/host/menu.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "vm/host/desktop.h"
#include "vm/host/garcon.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATIONS_MAX 2000
#define ICON_MAX         ((size_t)1 << 20)
#define ICONS_AT_ONCE    3 /* of up to a MiB each in an answer of at most four */
#define ICON_SIZE        128
#define ICON_PX_MAX      2048
#define ICON_TIMEOUT_MS  20000

struct entry {
	struct entry *next;
	struct container *container;
	char id[256];
	char file[DESKTOP_NAME_SIZE];
	char icon[DESKTOP_NAME_SIZE]; /* a file's name below icons/, or "" */
	uint8_t hash[SHA256_SIZE];    /* of what is written */
	bool wanted;
	bool asked; /* for its icon */
};

struct fetch { /* of icons, for one container; heap */
	struct menu *menu;
	struct fetch *next;
	struct container *container; /* NULL: gone, or it has another list */
};

struct menu {
	struct host *host;
	int dir_fd, icons_fd; /* applications/, icons/ */
	char *folder, *icons; /* their paths */
	char temporary
		[48]; /* a file that is being written, in either; at most one is left by a run that was killed */
	struct entry *entries;
	struct fetch *fetches;
	struct timer late_timer;                  /* runs: a list waits */
	bool telling;                             /* a program tells the desktop … */
	bool tell_again;                          /* … and there is something new to tell */
	char vm[NAME_SIZE], container[NAME_SIZE]; /* of which */
};

/* ---- files ---- */

/* All at once or not at all, for whoever looks at the folder. */
static int put_file(const struct menu *m, int dir_fd, const char *name, struct span content)
{
	int fd = openat(dir_fd, m->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0644);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, content.p, content.n);
	int r = n < 0 ? -errno : (size_t)n < content.n ? -ENOSPC : 0;
	close(fd);
	if (r == 0 && renameat(dir_fd, m->temporary, dir_fd, name) < 0)
		r = -errno;
	if (r)
		(void)!unlinkat(dir_fd, m->temporary, 0);
	return r;
}

/* Hosts with another state may write to the same folders. */
static void name_temporary(struct menu *m)
{
	uint8_t hash[SHA256_SIZE];
	char hex[17];
	sha256(span_str(m->host->options.state), hash);
	hex_encode((struct span){ hash, 8 }, hex);
	snprintf(m->temporary, sizeof m->temporary, ".reeve-host-%s.new", hex);
}

static void remove_file(int dir_fd, const char *name)
{
	if (name[0] && unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		log_warn("a file of the menu stays", F_STR("file", name),
			 F_STR("error", strerror(errno)));
}

/* ---- entries ---- */

static struct entry *find(const struct menu *m, const struct container *c, const char *id)
{
	for (struct entry *e = m->entries; e; e = e->next)
		if (e->container == c && strcmp(e->id, id) == 0)
			return e;
	return NULL;
}

static struct entry *add_entry(struct menu *m, struct container *c, const char *id)
{
	struct entry *e = calloc(1, sizeof *e);
	if (!e)
		abort();
	snprintf(e->id, sizeof e->id, "%s", id);
	if (!desktop_file_name(c, id, e->file)) {
		free(e);
		return NULL;
	}
	e->container = c;
	e->next = m->entries;
	m->entries = e;
	return e;
}

static void write_entry(struct menu *m, struct entry *e, const VmTools__Container__Application *app)
{
	CLEANUP(buf_fini) struct buf text, icon;
	uint8_t hash[SHA256_SIZE];
	buf_init(&text, DESKTOP_MAX);
	buf_init(&icon, 4096);
	buf_addf(&icon, "%s/%s", m->icons, e->icon);
	desktop_render(e->container, app, m->host->options.launcher,
		       e->icon[0] ? buf_str(&icon) : NULL, m->host->options.state, &text);
	sha256(buf_span(&text), hash);
	if (memcmp(hash, e->hash, sizeof hash) == 0)
		return;
	int r = text.failed ? -E2BIG : put_file(m, m->dir_fd, e->file, buf_span(&text));
	if (r < 0)
		log_limited(LOG_LEVEL_WARN, "an application is not in the menu",
			    F_STR("application", e->id), F_STR("error", strerror(-r)));
	else
		memcpy(e->hash, hash, sizeof hash);
}

/* Those that are not wanted any more leave. */
static void drop_entries(struct menu *m, const struct container *c)
{
	for (struct entry **at = &m->entries; *at;) {
		struct entry *e = *at;
		if (e->container != c || e->wanted) {
			at = &e->next;
			continue;
		}
		remove_file(m->dir_fd, e->file);
		remove_file(m->icons_fd, e->icon);
		*at = e->next;
		free(e);
	}
}

static void write_entries(struct menu *m, struct container *c)
{
	size_t n = c->applications ? c->applications->n_application : 0;
	if (n > APPLICATIONS_MAX)
		log_limited(LOG_LEVEL_WARN, "a container has more applications than a menu takes",
			    F_STR("container", c->name), F_INT("applications", (int64_t)n));
	for (size_t i = 0; i < n && i < APPLICATIONS_MAX; i++) {
		const VmTools__Container__Application *app = c->applications->application[i];
		struct entry *e = NULL;
		if (desktop_id_ok(app->desktop_file_id)) {
			e = find(m, c, app->desktop_file_id);
			e = e ? e : add_entry(m, c, app->desktop_file_id);
		}
		if (!e || e->wanted) /* an id that is none, or there twice */
			continue;
		e->wanted = true;
		write_entry(m, e, app);
	}
}

static void forget_marks(struct menu *m, const struct container *c)
{
	for (struct entry *e = m->entries; e; e = e->next)
		if (e->container == c)
			e->wanted = false;
}

/* ---- icons ---- */

static bool is_svg(struct span s)
{
	if (memchr(s.p, '\0', s.n))
		return false;
	for (size_t i = 0; i + 4 < s.n && i < 4096; i++)
		if (memcmp(s.p + i, "<svg", 4) == 0)
			return true;
	return false;
}

/* Its first chunk says how large it is when it is unpacked: a few kB may stand for gigabytes in the memory of every panel. */
static bool is_png(struct span s)
{
	static const uint8_t head[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n',
					0,    0,   0,   13,  'I',  'H',  'D',  'R' };
	struct span start;
	uint32_t width, height;
	return span_get_bytes(&s, sizeof head, &start) && memcmp(start.p, head, sizeof head) == 0 &&
	       span_get_be32(&s, &width) && span_get_be32(&s, &height) && width > 0 &&
	       width <= ICON_PX_MAX && height > 0 && height <= ICON_PX_MAX;
}

/* The extension of what the bytes really are; NULL: nothing that we show. */
static const char *icon_kind(struct span s)
{
	if (s.n <= 4 || s.n > ICON_MAX)
		return NULL;
	return is_png(s) ? "png" : is_svg(s) ? "svg" : NULL;
}

static const VmTools__Container__Application *application(const struct container *c, const char *id)
{
	for (size_t i = 0; c->applications && i < c->applications->n_application; i++)
		if (strcmp(c->applications->application[i]->desktop_file_id, id) == 0)
			return c->applications->application[i];
	return NULL;
}

static void take_icon(struct menu *m, struct container *c,
		      const VmTools__Container__DesktopIcon *icon)
{
	struct entry *e = find(m, c, icon->desktop_file_id);
	struct span s = { icon->icon.data, icon->icon.len };
	const char *kind = e ? icon_kind(s) : NULL;
	const VmTools__Container__Application *app = kind ? application(c, e->id) : NULL;
	char name[DESKTOP_NAME_SIZE];
	if (!app || strlen(e->file) + 4 >= sizeof name)
		return;
	snprintf(name, sizeof name, "%.*s.%s", (int)(strlen(e->file) - strlen(".desktop")), e->file,
		 kind);
	if (put_file(m, m->icons_fd, name, s) < 0)
		return;
	if (strcmp(name, e->icon) != 0)
		remove_file(m->icons_fd, e->icon);
	snprintf(e->icon, sizeof e->icon, "%s", name);
	write_entry(m, e, app);
}

static void end_fetch(struct fetch *f)
{
	struct fetch **at = &f->menu->fetches;
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	free(f);
}

static void ask(struct fetch *f);

static void on_icons(const struct grpc_result *result, void *user)
{
	struct fetch *f = user;
	const VmTools__Container__IconResponse *response = result->response;
	for (size_t i = 0; f->container && response && i < response->n_desktop_icons; i++)
		take_icon(f->menu, f->container, response->desktop_icons[i]);
	if (f->container && result->status.code == GRPC_OK)
		ask(f);
	else
		end_fetch(f);
}

/* The next few. */
static void ask(struct fetch *f)
{
	VmTools__Container__IconRequest request = VM_TOOLS__CONTAINER__ICON_REQUEST__INIT;
	char *ids[ICONS_AT_ONCE];
	for (struct entry *e = f->menu->entries; e && request.n_desktop_file_ids < ICONS_AT_ONCE;
	     e = e->next) {
		if (e->container != f->container || e->asked)
			continue;
		e->asked = true;
		ids[request.n_desktop_file_ids++] = e->id;
	}
	request.desktop_file_ids = ids;
	request.icon_size = ICON_SIZE;
	request.scale = 1;
	if (request.n_desktop_file_ids == 0 ||
	    !garcon_call(f->container, &garcon_icon, &request, ICON_TIMEOUT_MS, on_icons, f))
		end_fetch(f);
}

static void begin_fetch(struct menu *m, struct container *c)
{
	for (struct fetch *f = m->fetches; f; f = f->next)
		if (f->container == c)
			return; /* it will see what is new */
	struct fetch *f = calloc(1, sizeof *f);
	if (!f)
		abort();
	*f = (struct fetch){ .menu = m, .container = c, .next = m->fetches };
	m->fetches = f;
	ask(f);
}

static void forget_fetches(struct menu *m, const struct container *c)
{
	for (struct fetch *f = m->fetches; f; f = f->next)
		if (f->container == c)
			f->container = NULL;
}

/* ---- the menu ---- */

static void tell_desktop(struct menu *m, const char *vm, const char *container);

static void on_desktop_told(void *user, const struct program_end *end)
{
	struct menu *m = user;
	m->telling = false;
	if (end->status != 0)
		log_limited(LOG_LEVEL_WARN, "the desktop was not told of its menu",
			    F_INT("status", end->status));
	if (m->tell_again)
		tell_desktop(m, m->vm, m->container);
}

/* One at a time, however often lists come; those that come meanwhile are told together. */
static void tell_desktop(struct menu *m, const char *vm, const char *container)
{
	const struct hook_event event = { .vm = vm,
					  .container = container,
					  .words = { { "folder", m->folder } } };
	struct error err;
	m->tell_again = m->telling;
	if (m->telling) {
		snprintf(m->vm, sizeof m->vm, "%s", vm);
		snprintf(m->container, sizeof m->container, "%s", container);
		return;
	}
	if (!hook_has(&m->host->hooks, HOOK_MENU_CHANGED))
		return;
	int r = hook_run(&m->host->hooks, HOOK_MENU_CHANGED, &event, on_desktop_told, m, NULL,
			 &err);
	m->telling = r == 0;
	if (r)
		log_limited(LOG_LEVEL_WARN, "the desktop is not told of its menu",
			    F_STR("error", r > 0 ? err.message : strerror(-r)));
}

static void show_list(struct menu *m, struct container *c)
{
	forget_marks(m, c);
	write_entries(m, c);
	drop_entries(m, c);
	if (c->applications)
		begin_fetch(m, c);
	else
		forget_fetches(m, c);
	tell_desktop(m, c->vm->name, c->name);
}

void menu_update(struct menu *m, struct container *c)
{
	struct loop *loop = m->host->loop;
	struct window *lists = &c->vm->lists;
	c->is_late = c->applications && !window_take(lists, loop_now_ms(loop));
	if (!c->is_late)
		return show_list(m, c);
	if (m->late_timer.place == 0)
		timer_start(loop_timers(loop), &m->late_timer,
			    loop_now_ms(loop) + lists->length_ms + 1);
}

static void on_late(void *user)
{
	struct menu *m = user;
	for (struct vm *vm = registry_vms(m->host->registry); vm; vm = vm->next)
		for (struct container *c = vm->containers; c; c = c->next)
			if (c->is_late)
				menu_update(m, c);
}

/* Whether an earlier run of ours, with the same state, wrote it. */
static bool is_ours(const struct menu *m, const char *name)
{
	CLEANUP(buf_fini) struct buf text, mark;
	char path[64];
	buf_init(&text, DESKTOP_MAX);
	buf_init(&mark, 8192);
	buf_addf(&mark, "\nX-Reeve-Host=%s\n", m->host->options.state);
	int fd = openat(m->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int r = file_read_regular(path, &text);
	close(fd);
	return r == 0 && strstr(buf_str(&text), buf_str(&mark));
}

/* An entry, and the icon that goes with its name. */
static void remove_left(const struct menu *m, const char *entry, size_t n_base)
{
	static const char *const kinds[] = { "png", "svg" };
	char icon[DESKTOP_NAME_SIZE];
	remove_file(m->dir_fd, entry);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(icon, sizeof icon, "%.*s.%s", (int)n_base, entry, kinds[i]);
		remove_file(m->icons_fd, icon);
	}
}

static void sweep(struct menu *m)
{
	DIR *dir = opendir(m->folder);
	const struct dirent *d;
	remove_file(m->dir_fd, m->temporary);
	remove_file(m->icons_fd, m->temporary);
	while (dir && (d = readdir(dir))) {
		size_t n = strlen(d->d_name);
		if (strncmp(d->d_name, "reeve-", 6) == 0 && n > 8 &&
		    strcmp(d->d_name + n - 8, ".desktop") == 0 && is_ours(m, d->d_name))
			remove_left(m, d->d_name, n - 8);
	}
	if (dir)
		closedir(dir);
}

static int open_folder(const char *home, const char *name, char **ret_path, int *ret_fd)
{
	if (asprintf(ret_path, "%s/%s", home, name) < 0)
		abort();
	int r = dir_make(*ret_path, 0755);
	if (r == 0)
		*ret_fd = open(*ret_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r ? r : *ret_fd < 0 ? -errno : 0;
}

int menu_open(struct host *h, const char *data_home, struct menu **ret)
{
	struct menu *m = calloc(1, sizeof *m);
	if (!m)
		abort();
	*m = (struct menu){ .host = h, .dir_fd = -1, .icons_fd = -1 };
	*ret = m; /* also when it fails, to be closed */
	name_temporary(m);
	m->late_timer = (struct timer){ .fn = on_late, .user = m };
	int r = open_folder(data_home, "applications", &m->folder, &m->dir_fd);
	if (r == 0)
		r = open_folder(data_home, "reeve-host/icons", &m->icons, &m->icons_fd);
	if (r == 0)
		sweep(m);
	return r;
}

void menu_close(struct menu *m)
{
	if (!m)
		return;
	timer_stop(loop_timers(m->host->loop), &m->late_timer);
	for (struct entry *e = m->entries, *next; e; e = next) {
		next = e->next;
		remove_file(m->dir_fd, e->file);
		remove_file(m->icons_fd, e->icon);
		free(e);
	}
	for (struct fetch *f = m->fetches, *next; f; f = next) {
		next = f->next;
		free(f);
	}
	close_fdp(&m->dir_fd);
	close_fdp(&m->icons_fd);
	free(m->folder);
	free(m->icons);
	free(m);
}
