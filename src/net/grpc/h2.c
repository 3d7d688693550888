/* SPDX-License-Identifier: Apache-2.0
 *
 * nghttp2 in memory, see h2.h.
 */
#include "net/grpc/h2.h"
#include <assert.h>
#include <errno.h>

#define CREDIT_MAX        2000 /* idle frames at once */
#define CREDIT_PER_S      200  /* … and for long */
#define CREDIT_PER_DATA   4    /* earned by a DATA frame with something in it */
#define OUT_FILL          ((size_t)128 * 1024)
#define FRAME_SIZE        16384
#define OUT_MAX           (OUT_FILL + 4 * (size_t)FRAME_SIZE)
#define OUT_KEPT          ((size_t)32 * 1024) /* of an idle connection */
#define ACKS_MAX          200
#define CONTINUATIONS_MAX 32 /* it also counts each piece in which one's head arrives */
#define SETTINGS_MAX      32
#define DEFAULT_WINDOW    65535
#define RESET_BURST       1000 /* streams opened and reset at once (CVE-2023-44487) … */
#define RESET_PER_S       200  /* … and for long */

static void earn(struct h2 *h, int64_t n)
{
	h->credit = h->credit + n > CREDIT_MAX ? CREDIT_MAX : h->credit + n;
}

/* Does this frame move a call forward? */
static bool is_idle(uint8_t type, uint8_t flags, uint32_t length)
{
	switch (type) {
	case NGHTTP2_HEADERS:
	case NGHTTP2_CONTINUATION:
	case NGHTTP2_GOAWAY:
		return false;
	case NGHTTP2_DATA:
		return length == 0 && !(flags & NGHTTP2_FLAG_END_STREAM);
	default:
		return true;
	}
}

static void count_frame(struct h2 *h)
{
	struct span head = { h->head, sizeof h->head };
	uint32_t length = 0;
	uint8_t type = 0, flags = 0;
	(void)!(span_get_be24(&head, &length) && span_get_u8(&head, &type) &&
		span_get_u8(&head, &flags)); /* it is whole */
	h->n_head = 0;
	h->n_skip = length;
	if (is_idle(type, flags, length))
		h->credit--;
	else if (type == NGHTTP2_DATA && length > 0)
		earn(h, CREDIT_PER_DATA);
}

/* Follows the frames by their lengths, ahead of nghttp2. */
static void count_frames(struct h2 *h, struct span bytes)
{
	while (bytes.n > 0) {
		struct span skipped;
		size_t n = h->n_skip < bytes.n ? h->n_skip : bytes.n;
		(void)!span_get_bytes(&bytes, n, &skipped);
		h->n_skip -= n;
		if (bytes.n == 0)
			break;
		(void)!span_get_u8(&bytes, &h->head[h->n_head++]);
		if (h->n_head == sizeof h->head)
			count_frame(h);
	}
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *f, void *user)
{
	struct h2 *h = user;
	return f->headers.cat == NGHTTP2_HCAT_REQUEST ? h->ops->begin(h, f->hd.stream_id) : 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *f, const uint8_t *name,
		     size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *user)
{
	struct h2 *h = user;
	return h->ops->header(h, f->hd.stream_id, (struct span){ name, n_name },
			      (struct span){ value, n_value });
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *p,
		   size_t n, void *user)
{
	struct h2 *h = user;
	return h->ops->data(h, stream, (struct span){ p, n });
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *f, void *user)
{
	struct h2 *h = user;
	if (f->hd.type == NGHTTP2_SETTINGS)
		h->ready = true;
	if (f->hd.type == NGHTTP2_PING && (f->hd.flags & NGHTTP2_FLAG_ACK))
		h->ping_acked = true;
	return h->ops->frame(h, f);
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *f, void *user)
{
	struct h2 *h = user;
	if (f->hd.type == NGHTTP2_DATA)
		earn(h, CREDIT_PER_DATA);
	return h->ops->sent(h, f);
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
	struct h2 *h = user;
	return h->ops->closed(h, stream, code);
}

static nghttp2_session_callbacks *new_callbacks(void)
{
	nghttp2_session_callbacks *c;
	if (nghttp2_session_callbacks_new(&c) != 0)
		abort();
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(c, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
	return c;
}

static nghttp2_option *new_options(void)
{
	nghttp2_option *o;
	if (nghttp2_option_new(&o) != 0)
		abort();
	nghttp2_option_set_max_outbound_ack(o, ACKS_MAX);
	nghttp2_option_set_max_settings(o, SETTINGS_MAX);
	nghttp2_option_set_max_continuations(o, CONTINUATIONS_MAX);
	nghttp2_option_set_stream_reset_rate_limit(o, RESET_BURST, RESET_PER_S);
	nghttp2_option_set_no_closed_streams(o, 1); /* no memory of priorities */
	return o;
}

static int submit_settings(struct h2 *h, bool server, const struct h2_limits *limits)
{
	nghttp2_settings_entry entries[4];
	size_t n = 0;
	entries[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
						 limits->stream_window };
	entries[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
						 limits->header_list_max };
	if (server)
		entries[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
							 limits->streams_max };
	else
		entries[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 };
	int r = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, entries, n);
	if (r == 0 && limits->connection_window > DEFAULT_WINDOW)
		r = nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
							  (int32_t)limits->connection_window);
	return r;
}

int h2_init(struct h2 *h, bool server, const struct h2_ops *ops, const struct h2_limits *limits,
	    int64_t now_ms)
{
	nghttp2_session_callbacks *callbacks = new_callbacks();
	nghttp2_option *options = new_options();
	*h = (struct h2){ .ops = ops,
			  .credit = CREDIT_MAX,
			  .credit_ms = now_ms,
			  .n_skip = server ? NGHTTP2_CLIENT_MAGIC_LEN : 0 };
	buf_init(&h->out, OUT_MAX);
	int r = server ? nghttp2_session_server_new2(&h->session, callbacks, h, options)
		       : nghttp2_session_client_new2(&h->session, callbacks, h, options);
	nghttp2_option_del(options);
	nghttp2_session_callbacks_del(callbacks);
	if (r == 0)
		r = submit_settings(h, server, limits);
	if (r != 0) {
		h2_fini(h);
		return -ENOMEM;
	}
	return 0;
}

void h2_fini(struct h2 *h)
{
	nghttp2_session_del(h->session);
	h->session = NULL;
	buf_fini(&h->out);
}

static void refill(struct h2 *h, int64_t now_ms)
{
	int64_t n = (now_ms - h->credit_ms) * CREDIT_PER_S / 1000;
	if (n > 0) {
		earn(h, n);
		h->credit_ms = now_ms;
	}
}

int h2_feed(struct h2 *h, struct span bytes, int64_t now_ms)
{
	refill(h, now_ms);
	count_frames(h, bytes);
	if (h->credit < 0) {
		/* Whoever it is should hear why. */
		if (nghttp2_session_terminate_session(h->session, NGHTTP2_ENHANCE_YOUR_CALM) == 0)
			(void)!h2_fill(h);
		return -EPROTO;
	}
	ssize_t n = nghttp2_session_mem_recv(h->session, bytes.p, bytes.n);
	if (n == (ssize_t)bytes.n)
		return 0;
	(void)!h2_fill(h); /* the GOAWAY that says what was wrong, if there is one */
	return -EPROTO;
}

int h2_fill(struct h2 *h)
{
	while (h->out.n < OUT_FILL) {
		const uint8_t *p;
		ssize_t n = nghttp2_session_mem_send(h->session, &p);
		if (n < 0)
			return -EPROTO;
		if (n == 0)
			return 0;
		buf_add(&h->out, p, (size_t)n);
		if (h->out.failed)
			return -EPROTO;
	}
	return 0;
}

struct span h2_waiting(const struct h2 *h)
{
	const uint8_t *p = (const uint8_t *)buf_str(&h->out); /* not NULL */
	return (struct span){ p + h->n_out, h->out.n - h->n_out };
}

void h2_taken(struct h2 *h, size_t n)
{
	assert(n <= h->out.n - h->n_out);
	h->n_out += n;
	if (h->n_out < h->out.n)
		return;
	h->n_out = 0;
	if (h->out.cap > OUT_KEPT)
		buf_fini(&h->out);
	else
		buf_reset(&h->out);
}

bool h2_over(const struct h2 *h)
{
	return h2_waiting(h).n == 0 && !nghttp2_session_want_read(h->session) &&
	       !nghttp2_session_want_write(h->session);
}

void h2_wants_out(struct h2 *h)
{
	if (h->wants_out)
		h->wants_out(h);
}

size_t h2_headers(nghttp2_nv nv[H2_TEXTS_MAX], const struct h2_text *texts, size_t n)
{
	assert(n <= H2_TEXTS_MAX);
	for (size_t i = 0; i < n; i++)
		nv[i] = (nghttp2_nv){
			.name = (uint8_t *)(uintptr_t)texts[i].name,
			.namelen = strlen(texts[i].name),
			.value = (uint8_t *)(uintptr_t)texts[i].value,
			.valuelen = strlen(texts[i].value),
			.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME |
				 (texts[i].copy ? 0 : NGHTTP2_NV_FLAG_NO_COPY_VALUE),
		};
	return n;
}
