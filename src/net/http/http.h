/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1.1 server over libmicrohttpd: a route table, bounded bodies, answers that may come later.
 *
 * A handler runs on one of the epoll workers and does one of three things:
 *   - answers at once:              http_reply_*()
 *   - defers:                       http_defer(), hands the request to another thread, which calls
 *                                   http_reply_*() and http_resume() — exactly once
 *   - starts a stream (SSE):        http_stream_start()
 * It never blocks. Everything a request needs lives in its arena until the connection is done
 * with it.
 *
 * Garbage, oversized, slow and truncated requests are refused here with a problem+json 4xx or
 * dropped in bounded time; a handler sees only whole requests within its route's limits.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"

struct http_server;
struct http_request;
struct http_stream;

typedef void http_handler(struct http_request *req);

enum http_rate { RATE_NONE, RATE_ADMIN, RATE_DEVICE, RATE_ENROLL, RATE_LOGIN, RATE_N };

struct http_param { /* query parameters a route knows; others are refused when 'strict_query' */
	const char *name, *type, *doc; /* type: "string" "integer" "boolean" "duration" */
};

struct http_route {
	const char
		*method; /* "GET"; HEAD follows GET by itself; OPTIONS is answered by the server */
	const char *
		pattern; /* "/api/v1/devices/{id}"; a last segment "{rest*}" takes all that follows */
	int auth;        /* meaning belongs to the before() hook */
	const char *scope;        /* needed scope, or NULL */
	size_t body_max;          /* bytes; 0: a body is refused */
	bool body_file;           /* the body goes to a temporary file (http_request_body_file) */
	const char *content_type; /* of the body; NULL: any. Others get 415 */
	enum http_rate rate;
	bool cors;         /* any origin may call it (MDMCore's console) */
	bool strict_query; /* unknown query parameters are an error that names them */
	http_handler *handler;
	/* documentation, read by OpenAPI */
	const char *name;                             /* operationId: "device_list" */
	const char *doc;                              /* one line */
	const struct http_param *params;              /* ends with a NULL name */
	const char *request_schema, *response_schema; /* names in the OpenAPI components, or NULL */
	const char *statuses; /* space separated statuses beside the common errors: "200 304" */
};

struct http_limits {
	size_t header_max;           /* bytes of request line and headers: 16 KiB */
	int64_t header_timeout_ms;   /* to send them all: 10 s */
	int64_t body_timeout_ms;     /* to send a body: 60 s (body_file: without progress) */
	int64_t idle_timeout_ms;     /* keep-alive: 120 s */
	unsigned connections_max;    /* 0: from RLIMIT_NOFILE */
	unsigned connections_per_ip; /* at each worker; 0: no limit */
	struct {
		uint32_t per_second, burst;
	} rate[RATE_N]; /* per peer address; 0: no limit */
};

struct http_options {
	const char *listen;             /* "127.0.0.1:8081", "[::1]:0"; port 0: any free one */
	const char *tls_cert, *tls_key; /* PEM files, or NULL: plain */
	unsigned n_workers;             /* 0: one a core */
	const struct http_route *const *tables; /* NULL-ended list of tables … */
	const char *body_dir;                   /* where body_file bodies are spooled */
	struct http_limits limits;              /* zeros: the defaults above */
	/* Runs before the handler, when the route is known and before the body is read: authenticates
	 * and authorizes. true: go on; false: it has answered. */
	bool (*before)(struct http_request *req, void *user);
	/* Runs when everything is answered: access log and metrics. May be NULL. The route is NULL when
	 * none matched; status 499: the peer was gone before there was an answer. It allocates nothing
	 * in the request's arena: an abandoned request (http_server_stop) is still its owner's. */
	void (*after)(struct http_request *req, int status, size_t n_bytes, int64_t duration_us,
		      void *user);
	void *user;
};

/* Tables: arrays of routes that end with a NULL method. */
int http_server_new(const struct http_options *o, struct http_server **ret,
		    struct error *err) WARN_UNUSED;
unsigned http_server_port(const struct http_server *s);
bool http_server_tls(const struct http_server *s);
/* Reads the certificate and key again; ERR_INVALID keeps the old ones. */
int http_server_reload_tls(struct http_server *s, struct error *err) WARN_UNUSED;
/* Turns new connections away, ends streams, lets running requests end, at most timeout_ms; what is
 * deferred then is answered 503. Its owner may resume it later still, even after
 * http_server_free(): that only frees it. */
void http_server_stop(struct http_server *s, int64_t timeout_ms);
void http_server_free(struct http_server *s);

struct http_stats { /* a snapshot, for /metrics and for tests' "back to zero" */
	uint64_t n_requests, n_refused, n_rate_limited;
	uint32_t n_connections, n_deferred, n_streams;
};
void http_server_stats(const struct http_server *s, struct http_stats *ret);

/* ---- the request ---- */

void *http_user(const struct http_request *req); /* options.user */
const struct http_route *http_route(const struct http_request *req);
struct arena *http_arena(struct http_request *req);
const char *http_method(const struct http_request *req);
const char *http_path(const struct http_request *req);
const char *http_path_param(struct http_request *req, const char *name); /* decoded; never NULL */
/* ERR_INVALID when it is not a positive integer, naming the parameter. */
int http_path_id(struct http_request *req, const char *name, int64_t *ret,
		 struct error *err) WARN_UNUSED;
const char *http_query(struct http_request *req, const char *name); /* decoded; NULL: absent */
int http_query_int(struct http_request *req, const char *name, int64_t min, int64_t max,
		   int64_t *ret, struct error *err) WARN_UNUSED;     /* absent: *ret stays */
const char *http_header(struct http_request *req, const char *name); /* NULL: absent */
const char *http_cookie(struct http_request *req, const char *name);
const char *http_peer(struct http_request *req);       /* "127.0.0.1" */
const char *http_request_id(struct http_request *req); /* also in X-Request-Id */
/* If-None-Match names this entity tag (in its quotes), alone, in a list, weakened by a proxy, or with "*". */
bool http_has_etag(struct http_request *req, const char *etag);
struct span http_body(struct http_request *req);
/* The body as JSON, any type; parse errors are ERR_INVALID. Owned by the request. */
int http_body_json(struct http_request *req, json_t **ret, struct error *err) WARN_UNUSED;
struct http_body_file {
	const char *path; /* unlinked with the request unless renamed away */
	uint64_t size;
	char sha256[65]; /* hex */
};
const struct http_body_file *http_request_body_file(struct http_request *req); /* NULL: no body */
void http_set_principal(struct http_request *req, void *principal); /* lives in the arena */
void *http_principal(const struct http_request *req);

/* ---- the answer ---- */

/* Copied. A value with a line break is left out. */
void http_reply_header(struct http_request *req, const char *name, const char *value);
void http_reply(struct http_request *req, int status, const char *content_type, struct span body);
/* The body is borrowed and must stay until the process ends, or be released with 'release(user)'. */
void http_reply_static(struct http_request *req, int status, const char *content_type,
		       struct span body, void (*release)(void *user), void *user);
void http_reply_json(struct http_request *req, int status, json_t *steals_body);
void http_reply_empty(struct http_request *req, int status);
/* problem+json with type, title, status, detail, code, request_id; Retry-After for 429 and 503. */
void http_reply_error(struct http_request *req, const struct error *err);
/* From a verb's result: positive -> 'err'; negative -> logged, 500 without details. */
void http_reply_result(struct http_request *req, int r, const struct error *err);
/* A file with Range, If-None-Match and HEAD; takes the descriptor. */
void http_reply_file(struct http_request *req, int fd, const char *content_type, const char *etag);

/* ---- later answers ---- */

void http_defer(struct http_request *req);
void http_resume(struct http_request *req); /* from any thread, after a http_reply_*() */

/* Starts a text/event-stream answer. The stream is owned by the server; 'closed' runs exactly once, from
 * then on the pointer is dead. It may run while another thread is about to send: keep the pointer under
 * a lock, hold that while sending, and take it in 'closed'. */
struct http_stream *http_stream_start(struct http_request *req, const char *content_type,
				      void (*closed)(void *user), void *user);
/* Queues bytes (copied; bounded: false when the peer is too slow, the stream is then closing). Any thread. */
bool http_stream_send(struct http_stream *s, struct span bytes);
/* Bytes queued and not taken by the peer yet: who has much to send waits while this is large. */
size_t http_stream_queued(struct http_stream *s);
void http_stream_end(struct http_stream *s);
