/* SPDX-License-Identifier: Apache-2.0
 *
 * Request bodies: in memory up to the route's limit, or spooled to a file while they are hashed.
 *
 * Nothing is allocated for what a peer merely announces. A spool file has a random name that
 * begins with "spool-", mode 0600; it is unlinked with the request unless a handler renamed it
 * away, and what a crash left is removed at the next start. It is not synced: who keeps the file
 * does that.
 */
#include "base/crypto.h"
#include "net/http/internal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#define SPOOL_PREFIX "spool-"

struct spool {
	int fd;
	EVP_MD_CTX *sha;
	struct http_body_file file;
};

static int storage_error(int error, struct error *err)
{
	if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		return error_set(err, ERR_NO_SPACE, "the body does not fit on the server's disk");
	return -error;
}

static int spool_open(struct http_request *req, struct error *err)
{
	struct spool *s = arena_new(&req->arena, struct spool);
	char *path =
		arena_printf(&req->arena, "%s/" SPOOL_PREFIX "XXXXXX", req->server->o.body_dir);
	s->fd = mkostemp(path, O_CLOEXEC);
	if (s->fd < 0)
		return storage_error(errno, err);
	s->file.path = path;
	s->sha = EVP_MD_CTX_new();
	req->spool = s;
	if (!s->sha || !EVP_DigestInit_ex(s->sha, EVP_sha256(), NULL))
		abort();
	return 0;
}

static int spool_add(struct spool *s, const char *data, size_t n, struct error *err)
{
	if (!EVP_DigestUpdate(s->sha, data, n))
		abort();
	s->file.size += n;
	while (n > 0) {
		ssize_t done = write(s->fd, data, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return storage_error(errno, err);
		data += done;
		n -= (size_t)done;
	}
	return 0;
}

int body_add(struct http_request *req, const char *data, size_t n, struct error *err)
{
	size_t max = req->route->body_max;
	uint64_t so_far = req->spool ? req->spool->file.size : req->body.n;
	if (n > max - so_far)
		return error_set(err, ERR_TOO_LARGE, "the body may have at most %zu bytes", max);
	if (req->route->body_file) {
		int r = req->spool ? 0 : spool_open(req, err);
		return r ? r : spool_add(req->spool, data, n, err);
	}
	buf_add(&req->body, data, n);
	if (req->body.failed)
		return error_set(err, ERR_UNAVAILABLE, "out of memory");
	return 0;
}

int body_end(struct http_request *req, struct error *err)
{
	struct spool *s = req->spool;
	uint8_t digest[SHA256_SIZE];
	if (!s)
		return 0;
	if (!EVP_DigestFinal_ex(s->sha, digest, NULL))
		abort();
	hex_encode((struct span){ digest, sizeof digest }, s->file.sha256);
	/* Some file systems tell only now that the disk is full. */
	int r = close(s->fd);
	s->fd = -1;
	return r < 0 && errno != EINTR ? storage_error(errno, err) : 0;
}

void body_fini(struct http_request *req)
{
	struct spool *s = req->spool;
	buf_fini(&req->body);
	json_decref(req->json);
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	unlink(s->file.path); /* renamed away: ENOENT, as it should be */
	EVP_MD_CTX_free(s->sha);
}

int spool_clean(const char *dir)
{
	DIR *d = opendir(dir);
	if (!d)
		return -errno;
	for (struct dirent *e; (e = readdir(d));)
		if (strncmp(e->d_name, SPOOL_PREFIX, strlen(SPOOL_PREFIX)) == 0)
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	return 0;
}

struct span http_body(struct http_request *req)
{
	return buf_span(&req->body);
}

int http_body_json(struct http_request *req, json_t **ret, struct error *err)
{
	if (!req->json) {
		int r = json_parse(http_body(req), &req->json, err);
		if (r)
			return r;
	}
	*ret = req->json;
	return 0;
}

const struct http_body_file *http_request_body_file(struct http_request *req)
{
	return req->spool ? &req->spool->file : NULL;
}
