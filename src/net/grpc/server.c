/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening, accepting and the life of a server, see server.h and internal.h.
 */
#include "net/grpc/internal.h"
#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 16
#define PAUSE_MS         100

struct listener { /* heap, owned by the server */
	struct grpc_server *server;
	struct listener *next;
	struct endpoint at;
	struct loop_io io;
	struct timer again; /* while there are no descriptors left */
};

static const struct grpc_server_limits defaults = {
	.request_max = (size_t)4 << 20,
	.memory_max = (size_t)64 << 20,
	.connections_max = 64,
	.streams_max = 100,
	.header_list_max = 16384,
	.handshake_ms = 10000,
	.request_ms = 60000,
	.answer_ms = 60000,
	.keepalive_ms = 60000,
	.ping_timeout_ms = 20000,
};

static void fill_limits(struct grpc_server_limits *l)
{
#define DEFAULT(field) l->field = l->field ? l->field : defaults.field
	DEFAULT(request_max);
	DEFAULT(memory_max);
	DEFAULT(connections_max);
	DEFAULT(streams_max);
	DEFAULT(header_list_max);
	DEFAULT(handshake_ms);
	DEFAULT(request_ms);
	DEFAULT(answer_ms);
	DEFAULT(keepalive_ms);
	DEFAULT(ping_timeout_ms);
#undef DEFAULT
}

/* ---- methods ---- */

static int by_path(const void *a, const void *b)
{
	const struct grpc_method *const *m = a, *const *n = b;
	return strcmp((*m)->path, (*n)->path);
}

static void collect_methods(struct grpc_server *s)
{
	size_t n = 0;
	for (const struct grpc_method *const *t = s->options.tables; *t; t++)
		for (const struct grpc_method *m = *t; m->path; m++)
			n++;
	s->methods = calloc(n ? n : 1, sizeof *s->methods);
	if (!s->methods)
		abort();
	for (const struct grpc_method *const *t = s->options.tables; *t; t++)
		for (const struct grpc_method *m = *t; m->path; m++)
			s->methods[s->n_methods++] = m;
	qsort(s->methods, n, sizeof *s->methods, by_path);
}

static int compare(struct span a, const char *b)
{
	size_t n = strlen(b);
	int r = memcmp(a.p, b, a.n < n ? a.n : n);
	return r ? r : (a.n > n) - (a.n < n);
}

const struct grpc_method *server_method(const struct grpc_server *s, struct span path)
{
	for (size_t low = 0, high = s->n_methods; low < high;) {
		size_t middle = (low + high) / 2;
		int r = compare(path, s->methods[middle]->path);
		if (r == 0)
			return s->methods[middle];
		if (r < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* ---- listening ---- */

static void on_again(void *user)
{
	struct listener *l = user;
	loop_change(l->server->loop, &l->io, EPOLLIN);
}

/* Out of descriptors or memory: who waits goes on waiting, and so do we, instead of being told of it
 * all the time. */
static void pause_accepting(struct listener *l)
{
	struct loop *loop = l->server->loop;
	loop_change(loop, &l->io, 0);
	timer_start(loop_timers(loop), &l->again, loop_now_ms(loop) + PAUSE_MS);
}

static void on_accept(void *user, uint32_t events)
{
	struct listener *l = user;
	struct grpc_server *s = l->server;
	const struct grpc_server_options *o = &s->options;
	(void)events;
	for (int left = ACCEPTS_PER_TURN; left > 0; left--) {
		struct grpc_peer peer;
		struct session *session;
		int fd;
		int r = endpoint_accept(l->io.fd, &fd, &peer);
		if (r == -ECONNABORTED || r == -EINTR)
			continue;
		if (r == -EAGAIN)
			break;
		if (r < 0) {
			pause_accepting(l);
			break;
		}
		if (s->stats.n_connections >= o->limits.connections_max ||
		    (o->accept && !o->accept(&peer, o->user)))
			close(fd);
		else
			(void)!session_open(s, fd, &peer, &session);
	}
}

static int add_listener(struct grpc_server *s, const struct endpoint *at, int fd)
{
	struct listener *l = calloc(1, sizeof *l);
	if (!l)
		abort();
	*l = (struct listener){ .server = s, .at = *at, .next = s->listeners };
	l->io = (struct loop_io){ .fd = fd, .fn = on_accept, .user = l };
	l->again = (struct timer){ .fn = on_again, .user = l };
	int r = loop_add(s->loop, &l->io, EPOLLIN);
	if (r < 0) {
		free(l);
		return r;
	}
	s->listeners = l;
	return 0;
}

int grpc_server_listen(struct grpc_server *s, const char *address, mode_t mode,
		       struct endpoint *ret_bound, struct error *err)
{
	struct endpoint at;
	CLEANUP(close_fdp) int fd = -1;
	int r = endpoint_parse(address, &at, err);
	if (r)
		return r;
	r = endpoint_listen(&at, mode, &fd);
	if (r == 0 && at.transport == TRANSPORT_TCP)
		r = endpoint_local(fd, &at);
	if (r == 0)
		r = add_listener(s, &at, fd);
	if (r < 0)
		return error_set(err, ERR_UNAVAILABLE, "cannot listen on %s: %s", address,
				 strerror(-r));
	if (ret_bound)
		*ret_bound = at;
	fd = -1;
	return 0;
}

/* The socket file goes too: a peer should get “connection refused” from nobody, or the successor. */
static void close_listeners(struct grpc_server *s)
{
	for (struct listener *l; (l = s->listeners);) {
		s->listeners = l->next;
		timer_stop(loop_timers(s->loop), &l->again);
		loop_remove(s->loop, &l->io);
		close(l->io.fd);
		if (l->at.transport == TRANSPORT_UNIX && l->at.addr.un.sun_path[0] != '\0')
			(void)!unlink(l->at.addr.un.sun_path);
		free(l);
	}
}

/* ---- life ---- */

static void close_sessions(struct grpc_server *s)
{
	while (s->sessions)
		session_close(s->sessions);
}

static void on_stop_timeout(void *user)
{
	close_sessions(user);
}

static void on_stopped(void *user)
{
	struct grpc_server *s = user;
	if (s->stopped)
		s->stopped(s->stopped_user);
}

struct grpc_server *grpc_server_new(struct loop *loop, const struct grpc_server_options *o)
{
	struct grpc_server *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	s->loop = loop;
	s->options = *o;
	fill_limits(&s->options.limits);
	s->shared = shared_new(loop, s->options.limits.memory_max);
	s->stop_timer = (struct timer){ .fn = on_stop_timeout, .user = s };
	s->stop_task = (struct loop_task){ .fn = on_stopped, .user = s };
	collect_methods(s);
	return s;
}

void server_session_gone(struct grpc_server *s)
{
	if (!s->stopping || s->sessions)
		return;
	timer_stop(loop_timers(s->loop), &s->stop_timer);
	loop_post(s->loop, &s->stop_task);
}

void grpc_server_stop(struct grpc_server *s, int64_t timeout_ms, void (*stopped)(void *user),
		      void *user)
{
	assert(!s->stopping);
	s->stopping = true;
	s->stopped = stopped;
	s->stopped_user = user;
	close_listeners(s);
	timer_start(loop_timers(s->loop), &s->stop_timer, loop_now_ms(s->loop) + timeout_ms);
	for (struct session *session = s->sessions; session; session = session->next)
		session_go_away(session);
	server_session_gone(s);
}

void grpc_server_free(struct grpc_server *s)
{
	if (!s)
		return;
	s->stopping = true;
	s->stopped = NULL;
	close_listeners(s);
	close_sessions(s);
	timer_stop(loop_timers(s->loop), &s->stop_timer);
	loop_unpost(s->loop, &s->stop_task);
	shared_unref(s->shared);
	free(s->methods);
	free(s);
}

void grpc_server_stats(const struct grpc_server *s, struct grpc_server_stats *ret)
{
	*ret = s->stats;
	ret->n_bytes = atomic_load(&s->shared->memory.used);
}
