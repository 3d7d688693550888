/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a request: libmicrohttpd's callbacks, deferring and resuming. internal.h has the
 * diagram.
 *
 * libmicrohttpd calls on_target() with the request line, on_access() with the head, with each part
 * of the body and when all is there, again after a resume, and on_completed() at the end. An answer
 * given before the body is read closes the connection, so one without a body waits for the call
 * that says that all is there.
 *
 * A deferred request has two owners: its connection, suspended, and the code that deferred it. When
 * http_server_stop() runs out of patience it abandons the request: the connection gets a 503 and
 * goes, while the owner may still write an answer and resume, which then only frees it. That is
 * why everything a handler may ask of a request is copied by http_defer().
 */
#include "base/clock.h"
#include "base/crypto.h"
#include "net/http/worker.h"
#include <assert.h>

#define STATUS_GONE 499 /* for after(): the peer was gone before there was an answer */

/* What on_completed() gets for a request that was abandoned and finished already. */
static char abandoned;

static int64_t mono_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- ids ---- */

static uint64_t next_random(void)
{
	static _Thread_local uint64_t state;
	if (state == 0)
		rand_bytes(&state, sizeof state);
	/* splitmix64: ids have to differ, not to be secret. */
	uint64_t z = (state += 0x9e3779b97f4a7c15u);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

const char *request_id(struct http_request *req)
{
	if (!req->id[0]) {
		uint64_t v = next_random();
		hex_encode((struct span){ (const uint8_t *)&v, sizeof v }, req->id);
	}
	return req->id;
}

/* ---- life ---- */

static struct http_request *request_new(struct http_server *server, const char *target)
{
	size_t n = strlen(target);
	struct http_request *req = malloc(sizeof *req + 2 * (n + 1));
	if (!req)
		return NULL;
	memset(req, 0, sizeof *req);
	req->refs = 1;
	req->server = server;
	req->started_us = mono_us();
	req->method_text = "";
	arena_init(&req->arena);
	req->n_target = n;
	req->target = memcpy(req->text, target, n + 1);
	req->scratch = memcpy(req->text + n + 1, target, n + 1);
	req->target[strcspn(req->target, "?")] = '\0';
	return req;
}

void request_unref(struct http_request *req)
{
	if (atomic_fetch_sub(&req->refs, 1) != 1)
		return;
	reply_fini(req);
	body_fini(req);
	arena_fini(&req->arena);
	free(req);
}

/* The connection is done with the request. */
static void request_finish(struct http_request *req, int status, uint64_t n_bytes, int64_t now_us)
{
	const struct http_options *o = &req->server->o;
	if (o->after)
		o->after(req, status, n_bytes, now_us - req->started_us, o->user);
	request_unref(req);
}

static void active_end(struct http_server *s)
{
	if (atomic_fetch_sub(&s->n_active, 1) != 1 || !s->stopping)
		return;
	pthread_mutex_lock(&s->lock);
	pthread_cond_signal(&s->ended);
	pthread_mutex_unlock(&s->lock);
}

/* ---- callbacks ---- */

static struct conn *conn_of(struct MHD_Connection *mhd)
{
	return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void *on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
	struct http_server *s = cls;
	struct http_request *req = request_new(s, target);
	if (!req) /* out of memory: on_access() closes the connection */
		return NULL;
	s->n_requests++;
	s->n_active++;
	req->mhd = mhd;
	req->conn = conn_of(mhd);
	req->peer = req->conn->peer;
	/* The first request has what is left of the time since accept(). */
	if (req->conn->used)
		req->conn->deadline_ms = req->started_us / 1000 + s->o.limits.header_timeout_ms;
	req->conn->used = true;
	return req;
}

static enum MHD_Result on_head(struct http_request *req, const char *url, const char *method,
			       const char *version)
{
	const struct http_limits *limits = &req->server->o.limits;
	req->stage = STAGE_BODY;
	req->method_text = method;
	req->method = method_id(method);
	bool admitted = head_admit(req, url, version);
	request_id(req); /* constant from here on */
	if (req->has_body)
		req->conn->deadline_ms = clock_mono_ms() + limits->body_timeout_ms;
	if (admitted) {
		buf_init(&req->body, req->route->body_max);
		return MHD_YES;
	}
	if (!req->has_body && !req->close)
		return MHD_YES; /* answered when called again, so that the connection lives */
	req->conn->linger = true;
	return reply_queue(req);
}

static enum MHD_Result on_body(struct http_request *req, const char *data, size_t n)
{
	struct error err;
	int r = body_add(req, data, n, &err);
	if (r == 0) {
		if (req->route->body_file) /* as long as it gets on */
			req->conn->deadline_ms =
				clock_mono_ms() + req->server->o.limits.body_timeout_ms;
		return MHD_YES;
	}
	explain_result(req, r, &err);
	reply_cut(req, &err);
	return MHD_NO;
}

static enum MHD_Result abandon(struct http_request *req, void **ctx)
{
	*ctx = &abandoned;
	enum MHD_Result r = reply_abandoned(req, req->mhd);
	request_finish(req, MHD_HTTP_SERVICE_UNAVAILABLE, 0, mono_us());
	return r;
}

static void run_handler(struct http_request *req)
{
	struct error err;
	int r = body_end(req, &err);
	if (r)
		http_reply_result(req, r, &err);
	else
		req->route->handler(req);
}

static enum MHD_Result on_whole(struct http_request *req, void **ctx)
{
	req->conn->deadline_ms = 0;
	req->stage = STAGE_RUNNING;
	if (req->reply.status == 0)
		run_handler(req);
	if (!req->deferred)
		return reply_queue(req);
	if (req->suspended)
		return MHD_YES; /* from here on it may be anybody's: hands off */
	return abandon(req, ctx);
}

/* The stage was entered before the request came on its worker's list, and is final. */
static enum MHD_Result on_resumed(struct http_request *req, void **ctx)
{
	return req->stage == STAGE_ABANDONED ? abandon(req, ctx) : reply_queue(req);
}

enum MHD_Result on_access(void *server, struct MHD_Connection *mhd, const char *url,
			  const char *method, const char *version, const char *data, size_t *n_data,
			  void **ctx)
{
	struct http_request *req = *ctx;
	(void)server;
	(void)mhd;
	if (!req)
		return MHD_NO;
	if (req->stage == STAGE_HEAD)
		return on_head(req, url, method, version);
	if (req->stage != STAGE_BODY)
		return on_resumed(req, ctx);
	if (*n_data == 0)
		return on_whole(req, ctx);
	enum MHD_Result r = on_body(req, data, *n_data);
	*n_data = 0;
	return r;
}

/* What libmicrohttpd answered by itself, if it did. */
static int library_status(struct http_request *req, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_HTTP_STATUS);
	if (!info)
		return STATUS_GONE;
	req->server->n_refused++;
	req->conn->linger = true;
	return (int)info->http_status;
}

void on_completed(void *server, struct MHD_Connection *mhd, void **ctx,
		  enum MHD_RequestTerminationCode how)
{
	struct http_server *s = server;
	struct http_request *req = *ctx;
	struct conn *c = conn_of(mhd);
	*ctx = NULL;
	if (!req)
		return;
	int64_t now_us = mono_us();
	c->deadline_ms = now_us / 1000 + s->o.limits.idle_timeout_ms;
	if ((void *)req != &abandoned) {
		/* Not sent: it may be abandoned, and its reply its owner's. */
		int status = req->sent ? req->reply.status : library_status(req, mhd);
		uint64_t n = !req->sent || req->method == METHOD_HEAD ? 0
			     : req->reply.stream ? stream_n_sent(req->reply.stream)
			     : how == MHD_REQUEST_TERMINATED_COMPLETED_OK ? req->reply.n_bytes
									  : 0;
		request_finish(req, status, n, now_us);
	}
	active_end(s);
}

/* ---- deferring ---- */

static enum MHD_Result copy_header(void *cls, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct http_request *req = cls;
	(void)kind;
	if (req->n_headers < HEADERS_MAX) /* as head_check() made sure */
		req->headers[req->n_headers++] = (struct header_copy){
			arena_strdup(&req->arena, name),
			arena_strdup(&req->arena, value ? value : ""),
		};
	return MHD_YES;
}

static void copy_from_connection(struct http_request *req)
{
	req->headers = arena_new_n(&req->arena, struct header_copy, HEADERS_MAX);
	MHD_get_connection_values(req->mhd, MHD_HEADER_KIND, copy_header, req);
	req->peer = arena_strdup(&req->arena, req->peer);
	req->method_text = arena_strdup(&req->arena, req->method_text);
}

void http_defer(struct http_request *req)
{
	struct http_server *s = req->server;
	assert(req->stage == STAGE_RUNNING);
	copy_from_connection(req);
	server_ref(s);
	req->refs++;
	s->n_deferred++;
	req->deferred = true;
	pthread_mutex_lock(&s->lock);
	if (s->closing) {
		req->stage = STAGE_ABANDONED;
	} else {
		req->stage = STAGE_DEFERRED;
		req->next = s->deferred;
		if (req->next)
			req->next->prev = req;
		s->deferred = req;
		req->suspended = true;
		MHD_suspend_connection(req->mhd);
	}
	pthread_mutex_unlock(&s->lock);
}

/* Under the lock. */
static void wake_as(struct http_request *req, enum request_stage stage)
{
	struct http_server *s = req->server;
	if (req->prev)
		req->prev->next = req->next;
	else
		s->deferred = req->next;
	if (req->next)
		req->next->prev = req->prev;
	req->stage = stage;
	worker_resume(req->conn->worker, req);
}

void http_resume(struct http_request *req)
{
	struct http_server *s = req->server;
	pthread_mutex_lock(&s->lock);
	assert(req->stage == STAGE_DEFERRED || req->stage == STAGE_ABANDONED);
	if (req->stage == STAGE_DEFERRED)
		wake_as(req, STAGE_RESUMED);
	pthread_mutex_unlock(&s->lock);
	request_unref(req);
	s->n_deferred--;
	server_unref(s);
}

void requests_abandon(struct http_server *s)
{
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	while (s->deferred)
		wake_as(s->deferred, STAGE_ABANDONED);
	pthread_mutex_unlock(&s->lock);
}
