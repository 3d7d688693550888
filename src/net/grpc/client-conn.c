/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection of a client: requests become streams, streams become outcomes. See
 * client-internal.h. A stream of which nobody wants to know any more has no user data.
 */
#include "net/grpc/client-internal.h"
#include "net/grpc/timeout.h"

#define HEADER_LIST_MAX 16384
#define HEADER_OVERHEAD 32 /* RFC 9113 6.5.2 */
#define STALL_MS        60000

static struct client_call *call_of(struct h2 *h, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(h->session, stream);
}

/* ---- out ---- */

bool client_conn_has_room(const struct client_conn *conn)
{
	uint32_t allowed = nghttp2_session_get_remote_settings(
		conn->h2.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	uint32_t max = conn->client->options.streams_max;
	return conn->flying.n < (allowed < max ? allowed : max);
}

static ssize_t read_request(nghttp2_session *session, int32_t stream, uint8_t *p, size_t n,
			    uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct client_call *call = nghttp2_session_get_stream_user_data(session, stream);
	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* it is being reset */
	size_t left = call->request.n - call->n_sent;
	if (n >= left) {
		n = left;
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	memcpy(p, call->request.p + call->n_sent, n);
	call->n_sent += n;
	return (ssize_t)n;
}

static int32_t submit(struct client_conn *conn, struct client_call *call)
{
	char timeout[GRPC_TIMEOUT_TEXT_SIZE], authorization[GRPC_TOKEN_MAX + 8];
	const nghttp2_data_provider body = { .read_callback = read_request };
	struct h2_text texts[H2_TEXTS_MAX] = {
		{ ":method", "POST", false },
		{ ":scheme", "http", false },
		{ ":path", call->method->path, false },
		{ ":authority", conn->client->authority, true },
		{ "te", "trailers", false },
		{ "content-type", "application/grpc", false },
		{ "user-agent", "reeve/" REEVE_VERSION, false },
	};
	size_t n = 7;
	nghttp2_nv nv[H2_TEXTS_MAX];
	if (call->deadline_ms != INT64_MAX) {
		int64_t left_ms = call->deadline_ms - loop_now_ms(conn->client->loop);
		texts[n++] = (struct h2_text){ "grpc-timeout",
					       grpc_timeout_format(left_ms, timeout), true };
	}
	if (conn->client->options.token) {
		snprintf(authorization, sizeof authorization, "Bearer %s",
			 conn->client->options.token);
		texts[n++] = (struct h2_text){ "authorization", authorization, true };
	}
	n = h2_headers(nv, texts, n);
	return nghttp2_submit_request(conn->h2.session, NULL, nv, n, &body, call);
}

void client_conn_send(struct client_conn *conn, struct client_call *call)
{
	call->n_sent = 0;
	call->header_size = 0;
	call->http_status = 0;
	call->is_grpc = call->has_status = false;
	deframer_fini(&call->in);
	deframer_init(&call->in, conn->client->options.response_max);
	call_list_remove(call);
	call->stream = submit(conn, call);
	if (call->stream < 0) { /* stream numbers have run out: after 2^30 calls */
		grpc_status_set(&call->status, GRPC_UNAVAILABLE, "the connection is used up");
		client_finish(call);
		client_conn_going(conn);
		return;
	}
	call->conn = conn;
	call_list_add(&conn->flying, call);
	h2_wants_out(&conn->h2);
}

void client_conn_abandon(struct client_call *call)
{
	struct client_conn *conn = call->conn;
	nghttp2_session *session = conn->h2.session;
	(void)!nghttp2_session_set_stream_user_data(session, call->stream, NULL);
	(void)!nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_CANCEL);
	call->conn = NULL;
	h2_wants_out(&conn->h2);
}

/* ---- in ---- */

/* Decided here: whatever the server still says does not matter. */
static void fail(struct client_call *call, enum grpc_code code, const char *message)
{
	grpc_status_set(&call->status, code, "%s", message);
	client_conn_abandon(call);
	client_finish(call);
}

static int on_begin(struct h2 *h, int32_t stream)
{
	return 0; /* a server's requests: there are none */
}

static void read_header(struct client_call *call, struct span name, struct span value)
{
	if (span_eq_str(name, ":status")) {
		call->http_status = 0;
		for (size_t i = 0; i < value.n && i < 3; i++)
			call->http_status = call->http_status * 10 + (value.p[i] - '0');
	} else if (span_eq_str(name, "content-type")) {
		call->is_grpc = value.n >= 16 && memcmp(value.p, "application/grpc", 16) == 0;
	} else if (span_eq_str(name, "grpc-status")) {
		call->has_status = true;
		call->status.code = grpc_code_parse(value);
	} else if (span_eq_str(name, "grpc-message")) {
		grpc_message_decode(call->status.message, value);
	}
}

static int on_header(struct h2 *h, int32_t stream, struct span name, struct span value)
{
	struct client_call *call = call_of(h, stream);
	size_t size = name.n + value.n + HEADER_OVERHEAD;
	if (!call)
		return 0;
	if (size > HEADER_LIST_MAX - call->header_size) {
		fail(call, GRPC_RESOURCE_EXHAUSTED, "the server sends too many headers");
		return 0;
	}
	call->header_size += (uint32_t)size;
	read_header(call, name, value);
	return 0;
}

static const struct {
	enum grpc_code code;
	const char *message;
} broken[] = {
	[FRAME_COMPRESSED] = { GRPC_INTERNAL, "the server sends a compressed message" },
	[FRAME_BAD_FLAG] = { GRPC_INTERNAL, "the answer's first byte is no flag" },
	[FRAME_TOO_LARGE] = { GRPC_RESOURCE_EXHAUSTED, "the answer is too large" },
	[FRAME_SECOND] = { GRPC_INTERNAL, "the server sends more than one message" },
	[FRAME_NO_MEMORY] = { GRPC_RESOURCE_EXHAUSTED, "no memory for the answer" },
};

static int on_data(struct h2 *h, int32_t stream, struct span bytes)
{
	struct client_call *call = call_of(h, stream);
	if (!call || call->http_status != 200 || !call->is_grpc)
		return 0; /* somebody else's error page */
	enum frame_result r = deframer_feed(&call->in, bytes);
	if (r != FRAME_OK)
		fail(call, broken[r].code, broken[r].message);
	return 0;
}

static int on_frame(struct h2 *h, const nghttp2_frame *f)
{
	struct client_conn *conn = CONTAINER_OF(h, struct client_conn, h2);
	if (f->hd.type == NGHTTP2_SETTINGS && !(f->hd.flags & NGHTTP2_FLAG_ACK))
		client_conn_ready(conn);
	if (f->hd.type == NGHTTP2_GOAWAY)
		client_conn_going(conn);
	return 0;
}

static int on_sent(struct h2 *h, const nghttp2_frame *f)
{
	return 0;
}

/* ---- the outcome ---- */

static void decode(struct client_call *call)
{
	if (!deframer_whole(&call->in))
		grpc_status_set(&call->status, GRPC_INTERNAL, "the answer has no message");
	else if (!message_decode(&call->response, call->method->response, buf_span(&call->in.body),
				 NULL))
		grpc_status_set(&call->status, GRPC_INTERNAL, "the answer cannot be decoded");
}

static void conclude(struct client_call *call, uint32_t h2_error)
{
	struct grpc_status *s = &call->status;
	if (call->has_status && s->code == GRPC_OK)
		decode(call);
	else if (call->has_status)
		return;
	else if (call->http_status != 0 && call->http_status != 200)
		grpc_status_set(s, grpc_code_from_http(call->http_status), "HTTP status %d",
				call->http_status);
	else if (call->http_status == 200 && !call->is_grpc)
		grpc_status_set(s, GRPC_UNKNOWN, "the server does not speak gRPC");
	else if (h2_error != NGHTTP2_NO_ERROR)
		grpc_status_set(s, grpc_code_from_h2(h2_error), "the server reset the call: %s",
				nghttp2_http2_strerror(h2_error));
	else
		grpc_status_set(s, GRPC_INTERNAL, "the server ended the call without a status");
}

static int on_closed(struct h2 *h, int32_t stream, uint32_t code)
{
	struct client_call *call = call_of(h, stream);
	if (!call)
		return 0;
	call->conn = NULL;
	if (code == NGHTTP2_REFUSED_STREAM && call->http_status == 0 && !call->retried) {
		client_retry(call);
		return 0;
	}
	conclude(call, code);
	client_finish(call);
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
	client_conn_lost(CONTAINER_OF(l, struct client_conn, link), why);
}

int client_conn_open(struct grpc_client *c, int fd, struct client_conn **ret)
{
	const struct h2_limits limits = { 0, HEADER_LIST_MAX, H2_STREAM_WINDOW,
					  H2_CONNECTION_WINDOW };
	const struct link_times times = { c->options.connect_timeout_ms, c->options.keepalive_ms,
					  c->options.connect_timeout_ms, STALL_MS };
	struct client_conn *conn = calloc(1, sizeof *conn);
	if (!conn)
		abort();
	conn->client = c;
	conn->link.closed = on_link_closed;
	int r = h2_init(&conn->h2, false, &ops, &limits, loop_now_ms(c->loop));
	if (r == 0)
		r = link_open(&conn->link, c->loop, fd, &conn->h2, &times);
	if (r < 0) {
		h2_fini(&conn->h2);
		free(conn);
		return r;
	}
	*ret = conn;
	return 0;
}

void client_conn_free(struct client_conn *conn)
{
	link_close(&conn->link);
	h2_fini(&conn->h2);
	free(conn);
}
