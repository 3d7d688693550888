/* SPDX-License-Identifier: Apache-2.0
 *
 * A server's connection in memory, see testing.h.
 */
#include "net/grpc/testing.h"
#include "net/grpc/echo.pb-c.h"
#include <assert.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

static struct buf output;
static struct loop *loop;
static struct grpc_server *server;
static struct grpc_call *late[256];
static size_t n_late;

static void echo(struct grpc_call *call)
{
	const Reeve__Test__EchoRequest *request = grpc_call_request(call);
	Reeve__Test__EchoReply reply = REEVE__TEST__ECHO_REPLY__INIT;
	reply.text = request->text;
	reply.blob = request->blob;
	grpc_reply(call, &reply);
}

static void defer(struct grpc_call *call)
{
	grpc_defer(call, NULL, NULL);
	if (n_late == ARRAY_SIZE(late))
		grpc_reply_status(call, GRPC_RESOURCE_EXHAUSTED, "too many");
	else
		late[n_late++] = call;
}

static const struct grpc_method methods[] = {
	{ "/t/Defer", &reeve__test__echo_request__descriptor, &reeve__test__echo_reply__descriptor,
	  0, 0, defer, "" },
	{ "/t/Echo", &reeve__test__echo_request__descriptor, &reeve__test__echo_reply__descriptor,
	  0, 0, echo, "" },
	{ .path = NULL },
};
static const struct grpc_method *const tables[] = { methods, NULL };

static void set_up(void)
{
	const struct grpc_server_options options = {
		.tables = tables,
		.limits = { .request_max = 10000, .memory_max = 1 << 20, .streams_max = 10 },
	};
	if (server)
		return;
	if (loop_new(&loop) < 0)
		abort();
	server = grpc_server_new(loop, &options);
	buf_init(&output, (size_t)64 << 20);
}

static int drain(struct session *s)
{
	int r;
	while ((r = h2_fill(&s->h2)) == 0 && h2_waiting(&s->h2).n > 0) {
		struct span out = h2_waiting(&s->h2);
		buf_add(&output, out.p, out.n);
		h2_taken(&s->h2, out.n);
	}
	return r;
}

static void assert_nothing_left(void)
{
	struct grpc_server_stats stats;
	while (n_late > 0) /* their streams are gone: that frees them */
		grpc_reply_status(late[--n_late], GRPC_CANCELLED, "late");
	grpc_server_stats(server, &stats);
	assert(stats.n_bytes == 0 && stats.n_open_calls == 0 && stats.n_connections == 0);
	assert(timers_next_ms(loop_timers(loop)) == INT64_MAX);
}

struct span testing_session(struct span bytes, size_t step)
{
	const struct grpc_peer peer = { .transport = TRANSPORT_UNIX, .text = "unix:" };
	struct session *s;
	set_up();
	buf_reset(&output);
	if (session_open(server, -1, &peer, &s) < 0)
		abort();
	int r = h2_feed(&s->h2, (struct span){ (const uint8_t *)PREFACE, sizeof PREFACE - 1 }, 0);
	while (r == 0 && bytes.n > 0) {
		struct span piece = { bytes.p, step < bytes.n ? step : bytes.n };
		(void)!span_get_bytes(&bytes, piece.n, &piece);
		r = h2_feed(&s->h2, piece, 0);
		if (r == 0)
			r = drain(s);
	}
	if (r < 0) { /* a last word, as the link sends it */
		struct span out = h2_waiting(&s->h2);
		buf_add(&output, out.p, out.n);
	}
	session_close(s);
	assert_nothing_left();
	return buf_span(&output);
}
