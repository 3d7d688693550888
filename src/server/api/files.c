/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and applications: uploads, lists, downloads, deletion. The contents are in blobs.c.
 *
 *   body spooled by HTTP -> (.deb read) -> blob in place, durable and pinned -> row -> answer -> unpinned
 */
#include "base/log.h"
#include "model/deploy.h"
#include "server/api/apk.h"
#include "server/api/deb.h"
#include "server/api/nouns.h"
#include "server/api/state.h"
#include "server/api/upk.h"
#include "server/blobs.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>

#define CONTENT_TYPE_MAX 127
#define ANY_CONTENT      "application/octet-stream"

static const struct field file_fields[] = {
	FIELD_AT(struct file, id, "id", AS_INT, 0, NULL),
	FIELD_AT(struct file, kind, "kind", AS_TEXT, 0, "file, app or upload"),
	FIELD_AT(struct file, name, "name", AS_TEXT, 0, "Unique among its kind"),
	FIELD_AT(struct file, version, "version", AS_INT, 0, "Grows when the content is replaced"),
	FIELD_AT(struct file, sha256, "sha256", AS_TEXT, 0, "Of the content"),
	FIELD_AT(struct file, size, "size", AS_INT, 0, "Bytes"),
	FIELD_AT(struct file, content_type, "content_type", AS_TEXT, 0, NULL),
	FIELD_AT(struct file, package, "package", AS_TEXT, FIELD_NULL, "Of an app"),
	FIELD_AT(struct file, package_version, "package_version", AS_TEXT, FIELD_NULL, "Of an app"),
	FIELD_AT(struct file, created_ms, "created", AS_TIME, 0, NULL),
	FIELD_AT(struct file, actor, "actor", AS_TEXT, 0, "Who uploaded it"),
	{ 0 },
};
const struct schema file_schema = { .name = "File", .fields = file_fields, .list = true };

/* Uploads come from devices alone. */
static int check_kind(const char *kind, bool uploads, struct error *err)
{
	if (!kind || strcmp(kind, "file") == 0 || strcmp(kind, "app") == 0 ||
	    (uploads && strcmp(kind, STORE_FILE_UPLOAD) == 0))
		return 0;
	return error_set(err, ERR_INVALID, "kind: \"%.40s\" is %s", kind,
			 uploads ? "none of file, app and upload" : "neither file nor app");
}

/* ---- lists ---- */

struct file_scan {
	int64_t org_id;
	const char *kind; /* NULL: all */
};

static int compare_files(const void *a, const void *b)
{
	const struct file *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static int file_scan(struct list_page *p, struct error *err)
{
	const struct file_scan *scan = p->arg;
	struct file *rows = NULL;
	size_t n = 0;
	int r = store_file_list(p->conn, scan->org_id, scan->kind, p->arena, &rows, &n);
	if (r == 0 && n > 0)
		qsort(rows, n, sizeof *rows, compare_files);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (list_row(p, rows[i].id, &rows[i]))
			break;
	return r;
}

API_HANDLER(file_list)
{
	static const struct list list = { .name = "files",
					  .fields = file_fields,
					  .scan = file_scan };
	struct file_scan *scan = arena_new(http_arena(req), struct file_scan);
	struct organization org = { 0 };
	scan->kind = http_query(req, "kind");
	int r = check_kind(scan->kind, true, err);
	if (r == 0)
		r = api_org(req, api_conn(req), &org, err);
	scan->org_id = org.id;
	return r ? r : list_reply(req, &list, scan, err);
}

/* ---- one file ---- */

static int file_read_row(struct http_request *req, struct file *ret, struct error *err)
{
	int64_t id = 0;
	int r = http_path_id(req, "id", &id, err);
	if (r == 0)
		r = store_file_get(api_conn(req), id, http_arena(req), ret, err);
	if (r == 0 && !api_in_reach(req, ret->org_id))
		r = error_set(err, ERR_NOT_FOUND, "there is no file %lld", (long long)id);
	return r;
}

API_HANDLER(file_show)
{
	struct file f;
	int r = file_read_row(req, &f, err);
	if (r == 0)
		api_reply(req, 200, f.version, fields_to_json(file_fields, &f));
	return r;
}

/* Never shown by a browser as a page of this server: it is not ours. */
API_HANDLER(file_content)
{
	struct arena *a = http_arena(req);
	struct file f;
	int r = file_read_row(req, &f, err);
	if (r != 0)
		return r;
	int fd = blobs_open(server_of(req)->blobs, f.sha256);
	if (fd < 0) {
		log_error("the content of a file is missing", F_INT("file", f.id),
			  F_STR("sha256", f.sha256));
		return fd;
	}
	http_reply_header(req, "Content-Disposition", "attachment");
	http_reply_file(req, fd, f.content_type, arena_printf(a, "\"%s\"", f.sha256));
	return 0;
}

/* ---- uploading ---- */

struct file_op {
	struct file f;
	const char *replaced; /* content that this one takes the place of, or NULL */
	struct blobs *blobs;
	struct jobs *jobs;
};

static int apply_create(struct store_conn *tx, struct op *op)
{
	struct file_op *a = op->arg;
	struct file f = a->f;
	int r = store_file_put(tx, &op->by, &f, &op->err);
	if (r == 0)
		op_answer(op, 201, 0, fields_to_json(file_fields, &f));
	return r;
}

static void create_ended(struct op *op, int r)
{
	const struct file_op *a = op->arg;
	blobs_unpin(a->blobs, a->f.sha256);
	if (r != 0 || op->replayed)
		blobs_collect_later(a->blobs, a->jobs, a->f.sha256);
	else if (a->replaced)
		blobs_collect_later(a->blobs, a->jobs, a->replaced);
}

static int read_android(const char *path, struct file *f, struct arena *a, struct error *err)
{
	struct apk apk;
	bool upk = upk_is(path);
	int r = upk ? upk_read_file(path, &apk, err) : apk_read_file(path, &apk, err);
	if (r != 0)
		return r;
	if (strcmp(f->content_type, ANY_CONTENT) == 0)
		f->content_type = upk ? DEPLOY_TYPE_UPK : DEPLOY_TYPE_APK;
	f->package = arena_strdup(a, apk.package);
	f->package_version = arena_strdup(a, apk.version_code);
	if (!*f->name)
		f->name = f->package;
	return 0;
}

static int read_package(const char *path, struct file *f, struct arena *a, struct error *err)
{
	struct deb deb;
	if (apk_is_zip(path))
		return read_android(path, f, a, err);
	int r = deb_read_file(path, &deb, err);
	if (r != 0)
		return r;
	f->package = arena_strdup(a, deb.package);
	f->package_version = arena_strdup(a, deb.version);
	if (!*f->name)
		f->name = f->package;
	return 0;
}

static int find_replaced(struct http_request *req, struct file_op *a)
{
	struct file *rows;
	size_t n;
	int r = store_file_list(api_conn(req), a->f.org_id, a->f.kind, http_arena(req), &rows, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (strcmp(rows[i].name, a->f.name) == 0 &&
		    strcmp(rows[i].sha256, a->f.sha256) != 0)
			a->replaced = rows[i].sha256;
	return r;
}

static int create_later(struct http_request *req, void *arg, struct error *err)
{
	struct file_op *a = arg;
	const struct http_body_file *body = http_request_body_file(req);
	int r = 0;
	if (strcmp(a->f.kind, "app") == 0)
		r = read_package(body->path, &a->f, http_arena(req), err);
	if (r == 0)
		r = name_check("name", a->f.name, "/", err);
	if (r == 0)
		r = find_replaced(req, a);
	if (r == 0)
		r = blobs_take(a->blobs, body->path, a->f.sha256);
	if (r == -ENOSPC)
		r = error_set(err, ERR_NO_SPACE, "the server's disk is full");
	if (r != 0)
		return r;
	struct op *op = op_new(req, apply_create, a);
	op->ended = create_ended;
	op_submit_deferred(op);
	return JOB_PASSED_ON;
}

static int check_content_type(const char *type, struct error *err)
{
	size_t n = strlen(type);
	bool ok = n > 0 && n <= CONTENT_TYPE_MAX && strchr(type, '/');
	for (const char *p = type; ok && *p; p++)
		ok = isalnum((unsigned char)*p) || strchr("/!#$&^_.+-;= \"", *p);
	return ok ? 0 : error_set(err, ERR_INVALID, "content_type: not a media type");
}

static int create_read(struct http_request *req, struct file *f, struct error *err)
{
	const struct http_body_file *body = http_request_body_file(req);
	const char *kind = http_query(req, "kind"), *name = http_query(req, "name");
	const char *type = http_query(req, "content_type");
	struct organization org = { 0 };
	if (!body)
		return error_set(err, ERR_INVALID, "the body must be the file's content");
	if (body->size > (uint64_t)server_of(req)->config->limits_file)
		return error_set(err, ERR_TOO_LARGE, "the file is larger than %lld bytes",
				 (long long)server_of(req)->config->limits_file);
	int r = check_kind(kind, false, err);
	if (r == 0 && type)
		r = check_content_type(type, err);
	if (r == 0)
		r = api_org(req, api_conn(req), &org, err);
	*f = (struct file){ .org_id = org.id,
			    .kind = kind ? kind : "file",
			    .name = name ? name : "",
			    .sha256 = body->sha256,
			    .size = (int64_t)body->size,
			    .content_type = type ? type : ANY_CONTENT,
			    .actor = principal_of(req)->actor };
	return r;
}

API_HANDLER(file_create)
{
	struct file_op *a = arena_new(http_arena(req), struct file_op);
	int r = create_read(req, &a->f, err);
	if (r != 0)
		return r;
	a->blobs = server_of(req)->blobs;
	a->jobs = api_of(req)->lanes[LATER_WORK];
	api_later(req, LATER_WORK, create_later, a);
	return 0;
}

/* ---- deleting ---- */

static int apply_delete(struct store_conn *tx, struct op *op)
{
	const struct file_op *a = op->arg;
	bool last;
	return store_file_delete(tx, &op->by, a->f.id, &last, &op->err);
}

static void deleted(struct op *op)
{
	const struct file_op *a = op->arg;
	blobs_collect_later(a->blobs, a->jobs, a->f.sha256);
}

API_HANDLER(file_delete)
{
	struct file_op *a = arena_new(http_arena(req), struct file_op);
	int r = file_read_row(req, &a->f, err);
	if (r != 0)
		return r;
	a->blobs = server_of(req)->blobs;
	a->jobs = api_of(req)->lanes[LATER_WORK];
	struct op *op = op_new(req, apply_delete, a);
	op->committed = deleted;
	op_submit(op);
	return 0;
}
