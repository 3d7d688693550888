/* SPDX-License-Identifier: Apache-2.0
 *
 * The upload endpoint, see upload.h.
 *
 *   body spooled by HTTP -> (job) parts read, pictures in place, durable and pinned -> op: rows -> answer -> unpinned
 *
 * A picture is a file of the organization of kind "upload", named by its command and its place. The same
 * may be sent again (its answer was lost), another one may not.
 */
#include "channel/chrome/command/upload.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "channel/chrome/command/multipart.h"
#include "server/auth.h"
#include "server/blobs.h"
#include "server/jobs.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX 64

struct picture {
	struct span bytes; /* borrowed from the upload's */
	char sha256[2 * SHA256_SIZE + 1];
	bool pinned;
};

struct upload { /* in the request's arena */
	struct http_request *req;
	struct server *server;
	struct command command;
	struct device device;
	uint8_t *bytes; /* the body; freed when the job is done with it */
	struct picture pictures[STORE_UPLOADS_MAX];
	size_t n;
};

/* ---- names and keys ---- */

int upload_find(struct store_conn *c, int64_t org_id, int64_t command_id, int n, struct arena *a,
		int64_t *ret)
{
	char name[STORE_UPLOAD_NAME_SIZE];
	struct file f;
	struct error err;
	store_upload_name(command_id, n, name);
	int r = store_file_find(c, org_id, STORE_FILE_UPLOAD, name, a, &f, &err);
	*ret = r == 0 ? f.id : 0;
	return r == ERR_NOT_FOUND ? 0 : r;
}

static void make_key(const struct device *d, int64_t command_id, struct buf *out)
{
	uint8_t mac[SHA256_SIZE];
	char text[40];
	snprintf(text, sizeof text, "upload:%" PRId64, command_id);
	hmac_sha256(d->token_hash, span_str(text), mac);
	base64url_add(out, (struct span){ mac, sizeof mac });
}

static bool key_fits(const struct device *d, int64_t command_id, const char *key)
{
	CLEANUP(buf_fini) struct buf want;
	buf_init(&want, KEY_MAX);
	make_key(d, command_id, &want);
	return d->token_hash.n > 0 && ct_equal(buf_span(&want), span_str(key));
}

const char *upload_url(struct chrome_request *r, int64_t command_id)
{
	CLEANUP(buf_fini) struct buf key;
	const char *base = chrome_base_url(r);
	buf_init(&key, KEY_MAX);
	if (!*base)
		return "";
	make_key(&r->device, command_id, &key);
	return arena_printf(r->arena, "%s" UPLOAD_PATH "?command=%" PRId64 "&key=%s", base,
			    command_id, buf_str(&key));
}

/* Signature, then the header's chunk of 13 bytes. */
bool is_png(struct span s)
{
	static const uint8_t start[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n',
					 0,    0,   0,   13,  'I',  'H',  'D',  'R' };
	struct span head;
	return span_get_bytes(&s, sizeof start, &head) &&
	       span_eq(head, (struct span){ start, sizeof start }) && s.n >= 13;
}

/* ---- who is asking, and for which command ---- */

static int unauthorized(struct error *err)
{
	return error_set(err, ERR_UNAUTHENTICATED, "The upload's key or device token is wrong.");
}

static const char *dm_token(struct http_request *req)
{
	static const char scheme[] = "GoogleDMToken token=";
	const char *header = http_header(req, "Authorization");
	size_t n = sizeof scheme - 1;
	return header && strncmp(header, scheme, n) == 0 ? header + n : NULL;
}

/* A stranger learns nothing from the answer: not even whether there is such a command. */
static int read_device(struct upload *u, const char *key, struct error *err)
{
	struct store_conn *c = store_reader(u->server->store);
	const char *token = dm_token(u->req);
	struct device holder;
	int r = store_device_get(c, u->command.device_id, http_arena(u->req), &u->device, err);
	if (r)
		return r > 0 ? unauthorized(err) : r;
	if (key)
		return key_fits(&u->device, u->command.id, key) ? 0 : unauthorized(err);
	if (!token)
		return unauthorized(err);
	r = auth_token_device(u->req, token, &holder, err);
	return r == 0 && holder.id != u->device.id ? unauthorized(err) : r;
}

static int check_command(const struct upload *u, struct error *err)
{
	if (u->device.unenrolled_ms)
		return error_set(err, ERR_GONE, "The device is no longer managed.");
	if (strcmp(u->command.type, "screenshot") != 0)
		return error_set(err, ERR_INVALID, "Command %" PRId64 " takes no picture.",
				 u->command.id);
	if (u->command.finished || u->command.sent_ms == 0)
		return error_set(err, ERR_CONFLICT,
				 "Command %" PRId64 " is %s: no picture is awaited.", u->command.id,
				 u->command.state);
	return 0;
}

static int read_upload(struct upload *u, struct error *err)
{
	struct store_conn *c = store_reader(u->server->store);
	int64_t id = 0;
	int r = http_query_int(u->req, "command", 1, INT64_MAX, &id, err);
	if (r == 0)
		r = store_command_get(c, id, http_arena(u->req), &u->command, err);
	if (r > 0)
		return unauthorized(err);
	if (r == 0)
		r = read_device(u, http_query(u->req, "key"), err);
	if (r == 0)
		r = check_command(u, err);
	return r ? r : auth_device_quota(u->req, u->device.id, err);
}

/* ---- pictures ---- */

static int read_body(struct upload *u, const struct http_body_file *body, struct span *ret)
{
	CLEANUP(close_fdp) int fd = open(body->path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	u->bytes = malloc(body->size + 1);
	if (fd < 0 || !u->bytes)
		return fd < 0 ? -errno : -ENOMEM;
	while (n < body->size) {
		ssize_t got = read(fd, u->bytes + n, body->size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		n += (size_t)got;
	}
	*ret = (struct span){ u->bytes, n };
	return 0;
}

static int take_part(struct upload *u, const struct multipart_part *p, struct error *err)
{
	char id[24];
	snprintf(id, sizeof id, "%" PRId64, u->command.id);
	if (p->command_id.n > 0 && !span_eq_str(p->command_id, id))
		return error_set(err, ERR_INVALID, "A part is of another command.");
	if (p->filename.n == 0)
		return 0; /* a field of a form */
	if (!is_png(p->body))
		return error_set(err, ERR_UNSUPPORTED_TYPE, "A picture must be a PNG.");
	if (u->n == STORE_UPLOADS_MAX)
		return error_set(err, ERR_TOO_LARGE, "More than %d pictures.", STORE_UPLOADS_MAX);
	struct picture *picture = &u->pictures[u->n++];
	uint8_t hash[SHA256_SIZE];
	sha256(p->body, hash);
	hex_encode((struct span){ hash, sizeof hash }, picture->sha256);
	picture->bytes = p->body;
	return 0;
}

static int read_parts(struct upload *u, struct span body, struct error *err)
{
	const char *type = http_header(u->req, "Content-Type");
	struct multipart m;
	struct multipart_part part;
	bool there = true;
	int r = multipart_init(&m, type ? type : "", body, err);
	while (r == 0 && there) {
		r = multipart_next(&m, &part, &there, err);
		if (r == 0 && there)
			r = take_part(u, &part, err);
	}
	if (r == 0 && u->n == 0)
		return error_set(err, ERR_INVALID, "There is no picture in the upload.");
	return r;
}

static int write_all(int fd, struct span s)
{
	while (s.n > 0) {
		ssize_t done = write(fd, s.p, s.n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		s = (struct span){ s.p + done, s.n - (size_t)done };
	}
	return 0;
}

/* In place, durable and pinned. */
static int place(struct upload *u, struct picture *p, const char *path)
{
	CLEANUP(close_fdp) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = write_all(fd, p->bytes);
	if (r == 0)
		r = blobs_take(u->server->blobs, path, p->sha256);
	p->pinned = r == 0;
	(void)unlink(path); /* still there when the content was, or after a failure */
	return r;
}

static int place_all(struct upload *u, struct error *err)
{
	const struct http_body_file *body = http_request_body_file(u->req);
	int r = 0;
	for (size_t i = 0; i < u->n && r == 0; i++)
		r = place(u, &u->pictures[i],
			  arena_printf(http_arena(u->req), "%s.%zu", body->path, i));
	if (r == -ENOSPC)
		return error_set(err, ERR_NO_SPACE, "The server's disk is full.");
	return r;
}

/* The same again is a lost answer; something else would let a device fill the disk. */
static int check_new(struct store_conn *c, const struct upload *u, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	char name[STORE_UPLOAD_NAME_SIZE];
	struct file f;
	int r = 0;
	arena_init(&a);
	for (size_t i = 0; i < u->n && r == 0; i++) {
		store_upload_name(u->command.id, (int)i, name);
		r = store_file_find(c, u->command.org_id, STORE_FILE_UPLOAD, name, &a, &f, err);
		if (r == 0 && strcmp(f.sha256, u->pictures[i].sha256) != 0)
			return error_set(err, ERR_CONFLICT,
					 "Another picture was uploaded for command %" PRId64 ".",
					 u->command.id);
		if (r == ERR_NOT_FOUND)
			r = 0;
	}
	return r;
}

/* ---- rows ---- */

static int apply(struct store_conn *tx, struct op *op)
{
	struct upload *u = op->arg;
	struct command c;
	int r = store_command_get(tx, u->command.id, op->arena, &c, &op->err);
	if (r == 0)
		r = check_new(tx, u, &op->err);
	if (r == 0 && c.finished)
		return error_set(&op->err, ERR_CONFLICT, "Command %" PRId64 " is %s by now.", c.id,
				 c.state);
	for (size_t i = 0; i < u->n && r == 0; i++) {
		char name[STORE_UPLOAD_NAME_SIZE];
		int64_t there = 0;
		r = upload_find(tx, c.org_id, c.id, (int)i, op->arena, &there);
		if (r || there)
			continue; /* it is the same: check_new() */
		store_upload_name(c.id, (int)i, name);
		struct file f = { .org_id = c.org_id,
				  .kind = STORE_FILE_UPLOAD,
				  .name = name,
				  .sha256 = u->pictures[i].sha256,
				  .size = (int64_t)u->pictures[i].bytes.n,
				  .content_type = "image/png" };
		r = store_file_put(tx, &op->by, &f, &op->err);
	}
	op->status = 200;
	return r;
}

/* Any thread. */
static void release(struct upload *u, bool kept)
{
	for (size_t i = 0; i < u->n; i++) {
		if (!u->pictures[i].pinned)
			continue;
		blobs_unpin(u->server->blobs, u->pictures[i].sha256);
		if (!kept)
			blobs_doom(u->server->blobs, u->pictures[i].sha256);
	}
}

static void ended(struct op *op, int r)
{
	release(op->arg, r == 0);
}

/* ---- the request ---- */

static void submit(struct upload *u)
{
	struct op *op = op_new(u->req, apply, u);
	op->by.actor = arena_printf(http_arena(u->req), "device:%" PRId64, u->device.id);
	op->ended = ended;
	op_submit_deferred(op);
}

static void run(void *arg)
{
	struct upload *u = arg;
	struct span body;
	struct error err;
	blobs_collect_doomed(u->server->blobs);
	int r = read_body(u, http_request_body_file(u->req), &body);
	if (r == 0)
		r = read_parts(u, body, &err);
	if (r == 0)
		r = check_new(store_reader(u->server->store), u, &err);
	if (r == 0)
		r = place_all(u, &err);
	free(TAKE(u->bytes));
	if (r == 0) {
		submit(u);
		return;
	}
	release(u, false);
	http_reply_result(u->req, r, &err);
	http_resume(u->req);
}

static void upload(struct http_request *req)
{
	struct upload *u = arena_new(http_arena(req), struct upload);
	struct error err;
	u->req = req;
	u->server = server_of(req);
	int r = read_upload(u, &err);
	if (r == 0 && !http_request_body_file(req))
		r = error_set(&err, ERR_INVALID, "There is no picture in the upload.");
	if (r) {
		http_reply_result(req, r, &err);
		return;
	}
	http_defer(req);
	r = jobs_submit(u->server->jobs, run, u, &err);
	if (r == 0)
		return;
	http_reply_result(req, r, &err);
	http_resume(req);
}

const struct http_route chrome_upload_routes[] = {
	{ .method = "POST",
	  .pattern = UPLOAD_PATH,
	  .body_max = UPLOAD_MAX,
	  .body_file = true,
	  .rate = RATE_DEVICE,
	  .handler = upload,
	  .name = "chrome_upload",
	  .doc = "A device uploads the picture that a command asked for",
	  .statuses = "200 400 401 409 410 415 507" },
	{ 0 },
};
