/* SPDX-License-Identifier: Apache-2.0
 *
 * What a handler asks of its request. Headers are libmicrohttpd's until the request is deferred,
 * then the copies in its arena.
 */
#include "net/http/internal.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <strings.h>

void *http_user(const struct http_request *req)
{
	return req->server->o.user;
}

const struct http_route *http_route(const struct http_request *req)
{
	return req->route;
}

struct arena *http_arena(struct http_request *req)
{
	return &req->arena;
}

const char *http_method(const struct http_request *req)
{
	return req->method_text;
}

const char *http_path(const struct http_request *req)
{
	return req->target;
}

const char *http_path_param(struct http_request *req, const char *name)
{
	int i = route_param_index(req->route, name);
	assert(i >= 0); /* the pattern has it */
	return req->path.text + req->match.params[i].at;
}

/* A whole decimal number, nothing around it. */
static bool parse_int(const char *text, int64_t *ret)
{
	char *end;
	const char *digits = text[0] == '-' ? text + 1 : text;
	if (digits[0] < '0' || digits[0] > '9')
		return false;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (errno || *end)
		return false;
	*ret = v;
	return true;
}

int http_path_id(struct http_request *req, const char *name, int64_t *ret, struct error *err)
{
	const char *text = http_path_param(req, name);
	if (parse_int(text, ret) && *ret > 0)
		return 0;
	return error_set(err, ERR_INVALID, "%s must be a positive integer, not '%s'", name, text);
}

const char *http_query(struct http_request *req, const char *name)
{
	for (size_t i = 0; i < req->n_query; i++)
		if (strcmp(req->query[i].name, name) == 0)
			return req->query[i].value;
	return NULL;
}

int http_query_int(struct http_request *req, const char *name, int64_t min, int64_t max,
		   int64_t *ret, struct error *err)
{
	const char *text = http_query(req, name);
	int64_t v;
	if (!text)
		return 0;
	if (!parse_int(text, &v) || v < min || v > max)
		return error_set(err, ERR_INVALID,
				 "%s must be an integer from %" PRId64 " to %" PRId64 ", not '%s'",
				 name, min, max, text);
	*ret = v;
	return 0;
}

const char *http_header(struct http_request *req, const char *name)
{
	if (!req->headers)
		return MHD_lookup_connection_value(req->mhd, MHD_HEADER_KIND, name);
	for (size_t i = 0; i < req->n_headers; i++)
		if (strcasecmp(req->headers[i].name, name) == 0)
			return req->headers[i].value;
	return NULL;
}

const char *http_cookie(struct http_request *req, const char *name)
{
	const char *s = http_header(req, "Cookie");
	size_t n = strlen(name);
	while (s && *s) {
		s += strspn(s, "; \t");
		size_t n_pair = strcspn(s, ";");
		if (n_pair > n && strncmp(s, name, n) == 0 && s[n] == '=')
			return arena_strndup(&req->arena, s + n + 1, n_pair - n - 1);
		s += n_pair;
	}
	return NULL;
}

const char *http_peer(struct http_request *req)
{
	return req->peer;
}

const char *http_request_id(struct http_request *req)
{
	return request_id(req);
}

void http_set_principal(struct http_request *req, void *principal)
{
	req->principal = principal;
}

void *http_principal(const struct http_request *req)
{
	return req->principal;
}
