/* SPDX-License-Identifier: Apache-2.0
 *
 * problem+json (RFC 9457), the one form of errors: {"type", "title", "status", "detail", "code",
 * "request_id"}. Written by hand, for the detail may quote bytes that are not UTF-8.
 */
#include "base/log.h"
#include "base/utf8.h"
#include "net/http/internal.h"

#define TYPE_PREFIX "urn:reeve:error:"
#define RETRY_AFTER "5" /* seconds, where nobody knows better */

/* What HTTP itself knows and err.def does not. */
const struct problem problem_target_too_long = { 414, "uri-too-long", "The address is too long" };
const struct problem problem_expectation = { 417, "expectation-failed",
					     "The expectation cannot be met" };
const struct problem problem_headers = { 431, "headers-too-large", "The headers are too large" };

struct problem problem_of(enum err code)
{
	return (struct problem){ err_http_status(code), err_slug(code), err_title(code) };
}

static void add_json_string(struct buf *out, const char *text)
{
	struct span s = span_str(text);
	uint32_t c;
	buf_add_char(out, '"');
	while (span_get_utf8_lossy(&s, &c)) {
		if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", (int)c);
		else if (c < 0x20 || c == 0x7f)
			buf_addf(out, "\\u%04x", c);
		else
			utf8_add(out, c);
	}
	buf_add_char(out, '"');
}

char *problem_text(const struct problem *p, const char *detail, const char *request_id,
		   size_t *ret_n)
{
	struct buf b;
	buf_init(&b, 16384);
	buf_addf(&b, "{\"type\":\"" TYPE_PREFIX "%s\",\"title\":", p->slug);
	add_json_string(&b, p->title);
	buf_addf(&b, ",\"status\":%d,\"detail\":", p->status);
	add_json_string(&b, detail);
	buf_addf(&b, ",\"code\":\"%s\",\"request_id\":\"%s\"}", p->slug, request_id);
	*ret_n = b.n;
	char *text = buf_take(&b);
	if (!text)
		abort(); /* small and our own */
	return text;
}

static bool has_reply_header(const struct http_request *req, const char *name)
{
	for (const struct reply_header *h = req->reply.headers; h; h = h->next)
		if (strcmp(h->name, name) == 0)
			return true;
	return false;
}

void reply_problem(struct http_request *req, const struct problem *p, const char *detail)
{
	size_t n;
	char *text = problem_text(p, detail, request_id(req), &n);
	if ((p->status == 429 || p->status == 503) && !has_reply_header(req, "Retry-After"))
		http_reply_header(req, "Retry-After", RETRY_AFTER);
	if (p->status == 401 && !has_reply_header(req, "WWW-Authenticate"))
		http_reply_header(req, "WWW-Authenticate", "Bearer");
	reply_owned(req, p->status, "application/problem+json", text, n);
}

void refuse(struct http_request *req, const struct problem *p, const char *fmt, ...)
{
	struct error detail; /* for its size */
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(detail.message, sizeof detail.message, fmt, ap);
	va_end(ap);
	req->server->n_refused++;
	reply_problem(req, p, detail.message);
}

void refuse_error(struct http_request *req, const struct error *err)
{
	req->server->n_refused++;
	http_reply_error(req, err);
}

bool refuse_bad(struct http_request *req, const char *what)
{
	struct problem p = problem_of(ERR_INVALID);
	req->close = true;
	refuse(req, &p, "%s", what);
	return false;
}

void http_reply_error(struct http_request *req, const struct error *err)
{
	struct problem p = problem_of(err->code);
	reply_problem(req, &p, err->message);
}

void explain_result(struct http_request *req, int r, struct error *err)
{
	if (r > 0)
		return;
	log_error("request failed", F_STR("request", request_id(req)),
		  F_STR("method", req->method_text),
		  F_STR("route", req->route ? req->route->pattern : ""),
		  F_STR("error", strerrordesc_np(-r)), F_INT("result", r));
	error_set(err, ERR_INTERNAL, "the server could not do this; its log says why");
}

void http_reply_result(struct http_request *req, int r, const struct error *err)
{
	struct error internal;
	explain_result(req, r, &internal);
	http_reply_error(req, r > 0 ? err : &internal);
}
