/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers from a file, sent by the kernel (sendfile), with ranges and entity tags.
 */
#include "net/http/internal.h"
#include "net/http/range.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* An entity tag has quotes on the wire; callers may leave them out. */
static const char *quote_etag(struct http_request *req, const char *etag)
{
	if (!etag || etag[0] == '"' || strncmp(etag, "W/", 2) == 0)
		return etag;
	return arena_printf(&req->arena, "\"%s\"", etag);
}

bool http_has_etag(struct http_request *req, const char *etag)
{
	const char *list = http_header(req, "If-None-Match");
	return list && etag && etag_in_list(list, etag);
}

static enum range wanted_range(struct http_request *req, const char *etag, uint64_t size,
			       uint64_t *ret_first, uint64_t *ret_last)
{
	const char *range = http_header(req, "Range");
	const char *condition = http_header(req, "If-Range");
	if (!range || req->method != METHOD_GET)
		return RANGE_WHOLE;
	if (condition && !(etag && etag_if_range(condition, etag)))
		return RANGE_WHOLE;
	return range_parse(range, size, ret_first, ret_last);
}

/* Takes the descriptor. */
static void reply_part(struct http_request *req, int fd, const char *content_type, uint64_t size,
		       uint64_t first, uint64_t last)
{
	uint64_t n = last - first + 1;
	http_reply_header(req, "Content-Range",
			  arena_printf(&req->arena, "bytes %llu-%llu/%llu",
				       (unsigned long long)first, (unsigned long long)last,
				       (unsigned long long)size));
	reply_set(req, 206, content_type, MHD_create_response_from_fd_at_offset64(n, fd, first), n);
}

static void reply_unsatisfiable(struct http_request *req, uint64_t size)
{
	struct error err;
	http_reply_header(req, "Content-Range",
			  arena_printf(&req->arena, "bytes */%llu", (unsigned long long)size));
	error_set(&err, ERR_RANGE, "the content has %llu bytes", (unsigned long long)size);
	http_reply_error(req, &err);
}

void http_reply_file(struct http_request *req, int fd, const char *content_type, const char *etag)
{
	struct stat st;
	uint64_t first = 0, last = 0;
	int r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (r < 0) {
		close(fd);
		http_reply_result(req, r, NULL);
		return;
	}
	uint64_t size = (uint64_t)st.st_size;
	etag = quote_etag(req, etag);
	if (etag)
		http_reply_header(req, "ETag", etag);
	http_reply_header(req, "Accept-Ranges", "bytes");
	enum range range = wanted_range(req, etag, size, &first, &last);
	if (http_has_etag(req, etag)) {
		/* With the descriptor, so that Content-Length is the content's; nothing is sent. */
		reply_set(req, 304, content_type, MHD_create_response_from_fd64(size, fd), 0);
	} else if (range == RANGE_PART) {
		reply_part(req, fd, content_type, size, first, last);
	} else if (range == RANGE_UNSATISFIABLE) {
		close(fd);
		reply_unsatisfiable(req, size);
	} else {
		reply_set(req, 200, content_type, MHD_create_response_from_fd64(size, fd), size);
	}
}
