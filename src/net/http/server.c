/* SPDX-License-Identifier: Apache-2.0
 *
 * The server as a whole: starting, connections, statistics, stopping.
 *
 * Stopping, in order: new connections are closed as they come, answers say "Connection: close",
 * streams end; what runs may run on until the timeout; what is deferred then is abandoned, which
 * resumes it; nothing can be suspended from there on, as libmicrohttpd demands before it stops.
 */
#include "base/clock.h"
#include "net/http/keeper.h"
#include "net/http/listen.h"
#include "net/http/tls.h"
#include "net/http/worker.h"
#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

#define HEADER_MAX        (16u << 10)
#define HEADER_TIMEOUT_MS 10000
#define BODY_TIMEOUT_MS   60000
#define IDLE_TIMEOUT_MS   120000
#define DESCRIPTORS_SPARE 128 /* kept for the store, logs, files … */
#define CONNECTIONS_MIN   16
#define TICK_MAX_MS       1000
#define TICK_MIN_MS       20
#define FLUSH_MS          1000 /* after the timeout, for 503s to get out */

/* ---- life ---- */

void server_ref(struct http_server *s)
{
	s->refs++;
}

void server_unref(struct http_server *s)
{
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	router_free(s->router);
	rate_table_free(s->rates);
	tls_free(s->tls);
	pthread_cond_destroy(&s->ended);
	pthread_mutex_destroy(&s->lock);
	free((char *)(uintptr_t)s->o.listen);
	free((char *)(uintptr_t)s->o.tls_cert);
	free((char *)(uintptr_t)s->o.tls_key);
	free((char *)(uintptr_t)s->o.body_dir);
	free(s);
}

static const char *own(const char *s)
{
	char *copy = s && *s ? strdup(s) : NULL;
	if (s && *s && !copy)
		abort();
	return copy;
}

static unsigned default_connections(void)
{
	struct rlimit l;
	rlim_t n = getrlimit(RLIMIT_NOFILE, &l) == 0 ? l.rlim_cur : 1024;
	if (n > 1u << 20)
		n = 1u << 20;
	return n > DESCRIPTORS_SPARE + CONNECTIONS_MIN ? (unsigned)n - DESCRIPTORS_SPARE
						       : CONNECTIONS_MIN;
}

static void fill_limits(struct http_limits *l)
{
	if (l->header_max == 0)
		l->header_max = HEADER_MAX;
	if (l->header_timeout_ms == 0)
		l->header_timeout_ms = HEADER_TIMEOUT_MS;
	if (l->body_timeout_ms == 0)
		l->body_timeout_ms = BODY_TIMEOUT_MS;
	if (l->idle_timeout_ms == 0)
		l->idle_timeout_ms = IDLE_TIMEOUT_MS;
	if (l->connections_max == 0)
		l->connections_max = default_connections();
}

static int64_t min3(int64_t a, int64_t b, int64_t c)
{
	int64_t m = a < b ? a : b;
	return m < c ? m : c;
}

static struct http_server *server_alloc(const struct http_options *o)
{
	struct http_server *s = calloc(1, sizeof *s);
	pthread_condattr_t monotonic;
	if (!s)
		abort();
	s->refs = 1;
	s->o = *o;
	s->o.listen = own(o->listen);
	s->o.tls_cert = own(o->tls_cert);
	s->o.tls_key = own(o->tls_key);
	s->o.body_dir = own(o->body_dir);
	fill_limits(&s->o.limits);
	if (s->o.n_workers == 0) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);
		s->o.n_workers = n > 0 ? (unsigned)n : 1;
	}
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	s->router = router_new(o->tables);
	s->rates = rate_table_new(RATE_PEERS);
	return s;
}

/* ---- connections ---- */

enum MHD_Result on_accept(void *server, const struct sockaddr *from, socklen_t n)
{
	const struct http_server *s = server;
	(void)from;
	(void)n;
	return s->stopping ? MHD_NO : MHD_YES;
}

static void name_peer(const struct sockaddr *sa, char text[INET6_ADDRSTRLEN])
{
	text[0] = '\0';
	if (sa->sa_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, text,
			  INET6_ADDRSTRLEN);
	} else if (sa->sa_family == AF_INET6) {
		const struct in6_addr *a =
			&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(a))
			inet_ntop(AF_INET, a->s6_addr + 12, text, INET6_ADDRSTRLEN);
		else
			inet_ntop(AF_INET6, a, text, INET6_ADDRSTRLEN);
	}
}

static struct conn *conn_new(struct worker *w, struct MHD_Connection *mhd)
{
	struct http_server *s = worker_server(w);
	const struct sockaddr *sa =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
	struct conn *c = calloc(1, sizeof *c);
	if (!c)
		abort();
	c->server = s;
	c->worker = w;
	c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	c->deadline_ms = clock_mono_ms() + s->o.limits.header_timeout_ms;
	name_peer(sa, c->peer);
	rate_address(sa, &c->from);
	return c;
}

void on_connection(void *worker, struct MHD_Connection *mhd, void **socket_context,
		   enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = worker_server(worker);
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		struct conn *c = conn_new(worker, mhd);
		*socket_context = c;
		s->n_connections++;
		keeper_add(s->keeper, c);
	} else {
		struct conn *c = *socket_context;
		*socket_context = NULL;
		keeper_remove(s->keeper, c);
		s->n_connections--;
		worker_closed(worker);
		free(c);
	}
}

/* ---- starting ---- */

static void stop_workers(struct http_server *s)
{
	for (unsigned i = 0; i < s->o.n_workers; i++)
		worker_free(s->workers[i]);
	free(TAKE(s->workers));
}

/* Each has its share of the connections. */
static int start_workers(struct http_server *s, int fd, bool ipv6)
{
	unsigned n = s->o.n_workers, max = s->o.limits.connections_max;
	s->workers = calloc(n, sizeof *s->workers);
	if (!s->workers)
		abort();
	for (unsigned i = 0; i < n; i++) {
		unsigned share = max / n + (i < max % n);
		int r = worker_new(s, fd, ipv6, share > 0 ? share : 1, &s->workers[i]);
		if (r == 0)
			continue;
		stop_workers(s);
		return r;
	}
	return 0;
}

static int start(struct http_server *s, struct error *err)
{
	const struct http_limits *l = &s->o.limits;
	int fd;
	bool ipv6;
	int r = s->o.tls_cert ? tls_new(s->o.tls_cert, s->o.tls_key, &s->tls, err) : 0;
	if (r == 0 && s->o.body_dir)
		r = spool_clean(s->o.body_dir);
	if (r == 0)
		r = listen_open(s->o.listen, &fd, &s->port, &ipv6, err);
	if (r)
		return r;
	int64_t tick_ms = min3(l->header_timeout_ms, l->body_timeout_ms, l->idle_timeout_ms) / 8;
	tick_ms = tick_ms < TICK_MIN_MS ? TICK_MIN_MS : min3(tick_ms, TICK_MAX_MS, TICK_MAX_MS);
	r = keeper_new(tick_ms, &s->keeper);
	if (r == 0) {
		r = start_workers(s, fd, ipv6);
		if (r)
			keeper_free(TAKE(s->keeper));
	}
	close(fd); /* every worker has its own */
	return r < 0 ? error_set(err, ERR_INTERNAL, "the HTTP server on %s does not start: %s",
				 s->o.listen, strerror(-r))
		     : r;
}

int http_server_new(const struct http_options *o, struct http_server **ret, struct error *err)
{
	struct http_server *s = server_alloc(o);
	*ret = s; /* before the workers start: their handlers may look there */
	int r = start(s, err);
	if (r) {
		*ret = NULL;
		server_unref(s);
	}
	return r;
}

unsigned http_server_port(const struct http_server *s)
{
	return s->port;
}

bool http_server_tls(const struct http_server *s)
{
	return s->tls;
}

int http_server_reload_tls(struct http_server *s, struct error *err)
{
	return s->tls ? tls_reload(s->tls, err) : 0;
}

void http_server_stats(const struct http_server *s, struct http_stats *ret)
{
	*ret = (struct http_stats){
		.n_requests = s->n_requests,
		.n_refused = s->n_refused,
		.n_rate_limited = s->n_rate_limited,
		.n_connections = s->n_connections,
		.n_deferred = s->n_deferred,
		.n_streams = s->n_streams,
	};
}

/* ---- stopping ---- */

/* Until no request is under way. false: time is over. */
static bool wait_ended(struct http_server *s, int64_t timeout_ms)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	struct timespec at = { until / 1000, until % 1000 * 1000000 };
	int r = 0;
	pthread_mutex_lock(&s->lock);
	while (s->n_active > 0 && r == 0)
		r = pthread_cond_timedwait(&s->ended, &s->lock, &at);
	pthread_mutex_unlock(&s->lock);
	return s->n_active == 0;
}

void http_server_stop(struct http_server *s, int64_t timeout_ms)
{
	if (!s->workers)
		return;
	s->stopping = true;
	streams_end(s);
	bool ended = wait_ended(s, timeout_ms);
	requests_abandon(s);
	if (!ended)
		wait_ended(s, FLUSH_MS);
	stop_workers(s);
	keeper_free(s->keeper);
	s->keeper = NULL;
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	http_server_stop(s, 0);
	server_unref(s);
}
