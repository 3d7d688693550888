/* SPDX-License-Identifier: Apache-2.0
 *
 * Backup, restore and check of the whole server.
 *
 * A backup is a snapshot of the store, then the keys and contents that it may name: nothing of
 * these is removed meanwhile (blobs_hold), and what was added later does no harm.
 *
 * A restore has one moment at which it happens: store_restore(). Before it, keys and contents of
 * the backup are put beside those that are there; their names are random or hashes, so nothing is
 * overwritten. After it, contents that nothing names any more are swept. A crash on either side
 * leaves a sound server: the old one or the new one. Old private keys stay in their folder: they
 * are not ours to destroy.
 */
#include "server/api/backup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "server/api/bundle.h"
#include "server/api/nouns.h"
#include "server/api/state.h"
#include "server/blobs.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE     4096
#define BACKUP_TYPE   "application/x-tar"
#define UNPACK_PREFIX ".restore-"

static const struct field restored_fields[] = {
	FIELD_OF("organizations", AS_INT, 0, NULL),
	FIELD_OF("files", AS_INT, 0, NULL),
	FIELD_OF("keys", AS_INT, 0, NULL),
	{ 0 },
};
const struct schema restored_schema = { .name = "Restored", .fields = restored_fields };

static const struct field findings_fields[] = {
	FIELD_OF("findings", AS_TEXTS, 0, "What is wrong; empty: nothing"),
	{ 0 },
};
const struct schema findings_schema = { .name = "Findings", .fields = findings_fields };

static const char *data_dir(struct http_request *req)
{
	return server_of(req)->config->data;
}

static int path_in(struct http_request *req, char path[PATH_SIZE], const char *folder,
		   const char *name)
{
	int n = snprintf(path, PATH_SIZE, "%s/%s/%s", data_dir(req), folder, name);
	return n < PATH_SIZE ? 0 : -ENAMETOOLONG;
}

/* Backups and restores one at a time. */
static int archiving_begin(struct http_request *req, struct error *err)
{
	if (!atomic_exchange(&api_of(req)->archiving, true))
		return 0;
	return error_set(err, ERR_CONFLICT, "a backup or restore is running already");
}

static void archiving_end(struct http_request *req)
{
	atomic_store(&api_of(req)->archiving, false);
}

/* ---- backup ---- */

/* An unnamed temporary file of the data folder. */
static int temporary(struct http_request *req)
{
	char path[PATH_SIZE];
	int r = path_in(req, path, "tmp", "backup-XXXXXX");
	if (r != 0)
		return r;
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	(void)unlink(path);
	return fd;
}

static int backup_pack(struct http_request *req, int fd, struct error *err)
{
	char snapshot[PATH_SIZE];
	int r = path_in(req, snapshot, "tmp", "snapshot.sqlite");
	if (r != 0)
		return r;
	(void)unlink(snapshot); /* of a backup that a crash ended */
	r = store_backup(server_of(req)->store, snapshot, err);
	if (r == 0)
		r = bundle_pack(fd, snapshot, data_dir(req), err);
	(void)unlink(snapshot);
	return r;
}

static int backup_later(struct http_request *req, void *arg, struct error *err)
{
	struct arena *a = http_arena(req);
	char now[CLOCK_TEXT_SIZE];
	CLEANUP(close_fdp) int fd = temporary(req);
	if (fd < 0)
		return fd;
	int r = archiving_begin(req, err);
	if (r != 0)
		return r;
	blobs_hold(server_of(req)->blobs);
	r = backup_pack(req, fd, err);
	blobs_release(server_of(req)->blobs);
	archiving_end(req);
	if (r != 0)
		return r;
	clock_format(clock_utc_ms(), now);
	http_reply_header(req, "Content-Disposition",
			  arena_printf(a, "attachment; filename=\"reeve-%.10s.tar\"", now));
	http_reply_file(req, fd, BACKUP_TYPE, NULL); /* takes it */
	fd = -1;
	return 0;
}

API_HANDLER(backup_create)
{
	int r = api_unbound(req, err);
	if (r == 0)
		api_later(req, LATER_WORK, backup_later, NULL);
	return r;
}

/* ---- restore: the backup is checked ---- */

struct restore {
	struct http_request *req;
	char dir[PATH_SIZE]; /* where it is unpacked */
	int64_t n_organizations, n_files, n_keys;
	json_t *new_keys; /* names that were put in place; owned */
};

static int unpacked(struct restore *x, char path[PATH_SIZE], const char *folder, const char *name)
{
	int n = snprintf(path, PATH_SIZE, "%s/%s/%s", x->dir, folder, name);
	return n < PATH_SIZE ? 0 : -ENAMETOOLONG;
}

/* Is what the rows name in the backup, too? */
static int check_keys(struct restore *x, struct store_conn *c, int64_t org_id, struct arena *a,
		      struct error *err)
{
	struct signing_key *rows;
	size_t n;
	char path[PATH_SIZE];
	int r = store_signing_key_list(c, org_id, a, &rows, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *name = rows[i].private_file;
		if (strchr(name, '/') || name[0] == '.' || unpacked(x, path, BUNDLE_KEYS, name) ||
		    access(path, R_OK) != 0)
			r = error_set(err, ERR_INVALID, "the backup lacks the key %.80s", name);
		x->n_keys++;
	}
	return r;
}

static int check_files(struct restore *x, struct store_conn *c, int64_t org_id, struct arena *a,
		       struct error *err)
{
	struct file *rows;
	size_t n;
	char path[PATH_SIZE];
	int r = store_file_list(c, org_id, NULL, a, &rows, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!blob_name_valid(rows[i].sha256) ||
		    unpacked(x, path, BUNDLE_FILES, rows[i].sha256) || access(path, R_OK) != 0)
			r = error_set(err, ERR_INVALID, "the backup lacks the content of file %lld",
				      (long long)rows[i].id);
		x->n_files++;
	}
	return r;
}

static int check_rows(struct restore *x, struct store *backup, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct store_conn *c = store_reader(backup);
	struct organization *orgs = NULL;
	size_t n = 0;
	arena_init(&a);
	int r = store_organization_list(c, &a, &orgs, &n);
	if (r == 0 && n == 0)
		r = error_set(err, ERR_INVALID, "the backup holds no organization");
	if (r == 0)
		r = check_keys(x, c, 0, &a, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = check_keys(x, c, orgs[i].id, &a, err);
		if (r == 0)
			r = check_files(x, c, orgs[i].id, &a, err);
	}
	x->n_organizations = (int64_t)n;
	return r;
}

static int check_sound(struct store *backup, struct error *err)
{
	AUTO_JSON findings = json_array();
	int r = store_check(backup, findings);
	if (r == 0 && json_array_size(findings) > 0)
		r = error_set(err, ERR_INVALID, "the backup's store is damaged: %s",
			      json_string_value(json_array_get(findings, 0)));
	return r;
}

/* Opens the unpacked store, which migrates an older one. */
static int check_backup(struct restore *x, const char *store_path, struct error *err)
{
	struct store_options o = { .backend = "sqlite", .path = store_path };
	struct store *backup;
	int r = store_open(&o, &backup, err);
	if (r != 0)
		return r;
	r = check_sound(backup, err);
	if (r == 0)
		r = check_rows(x, backup, err);
	store_close(backup);
	if (r < 0) /* whatever it is, it is in the backup */
		r = error_set(err, ERR_INVALID, "the backup's store is damaged: it cannot be read");
	return r;
}

/* ---- restore: keys and contents beside those that are there ---- */

static bool same_content(const char *a, const char *b)
{
	CLEANUP(buf_fini) struct buf x, y;
	buf_init(&x, 1 << 20);
	buf_init(&y, 1 << 20);
	return file_read(a, &x) == 0 && file_read(b, &y) == 0 &&
	       span_eq(buf_span(&x), buf_span(&y));
}

static int place_key(struct restore *x, const char *name, struct error *err)
{
	char from[PATH_SIZE], to[PATH_SIZE];
	int r = unpacked(x, from, BUNDLE_KEYS, name);
	if (r == 0)
		r = path_in(x->req, to, BUNDLE_KEYS, name);
	if (r != 0)
		return r;
	if (access(to, F_OK) == 0)
		return same_content(from, to)
			       ? 0
			       : error_set(
					 err, ERR_CONFLICT,
					 "the backup's key %.80s differs from the one that is here",
					 name);
	if (rename(from, to) < 0)
		return -errno;
	json_array_append_new(x->new_keys, json_string(name));
	return 0;
}

static int place_content(struct restore *x, const char *sha256, struct error *err)
{
	struct blobs *blobs = server_of(x->req)->blobs;
	char from[PATH_SIZE];
	int r = unpacked(x, from, BUNDLE_FILES, sha256);
	if (r == 0)
		r = blobs_take(blobs, from, sha256);
	if (r == 0)
		blobs_unpin(blobs, sha256); /* it is held */
	return r;
}

static int place_folder(struct restore *x, const char *folder,
			int (*place)(struct restore *x, const char *name, struct error *err),
			struct error *err)
{
	char path[PATH_SIZE];
	int r = unpacked(x, path, folder, "");
	DIR *dir = r == 0 ? opendir(path) : NULL;
	if (!dir)
		return r ? r : -errno;
	for (struct dirent *e; r == 0 && (e = readdir(dir));)
		if (e->d_name[0] != '.')
			r = place(x, e->d_name, err);
	closedir(dir);
	return r;
}

static void take_keys_back(struct restore *x)
{
	char path[PATH_SIZE];
	const json_t *name;
	size_t i;
	json_array_foreach (x->new_keys, i, name) {
		if (path_in(x->req, path, BUNDLE_KEYS, json_string_value(name)) == 0)
			(void)unlink(path);
	}
}

static int place_all(struct restore *x, struct error *err)
{
	char path[PATH_SIZE];
	int r = place_folder(x, BUNDLE_KEYS, place_key, err);
	if (r == 0)
		r = path_in(x->req, path, BUNDLE_KEYS, "");
	if (r == 0)
		r = dir_sync(path);
	return r ? r : place_folder(x, BUNDLE_FILES, place_content, err);
}

/* ---- restore: the moment ---- */

static int restore_run(struct restore *x, struct error *err)
{
	const struct http_body_file *body = http_request_body_file(x->req);
	char store_path[PATH_SIZE];
	int r = bundle_unpack(body->path, x->dir, err);
	if (r == 0)
		r = unpacked(x, store_path, ".", BUNDLE_STORE);
	if (r == 0)
		r = check_backup(x, store_path, err);
	if (r == 0)
		r = place_all(x, err);
	if (r == 0)
		r = store_restore(server_of(x->req)->store, principal_of(x->req)->actor, store_path,
				  err);
	if (r != 0)
		take_keys_back(x);
	return r;
}

static int restore_prepare(struct restore *x)
{
	int r = path_in(x->req, x->dir, "tmp", UNPACK_PREFIX "XXXXXX");
	if (r == 0 && !mkdtemp(x->dir))
		r = -errno;
	x->new_keys = json_array();
	return r;
}

static int restore_later(struct http_request *req, void *arg, struct error *err)
{
	struct restore *x = arena_new(http_arena(req), struct restore);
	x->req = req;
	int r = archiving_begin(req, err);
	if (r != 0)
		return r;
	r = restore_prepare(x);
	if (r == 0) {
		blobs_hold(server_of(req)->blobs);
		r = restore_run(x, err);
		bundle_discard(x->dir);
		blobs_release(server_of(req)->blobs); /* and what nothing names is swept */
	}
	json_decref(x->new_keys);
	archiving_end(req);
	if (r != 0)
		return r;
	log_info("restored from a backup", F_STR("by", principal_of(req)->actor));
	http_reply_json(req, 200,
			json_pack("{s:I, s:I, s:I}", "organizations",
				  (json_int_t)x->n_organizations, "files", (json_int_t)x->n_files,
				  "keys", (json_int_t)x->n_keys));
	return 0;
}

API_HANDLER(backup_restore)
{
	int r = api_unbound(req, err);
	if (r == 0 && !http_request_body_file(req))
		r = error_set(err, ERR_INVALID, "the body must be a backup");
	if (r == 0)
		api_later(req, LATER_WORK, restore_later, NULL);
	return r;
}

void backup_clean(const char *data)
{
	char path[PATH_SIZE], tmp[PATH_SIZE];
	if (snprintf(tmp, sizeof tmp, "%s/tmp", data) >= PATH_SIZE)
		return;
	DIR *dir = opendir(tmp);
	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));)
		if (strncmp(e->d_name, UNPACK_PREFIX, strlen(UNPACK_PREFIX)) == 0 &&
		    snprintf(path, sizeof path, "%s/%s", tmp, e->d_name) < PATH_SIZE)
			bundle_discard(path);
	closedir(dir);
}

/* ---- check ---- */

static int find_missing(struct http_request *req, int64_t org_id, json_t *findings)
{
	struct store_conn *c = api_conn(req);
	struct arena *a = http_arena(req);
	struct signing_key *keys;
	struct file *files;
	size_t n_keys = 0, n_files = 0;
	char path[PATH_SIZE];
	int r = store_signing_key_list(c, org_id, a, &keys, &n_keys);
	for (size_t i = 0; r == 0 && i < n_keys; i++) {
		r = path_in(req, path, BUNDLE_KEYS, keys[i].private_file);
		if (r == 0 && access(path, R_OK) != 0)
			json_array_append_new(
				findings, json_sprintf("the private half of key %lld is missing",
						       (long long)keys[i].id));
	}
	if (r == 0)
		r = store_file_list(c, org_id, NULL, a, &files, &n_files);
	for (size_t i = 0; r == 0 && i < n_files; i++)
		if (!blobs_has(server_of(req)->blobs, files[i].sha256))
			json_array_append_new(findings,
					      json_sprintf("the content of file %lld is missing",
							   (long long)files[i].id));
	return r;
}

static int check_later(struct http_request *req, void *arg, struct error *err)
{
	AUTO_JSON findings = json_array();
	struct organization *orgs = NULL;
	size_t n = 0;
	int r = store_check(server_of(req)->store, findings);
	if (r == 0)
		r = store_organization_list(api_conn(req), http_arena(req), &orgs, &n);
	if (r == 0)
		r = find_missing(req, 0, findings);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = find_missing(req, orgs[i].id, findings);
	if (r == 0)
		http_reply_json(req, 200, json_pack("{s:O}", "findings", findings));
	return r;
}

API_HANDLER(store_check_run)
{
	int r = api_unbound(req, err);
	if (r == 0)
		api_later(req, LATER_WORK, check_later, NULL);
	return r;
}
