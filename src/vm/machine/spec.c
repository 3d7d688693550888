/* SPDX-License-Identifier: Apache-2.0
 *
 * Specifications of machines, see spec.h.
 */
#include "vm/machine/spec.h"
#include "vm/machine/share.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static char *copy(const char *text)
{
	char *s = text ? strdup(text) : NULL;
	if (text && !s)
		abort();
	return s;
}

static void disk_fini(struct machine_disk *d)
{
	free(d->path);
	free(d->target);
	free(d->fstype);
	*d = (struct machine_disk){ .path = NULL };
}

static void share_fini(struct machine_share *s)
{
	free(s->path);
	free(s->target);
	*s = (struct machine_share){ .path = NULL };
}

void machine_spec_fini(struct machine_spec *s)
{
	for (size_t i = 0; i < s->n_shares; i++)
		share_fini(&s->shares[i]);
	for (size_t i = 0; i < s->n_disks; i++)
		disk_fini(&s->disks[i]);
	free(s->kernel);
	free(s->initrd);
	free(s->append);
	*s = (struct machine_spec){ .n_disks = 0 };
}

/* ---- words ---- */

bool size_parse(const char *text, uint64_t unit, uint64_t *ret)
{
	static const char letters[] = "KMGT";
	char *end;
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	const char *letter = *end ? strchr(letters, *end) : NULL;
	if (letter) {
		unit = (uint64_t)1 << (10 * (letter - letters + 1));
		end++;
	}
	if (errno || *end || n > INT64_MAX / unit)
		return false;
	*ret = n * unit;
	return true;
}

/* One of ":ro", ":size=…" and so on. */
static int take_word(const char *word, struct machine_disk *d, struct error *err)
{
	if (strcmp(word, "ro") == 0) {
		d->read_only = true;
	} else if (strncmp(word, "mount=", 6) == 0 && word[6] == '/') {
		d->target = copy(word + 6);
	} else if (strncmp(word, "fs=", 3) == 0 && word[3]) {
		d->fstype = copy(word + 3);
	} else if (strncmp(word, "size=", 5) != 0 || !size_parse(word + 5, 1, &d->size) ||
		   d->size == 0) {
		return error_set(err, ERR_INVALID,
				 "“%.60s” is none of ro, size=10G, mount=/PATH, fs=TYPE", word);
	}
	return 0;
}

int machine_disk_parse(const char *text, struct machine_disk *ret, struct error *err)
{
	CLEANUP(free_charp) char *words = copy(text);
	char *rest = words, *word = strsep(&rest, ":");
	int r = 0;
	*ret = (struct machine_disk){ .path = NULL };
	if (word[0] != '/')
		return error_set(err, ERR_INVALID,
				 "disk: “%.200s” does not begin with an absolute path", text);
	ret->path = copy(word);
	while (r == 0 && (word = strsep(&rest, ":")))
		r = take_word(word, ret, err);
	if (r)
		disk_fini(ret);
	return r;
}

int machine_share_parse(const char *text, struct machine_share *ret, struct error *err)
{
	CLEANUP(free_charp) char *words = copy(text);
	char *rest = words, *path = strsep(&rest, ":"), *target = strsep(&rest, ":");
	*ret = (struct machine_share){ .path = NULL };
	if (path[0] != '/' || strchr(path, ',') || !target || target[0] != '/')
		return error_set(
			err, ERR_INVALID,
			"share: “%.200s” is not /FOLDER:/TARGET, maybe with :ro, and without a comma in FOLDER",
			text);
	if (rest && strcmp(rest, "ro") != 0)
		return error_set(err, ERR_INVALID, "share: “%.60s” is not ro", rest);
	*ret = (struct machine_share){ copy(path), copy(target), rest != NULL };
	return 0;
}

/* ---- can it be started ---- */

static int check_file(const char *what, const char *path, struct error *err)
{
	struct stat st;
	if (!path || path[0] != '/')
		return error_set(err, ERR_INVALID, "%s: an absolute path is expected", what);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r = fd < 0 || fstat(fd, &st) < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	if (r)
		return error_set(err, r == ENOENT ? ERR_NOT_FOUND : ERR_INVALID, "%s: %s: %s", what,
				 path, strerror(r));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return error_set(err, ERR_INVALID, "%s: %s is no file", what, path);
	return 0;
}

static int check_disk(const struct machine_disk *d, struct error *err)
{
	struct stat st;
	if (d->size > 0 && stat(d->path, &st) < 0 && errno == ENOENT)
		return 0; /* it will be made */
	return check_file("disk", d->path, err);
}

static int check_share(const struct machine_share *s, struct error *err)
{
	struct stat st;
	if (stat(s->path, &st) < 0)
		return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_INVALID,
				 "share: %s: %s", s->path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ERR_INVALID, "share: %s is no folder", s->path);
	if (!share_program())
		return error_set(
			err, ERR_UNAVAILABLE,
			"share: virtiofsd is not installed (package virtiofsd, or qemu-system-common)");
	return 0;
}

static int check_memory(const struct machine_spec *s, struct error *err)
{
	struct sysinfo info;
	if (s->memory_mib < MEMORY_MIN_MIB)
		return error_set(err, ERR_INVALID, "memory: %lld MiB are too few: %d at least",
				 (long long)s->memory_mib, MEMORY_MIN_MIB);
	if (sysinfo(&info) == 0 &&
	    (uint64_t)s->memory_mib > (uint64_t)info.totalram * info.mem_unit >> 20)
		return error_set(
			err, ERR_INVALID, "memory: this host has %llu MiB in all",
			(unsigned long long)((uint64_t)info.totalram * info.mem_unit >> 20));
	if (s->cpus < 1 || s->cpus > sysconf(_SC_NPROCESSORS_CONF))
		return error_set(err, ERR_INVALID, "cpus: 1 to %ld on this host",
				 sysconf(_SC_NPROCESSORS_CONF));
	return 0;
}

int machine_spec_check(const struct machine_spec *s, struct error *err)
{
	int r = check_file("kernel", s->kernel, err);
	if (r == 0 && s->initrd)
		r = check_file("initrd", s->initrd, err);
	for (size_t i = 0; i < s->n_disks && r == 0; i++)
		r = check_disk(&s->disks[i], err);
	for (size_t i = 0; i < s->n_shares && r == 0; i++)
		r = check_share(&s->shares[i], err);
	return r ? r : check_memory(s, err);
}

static int make_disk(const struct machine_disk *d, struct error *err)
{
	int fd = open(d->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return 0;
	int r = fd < 0 || ftruncate(fd, (off_t)d->size) < 0 || fsync(fd) < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	return r ? error_set(err, ERR_UNAVAILABLE, "disk: %s: %s", d->path, strerror(r)) : 0;
}

int machine_spec_make_disks(const struct machine_spec *s, struct error *err)
{
	int r = 0;
	for (size_t i = 0; i < s->n_disks && r == 0; i++)
		if (s->disks[i].size > 0)
			r = make_disk(&s->disks[i], err);
	return r;
}

/* ---- its file ---- */

static json_t *disk_json(const struct machine_disk *d)
{
	return json_pack("{s:s, s:I, s:b, s:s*, s:s*}", "path", d->path, "size",
			 (json_int_t)d->size, "read_only", (int)d->read_only, "mount", d->target,
			 "fs", d->fstype);
}

json_t *machine_spec_json(const struct machine_spec *s)
{
	json_t *j =
		json_pack("{s:s, s:s, s:s*, s:s*, s:I, s:I, s:I, s:I, s:b, s:[], s:[]}", "name",
			  s->name, "kernel", s->kernel, "initrd", s->initrd, "append", s->append,
			  "memory_mib", (json_int_t)s->memory_mib, "cpus", (json_int_t)s->cpus,
			  "cid", (json_int_t)s->cid, "listen_port", (json_int_t)s->listen_port,
			  "vsock", (int)s->vsock, "disks", "shares");
	for (size_t i = 0; i < s->n_disks; i++)
		json_array_append_new(json_object_get(j, "disks"), disk_json(&s->disks[i]));
	for (size_t i = 0; i < s->n_shares; i++)
		json_array_append_new(json_object_get(j, "shares"),
				      json_pack("{s:s, s:s, s:b}", "path", s->shares[i].path,
						"target", s->shares[i].target, "read_only",
						(int)s->shares[i].read_only));
	return j;
}

static int read_disk(const json_t *j, struct machine_disk *d, struct error *err)
{
	const char *path = NULL, *mount = NULL, *fs = NULL;
	int64_t size = 0;
	int r = json_read_str(j, "path", true, &path, err);
	if (r == 0)
		r = json_read_int(j, "size", false, &size, err);
	if (r == 0)
		r = json_read_bool(j, "read_only", false, &d->read_only, err);
	if (r == 0)
		r = json_read_str(j, "mount", false, &mount, err);
	if (r == 0)
		r = json_read_str(j, "fs", false, &fs, err);
	if (r)
		return r;
	d->size = (uint64_t)size;
	d->path = copy(path);
	d->target = copy(mount);
	d->fstype = copy(fs);
	return 0;
}

static int read_share(const json_t *j, struct machine_share *s, struct error *err)
{
	const char *path = NULL, *target = NULL;
	int r = json_read_str(j, "path", true, &path, err);
	if (r == 0)
		r = json_read_str(j, "target", true, &target, err);
	if (r == 0)
		r = json_read_bool(j, "read_only", false, &s->read_only, err);
	if (r)
		return r;
	s->path = copy(path);
	s->target = copy(target);
	return 0;
}

static int read_lists(const json_t *j, struct machine_spec *s, struct error *err)
{
	json_t *disks = NULL, *shares = NULL;
	int r = json_read_array(j, "disks", false, &disks, err);
	if (r == 0)
		r = json_read_array(j, "shares", false, &shares, err);
	for (size_t i = 0; r == 0 && i < json_array_size(disks) && i < MACHINE_DISKS_MAX; i++)
		r = read_disk(json_array_get(disks, i), &s->disks[s->n_disks++], err);
	for (size_t i = 0; r == 0 && i < json_array_size(shares) && i < MACHINE_SHARES_MAX; i++)
		r = read_share(json_array_get(shares, i), &s->shares[s->n_shares++], err);
	return r;
}

static int read_numbers(const json_t *j, struct machine_spec *s, struct error *err)
{
	int64_t cid = 0;
	int r = json_read_int(j, "memory_mib", true, &s->memory_mib, err);
	if (r == 0)
		r = json_read_int(j, "cpus", true, &s->cpus, err);
	if (r == 0)
		r = json_read_int(j, "cid", true, &cid, err);
	if (r == 0)
		r = json_read_int(j, "listen_port", true, &s->listen_port, err);
	if (r == 0)
		r = json_read_bool(j, "vsock", true, &s->vsock, err);
	if (r == 0 &&
	    (cid < 3 || cid >= UINT32_MAX || s->listen_port < 0 || s->listen_port > 65535))
		r = error_set(err, ERR_INVALID, "cid or listen_port is not possible");
	s->cid = (uint32_t)cid;
	return r;
}

int machine_spec_read(const json_t *j, struct machine_spec *ret, struct error *err)
{
	const char *name = NULL, *kernel = NULL, *initrd = NULL, *append = NULL;
	*ret = (struct machine_spec){ .n_disks = 0 };
	int r = json_read_str(j, "name", true, &name, err);
	if (r == 0 && !registry_name_ok(name))
		r = error_set(err, ERR_INVALID, "name: it is none");
	if (r == 0)
		r = json_read_str(j, "kernel", true, &kernel, err);
	if (r == 0)
		r = json_read_str(j, "initrd", false, &initrd, err);
	if (r == 0)
		r = json_read_str(j, "append", false, &append, err);
	if (r)
		return r;
	snprintf(ret->name, sizeof ret->name, "%s", name);
	ret->kernel = copy(kernel);
	ret->initrd = copy(initrd);
	ret->append = copy(append);
	r = read_numbers(j, ret, err);
	return r ? r : read_lists(j, ret, err);
}
