/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection of a server: HTTP/2 frames become calls, answers become frames. See internal.h.
 *
 * An answer that does not wait for the rest of the request (a refusal, a deadline) is followed by
 * RST_STREAM(NO_ERROR) as soon as its last frame is sent, as RFC 9113 8.1 wants it.
 */
#include "net/grpc/internal.h"
#include <errno.h>

#define ANSWER_BYTES_PER_S 65536

static const struct h2_text status_200 = { ":status", "200", false };
static const struct h2_text content_type = { "content-type", "application/grpc", false };

static struct session *session_of(struct h2 *h)
{
	return CONTAINER_OF(h, struct session, h2);
}

static struct grpc_call *call_of(struct h2 *h, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(h->session, stream);
}

static struct timers *timers_of(const struct grpc_call *call)
{
	return loop_timers(call->session->server->loop);
}

static int64_t now_of(const struct grpc_call *call)
{
	return loop_now_ms(call->session->server->loop);
}

/* ---- answers ---- */

static void answered(struct grpc_call *call, enum grpc_code code)
{
	int64_t answer_ms = call->session->server->options.limits.answer_ms;
	call->state = CALL_ANSWERED;
	call->code = code;
	timer_start(timers_of(call), &call->timer,
		    now_of(call) + answer_ms +
			    (int64_t)(call->answer.n / ANSWER_BYTES_PER_S) * 1000);
	h2_wants_out(&call->session->h2);
}

/* nghttp2 refuses only what has no stream any more, and then nobody waits for an answer. */
static void submit(struct grpc_call *call, const struct h2_text *texts, size_t n,
		   const nghttp2_data_provider *body)
{
	nghttp2_nv nv[H2_TEXTS_MAX];
	n = h2_headers(nv, texts, n);
	(void)!nghttp2_submit_response(call->session->h2.session, call->stream, nv, n, body);
}

static size_t add_status(struct h2_text *texts, char number[12], enum grpc_code code,
			 const struct buf *message)
{
	size_t n = 0;
	snprintf(number, 12, "%d", (int)code);
	texts[n++] = (struct h2_text){ "grpc-status", number, true };
	if (message && message->n > 0)
		texts[n++] = (struct h2_text){ "grpc-message", buf_str(message), true };
	return n;
}

void session_refuse(struct grpc_call *call, enum grpc_code code, const char *message)
{
	CLEANUP(buf_fini) struct buf encoded;
	struct h2_text texts[H2_TEXTS_MAX] = { status_200, content_type };
	char number[12];
	size_t n = 2;
	buf_init(&encoded, 3 * GRPC_MESSAGE_MAX);
	if (call->state == CALL_ANSWERED)
		return;
	grpc_message_encode(&encoded, message);
	if (code == GRPC_UNIMPLEMENTED && (call->head.flags & HEAD_COMPRESSED))
		texts[n++] = (struct h2_text){ "grpc-accept-encoding", "identity", false };
	n += add_status(texts + n, number, code, &encoded);
	submit(call, texts, n, NULL);
	answered(call, code);
}

static void refuse_http(struct grpc_call *call, int http_status)
{
	char number[12];
	snprintf(number, sizeof number, "%d", http_status);
	const struct h2_text texts[] = { { ":status", number, true } };
	submit(call, texts, ARRAY_SIZE(texts), NULL);
	answered(call, GRPC_UNKNOWN);
}

static ssize_t read_answer(nghttp2_session *session, int32_t stream, uint8_t *p, size_t n,
			   uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct grpc_call *call = source->ptr;
	size_t left = call->answer.n - call->n_sent;
	if (n > left)
		n = left;
	memcpy(p, call->answer.p + call->n_sent, n);
	call->n_sent += n;
	if (n < left)
		return (ssize_t)n;
	const struct h2_text ok = { "grpc-status", "0", false };
	nghttp2_nv nv[H2_TEXTS_MAX];
	*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
	if (nghttp2_submit_trailer(session, stream, nv, h2_headers(nv, &ok, 1)) != 0)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	return (ssize_t)n;
}

void session_answer(struct grpc_call *call)
{
	const struct h2_text texts[] = { status_200, content_type };
	const nghttp2_data_provider body = { .source.ptr = call, .read_callback = read_answer };
	if (call->status.code != GRPC_OK) {
		session_refuse(call, call->status.code, call->status.message);
		return;
	}
	submit(call, texts, ARRAY_SIZE(texts), &body);
	answered(call, GRPC_OK);
}

static void on_timer(void *user)
{
	struct grpc_call *call = user;
	if (call->state == CALL_ANSWERED) { /* it does not take it */
		(void)!nghttp2_submit_rst_stream(call->session->h2.session, NGHTTP2_FLAG_NONE,
						 call->stream, NGHTTP2_CANCEL);
		h2_wants_out(&call->session->h2);
		return;
	}
	bool running = call->state == CALL_RUNNING;
	session_refuse(call, GRPC_DEADLINE_EXCEEDED,
		       running ? "the deadline has passed" : "the request took too long");
	if (running)
		call_cancel(call);
}

/* ---- the request ---- */

static int on_begin(struct h2 *h, int32_t stream)
{
	struct session *s = session_of(h);
	struct grpc_call *call = call_new(s, stream);
	call->timer = (struct timer){ .fn = on_timer, .user = call };
	timer_start(timers_of(call), &call->timer,
		    call->began_ms + s->server->options.limits.request_ms);
	call->next = s->calls;
	if (call->next)
		call->next->prev = call;
	s->calls = call;
	s->server->stats.n_open_calls++;
	s->server->stats.n_calls++;
	return nghttp2_session_set_stream_user_data(h->session, stream, call);
}

static int on_header(struct h2 *h, int32_t stream, struct span name, struct span value)
{
	const struct grpc_server *server = session_of(h)->server;
	struct grpc_call *call = call_of(h, stream);
	if (!call || call->state != CALL_HEAD) /* trailers of a request mean nothing */
		return 0;
	if (head_add(&call->head, name, value, server->options.limits.header_list_max))
		call->method = server_method(server, value);
	return 0;
}

static void refuse(struct grpc_call *call, enum grpc_code code, const char *message)
{
	call->session->server->stats.n_refused++;
	session_refuse(call, code, message);
}

static bool is_allowed(const struct grpc_call *call)
{
	const struct grpc_server_options *o = &call->session->server->options;
	return !o->allow || o->allow(&call->peer, call->method, o->user);
}

static void set_deadline(struct grpc_call *call)
{
	if (call->head.timeout_ms < 0)
		return;
	call->deadline_ms = call->began_ms + call->head.timeout_ms;
	if (call->deadline_ms < call->timer.at_ms)
		timer_start(timers_of(call), &call->timer, call->deadline_ms);
}

/* All of its headers are here. */
static void head_complete(struct grpc_call *call)
{
	struct grpc_status status;
	int http_status = head_check(&call->head, &status);
	call->state = CALL_BODY;
	if (http_status != 200) {
		call->session->server->stats.n_refused++;
		refuse_http(call, http_status);
	} else if (status.code != GRPC_OK) {
		refuse(call, status.code, status.message);
	} else if (!call->method) {
		refuse(call, GRPC_UNIMPLEMENTED, "there is no such method");
	} else if (!is_allowed(call)) {
		refuse(call, GRPC_PERMISSION_DENIED, "this peer may not call this method");
	} else {
		if (call->method->request_max > 0)
			call->in.body.max = call->method->request_max;
		set_deadline(call);
	}
}

static const struct {
	enum grpc_code code;
	const char *message;
} broken[] = {
	[FRAME_COMPRESSED] = { GRPC_UNIMPLEMENTED, "compressed messages are not accepted" },
	[FRAME_BAD_FLAG] = { GRPC_INTERNAL, "the message's first byte is no flag" },
	[FRAME_TOO_LARGE] = { GRPC_RESOURCE_EXHAUSTED, "the message is too large" },
	[FRAME_SECOND] = { GRPC_INTERNAL, "there is more than one message" },
	[FRAME_NO_MEMORY] = { GRPC_RESOURCE_EXHAUSTED, "no memory for the message" },
};

static void refuse_frame(struct grpc_call *call, enum frame_result r)
{
	if (r == FRAME_COMPRESSED && !(call->head.flags & HEAD_COMPRESSED))
		refuse(call, GRPC_INTERNAL, "a compressed message without grpc-encoding");
	else
		refuse(call, broken[r].code, broken[r].message);
}

static int on_data(struct h2 *h, int32_t stream, struct span bytes)
{
	struct grpc_call *call = call_of(h, stream);
	if (!call || call->state != CALL_BODY)
		return 0; /* it is answered already */
	if (!memory_take(&call->shared->memory, bytes.n)) {
		refuse(call, GRPC_RESOURCE_EXHAUSTED, "the server holds too many requests");
		return 0;
	}
	call->n_taken += bytes.n;
	enum frame_result r = deframer_feed(&call->in, bytes);
	if (r != FRAME_OK)
		refuse_frame(call, r);
	return 0;
}

static void refuse_undecodable(struct grpc_call *call)
{
	if (call->request.too_large)
		refuse(call, GRPC_RESOURCE_EXHAUSTED, "the message takes too much memory");
	else
		refuse(call, GRPC_INTERNAL, "the message cannot be decoded");
}

/* The peer has said all. */
static void request_complete(struct grpc_call *call)
{
	if (call->state != CALL_BODY)
		return;
	if (!deframer_whole(&call->in)) {
		refuse(call, GRPC_INTERNAL,
		       deframer_empty(&call->in) ? "there is no message"
						 : "the message ends too early");
		return;
	}
	bool ok = message_decode(&call->request, call->method->request, buf_span(&call->in.body),
				 &call->shared->memory);
	deframer_fini(&call->in);
	memory_give(&call->shared->memory, call->n_taken);
	call->n_taken = 0;
	if (!ok) {
		refuse_undecodable(call);
		return;
	}
	if (call->deadline_ms == INT64_MAX)
		timer_stop(timers_of(call), &call->timer);
	else
		timer_start(timers_of(call), &call->timer, call->deadline_ms);
	call_run(call);
}

static int on_frame(struct h2 *h, const nghttp2_frame *f)
{
	struct session *s = session_of(h);
	if (s->state == SESSION_NOTICED && h->ping_acked)
		session_go_away(s);
	if (f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA)
		return 0;
	struct grpc_call *call = call_of(h, f->hd.stream_id);
	if (!call)
		return 0;
	if (f->hd.type == NGHTTP2_HEADERS && call->state == CALL_HEAD)
		head_complete(call);
	if (f->hd.flags & NGHTTP2_FLAG_END_STREAM)
		request_complete(call);
	return 0;
}

static int on_sent(struct h2 *h, const nghttp2_frame *f)
{
	if (f->hd.type == NGHTTP2_HEADERS && (f->hd.flags & NGHTTP2_FLAG_END_STREAM) &&
	    nghttp2_session_get_stream_remote_close(h->session, f->hd.stream_id) == 0)
		(void)!nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, f->hd.stream_id,
						 NGHTTP2_NO_ERROR);
	return 0;
}

static void tell_after(const struct grpc_call *call)
{
	const struct grpc_server_options *o = &call->session->server->options;
	if (o->after)
		o->after(&call->peer, call->method,
			 call->state == CALL_ANSWERED ? call->code : GRPC_CANCELLED,
			 now_of(call) - call->began_ms, o->user);
}

static void drop(struct grpc_call *call)
{
	struct session *s = call->session;
	tell_after(call);
	timer_stop(timers_of(call), &call->timer);
	if (call->next)
		call->next->prev = call->prev;
	if (call->prev)
		call->prev->next = call->next;
	else
		s->calls = call->next;
	s->server->stats.n_open_calls--;
	call_detach(call);
}

static int on_closed(struct h2 *h, int32_t stream, uint32_t code)
{
	struct grpc_call *call = call_of(h, stream);
	if (call)
		drop(call);
	return 0;
}

static const struct h2_ops ops = {
	.begin = on_begin,
	.header = on_header,
	.data = on_data,
	.frame = on_frame,
	.sent = on_sent,
	.closed = on_closed,
};

/* ---- life ---- */

static void on_link_closed(struct link *l, int why)
{
	(void)why;
	session_close(CONTAINER_OF(l, struct session, link));
}

int session_open(struct grpc_server *server, int fd, const struct grpc_peer *peer,
		 struct session **ret)
{
	const struct grpc_server_limits *max = &server->options.limits;
	const struct h2_limits limits = { max->streams_max, max->header_list_max, H2_STREAM_WINDOW,
					  H2_CONNECTION_WINDOW };
	const struct link_times times = { max->handshake_ms, max->keepalive_ms,
					  max->ping_timeout_ms, max->answer_ms };
	struct session *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	s->server = server;
	s->peer = *peer;
	int r = h2_init(&s->h2, true, &ops, &limits, loop_now_ms(server->loop));
	if (r == 0 && fd >= 0) {
		s->link.closed = on_link_closed;
		s->linked = true;
		r = link_open(&s->link, server->loop, fd, &s->h2, &times);
	}
	if (r < 0) {
		h2_fini(&s->h2);
		free(s);
		return r;
	}
	s->next = server->sessions;
	if (s->next)
		s->next->prev = s;
	server->sessions = s;
	server->stats.n_connections++;
	*ret = s;
	return 0;
}

void session_close(struct session *s)
{
	struct grpc_server *server = s->server;
	if (s->linked)
		link_close(&s->link);
	while (s->calls)
		drop(s->calls);
	h2_fini(&s->h2);
	if (s->next)
		s->next->prev = s->prev;
	if (s->prev)
		s->prev->next = s->next;
	else
		server->sessions = s->next;
	server->stats.n_connections--;
	free(s);
	server_session_gone(server);
}

/* Twice: first the notice, with a PING behind it; when that comes back, every call that was already on
 * its way has arrived, and the last one is named. */
void session_go_away(struct session *s)
{
	nghttp2_session *h2 = s->h2.session;
	if (s->state == SESSION_OPEN) {
		s->state = SESSION_NOTICED;
		(void)!nghttp2_submit_shutdown_notice(h2);
		link_ping(&s->link);
	} else if (s->state == SESSION_NOTICED) {
		s->state = SESSION_GOING;
		(void)!nghttp2_submit_goaway(h2, NGHTTP2_FLAG_NONE,
					     nghttp2_session_get_last_proc_stream_id(h2),
					     NGHTTP2_NO_ERROR, NULL, 0);
	}
	h2_wants_out(&s->h2);
}
