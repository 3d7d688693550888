/* SPDX-License-Identifier: Apache-2.0
 *
 * The server as a whole: starting, connections, statistics, stopping.
 *
 * Stopping, in order: new connections are closed as they come, answers say "Connection: close",
 * streams end; what runs may run on until the timeout; what is deferred then is abandoned, which
 * resumes it; nothing can be suspended from there on, as libmicrohttpd demands before it stops.
 * MHD_quiesce_daemon() is not used: it aborts the process when a worker takes the listening
 * socket out of its epoll set at the same moment.
 */
#include "base/clock.h"
#include "base/log.h"
#include "net/http/internal.h"
#include "net/http/keeper.h"
#include "net/http/listen.h"
#include "net/http/tls.h"
#include <assert.h>
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

/* A connection's memory beside the headers themselves: libmicrohttpd's records of up to HEADERS_MAX
 * headers and cookies, and the answer's headers. libmicrohttpd clears all of it after each request, and
 * takes what is over 32 KiB from mmap(), so less is faster. */
#define MEMORY_SPARE (12u << 10)

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

static int64_t max3(int64_t a, int64_t b, int64_t c)
{
	int64_t m = a > b ? a : b;
	return m > c ? m : c;
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

static enum MHD_Result on_accept(void *cls, const struct sockaddr *from, socklen_t n)
{
	const struct http_server *s = cls;
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

static struct conn *conn_new(struct http_server *s, struct MHD_Connection *mhd)
{
	const struct sockaddr *sa =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
	struct conn *c = calloc(1, sizeof *c);
	if (!c)
		abort();
	c->server = s;
	c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	c->deadline_ms = clock_mono_ms() + s->o.limits.header_timeout_ms;
	name_peer(sa, c->peer);
	rate_address(sa, &c->from);
	return c;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = cls;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		struct conn *c = conn_new(s, mhd);
		*socket_context = c;
		s->n_connections++;
		keeper_add(s->keeper, c);
	} else {
		struct conn *c = *socket_context;
		*socket_context = NULL;
		keeper_remove(s->keeper, c);
		s->n_connections--;
		free(c);
	}
}

/* ---- the daemon ---- */

/* Mostly about peers that misbehave; what the machine lacks is worth a warning. */
static void on_log(void *cls, const char *fmt, va_list ap)
{
	char text[256];
	(void)cls;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	vsnprintf(text, sizeof text, fmt, ap);
#pragma GCC diagnostic pop
	text[strcspn(text, "\n")] = '\0';
	if (strstr(text, "resource limit"))
		log_limited(LOG_LEVEL_WARN, "http: out of descriptors or memory",
			    F_STR("libmicrohttpd", text));
	else
		log_limited(LOG_LEVEL_DEBUG, "http: connection trouble",
			    F_STR("libmicrohttpd", text));
}

/* We decode ourselves, so that a bad escape is an error and %2F no separator. */
static size_t no_unescape(void *cls, struct MHD_Connection *mhd, char *s)
{
	(void)cls;
	(void)mhd;
	return strlen(s);
}

static struct MHD_Daemon *start_daemon(struct http_server *s, int fd, bool ipv6)
{
	const struct http_limits *l = &s->o.limits;
	int64_t silence_ms = max3(l->header_timeout_ms, l->body_timeout_ms, l->idle_timeout_ms);
	struct MHD_OptionItem items[24];
	size_t n = 0;
#define ADD(option, value, pointer)                                                                \
	(items[n++] = (struct MHD_OptionItem){ (option), (intptr_t)(value), (void *)(pointer) })
	ADD(MHD_OPTION_LISTEN_SOCKET, fd, NULL);
	ADD(MHD_OPTION_CONNECTION_LIMIT, l->connections_max, NULL);
	ADD(MHD_OPTION_CONNECTION_TIMEOUT, (silence_ms + 999) / 1000, NULL);
	ADD(MHD_OPTION_CONNECTION_MEMORY_LIMIT, l->header_max + MEMORY_SPARE, NULL);
	ADD(MHD_OPTION_CONNECTION_MEMORY_INCREMENT, 4096, NULL);
	ADD(MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s);
	ADD(MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, s);
	ADD(MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, s);
	ADD(MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)no_unescape, NULL);
	if (s->o.n_workers > 1)
		ADD(MHD_OPTION_THREAD_POOL_SIZE, s->o.n_workers, NULL);
	if (l->connections_per_ip > 0)
		ADD(MHD_OPTION_PER_IP_CONNECTION_LIMIT, l->connections_per_ip, NULL);
	if (s->tls) {
		ADD(MHD_OPTION_HTTPS_PRIORITIES, 0, TLS_PRIORITIES);
		ADD(MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, tls_retrieve);
	}
	ADD(MHD_OPTION_END, 0, NULL);
#undef ADD
	assert(n <= ARRAY_SIZE(items));
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME |
			 MHD_USE_ERROR_LOG | (s->tls ? MHD_USE_TLS : 0) |
			 (ipv6 ? MHD_USE_DUAL_STACK : 0);
	return MHD_start_daemon(flags, 0, on_accept, s, on_access, s, MHD_OPTION_EXTERNAL_LOGGER,
				on_log, NULL, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
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
	if (r < 0) {
		close(fd);
		return r;
	}
	s->daemon = start_daemon(s, fd, ipv6);
	if (s->daemon)
		return 0;
	keeper_free(s->keeper); /* and libmicrohttpd has closed the socket */
	return error_set(err, ERR_INTERNAL, "the HTTP server on %s does not start", s->o.listen);
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
	if (!s->daemon)
		return;
	s->stopping = true;
	streams_end(s);
	bool ended = wait_ended(s, timeout_ms);
	requests_abandon(s);
	if (!ended)
		wait_ended(s, FLUSH_MS);
	MHD_stop_daemon(s->daemon);
	s->daemon = NULL;
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
