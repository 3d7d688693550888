/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking below a root; place.h says why.
 *
 * A link (or a ".." that a link brought in) is resolved by rewriting the path and walking again from
 * the root: the part already walked is known to hold no link, so cutting its last name off is right.
 */
#include "agent/providers/place.h"
#include "base/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#define WALKS_MAX 128 /* 40 links, and the ".." that sysfs is full of */
#define LIST_MAX  65536

struct walk {
	char path[PATH_MAX];
	size_t at;      /* start of the component being looked at */
	unsigned flags; /* PLACE_* and WALK_* */
	int n_walks;
};

#define WALK_LAST (1u << 8) /* resolve the last component too, if it is a link */

bool place_path_valid(const char *path)
{
	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return false;
	for (const char *part = path; part; part = strchr(part + 1, '/'))
		if (strcmp(part, "/..") == 0 || strncmp(part, "/../", 4) == 0)
			return false;
	return true;
}

void place_close(struct place *p)
{
	close_fdp(&p->dir);
	p->dir = -1;
}

const char *place_path(const struct place *p, char text[PLACE_PATH_SIZE])
{
	snprintf(text, PLACE_PATH_SIZE, "/proc/self/fd/%d/%s", p->dir, p->name);
	return text;
}

static int sync_folder(int dir)
{
	CLEANUP(close_fdp) int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 && errno != EINVAL ? -errno : 0; /* EINVAL: it cannot be synced */
}

int place_sync(const struct place *p)
{
	return sync_folder(p->dir);
}

/* The next component that is neither empty nor "." into 'name'; 0 when there is none, else its
 * length, -ENAMETOOLONG. w->at is left at its start. */
static int next_name(struct walk *w, char name[256])
{
	for (;;) {
		w->at += strspn(w->path + w->at, "/");
		size_t n = strcspn(w->path + w->at, "/");
		if (n == 1 && w->path[w->at] == '.') {
			w->at++;
			continue;
		}
		if (n > 255)
			return -ENAMETOOLONG;
		memcpy(name, w->path + w->at, n);
		name[n] = '\0';
		return (int)n;
	}
}

static bool is_last(const struct walk *w, int n)
{
	const char *rest = w->path + w->at + n;
	return rest[strspn(rest, "/")] == '\0';
}

/* Replaces the component at w->at by 'target' (a link's content, or "" for a ".." whose parent name
 * is cut off as well) and has the walk start again. */
static int rewrite(struct walk *w, int n_name, const char *target)
{
	char fresh[PATH_MAX];
	size_t kept = target[0] == '/' ? 0 : w->at;
	int n = snprintf(fresh, sizeof fresh, "%.*s/%s/%s", (int)kept, w->path, target,
			 w->path + w->at + n_name);
	if (n < 0 || (size_t)n >= sizeof fresh)
		return -ENAMETOOLONG;
	if (++w->n_walks > WALKS_MAX)
		return -ELOOP;
	memcpy(w->path, fresh, (size_t)n + 1);
	return 1;
}

static int rewrite_parent(struct walk *w)
{
	size_t end = w->at + 2; /* past the ".." */
	while (w->at > 0 && w->path[w->at - 1] == '/')
		w->at--;
	while (w->at > 0 && w->path[w->at - 1] != '/')
		w->at--;
	return rewrite(w, (int)(end - w->at), "");
}

static int follow(struct walk *w, int link_fd, const struct stat *st, int n_name)
{
	char target[PATH_MAX];
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return -ELOOP; /* somebody else wants us to go elsewhere */
	ssize_t n = readlinkat(link_fd, "", target, sizeof target - 1);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ENOENT;
	target[n] = '\0';
	return rewrite(w, n_name, target);
}

/* By a descriptor, because the folder may be in a user's hands: nothing is done by its name twice. */
static int make_folder(int dir, const char *name)
{
	if (mkdirat(dir, name, 0755) < 0)
		return errno == EEXIST ? 0 : -errno; /* somebody was faster */
	CLEANUP(close_fdp)
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0755) < 0) /* whatever the umask */
		return -errno;
	return sync_folder(dir);
}

/* Opens the component itself, whatever it is. */
static int open_name(struct walk *w, int dir, const char *name, bool last)
{
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && !last && (w->flags & PLACE_MAKE)) {
		int r = make_folder(dir, name);
		if (r < 0)
			return r;
		fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

/* One step into 'name'. 0: *dir moved on; 1: walk again; or -errno. */
static int step(struct walk *w, int *dir, const char *name, int n_name)
{
	struct stat st;
	bool last = is_last(w, n_name);
	CLEANUP(close_fdp) int fd = open_name(w, *dir, name, last);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return follow(w, fd, &st, n_name);
	if (last)
		return 0;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	close_fdp(dir);
	*dir = fd;
	fd = -1;
	w->at += (size_t)n_name;
	return 0;
}

/* 0: 'ret' is filled; 1: walk again; or -errno. */
static int walk_once(struct walk *w, const char *root, struct place *ret)
{
	w->at = 0;
	CLEANUP(close_fdp) int dir = open(*root ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	for (;;) {
		int n = next_name(w, ret->name);
		if (n < 0)
			return n;
		if (n == 2 && strcmp(ret->name, "..") == 0)
			return rewrite_parent(w);
		bool last = n == 0 || is_last(w, n);
		int r = 0;
		if (n > 0 && (!last || (w->flags & WALK_LAST)))
			r = step(w, &dir, ret->name, n);
		if (r == -ENOENT && last) /* nothing there is an answer */
			r = 0;
		if (r != 0)
			return r;
		if (!last)
			continue;
		if (n == 0)
			memcpy(ret->name, ".", 2); /* the root itself */
		ret->dir = dir;
		dir = -1;
		return 0;
	}
}

static int walk(const char *root, const char *path, unsigned flags, struct place *ret)
{
	struct walk w = { .flags = flags };
	int r;
	*ret = PLACE_NONE;
	if (!place_path_valid(path))
		return -EINVAL;
	memcpy(w.path, path, strlen(path) + 1);
	do
		r = walk_once(&w, root, ret);
	while (r == 1);
	return r;
}

int place_open(const char *root, const char *path, unsigned flags, struct place *ret)
{
	return walk(root, path, flags & PLACE_MAKE, ret);
}

int place_stat(const char *root, const char *path, struct stat *ret)
{
	CLEANUP(place_close) struct place p;
	int r = walk(root, path, 0, &p);
	if (r == 0 && fstatat(p.dir, p.name, ret, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	return r;
}

bool place_exists(const char *root, const char *path)
{
	struct stat st;
	CLEANUP(place_close) struct place p;
	return walk(root, path, WALK_LAST, &p) == 0 &&
	       fstatat(p.dir, p.name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int place_open_file(const char *root, const char *path, int flags, int *ret_fd)
{
	CLEANUP(place_close) struct place p;
	int r = walk(root, path, WALK_LAST, &p);
	if (r < 0)
		return r;
	int fd = openat(p.dir, p.name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int open_regular(const char *root, const char *path, int flags, int *ret_fd)
{
	struct stat st;
	CLEANUP(close_fdp) int fd = -1;
	int r = place_open_file(root, path, flags, &fd);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int place_read(const char *root, const char *path, struct buf *out)
{
	char text[64];
	CLEANUP(close_fdp) int fd = -1;
	int r = open_regular(root, path, O_RDONLY, &fd);
	if (r < 0)
		return r;
	snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
	return file_read(text, out);
}

const char *place_word(const char *root, const char *path, char *text, size_t size)
{
	CLEANUP(close_fdp) int fd = -1;
	ssize_t n = 0;
	if (open_regular(root, path, O_RDONLY, &fd) == 0)
		n = read(fd, text, size - 1);
	if (n < 0)
		n = 0;
	while (n > 0 && strchr(" \t\r\n", text[n - 1]))
		n--;
	text[n] = '\0';
	return text;
}

int place_poke(const char *root, const char *path, const char *text)
{
	CLEANUP(close_fdp) int fd = -1;
	int r = open_regular(root, path, O_WRONLY, &fd);
	if (r < 0)
		return r;
	ssize_t n = write(fd, text, strlen(text));
	if (n < 0)
		return -errno;
	return (size_t)n == strlen(text) ? 0 : -EIO;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(json_string_value(*(json_t *const *)a),
		      json_string_value(*(json_t *const *)b));
}

static json_t *sorted(json_t *steals_names)
{
	AUTO_JSON names = steals_names;
	size_t n = json_array_size(names);
	json_t *ret = json_array();
	json_t **items = calloc(n + 1, sizeof *items);
	if (!ret || !items)
		abort();
	for (size_t i = 0; i < n; i++)
		items[i] = json_array_get(names, i);
	qsort(items, n, sizeof *items, compare_names);
	for (size_t i = 0; i < n; i++)
		json_array_append(ret, items[i]);
	free(items);
	return ret;
}

/* Names that are not UTF-8 are left out: nothing we look for is written so. */
static int read_names(DIR *dir, json_t *names)
{
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(dir);
		if (!e)
			return -errno;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (json_array_size(names) >= LIST_MAX)
			return -E2BIG;
		json_array_append_new(names, json_string(e->d_name));
	}
}

int place_list(const char *root, const char *path, json_t **ret)
{
	int fd;
	int r = place_open_file(root, path, O_RDONLY | O_DIRECTORY, &fd);
	if (r < 0)
		return r;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	AUTO_JSON names = json_array();
	r = read_names(dir, names);
	closedir(dir);
	if (r == 0)
		*ret = sorted(TAKE(names));
	return r;
}

int place_write(const char *root, const char *path, struct span content, mode_t mode)
{
	char text[PLACE_PATH_SIZE];
	CLEANUP(place_close) struct place p;
	int r = place_open(root, path, PLACE_MAKE, &p);
	return r < 0 ? r : file_write_atomic(place_path(&p, text), content, mode);
}

int place_remove(const char *root, const char *path)
{
	char text[PLACE_PATH_SIZE];
	CLEANUP(place_close) struct place p;
	int r = place_open(root, path, 0, &p);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : file_remove(place_path(&p, text));
}
