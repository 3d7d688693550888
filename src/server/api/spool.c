/* SPDX-License-Identifier: Apache-2.0
 *
 * spool: see spool.h. The file has no name from the start, so a crash leaves nothing behind; a
 * plain answer is sent from it by the kernel, one with another status from its mapping, whose pages the
 * kernel may drop at will.
 */
#include "server/api/spool.h"
#include "base/buf.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SPOOL_CHUNK (64u << 10)

struct spool {
	int fd;
	int r;          /* first error */
	uint64_t size;  /* bytes in the file */
	struct buf buf; /* not yet written */
};

struct mapping { /* of an answer; freed when it is sent */
	void *p;
	size_t n;
};

int spool_new(const char *data_dir, struct spool **ret)
{
	char path[4096];
	if ((size_t)snprintf(path, sizeof path, "%s/tmp/spool-XXXXXX", data_dir) >= sizeof path)
		return -ENAMETOOLONG;
	struct spool *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->fd = mkostemp(path, O_CLOEXEC);
	if (s->fd < 0) {
		int r = -errno;
		free(s);
		return r;
	}
	(void)unlink(path);
	buf_init(&s->buf, 2 * SPOOL_CHUNK);
	*ret = s;
	return 0;
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	buf_fini(&s->buf);
	free(s);
}

void spool_freep(struct spool **s)
{
	spool_free(*s);
}

static void spool_write(struct spool *s, struct span bytes)
{
	while (s->r == 0 && bytes.n > 0) {
		ssize_t n = write(s->fd, bytes.p, bytes.n);
		if (n < 0 && errno != EINTR)
			s->r = -errno;
		if (n <= 0)
			continue;
		bytes = (struct span){ bytes.p + n, bytes.n - (size_t)n };
		s->size += (uint64_t)n;
	}
}

static void spool_flush(struct spool *s)
{
	spool_write(s, buf_span(&s->buf));
	buf_reset(&s->buf);
}

void spool_add(struct spool *s, struct span bytes)
{
	if (s->buf.n + bytes.n > SPOOL_CHUNK)
		spool_flush(s);
	if (bytes.n > SPOOL_CHUNK)
		spool_write(s, bytes);
	else
		buf_add(&s->buf, bytes.p, bytes.n);
}

void spool_add_spool(struct spool *s, struct spool *other)
{
	uint8_t chunk[16384];
	spool_flush(other);
	for (uint64_t at = 0; s->r == 0 && at < other->size;) {
		ssize_t n = pread(other->fd, chunk, sizeof chunk, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			s->r = n < 0 ? -errno : -EIO;
			break;
		}
		spool_add(s, (struct span){ chunk, (size_t)n });
		at += (uint64_t)n;
	}
	if (s->r == 0)
		s->r = other->r;
}

static void mapping_release(void *user)
{
	struct mapping *m = user;
	munmap(m->p, m->n);
	free(m);
}

static int reply_mapped(struct spool *s, struct http_request *req, int status,
			const char *content_type)
{
	struct mapping *m = malloc(sizeof *m);
	if (!m)
		return -ENOMEM;
	m->n = (size_t)s->size;
	m->p = mmap(NULL, m->n, PROT_READ, MAP_SHARED, s->fd, 0);
	if (m->p == MAP_FAILED) {
		int r = -errno;
		free(m);
		return r;
	}
	http_reply_static(req, status, content_type, (struct span){ m->p, m->n }, mapping_release,
			  m);
	return 0;
}

int spool_reply(struct spool *s, struct http_request *req, int status, const char *content_type)
{
	spool_flush(s);
	if (s->r != 0)
		return s->r;
	if (s->size == 0) {
		http_reply(req, status, content_type, (struct span){ 0 });
		return 0;
	}
	if (status != 200)
		return reply_mapped(s, req, status, content_type);
	http_reply_file(req, s->fd, content_type, NULL); /* takes it */
	s->fd = -1;
	return 0;
}
