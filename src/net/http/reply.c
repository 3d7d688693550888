/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers: made by the handler's thread or, after http_defer(), by any; handed to libmicrohttpd by
 * the worker. Headers that every answer has are added at that moment.
 *
 * A reply owns its MHD_Response until it is queued; whatever happens to the connection, the
 * response's reference count makes 'release' and the stream's 'closed' run exactly once.
 */
#include "base/clock.h"
#include "base/log.h"
#include "net/http/internal.h"
#include <assert.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>

#define SEND_RATE_MIN 1024 /* bytes a second that a peer must take of an answer */

void http_reply_header(struct http_request *req, const char *name, const char *value)
{
	struct reply_header *h = arena_new(&req->arena, struct reply_header);
	h->name = arena_strdup(&req->arena, name);
	h->value = arena_strdup(&req->arena, value);
	if (!req->reply.headers_end)
		req->reply.headers_end = &req->reply.headers;
	*req->reply.headers_end = h;
	req->reply.headers_end = &h->next;
}

void reply_set(struct http_request *req, int status, const char *content_type,
	       struct MHD_Response *response, uint64_t n_bytes)
{
	assert(req->reply.status == 0); /* one answer a request */
	if (!response)
		abort(); /* out of memory for something small */
	if (content_type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	req->reply.status = status;
	req->reply.response = response;
	req->reply.n_bytes = n_bytes;
}

void reply_fini(struct http_request *req)
{
	if (req->reply.response)
		MHD_destroy_response(req->reply.response);
}

/* ---- what handlers call ---- */

void reply_owned(struct http_request *req, int status, const char *content_type, char *body,
		 size_t n)
{
	reply_set(req, status, content_type,
		  MHD_create_response_from_buffer(n, body, MHD_RESPMEM_MUST_FREE), n);
}

void http_reply(struct http_request *req, int status, const char *content_type, struct span body)
{
	/* libmicrohttpd's own copying does without the second block. */
	reply_set(req, status, content_type,
		  MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)body.p,
						  MHD_RESPMEM_MUST_COPY),
		  body.n);
}

void http_reply_static(struct http_request *req, int status, const char *content_type,
		       struct span body, void (*release)(void *user), void *user)
{
	void *p = (void *)(uintptr_t)body.p; /* never written to */
	reply_set(req, status, content_type,
		  release ? MHD_create_response_from_buffer_with_free_callback_cls(body.n, p,
										   release, user)
			  : MHD_create_response_from_buffer(body.n, p, MHD_RESPMEM_PERSISTENT),
		  body.n);
}

void http_reply_json(struct http_request *req, int status, json_t *steals_body)
{
	char *text = json_text(steals_body);
	json_decref(steals_body);
	reply_owned(req, status, "application/json", text, strlen(text));
}

void http_reply_empty(struct http_request *req, int status)
{
	reply_set(
		req, status, NULL,
		MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT),
		0);
}

/* ---- to libmicrohttpd ---- */

static void add_headers(struct http_request *req, struct MHD_Response *r)
{
	bool cached = false;
	for (const struct reply_header *h = req->reply.headers; h; h = h->next) {
		/* A value with a line break is refused by libmicrohttpd: no answer is ever split. */
		MHD_add_response_header(r, h->name, h->value);
		cached = cached || strcmp(h->name, MHD_HTTP_HEADER_CACHE_CONTROL) == 0;
	}
	if (!cached)
		MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "X-Request-Id", request_id(req));
	if (req->route && req->route->cors)
		MHD_add_response_header(r, "Access-Control-Allow-Origin", "*");
	if (req->close || req->server->stopping)
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
}

static int64_t send_deadline(const struct http_request *req)
{
	if (req->reply.stream)
		return 0;
	/* What was answered at once is not worth another look at the clock. */
	int64_t now_ms = req->deferred || req->has_body ? clock_mono_ms() : req->started_us / 1000;
	return now_ms + req->server->o.limits.body_timeout_ms +
	       (int64_t)(req->reply.n_bytes * 1000 / SEND_RATE_MIN);
}

enum MHD_Result reply_queue(struct http_request *req)
{
	struct reply *reply = &req->reply;
	if (reply->status == 0) {
		struct error err;
		log_error("a handler gave no answer", F_STR("request", request_id(req)),
			  F_STR("route", req->route ? req->route->pattern : ""));
		error_set(&err, ERR_INTERNAL, "the server has no answer");
		http_reply_error(req, &err);
	}
	add_headers(req, reply->response);
	req->conn->deadline_ms = send_deadline(req);
	if (reply->stream)
		stream_queued(reply->stream, req);
	req->sent = true;
	enum MHD_Result r = MHD_queue_response(req->mhd, (unsigned)reply->status, reply->response);
	MHD_destroy_response(reply->response);
	reply->response = NULL;
	return r;
}

enum MHD_Result reply_abandoned(struct http_request *req, struct MHD_Connection *mhd)
{
	struct problem p = problem_of(ERR_UNAVAILABLE);
	size_t n;
	char *text = problem_text(&p, "the server is stopping", req->id, &n);
	struct MHD_Response *r = MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE);
	if (!r)
		abort();
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/problem+json");
	MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "5");
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "X-Request-Id", req->id);
	enum MHD_Result ok = MHD_queue_response(mhd, MHD_HTTP_SERVICE_UNAVAILABLE, r);
	MHD_destroy_response(r);
	return ok;
}

static void write_raw(struct http_request *req, struct span bytes)
{
	const union MHD_ConnectionInfo *tls =
		MHD_get_connection_info(req->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	/* The socket's buffer is empty, for nothing was sent since the last request: this fits, and
	 * if it does not, the peer has to do without. */
	if (tls && tls->tls_session)
		gnutls_record_send(tls->tls_session, bytes.p, bytes.n);
	else
		send(req->conn->fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void reply_cut(struct http_request *req, const struct error *err)
{
	struct problem p = problem_of(err->code);
	struct buf head;
	size_t n;
	char *text = problem_text(&p, err->message, request_id(req), &n);
	buf_init(&head, 32768);
	buf_addf(&head,
		 "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\n"
		 "Content-Length: %zu\r\nCache-Control: no-store\r\n"
		 "X-Content-Type-Options: nosniff\r\nX-Request-Id: %s\r\n%s"
		 "Connection: close\r\n\r\n%s",
		 p.status, p.title, n, req->id,
		 req->route->cors ? "Access-Control-Allow-Origin: *\r\n" : "", text);
	if (!head.failed)
		write_raw(req, buf_span(&head));
	buf_fini(&head);
	free(text);
	req->server->n_refused++;
	req->reply.status = p.status;
	req->reply.n_bytes = n;
	req->conn->linger = true;
	req->sent = true;
}
