/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share; nobody else includes it. http.h is the contract,
 * docs/internals/http.md tells how the pieces fit together.
 *
 * Threads: our workers (worker.h) run every callback; a connection belongs to one worker. A
 * request is its worker's, except between http_defer() and http_resume(), when it is the
 * deferring code's. Locks, outermost first: server.lock, stream.lock, a worker's, libmicrohttpd's own.
 */
#pragma once

#include "base/buf.h"
#include "net/http/http.h"
#include "net/http/rate.h"
#include "net/http/router.h"
#include "net/http/uri.h"
#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#define HEADERS_MAX 100  /* of a request */
#define TARGET_MAX  8192 /* bytes of a request target */
#define RATE_PEERS  65536

struct keeper; /* keeper.h: deadlines and lingering */
struct tls;    /* tls.h: the certificate in force */
struct worker; /* worker.h: a thread with its connections */
struct spool;  /* body.c: a body that goes to a file */

/* ---- connection: one a TCP connection, owned by libmicrohttpd's socket context ---- */

struct conn {
	struct conn *prev, *next; /* the keeper's list, under its lock */
	struct http_server *server;
	struct worker *worker;
	int fd;                      /* libmicrohttpd's; valid while the keeper lists this */
	_Atomic int64_t deadline_ms; /* monotonic: past it the keeper cuts it; 0: none */
	struct rate_address from;
	char peer[INET6_ADDRSTRLEN];
	bool used;   /* has had a request */
	bool linger; /* closed with input unread: drain it, or the reset eats our answer */
};

/* ---- request: refcounted; its connection has one reference, code that deferred it another ---- */

/*   HEAD -> BODY -> RUNNING ----------------> (answered)
 *                     '-> DEFERRED -> RESUMED -> (answered)
 *                            '-> ABANDONED: the stop timed out and has answered 503 for it
 * DEFERRED and what follows it are entered under server.lock; the worker sees the last one through its list. */
enum request_stage {
	STAGE_HEAD,    /* the request line is there, headers are arriving */
	STAGE_BODY,    /* let in, or refused but not answered yet; a body may be arriving */
	STAGE_RUNNING, /* whole; the handler runs or has run */
	STAGE_DEFERRED,
	STAGE_RESUMED,
	STAGE_ABANDONED,
};

struct reply_header {
	struct reply_header *next;
	const char *name, *value;
};

struct reply {
	int status; /* 0: none yet */
	struct MHD_Response *response;
	struct reply_header *headers, **headers_end; /* in the arena, in order */
	uint64_t n_bytes;
	struct http_stream *stream; /* owned by 'response' */
};

struct header_copy {
	const char *name, *value;
};

struct http_request {
	_Atomic uint32_t refs;
	enum request_stage stage;
	struct http_server *server;
	struct conn *conn;          /* not after http_defer() */
	struct MHD_Connection *mhd; /* likewise */
	int64_t started_us;         /* monotonic */
	struct arena arena;

	/* the head */
	enum http_method_id method;
	const char *method_text;
	char *target;    /* as it came, without the query; NUL-terminated */
	size_t n_target; /* of the whole request target */
	char *scratch;   /* a second copy, decoded in place: path and query point into it */
	struct uri_path path;
	struct route_match match;
	const struct http_route *route; /* NULL: none matched */
	struct uri_param *query;
	size_t n_query;
	const char *peer;
	char id[65];
	bool chunked;
	bool has_body;
	uint64_t content_length; /* when has_body and not chunked */
	const char *content_type;
	struct header_copy *headers; /* copied by http_defer(); NULL: ask libmicrohttpd */
	size_t n_headers;

	/* the body */
	struct buf body;
	struct spool *spool;
	json_t *json;

	void *principal;
	struct reply reply;
	bool close;     /* this connection carries no other request */
	bool sent;      /* the reply is queued, or was written by reply_cut() */
	bool deferred;  /* http_defer() was called */
	bool suspended; /* and the connection is suspended for it */
	/* server.deferred, under server.lock; then 'next' is its worker's */
	struct http_request *prev, *next;
	char text[]; /* target, then scratch */
};

/* ---- server: refcounted, for code that still holds deferred requests when it is freed ---- */

struct http_server {
	_Atomic uint32_t refs;
	struct http_options o; /* strings are owned; limits filled in */
	struct router *router;
	struct rate_table *rates;
	struct tls *tls; /* NULL: plain */
	struct keeper *keeper;
	struct worker **workers; /* o.n_workers of them; NULL: stopped */
	unsigned port;

	_Atomic uint64_t n_requests, n_refused, n_rate_limited;
	_Atomic uint32_t n_connections, n_deferred, n_streams;
	_Atomic uint32_t n_active; /* requests begun and not completed */

	_Atomic bool stopping; /* answers close their connections, new ones are turned away */
	pthread_mutex_t lock;
	pthread_cond_t ended; /* n_active has become 0 while stopping */
	bool closing;         /* nothing may be suspended any more */
	struct http_request *deferred;
	struct http_stream *streams;
};

void server_ref(struct http_server *s);
void server_unref(struct http_server *s);

/* ---- request.c ---- */

void request_unref(struct http_request *req);
const char *request_id(struct http_request *req); /* made when the peer gave none */
/* Gives up on everything deferred; from here on nothing is suspended any more. */
void requests_abandon(struct http_server *s);

/* ---- head.c, admit.c ---- */

/* Syntax alone. false: refused, a reply is set. */
bool head_check(struct http_request *req, const char *url, const char *version);
/* Everything that is decided before the body: also finds the route and asks before(). */
bool head_admit(struct http_request *req, const char *url, const char *version);

/* ---- body.c ---- */

/* ERR_TOO_LARGE, ERR_NO_SPACE, or -errno. */
int body_add(struct http_request *req, const char *data, size_t n, struct error *err) WARN_UNUSED;
int body_end(struct http_request *req, struct error *err) WARN_UNUSED;
void body_fini(struct http_request *req);
int spool_clean(const char *dir) WARN_UNUSED; /* removes what a crash left behind */

/* ---- reply.c, problem.c, file.c ---- */

struct problem {
	int status;
	const char *slug, *title;
};
extern const struct problem problem_target_too_long, problem_expectation, problem_headers;

struct problem problem_of(enum err code);
/* The problem+json document; heap, *ret_n without its NUL. */
char *problem_text(const struct problem *p, const char *detail, const char *request_id,
		   size_t *ret_n);
/* A negative result is logged, and 'err' says no more than that it happened. */
void explain_result(struct http_request *req, int r, struct error *err);
void reply_problem(struct http_request *req, const struct problem *p, const char *detail);
/* Counted as refused: the request never reaches a handler. */
void refuse(struct http_request *req, const struct problem *p, const char *fmt, ...)
	FORMAT_PRINTF(3, 4);
void refuse_error(struct http_request *req, const struct error *err);
/* 400, and the connection is closed: what follows on it cannot be trusted. Returns false. */
bool refuse_bad(struct http_request *req, const char *what);
/* Takes 'body', from malloc. */
void reply_owned(struct http_request *req, int status, const char *content_type, char *body,
		 size_t n);
/* Hands the reply to libmicrohttpd. MHD_NO: the connection must be closed. */
enum MHD_Result reply_queue(struct http_request *req);
/* Answers in the middle of a body, which libmicrohttpd cannot: writes to the socket itself. The
 * caller then closes the connection by returning MHD_NO. */
void reply_cut(struct http_request *req, const struct error *err);
/* Answers 503 for an abandoned request without touching what its owner may be writing. */
enum MHD_Result reply_abandoned(struct http_request *req, struct MHD_Connection *mhd);
void reply_fini(struct http_request *req);
/* The reply is 'response', of which it takes the reference. */
void reply_set(struct http_request *req, int status, const char *content_type,
	       struct MHD_Response *response, uint64_t n_bytes);

/* ---- stream.c ---- */

void stream_queued(struct http_stream *s, struct http_request *req);
uint64_t stream_n_sent(struct http_stream *s);
void streams_end(struct http_server *s); /* all of them, for good */

/* ---- callbacks of libmicrohttpd (server.c, request.c) ---- */

enum MHD_Result on_accept(void *server, const struct sockaddr *from, socklen_t n);
void on_connection(void *worker, struct MHD_Connection *mhd, void **socket_context,
		   enum MHD_ConnectionNotificationCode what);
void *on_target(void *server, const char *target, struct MHD_Connection *mhd);
enum MHD_Result on_access(void *server, struct MHD_Connection *mhd, const char *url,
			  const char *method, const char *version, const char *data, size_t *n_data,
			  void **ctx);
void on_completed(void *server, struct MHD_Connection *mhd, void **ctx,
		  enum MHD_RequestTerminationCode how);
