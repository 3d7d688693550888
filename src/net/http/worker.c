/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop of a worker; worker.h tells why it is ours. A round: resume what was answered, let
 * libmicrohttpd do what it can without waiting, wait until there is something to do again.
 */
#include "net/http/worker.h"
#include "base/log.h"
#include "net/http/tls.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A connection's memory beside the headers themselves: libmicrohttpd's records of up to HEADERS_MAX
 * headers and cookies, and the answer's headers. libmicrohttpd clears all of it after each request, and
 * takes what is over 32 KiB from mmap(), so less is faster. */
#define MEMORY_SPARE (12u << 10)

struct worker {
	pthread_t thread;
	struct http_server *server;
	struct MHD_Daemon *daemon;
	int epoll; /* libmicrohttpd's */
	int wake;  /* an eventfd */
	_Atomic bool end;
	bool closed; /* a connection, in this round; of the thread alone */

	pthread_mutex_t lock;
	struct http_request *resumed, **resumed_end; /* answered, in order, by 'next' */
};

struct http_server *worker_server(const struct worker *w)
{
	return w->server;
}

/* ---- from other threads ---- */

void worker_wake(struct worker *w)
{
	eventfd_write(w->wake, 1);
}

void worker_resume(struct worker *w, struct http_request *req)
{
	req->next = NULL;
	pthread_mutex_lock(&w->lock);
	bool first = !w->resumed;
	*w->resumed_end = req;
	w->resumed_end = &req->next;
	pthread_mutex_unlock(&w->lock);
	if (first)
		worker_wake(w);
}

/* ---- the thread ---- */

void worker_closed(struct worker *w)
{
	w->closed = true;
}

static void resume_all(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	struct http_request *req = w->resumed, *next;
	w->resumed = NULL;
	w->resumed_end = &w->resumed;
	pthread_mutex_unlock(&w->lock);
	for (; req; req = next) {
		next = req->next;
		MHD_resume_connection(req->mhd);
	}
}

static void wait_for_work(struct worker *w)
{
	struct pollfd fds[] = { { .fd = w->epoll, .events = POLLIN },
				{ .fd = w->wake, .events = POLLIN } };
	MHD_UNSIGNED_LONG_LONG until_ms = 0;
	eventfd_t n;
	int timeout_ms = -1;
	if (MHD_get_timeout(w->daemon, &until_ms) == MHD_YES)
		timeout_ms = until_ms < INT_MAX ? (int)until_ms : INT_MAX;
	if (timeout_ms == 0)
		return;
	if (poll(fds, ARRAY_SIZE(fds), timeout_ms) > 0 && fds[1].revents)
		eventfd_read(w->wake, &n);
}

/* At its limit libmicrohttpd takes the listening socket out of its epoll set, and puts it back when it begins to run and is
 * below: so there is another round, without waiting, after a connection has ended. */
static void *run(void *arg)
{
	struct worker *w = arg;
	for (bool end = false; !end;) {
		end = w->end; /* before the last look at what was resumed */
		w->closed = false;
		resume_all(w);
		MHD_run(w->daemon);
		if (!end && !w->closed)
			wait_for_work(w);
	}
	MHD_stop_daemon(w->daemon);
	return NULL;
}

/* ---- libmicrohttpd ---- */

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

static int64_t max3(int64_t a, int64_t b, int64_t c)
{
	int64_t m = a > b ? a : b;
	return m > c ? m : c;
}

static struct MHD_Daemon *start_daemon(struct worker *w, struct http_server *s, int fd, bool ipv6,
				       unsigned connections_max)
{
	const struct http_limits *l = &s->o.limits;
	int64_t silence_ms = max3(l->header_timeout_ms, l->body_timeout_ms, l->idle_timeout_ms);
	struct MHD_OptionItem items[24];
	size_t n = 0;
#define ADD(option, value, pointer)                                                                \
	(items[n++] = (struct MHD_OptionItem){ (option), (intptr_t)(value), (void *)(pointer) })
	ADD(MHD_OPTION_LISTEN_SOCKET, fd, NULL);
	ADD(MHD_OPTION_CONNECTION_LIMIT, connections_max, NULL);
	ADD(MHD_OPTION_CONNECTION_TIMEOUT, (silence_ms + 999) / 1000, NULL);
	ADD(MHD_OPTION_CONNECTION_MEMORY_LIMIT, l->header_max + MEMORY_SPARE, NULL);
	ADD(MHD_OPTION_CONNECTION_MEMORY_INCREMENT, 4096, NULL);
	ADD(MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, w);
	ADD(MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, s);
	ADD(MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, s);
	ADD(MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)no_unescape, NULL);
	ADD(MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL); /* the thread blocks it */
	if (l->connections_per_ip > 0)
		ADD(MHD_OPTION_PER_IP_CONNECTION_LIMIT, l->connections_per_ip, NULL);
	if (s->tls) {
		ADD(MHD_OPTION_HTTPS_PRIORITIES, 0, TLS_PRIORITIES);
		ADD(MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, tls_retrieve);
	}
	ADD(MHD_OPTION_END, 0, NULL);
#undef ADD
	assert(n <= ARRAY_SIZE(items));
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
			 (s->tls ? MHD_USE_TLS : 0) | (ipv6 ? MHD_USE_DUAL_STACK : 0);
	return MHD_start_daemon(flags, 0, on_accept, s, on_access, s, MHD_OPTION_EXTERNAL_LOGGER,
				on_log, NULL, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
}

/* ---- life ---- */

static void release(struct worker *w)
{
	if (w->wake >= 0)
		close(w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* Threads inherit their creator's mask, and a peer that is gone is no reason to die. */
static int start_thread(struct worker *w)
{
	sigset_t pipe, before;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	int r = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		pthread_setname_np(w->thread, "http-worker");
	return -r;
}

static int start(struct worker *w, struct http_server *s, int listening, bool ipv6,
		 unsigned connections_max)
{
	int fd = fcntl(listening, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	w->daemon = start_daemon(w, s, fd, ipv6, connections_max);
	if (!w->daemon)
		return -ENOMEM; /* and libmicrohttpd has closed the socket */
	w->epoll = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	int r = start_thread(w);
	if (r)
		MHD_stop_daemon(w->daemon);
	return r;
}

int worker_new(struct http_server *s, int fd, bool ipv6, unsigned connections_max,
	       struct worker **ret)
{
	struct worker *w = calloc(1, sizeof *w);
	if (!w)
		abort();
	pthread_mutex_init(&w->lock, NULL);
	w->server = s;
	w->resumed_end = &w->resumed;
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = w->wake < 0 ? -errno : start(w, s, fd, ipv6, connections_max);
	if (r)
		release(w);
	else
		*ret = w;
	return r;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	w->end = true;
	worker_wake(w);
	pthread_join(w->thread, NULL);
	release(w);
}
