/* SPDX-License-Identifier: Apache-2.0
 *
 * The backup file over libarchive, see bundle.h.
 */
#include "server/api/bundle.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/file.h"
#include "server/blobs.h"
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE   4096
#define BLOCK       (64u << 10)
#define ENTRIES_MAX 10000000
#define NOT_OURS    "this is not a backup of Reeve: "

static const char *const folders[] = { BUNDLE_KEYS, BUNDLE_FILES };

static int join(char path[PATH_SIZE], const char *dir, const char *name)
{
	return snprintf(path, PATH_SIZE, "%s/%s", dir, name) < PATH_SIZE ? 0 : -ENAMETOOLONG;
}

/* ---- packing ---- */

static int packed(struct archive *a, int r, struct error *err)
{
	if (r >= ARCHIVE_WARN)
		return 0;
	if (archive_errno(a) == ENOSPC)
		return error_set(err, ERR_NO_SPACE, "the server's disk is full");
	return -EIO;
}

static int pack_bytes(struct archive *a, int fd, int64_t left, struct error *err)
{
	char block[BLOCK];
	int r = 0;
	while (r == 0 && left > 0) {
		ssize_t n =
			read(fd, block, left < (int64_t)sizeof block ? (size_t)left : sizeof block);
		if (n <= 0)
			return n < 0 ? -errno : -EIO; /* it became shorter */
		left -= n;
		r = archive_write_data(a, block, (size_t)n) == n ? 0
								 : packed(a, ARCHIVE_FATAL, err);
	}
	return r;
}

/* A file that has gone meanwhile is left out. */
static int pack_file(struct archive *a, const char *path, const char *name, struct error *err)
{
	CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	struct archive_entry *e = archive_entry_new();
	archive_entry_set_pathname(e, name);
	archive_entry_set_size(e, st.st_size);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0600);
	archive_entry_set_mtime(e, st.st_mtim.tv_sec, 0);
	int r = packed(a, archive_write_header(a, e), err);
	archive_entry_free(e);
	return r ? r : pack_bytes(a, fd, st.st_size, err);
}

static int pack_folder(struct archive *a, const char *data_dir, const char *folder,
		       struct error *err)
{
	char dir_path[PATH_SIZE], path[PATH_SIZE], name[PATH_SIZE];
	int r = join(dir_path, data_dir, folder);
	DIR *dir = r == 0 ? opendir(dir_path) : NULL;
	if (!dir)
		return r || errno == ENOENT ? r : -errno;
	for (struct dirent *e; r == 0 && (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		r = join(path, dir_path, e->d_name);
		if (r == 0)
			r = join(name, folder, e->d_name);
		if (r == 0)
			r = pack_file(a, path, name, err);
	}
	closedir(dir);
	return r;
}

int bundle_pack(int fd, const char *store_path, const char *data_dir, struct error *err)
{
	struct archive *a = archive_write_new();
	if (!a)
		abort();
	archive_write_set_format_pax_restricted(a);
	int r = packed(a, archive_write_open_fd(a, fd), err);
	if (r == 0)
		r = pack_file(a, store_path, BUNDLE_STORE, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++)
		r = pack_folder(a, data_dir, folders[i], err);
	if (r == 0)
		r = packed(a, archive_write_close(a), err);
	archive_write_free(a);
	return r;
}

/* ---- unpacking ---- */

struct unpack {
	struct archive *a;
	const char *dir;
	int64_t left; /* bytes that may still come out */
	bool has_store;
	struct error *err;
};

static bool is_key_name(const char *name)
{
	size_t n = strlen(name);
	return n > 0 && n <= 200 && name[0] != '.' && !strchr(name, '/');
}

/* What the entry is by its name; NULL: nothing that belongs there. */
static const char *folder_of(const char *name, const char **ret_rest)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		size_t n = strlen(folders[i]);
		*ret_rest = name + n + 1;
		if (strncmp(name, folders[i], n) == 0 && name[n] == '/')
			return folders[i];
	}
	return NULL;
}

static bool name_allowed(const char *name)
{
	const char *rest;
	if (strcmp(name, BUNDLE_STORE) == 0)
		return true;
	const char *folder = folder_of(name, &rest);
	if (!folder)
		return false;
	return folder == folders[0] ? is_key_name(rest) : blob_name_valid(rest);
}

static bool is_folder_entry(const char *name, struct archive_entry *e)
{
	return archive_entry_filetype(e) == AE_IFDIR &&
	       (strcmp(name, "keys/") == 0 || strcmp(name, "files/") == 0 ||
		strcmp(name, "keys") == 0 || strcmp(name, "files") == 0);
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno != EINTR)
			return -errno;
		if (w > 0) {
			p += w;
			n -= (size_t)w;
		}
	}
	return 0;
}

/* The entry's bytes into the file; their SHA-256. */
static int unpack_bytes(struct unpack *u, int fd, const char *name, EVP_MD_CTX *hash)
{
	char block[16384];
	la_ssize_t n;
	int r = 0;
	while (r == 0 && (n = archive_read_data(u->a, block, sizeof block)) != 0) {
		if (n < 0 || n > u->left)
			return error_set(u->err, ERR_INVALID, NOT_OURS "%.80s is damaged", name);
		u->left -= n;
		EVP_DigestUpdate(hash, block, (size_t)n);
		r = write_all(fd, block, (size_t)n);
	}
	if (r == -ENOSPC)
		return error_set(u->err, ERR_NO_SPACE, "the server's disk is full");
	return r ? r : fsync(fd) < 0 ? -errno : 0;
}

static int check_content(struct unpack *u, const char *name, EVP_MD_CTX *hash)
{
	uint8_t sum[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	const char *rest, *folder = folder_of(name, &rest);
	if (folder != folders[1])
		return 0;
	EVP_DigestFinal_ex(hash, sum, NULL);
	hex_encode((struct span){ sum, sizeof sum }, hex);
	if (strcmp(hex, rest) == 0)
		return 0;
	return error_set(u->err, ERR_INVALID, NOT_OURS "%.80s is damaged", name);
}

static int unpack_file(struct unpack *u, const char *name)
{
	char path[PATH_SIZE];
	int r = join(path, u->dir, name);
	if (r != 0)
		return r;
	CLEANUP(close_fdp)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno == EEXIST ? error_set(u->err, ERR_INVALID,
						   NOT_OURS "%.80s is there twice", name)
				       : -errno;
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		abort();
	r = unpack_bytes(u, fd, name, hash);
	if (r == 0)
		r = check_content(u, name, hash);
	EVP_MD_CTX_free(hash);
	return r;
}

static int unpack_entry(struct unpack *u, struct archive_entry *e)
{
	const char *name = archive_entry_pathname(e);
	if (name && is_folder_entry(name, e))
		return 0;
	if (!name || !name_allowed(name) || archive_entry_filetype(e) != AE_IFREG ||
	    archive_entry_hardlink(e) || archive_entry_symlink(e))
		return error_set(u->err, ERR_INVALID, NOT_OURS "it holds \"%.80s\"",
				 name ? name : "a file without a name");
	if (strcmp(name, BUNDLE_STORE) == 0)
		u->has_store = true;
	return unpack_file(u, name);
}

static int unpack_entries(struct unpack *u)
{
	struct archive_entry *e;
	int r = 0, next = ARCHIVE_OK;
	for (size_t n = 0; r == 0; n++) {
		next = archive_read_next_header(u->a, &e);
		if (next == ARCHIVE_EOF)
			break;
		if (next != ARCHIVE_OK || n == ENTRIES_MAX)
			return error_set(u->err, ERR_INVALID,
					 NOT_OURS "it is no tar archive, or a "
						  "damaged one");
		r = unpack_entry(u, e);
	}
	if (r == 0 && !u->has_store)
		r = error_set(u->err, ERR_INVALID, NOT_OURS "it holds no " BUNDLE_STORE);
	return r;
}

static int make_folders(const char *dir)
{
	char path[PATH_SIZE];
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++) {
		r = join(path, dir, folders[i]);
		if (r == 0)
			r = dir_make(path, 0700);
	}
	return r;
}

int bundle_unpack(const char *path, const char *dir, struct error *err)
{
	struct stat st;
	struct unpack u = { .dir = dir, .err = err };
	if (stat(path, &st) < 0)
		return -errno;
	u.left = st.st_size; /* tar does not compress: what comes out is never more */
	int r = make_folders(dir);
	if (r != 0)
		return r;
	u.a = archive_read_new();
	if (!u.a)
		abort();
	archive_read_support_format_tar(u.a);
	if (archive_read_open_filename(u.a, path, BLOCK) == ARCHIVE_OK)
		r = unpack_entries(&u);
	else
		r = error_set(err, ERR_INVALID, NOT_OURS "it is no tar archive");
	archive_read_free(u.a);
	return r;
}

/* ---- discarding ---- */

static void empty_folder(const char *dir_path)
{
	char path[PATH_SIZE];
	DIR *dir = opendir(dir_path);
	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));)
		if (join(path, dir_path, e->d_name) == 0)
			(void)unlink(path); /* . and .. and folders refuse */
	closedir(dir);
}

void bundle_discard(const char *dir)
{
	char path[PATH_SIZE];
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (join(path, dir, folders[i]) != 0)
			continue;
		empty_folder(path);
		(void)rmdir(path);
	}
	empty_folder(dir);
	(void)rmdir(dir);
}
