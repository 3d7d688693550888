/* SPDX-License-Identifier: Apache-2.0
 *
 * blobs: see blobs.h. One lock for pins and removals; the question whether a row names a content
 * is asked under it, so an answer cannot become wrong before the removal: whoever is about to
 * write such a row has a pin.
 */
#include "server/blobs.h"
#include "base/file.h"
#include "base/log.h"
#include "server/jobs.h"
#include "store/store.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

struct pin {
	struct pin *next;
	char sha256[BLOB_NAME_SIZE];
	size_t n;
};

struct blobs {
	struct store *store;
	char *dir;
	pthread_mutex_t lock;
	struct pin *pins;
	struct pin *doomed; /* to be collected */
	size_t n_holds;
};

int blobs_new(const char *data_dir, struct store *store, struct blobs **ret)
{
	struct blobs *b = calloc(1, sizeof *b);
	if (!b || asprintf(&b->dir, "%s/files", data_dir) < 0)
		abort();
	b->store = store;
	pthread_mutex_init(&b->lock, NULL);
	int r = dir_make(b->dir, 0700);
	if (r != 0)
		blobs_free(b);
	else
		*ret = b;
	return r;
}

static void pins_free(struct pin *p)
{
	for (struct pin *next; p; p = next) {
		next = p->next;
		free(p);
	}
}

void blobs_free(struct blobs *b)
{
	if (!b)
		return;
	pins_free(b->pins);
	pins_free(b->doomed);
	pthread_mutex_destroy(&b->lock);
	free(b->dir);
	free(b);
}

bool blob_name_valid(const char *name)
{
	return strlen(name) == BLOB_NAME_SIZE - 1 &&
	       strspn(name, "0123456789abcdef") == BLOB_NAME_SIZE - 1;
}

#define PATH_SIZE 4096
static int path_of(const struct blobs *b, const char *sha256, char path[PATH_SIZE])
{
	if (!blob_name_valid(sha256))
		return -EINVAL;
	return snprintf(path, PATH_SIZE, "%s/%s", b->dir, sha256) < PATH_SIZE ? 0 : -ENAMETOOLONG;
}

/* ---- pins ---- */

static struct pin **pin_find(struct blobs *b, const char *sha256)
{
	struct pin **at = &b->pins;
	while (*at && strcmp((*at)->sha256, sha256) != 0)
		at = &(*at)->next;
	return at;
}

static void pin(struct blobs *b, const char *sha256)
{
	pthread_mutex_lock(&b->lock);
	struct pin **at = pin_find(b, sha256);
	if (!*at) {
		*at = calloc(1, sizeof **at);
		if (!*at)
			abort();
		snprintf((*at)->sha256, sizeof(*at)->sha256, "%s", sha256);
	}
	(*at)->n++;
	pthread_mutex_unlock(&b->lock);
}

void blobs_unpin(struct blobs *b, const char *sha256)
{
	pthread_mutex_lock(&b->lock);
	struct pin **at = pin_find(b, sha256), *p = *at;
	if (p && --p->n == 0) {
		*at = p->next;
		free(p);
	}
	pthread_mutex_unlock(&b->lock);
}

/* ---- contents ---- */

static int sync_path(const char *path)
{
	CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The same name is the same content; only its size could tell of a damaged disk. */
static bool is_there(const char *path, const char *other)
{
	struct stat here, there;
	return stat(path, &here) == 0 && stat(other, &there) == 0 && here.st_size == there.st_size;
}

static int place(struct blobs *b, const char *path, const char *target)
{
	if (is_there(target, path))
		return 0;
	if (chmod(path, 0600) < 0)
		return -errno;
	int r = sync_path(path);
	if (r == 0 && rename(path, target) < 0)
		r = -errno;
	return r ? r : dir_sync(b->dir);
}

int blobs_take(struct blobs *b, const char *path, const char *sha256)
{
	char target[PATH_SIZE];
	int r = path_of(b, sha256, target);
	if (r != 0)
		return r;
	pin(b, sha256);
	r = place(b, path, target);
	if (r != 0)
		blobs_unpin(b, sha256);
	return r;
}

int blobs_open(struct blobs *b, const char *sha256)
{
	char path[PATH_SIZE];
	int r = path_of(b, sha256, path);
	if (r != 0)
		return r;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

bool blobs_has(struct blobs *b, const char *sha256)
{
	char path[PATH_SIZE];
	return path_of(b, sha256, path) == 0 && access(path, R_OK) == 0;
}

/* ---- removal ---- */

/* Under the lock. */
static void remove_unnamed(struct blobs *b, const char *sha256)
{
	char path[PATH_SIZE];
	bool used = true;
	if (b->n_holds > 0 || *pin_find(b, sha256) || path_of(b, sha256, path) != 0)
		return;
	int r = store_file_used(store_reader(b->store), sha256, &used);
	if (r == 0 && !used)
		r = file_remove(path);
	if (r != 0)
		log_warn("the content of a file could not be removed", F_STR("sha256", sha256),
			 F_INT("error", r));
}

void blobs_collect(struct blobs *b, const char *sha256)
{
	pthread_mutex_lock(&b->lock);
	remove_unnamed(b, sha256);
	pthread_mutex_unlock(&b->lock);
}

void blobs_doom(struct blobs *b, const char *sha256)
{
	struct pin *p = calloc(1, sizeof *p);
	if (!p)
		return; /* the sweep at the next start does it */
	snprintf(p->sha256, sizeof p->sha256, "%s", sha256);
	pthread_mutex_lock(&b->lock);
	p->next = b->doomed;
	b->doomed = p;
	pthread_mutex_unlock(&b->lock);
}

void blobs_collect_doomed(struct blobs *b)
{
	pthread_mutex_lock(&b->lock);
	struct pin *all = TAKE(b->doomed);
	for (struct pin *p = all; p; p = p->next)
		remove_unnamed(b, p->sha256);
	pthread_mutex_unlock(&b->lock);
	pins_free(all);
}

struct collect { /* a job's */
	struct blobs *blobs;
	char sha256[BLOB_NAME_SIZE];
};

static void collect_run(void *arg)
{
	struct collect *c = arg;
	blobs_collect(c->blobs, c->sha256);
	free(c);
}

void blobs_collect_later(struct blobs *b, struct jobs *j, const char *sha256)
{
	struct error err;
	struct collect *c = malloc(sizeof *c);
	if (!c)
		return;
	c->blobs = b;
	snprintf(c->sha256, sizeof c->sha256, "%s", sha256);
	if (jobs_submit(j, collect_run, c, &err) != 0)
		free(c);
}

void blobs_sweep(struct blobs *b)
{
	DIR *dir = opendir(b->dir);
	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));)
		if (blob_name_valid(e->d_name))
			blobs_collect(b, e->d_name);
	closedir(dir);
}

void blobs_hold(struct blobs *b)
{
	pthread_mutex_lock(&b->lock);
	b->n_holds++;
	pthread_mutex_unlock(&b->lock);
}

void blobs_release(struct blobs *b)
{
	pthread_mutex_lock(&b->lock);
	bool last = --b->n_holds == 0;
	pthread_mutex_unlock(&b->lock);
	if (last)
		blobs_sweep(b); /* what was deleted meanwhile */
}
