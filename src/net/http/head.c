/* SPDX-License-Identifier: Apache-2.0
 *
 * The syntax of a request's head.
 *
 * libmicrohttpd parses leniently and in place: it cuts lines at a NUL, joins folded lines, takes a
 * bare LF, ignores Content-Length beside Transfer-Encoding. Each of these lets two parties see
 * different requests in the same bytes. Instead of parsing again, check_layout() looks where
 * the pieces that libmicrohttpd hands out lie: they must cover the received bytes without a gap,
 * each followed by exactly CR LF. Anything else is 400, and the connection is closed.
 */
#include "net/http/internal.h"
#include <strings.h>

struct known_header { /* what we look at; the others are only checked */
	const char *value;
	unsigned n;
};

struct head {
	struct http_request *req;
	const char *next; /* where the next header's name must begin */
	bool broken;      /* not the bytes that came */
	bool bad;         /* a name or value has what it may not have */
	unsigned n_headers;
	struct known_header host, content_length, transfer_encoding, content_type, expect, id;
	struct known_header authorization;
};

static const struct {
	const char *name;
	size_t n, at;
} known_headers[] = {
#define KNOWN(text, field)                                                                         \
	{                                                                                          \
		text, sizeof text - 1, offsetof(struct head, field)                                \
	}
	KNOWN("host", host),
	KNOWN("content-length", content_length),
	KNOWN("transfer-encoding", transfer_encoding),
	KNOWN("content-type", content_type),
	KNOWN("expect", expect),
	KNOWN("x-request-id", id),
	KNOWN("authorization", authorization),
#undef KNOWN
};

/* RFC 9110's tchar: what names of headers are made of. */
static const bool token_chars[256] = {
	['!'] = true,         ['#' ... '\''] = true, ['*'] = true,         ['+'] = true,
	['-'] = true,         ['.'] = true,          ['0' ... '9'] = true, ['A' ... 'Z'] = true,
	['^' ... 'z'] = true, ['|'] = true,          ['~'] = true,
};

static bool is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!token_chars[(unsigned char)s[i]])
			return false;
	return n > 0;
}

static bool is_field_value(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static enum MHD_Result visit_header(void *cls, enum MHD_ValueKind kind, const char *key,
				    size_t n_key, const char *value, size_t n_value)
{
	struct head *h = cls;
	(void)kind;
	h->n_headers++;
	/* Between name and value libmicrohttpd skips only the colon and white space. */
	if (!key || !value || key != h->next || value < key + n_key + 1)
		h->broken = true;
	if (h->broken)
		return MHD_NO;
	h->next = value + n_value + 2;
	if (!is_token(key, n_key) || !is_field_value(value, n_value))
		h->bad = true;
	for (size_t i = 0; i < ARRAY_SIZE(known_headers); i++) {
		if (known_headers[i].n != n_key || strcasecmp(known_headers[i].name, key) != 0)
			continue;
		struct known_header *k =
			(struct known_header *)(void *)((char *)h + known_headers[i].at);
		if (k->n++ == 0)
			k->value = value;
	}
	return MHD_YES;
}

/* libmicrohttpd put NULs where the separators were. */
static bool check_layout(struct head *h, const char *url, const char *version, size_t n_head)
{
	const char *method = h->req->method_text;
	if (url != method + strlen(method) + 1 || version != url + h->req->n_target + 1)
		return false;
	h->next = version + strlen(version) + 2;
	MHD_get_connection_values_n(h->req->mhd, MHD_HEADER_KIND, visit_header, h);
	return !h->broken && h->next + 2 == method + n_head;
}

/* Takes the peer's id when it is sane: it gets into logs and headers. */
static void take_id(struct http_request *req, const struct known_header *id)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	if (id->n != 1)
		return;
	size_t n = strspn(id->value, allowed);
	if (n > 0 && n < sizeof req->id && id->value[n] == '\0')
		memcpy(req->id, id->value, n + 1);
}

static bool check_framing(struct http_request *req, const struct head *h, bool http_1_0)
{
	if (h->host.n > 1 || (h->host.n == 0 && !http_1_0))
		return refuse_bad(req, "exactly one Host header is needed");
	if (h->content_length.n > 1 || h->transfer_encoding.n > 1)
		return refuse_bad(req, "the length of the body is given more than once");
	if (h->authorization.n > 1 || h->content_type.n > 1)
		return refuse_bad(req, "Authorization or Content-Type is given more than once");
	if (h->content_length.n && h->transfer_encoding.n)
		return refuse_bad(req, "Content-Length beside Transfer-Encoding");
	if (h->transfer_encoding.n && strcasecmp(h->transfer_encoding.value, "chunked") != 0) {
		struct problem p = problem_of(ERR_UNIMPLEMENTED);
		req->close = true;
		refuse(req, &p, "the only transfer encoding known is chunked");
		return false;
	}
	if (h->transfer_encoding.n && http_1_0)
		return refuse_bad(req, "HTTP/1.0 has no Transfer-Encoding");
	req->chunked = h->transfer_encoding.n > 0;
	if (h->content_length.n) /* libmicrohttpd has checked that it is a number of 64 bits */
		req->content_length = strtoull(h->content_length.value, NULL, 10);
	req->has_body = req->chunked || req->content_length > 0;
	req->content_type = h->content_type.value;
	return true;
}

bool head_check(struct http_request *req, const char *url, const char *version)
{
	struct head h = { .req = req };
	const union MHD_ConnectionInfo *size =
		MHD_get_connection_info(req->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	size_t n_head = size ? size->header_size : 0;
	bool sound = check_layout(&h, url, version, n_head);
	take_id(req, &h.id);
	if (!sound)
		return refuse_bad(req, "the request's head is malformed");
	if (n_head > req->server->o.limits.header_max || h.n_headers > HEADERS_MAX) {
		req->close = true;
		refuse(req, &problem_headers, "at most %zu bytes and %d headers are taken",
		       req->server->o.limits.header_max, HEADERS_MAX);
		return false;
	}
	if (h.bad)
		return refuse_bad(req, "a header has a character that headers cannot have");
	if (!is_token(req->method_text, strlen(req->method_text)))
		return refuse_bad(req, "the method is malformed");
	if (!check_framing(req, &h, strcmp(version, "HTTP/1.0") == 0))
		return false;
	if (h.expect.n && strcasecmp(h.expect.value, "100-continue") != 0) {
		req->close = true;
		refuse(req, &problem_expectation, "the only expectation known is 100-continue");
		return false;
	}
	return true;
}
