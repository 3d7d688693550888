/* SPDX-License-Identifier: Apache-2.0
 *
 * A server for tests and benchmarks only: the service of echo.proto.
 *
 * Prints "ready ADDRESS" when it serves. SIGTERM stops gracefully, prints what is then back to zero and exits; a
 * second one does not wait. Calls with a delay are answered by a thread each, which the kernel pays for in a test.
 */
#include "base/clock.h"
#include "base/options.h"
#include "net/grpc/echo.pb-c.h"
#include "net/grpc/server.h"
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define REPLY_SIZE_MAX (64u << 20)

static struct loop *loop;
static struct grpc_server *server;
static struct loop_io signals;
static uint64_t n_cancelled;
static bool stopping;

/* ---- handlers ---- */

static void answer(struct grpc_call *call)
{
	const Reeve__Test__EchoRequest *request = grpc_call_request(call);
	const struct grpc_peer *peer = grpc_call_peer(call);
	int64_t deadline_ms = grpc_call_deadline_ms(call);
	Reeve__Test__EchoReply reply = REEVE__TEST__ECHO_REPLY__INIT;
	if (request->code) {
		grpc_reply_status(call, (enum grpc_code)request->code, "%s", request->message);
		return;
	}
	reply.text = request->text;
	reply.blob = request->blob;
	reply.peer = (char *)(uintptr_t)peer->text;
	reply.uid = peer->uid;
	reply.left_ms = deadline_ms == INT64_MAX ? -1 : deadline_ms - clock_mono_ms();
	uint8_t *big = NULL;
	if (request->reply_size > 0 && request->reply_size <= REPLY_SIZE_MAX) {
		big = calloc(1, request->reply_size);
		reply.blob = (ProtobufCBinaryData){ request->reply_size, big };
	}
	grpc_reply(call, &reply);
	free(big);
}

static void *answer_late(void *user)
{
	struct grpc_call *call = user;
	const Reeve__Test__EchoRequest *request = grpc_call_request(call);
	usleep(request->delay_ms * 1000);
	answer(call);
	return NULL;
}

static void count_cancelled(struct grpc_call *call, void *user)
{
	n_cancelled++;
}

static void say(struct grpc_call *call)
{
	const Reeve__Test__EchoRequest *request = grpc_call_request(call);
	pthread_t thread;
	if (request->delay_ms == 0) {
		answer(call);
		return;
	}
	grpc_defer(call, count_cancelled, NULL);
	if (pthread_create(&thread, NULL, answer_late, call) == 0)
		pthread_detach(thread);
	else
		grpc_reply_status(call, GRPC_RESOURCE_EXHAUSTED, "no thread");
}

static void end_never(struct grpc_call *call, void *user)
{
	n_cancelled++;
	grpc_reply_status(call, GRPC_CANCELLED, "cancelled");
}

static void never(struct grpc_call *call)
{
	grpc_defer(call, end_never, NULL);
}

static void count(struct grpc_call *call)
{
	Reeve__Test__Counts counts = REEVE__TEST__COUNTS__INIT;
	struct grpc_server_stats stats;
	grpc_server_stats(server, &stats);
	counts.cancelled = n_cancelled;
	counts.open_calls = stats.n_open_calls - 1;
	counts.bytes = stats.n_bytes;
	counts.connections = stats.n_connections;
	grpc_reply(call, &counts);
}

#define ECHO_TYPES &reeve__test__echo_request__descriptor, &reeve__test__echo_reply__descriptor
static const struct grpc_method methods[] = {
	{ "/reeve.test.Echo/Say", ECHO_TYPES, 0, 0, say, "the same back" },
	{ "/reeve.test.Echo/Never", ECHO_TYPES, 0, 0, never, "waits for its end" },
	{ "/reeve.test.Echo/Small", ECHO_TYPES, 100, 0, say, "at most 100 bytes" },
	{ "/reeve.test.Echo/Forbidden", ECHO_TYPES, 0, 1, say, "nobody may" },
	{ "/reeve.test.Echo/Count", &reeve__test__nothing__descriptor,
	  &reeve__test__counts__descriptor, 0, 0, count, "what is going on" },
	{ .path = NULL },
};
static const struct grpc_method *const tables[] = { methods, NULL };

static bool allow(const struct grpc_peer *peer, const struct grpc_method *m, void *user)
{
	return m->callers == 0;
}

/* ---- the program ---- */

static void stopped(void *user)
{
	loop_quit(loop);
}

static void on_signal(void *user, uint32_t events)
{
	struct signalfd_siginfo info;
	if (read(signals.fd, &info, sizeof info) != sizeof info)
		return;
	if (stopping)
		loop_quit(loop);
	else
		grpc_server_stop(server, 30000, stopped, NULL);
	stopping = true;
}

static void catch_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = (struct loop_io){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
				    .fn = on_signal };
	if (loop_add(loop, &signals, EPOLLIN) < 0)
		abort();
}

static void report(void)
{
	struct grpc_server_stats stats;
	grpc_server_stats(server, &stats);
	printf("stopped connections=%u calls=%u bytes=%zu\n", stats.n_connections,
	       stats.n_open_calls, stats.n_bytes);
}

int main(int argc, char *argv[])
{
	struct option_list listen = { .n = 0 };
	int64_t streams = 0, connections = 0, memory = 0, header_ms = 0, request_ms = 0;
	int64_t keepalive_ms = 0, ping_ms = 0, answer_ms = 0;
	const struct option rows[] = {
		{ 'l', "listen", OPTION_LIST, "ADDRESS", "where", &listen, NULL },
		{ 0, "streams", OPTION_INT, "N", "calls of a connection", &streams, NULL },
		{ 0, "connections", OPTION_INT, "N", "connections", &connections, NULL },
		{ 0, "memory", OPTION_INT, "BYTES", "of all requests", &memory, NULL },
		{ 0, "handshake", OPTION_DURATION, "TIME", "to begin", &header_ms, NULL },
		{ 0, "request", OPTION_DURATION, "TIME", "to send a request", &request_ms, NULL },
		{ 0, "answer", OPTION_DURATION, "TIME", "to take an answer", &answer_ms, NULL },
		{ 0, "keepalive", OPTION_DURATION, "TIME", "of silence", &keepalive_ms, NULL },
		{ 0, "ping", OPTION_DURATION, "TIME", "to answer a PING", &ping_ms, NULL },
		{ .name = NULL },
	};
	struct error err;
	int n_args;
	if (options_parse(rows, argc, argv, &n_args, &err) != 0 || loop_new(&loop) < 0)
		return 2;
	const struct grpc_server_options options = {
		.tables = tables,
		.allow = allow,
		.limits = { .streams_max = (uint32_t)streams,
			    .connections_max = (unsigned)connections,
			    .memory_max = (size_t)memory,
			    .handshake_ms = header_ms,
			    .request_ms = request_ms,
			    .answer_ms = answer_ms,
			    .keepalive_ms = keepalive_ms,
			    .ping_timeout_ms = ping_ms },
	};
	server = grpc_server_new(loop, &options);
	catch_signals();
	for (int i = 0; i < listen.n; i++) {
		struct endpoint at;
		char text[ENDPOINT_TEXT_SIZE];
		if (grpc_server_listen(server, listen.items[i], 0600, &at, &err) != 0) {
			fprintf(stderr, "%s\n", err.message);
			return 1;
		}
		printf("ready %s\n", endpoint_format(&at, text));
	}
	fflush(stdout);
	int r = loop_run(loop);
	report();
	grpc_server_free(server);
	loop_remove(loop, &signals);
	close(signals.fd);
	loop_free(loop);
	return r < 0;
}
