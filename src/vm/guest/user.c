/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of users, see user.h. No useradd: a guest may have nothing but us. passwd is written last, so that a user is
 * there wholly or not at all, and what an interrupted call left is completed by the next one.
 */
#include "vm/guest/user.h"
#include "base/clock.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PASSWD     "/etc/passwd"
#define GROUP      "/etc/group"
#define SHADOW     "/etc/shadow"
#define GSHADOW    "/etc/gshadow"
#define LOCK       "/etc/.pwd.lock" /* that of lckpwdf(3), which cannot be used among threads */
#define LOCK_MS    2000
#define LOCK_STEP  20
#define MS_PER_DAY INT64_C(86400000)

static int fail(struct error *err, const char *what, int r)
{
	return error_set(err, ERR_INTERNAL, "%s: %s", what, strerror(-r));
}

/* The lock goes with the descriptor. */
static int lock(int *ret_fd, struct error *err)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	const struct timespec step = { .tv_nsec = LOCK_STEP * 1000000L };
	*ret_fd = open(LOCK, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (*ret_fd < 0)
		return fail(err, "opening " LOCK, -errno);
	for (int ms = 0; fcntl(*ret_fd, F_OFD_SETLK, &whole) < 0; ms += LOCK_STEP) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return fail(err, "locking " LOCK, -errno);
		if (ms >= LOCK_MS)
			return error_set(err, ERR_UNAVAILABLE, "somebody has locked " LOCK);
		nanosleep(&step, NULL);
	}
	return 0;
}

static int read_file(const char *path, struct buf *out, bool *ret_there, struct error *err)
{
	int r = file_read(path, out);
	*ret_there = r == 0;
	return r < 0 && r != -ENOENT ? fail(err, path, r) : 0;
}

static int read_all(struct accounts *a, struct error *err)
{
	bool there;
	int r = read_file(PASSWD, &a->passwd, &there, err);
	if (r == 0)
		r = read_file(GROUP, &a->group, &there, err);
	if (r == 0)
		r = read_file(SHADOW, &a->shadow, &a->has_shadow, err);
	if (r == 0)
		r = read_file(GSHADOW, &a->gshadow, &a->has_gshadow, err);
	return r;
}

/* With the owner and the mode it had. Until it has its owner nobody else may read it. */
static int write_file(const char *path, const struct buf *text, struct error *err)
{
	struct stat st = { .st_mode = 0644 };
	bool there = stat(path, &st) == 0;
	int r = file_write_atomic(path, buf_span(text), there ? st.st_mode & 0600 : 0644);
	if (r == 0 && there &&
	    (chown(path, st.st_uid, st.st_gid) < 0 || chmod(path, st.st_mode & 07777) < 0))
		r = -errno;
	return r < 0 ? fail(err, path, r) : 0;
}

static int make_home(const struct user *u, struct error *err)
{
	int r = dir_make("/home", 0755);
	if (r < 0)
		return fail(err, "/home", r);
	if (mkdir(u->home, 0700) < 0)
		return errno == EEXIST ? 0 : fail(err, u->home, -errno); /* it stays whose it is */
	return chown(u->home, u->uid, u->gid) < 0 ? fail(err, u->home, -errno) : 0;
}

static bool differs(const struct buf *a, const struct buf *b)
{
	return !span_eq(buf_span(a), buf_span(b));
}

static int write_changed(const struct accounts *before, const struct accounts *a,
			 const struct user *u, struct error *err)
{
	int r = differs(&before->group, &a->group) ? write_file(GROUP, &a->group, err) : 0;
	if (r == 0 && differs(&before->gshadow, &a->gshadow))
		r = write_file(GSHADOW, &a->gshadow, err);
	if (r == 0 && differs(&before->shadow, &a->shadow))
		r = write_file(SHADOW, &a->shadow, err);
	if (r == 0 && u->created)
		r = make_home(u, err);
	if (r == 0 && differs(&before->passwd, &a->passwd))
		r = write_file(PASSWD, &a->passwd, err);
	return r;
}

static int change(const struct user_request *wanted, struct user *ret, struct error *err)
{
	CLEANUP(accounts_fini) struct accounts before;
	CLEANUP(accounts_fini) struct accounts a;
	const char *shell = access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh";
	accounts_init(&before);
	accounts_init(&a);
	int r = read_all(&before, err);
	if (r == 0)
		r = read_all(&a, err);
	if (r == 0)
		r = accounts_add(&a, wanted, shell, clock_utc_ms() / MS_PER_DAY, ret, err);
	if (r == 0)
		r = write_changed(&before, &a, ret, err);
	return r;
}

int user_set_up(const struct user_request *wanted, struct user *ret, struct error *err)
{
	CLEANUP(close_fdp) int fd = -1;
	int r = lock(&fd, err);
	return r ? r : change(wanted, ret, err);
}
