/* SPDX-License-Identifier: Apache-2.0
 *
 * Letting a request in, before any of its body is read: syntax, address, route, rate, before(),
 * body limits, in this order. Whatever is wrong is answered here; what passes reaches a handler
 * as soon as its body is whole.
 */
#include "base/clock.h"
#include "net/http/internal.h"
#include <strings.h>

static bool check_target_text(struct http_request *req)
{
	if (req->n_target > TARGET_MAX) {
		req->close = true;
		refuse(req, &problem_target_too_long, "at most %d bytes are taken", TARGET_MAX);
		return false;
	}
	for (size_t i = 0; i < req->n_target; i++) {
		unsigned char c = (unsigned char)req->scratch[i];
		if (c <= 0x20 || c == 0x7f)
			return refuse_bad(req, "the address has a space or control character");
	}
	return true;
}

static void add_method_list(struct http_request *req, const char *header, unsigned methods)
{
	struct buf list;
	buf_init(&list, 128);
	for (unsigned m = 0; m < METHOD_N; m++)
		if (methods & 1u << m)
			buf_addf(&list, "%s%s", list.n ? ", " : "",
				 method_name((enum http_method_id)m));
	http_reply_header(req, header, buf_str(&list));
	buf_fini(&list);
}

/* OPTIONS, and the preflight that browsers send before they call a cors route. */
static bool answer_options(struct http_request *req)
{
	add_method_list(req, "Allow", req->match.methods | 1u << METHOD_OPTIONS);
	if (req->match.cors_methods) {
		http_reply_header(req, "Access-Control-Allow-Origin", "*");
		add_method_list(req, "Access-Control-Allow-Methods", req->match.cors_methods);
		http_reply_header(req, "Access-Control-Allow-Headers", "Content-Type");
		http_reply_header(req, "Access-Control-Max-Age", "600");
	}
	http_reply_empty(req, 204);
	return false;
}

static bool is_known_param(const struct http_route *route, const char *name)
{
	for (const struct http_param *p = route->params; p && p->name; p++)
		if (strcmp(p->name, name) == 0)
			return true;
	return false;
}

static int split_query(struct http_request *req, char *query, struct error *err)
{
	if (!query || !*query)
		return 0;
	req->query = arena_new_n(&req->arena, struct uri_param, URI_PARAMS_MAX);
	int r = uri_split_query(query, req->query, URI_PARAMS_MAX, &req->n_query, err);
	for (size_t i = 0; r == 0 && req->route->strict_query && i < req->n_query; i++)
		if (!is_known_param(req->route, req->query[i].name))
			r = error_set(err, ERR_INVALID,
				      "the query parameter '%s' is not known here",
				      req->query[i].name);
	return r;
}

static bool find_route(struct http_request *req)
{
	struct error err;
	char *query, *path = uri_target(req->scratch, &query);
	if (!path && req->method == METHOD_OPTIONS && strcmp(req->scratch, "*") == 0) {
		req->match.methods = (1u << METHOD_N) - 1;
		return answer_options(req);
	}
	if (!path)
		return refuse_bad(req, "the address must begin with a slash");
	int r = uri_split_path(path, &req->path, &err);
	if (r == 0 && !router_match(req->server->router, req->method, &req->path, &req->match))
		r = error_set(&err, ERR_NOT_FOUND, "there is nothing at this address");
	else if (r == 0 && req->method == METHOD_OPTIONS)
		return answer_options(req);
	else if (r == 0 && !req->match.route) {
		add_method_list(req, "Allow", req->match.methods | 1u << METHOD_OPTIONS);
		r = error_set(&err, ERR_METHOD, "%.32s is not a method of this address",
			      req->method_text);
	}
	if (r == 0) {
		req->route = req->match.route;
		r = split_query(req, query, &err);
	}
	if (r)
		refuse_error(req, &err);
	return r == 0;
}

/* ---- what the route says ---- */

static bool check_rate(struct http_request *req)
{
	enum http_rate class = req->route->rate;
	struct http_server *s = req->server;
	if (class == RATE_NONE || s->o.limits.rate[class].per_second == 0)
		return true;
	int64_t wait_ms = rate_take(s->rates, (uint8_t) class, &req->conn->from,
				    s->o.limits.rate[class].per_second,
				    s->o.limits.rate[class].burst, clock_mono_ms());
	if (wait_ms == 0)
		return true;
	struct error err;
	error_set(&err, ERR_RATE_LIMITED, "too many requests from %s", req->peer);
	s->n_rate_limited++;
	http_reply_header(req, "Retry-After",
			  arena_printf(&req->arena, "%lld", (long long)(wait_ms + 999) / 1000));
	http_reply_error(req, &err);
	return false;
}

static bool ask_before(struct http_request *req)
{
	const struct http_options *o = &req->server->o;
	if (!o->before || o->before(req, o->user))
		return true;
	req->server->n_refused++;
	return false;
}

/* "Application/JSON; charset=utf-8" is application/json. */
static bool is_media_type(const char *value, const char *wanted)
{
	size_t n = strlen(wanted);
	return value && strncasecmp(value, wanted, n) == 0 &&
	       (value[n] == '\0' || strchr("; \t", value[n]));
}

static int check_body(const struct http_request *req, struct error *err)
{
	const struct http_route *route = req->route;
	if (!req->has_body)
		return 0;
	if (route->body_max == 0)
		return error_set(err, ERR_TOO_LARGE, "this address takes no body");
	if (!req->chunked && req->content_length > route->body_max)
		return error_set(err, ERR_TOO_LARGE, "the body may have at most %zu bytes",
				 route->body_max);
	if (route->content_type && !is_media_type(req->content_type, route->content_type))
		return error_set(err, ERR_UNSUPPORTED_TYPE, "the body must be %s",
				 route->content_type);
	return 0;
}

bool head_admit(struct http_request *req, const char *url, const char *version)
{
	struct error err;
	if (!head_check(req, url, version) || !check_target_text(req) || !find_route(req) ||
	    !check_rate(req) || !ask_before(req))
		return false;
	if (check_body(req, &err) == 0)
		return true;
	refuse_error(req, &err);
	return false;
}
