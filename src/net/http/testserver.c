/* SPDX-License-Identifier: Apache-2.0
 *
 * A server for tests and benchmarks only: routes that use everything net/http can do.
 *
 * Prints "ready PORT" when it serves. SIGHUP reads the certificate again, SIGTERM stops, prints the
 * statistics, which are then back to zero, and exits. One thread plays the part of the store's
 * writer and of the followers: it answers deferred requests and feeds streams when they are due.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/options.h"
#include "net/http/http.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

struct job { /* one deferred request, or one stream */
	struct job *next;
	int64_t due_ms;
	struct http_request *req;
	struct http_stream *stream; /* NULL: it has closed */
	int64_t every_ms, n_left, n_sent;
	size_t n_bytes; /* of an event */
};

static struct {
	pthread_mutex_t lock; /* the jobs, and the streams' owner lock */
	pthread_cond_t changed;
	struct job *jobs;
	bool end;
} work = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static struct http_server *server;
static const char *file_path = "";
static char big[4 << 20];

/* ---- the background thread ---- */

static void job_add(struct job *j)
{
	pthread_mutex_lock(&work.lock);
	j->next = work.jobs;
	work.jobs = j;
	pthread_cond_signal(&work.changed);
	pthread_mutex_unlock(&work.lock);
}

/* true: the job is done and freed. Under the lock. */
static bool job_run(struct job *j)
{
	if (j->req) {
		http_reply_json(j->req, 200, json_pack("{s:s}", "answer", "late"));
		http_resume(j->req);
		free(j);
		return true;
	}
	if (!j->stream) { /* closed */
		free(j);
		return true;
	}
	char event[64];
	int n = snprintf(event, sizeof event, "data: %lld\n\n", (long long)j->n_sent++);
	struct span bytes = { (const uint8_t *)event, (size_t)n };
	if (j->n_bytes > 0)
		bytes = (struct span){ (const uint8_t *)big, j->n_bytes };
	if (!http_stream_send(j->stream, bytes) || --j->n_left <= 0)
		http_stream_end(j->stream);
	j->due_ms = clock_mono_ms() + j->every_ms;
	return false;
}

static int64_t run_due(void)
{
	int64_t now_ms = clock_mono_ms(), next_ms = now_ms + 1000;
	for (struct job **at = &work.jobs; *at;) {
		struct job *j = *at, *after = j->next;
		if (j->due_ms > now_ms && (j->req || j->stream)) {
			next_ms = j->due_ms < next_ms ? j->due_ms : next_ms;
			at = &j->next;
		} else if (job_run(j)) {
			*at = after;
		} else {
			next_ms = now_ms + 1;
			at = &j->next;
		}
	}
	return next_ms;
}

static void *run_jobs(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&work.lock);
	while (!work.end || work.jobs) {
		int64_t at_ms = run_due() - clock_mono_ms() + clock_utc_ms();
		struct timespec t = { at_ms / 1000, at_ms % 1000 * 1000000 };
		pthread_cond_timedwait(&work.changed, &work.lock, &t);
	}
	pthread_mutex_unlock(&work.lock);
	return NULL;
}

/* ---- handlers ---- */

static struct span text_span(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

static void hello(struct http_request *req)
{
	http_reply_static(req, 200, "text/plain", text_span("hello, world\n"), NULL, NULL);
}

static void item(struct http_request *req)
{
	struct error err;
	int64_t id, limit = 100;
	int r = http_path_id(req, "id", &id, &err);
	if (r == 0)
		r = http_query_int(req, "limit", 1, 1000, &limit, &err);
	if (r)
		http_reply_result(req, r, &err);
	else
		http_reply_json(req, 200, json_pack("{s:I,s:I}", "id", id, "limit", limit));
}

static void echo(struct http_request *req)
{
	const char *q = http_query(req, "q"), *h = http_header(req, "X-Test");
	const char *cookie = http_cookie(req, "session");
	http_reply_json(req, 200,
			json_pack("{s:s,s:s,s:s,s:s?,s:s?,s:s?,s:s,s:s}", "method",
				  http_method(req), "path", http_path(req), "name",
				  http_path_param(req, "name"), "q", q, "header", h, "cookie",
				  cookie, "peer", http_peer(req), "id", http_request_id(req)));
}

static void take_body(struct http_request *req)
{
	struct span body = http_body(req);
	http_reply(req, 200, "application/octet-stream", body);
}

static void take_json(struct http_request *req)
{
	struct error err;
	json_t *j;
	int r = http_body_json(req, &j, &err);
	if (r)
		http_reply_result(req, r, &err);
	else
		http_reply_json(req, 201, json_incref(j));
}

static void take_file(struct http_request *req)
{
	const struct http_body_file *f = http_request_body_file(req);
	if (!f)
		http_reply_empty(req, 204);
	else
		http_reply_json(
			req, 201,
			json_pack("{s:I,s:s}", "size", (json_int_t)f->size, "sha256", f->sha256));
}

static void give_file(struct http_request *req)
{
	int fd = open(file_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		http_reply_result(req, -errno, NULL);
	else
		http_reply_file(req, fd, "application/octet-stream", "v1");
}

static void give_big(struct http_request *req)
{
	http_reply_static(req, 200, "text/plain", (struct span){ (const uint8_t *)big, sizeof big },
			  NULL, NULL);
}

static void give_bytes(struct http_request *req)
{
	struct error err;
	int64_t n;
	int r = http_path_id(req, "n", &n, &err);
	if (r == 0 && (size_t)n > sizeof big)
		r = error_set(&err, ERR_TOO_LARGE, "at most %zu", sizeof big);
	if (r)
		http_reply_result(req, r, &err);
	else
		http_reply_static(req, 200, "text/plain",
				  (struct span){ (const uint8_t *)big, (size_t)n }, NULL, NULL);
}

static int64_t number(struct http_request *req, const char *name, int64_t fallback)
{
	struct error err;
	int64_t v = fallback;
	return http_query_int(req, name, 0, INT32_MAX, &v, &err) == 0 ? v : fallback;
}

static void defer(struct http_request *req)
{
	struct job *j = calloc(1, sizeof *j);
	if (!j)
		abort();
	j->due_ms = clock_mono_ms() + number(req, "ms", 0);
	j->req = req;
	http_defer(req);
	job_add(j);
}

static void stream_closed(void *user)
{
	struct job *j = user;
	pthread_mutex_lock(&work.lock);
	j->stream = NULL; /* the thread frees it */
	pthread_cond_signal(&work.changed);
	pthread_mutex_unlock(&work.lock);
}

static void stream(struct http_request *req)
{
	struct job *j = calloc(1, sizeof *j);
	if (!j)
		abort();
	j->due_ms = clock_mono_ms();
	j->every_ms = number(req, "ms", 1);
	j->n_left = number(req, "n", 3);
	j->n_bytes = (size_t)number(req, "bytes", 0) % sizeof big;
	j->stream = http_stream_start(req, "text/event-stream", stream_closed, j);
	job_add(j);
}

static void fail(struct http_request *req)
{
	const char *slug = http_path_param(req, "slug");
	struct error err;
	if (strcmp(slug, "unexpected") == 0) {
		http_reply_result(req, -EIO, NULL);
	} else if (strcmp(slug, "silent") != 0) { /* silent: a handler with a mistake */
		error_set(&err, err_from_slug(slug), "as you wished: %s", slug);
		http_reply_error(req, &err);
	}
}

static void stats(struct http_request *req)
{
	struct http_stats s;
	http_server_stats(server, &s);
	http_reply_json(req, 200,
			json_pack("{s:I,s:I,s:I,s:i,s:i,s:i}", "requests", (json_int_t)s.n_requests,
				  "refused", (json_int_t)s.n_refused, "rate_limited",
				  (json_int_t)s.n_rate_limited, "connections", (int)s.n_connections,
				  "deferred", (int)s.n_deferred, "streams", (int)s.n_streams));
}

static bool before(struct http_request *req, void *user)
{
	struct error err;
	(void)user;
	if (!http_route(req)->auth)
		return true;
	const char *token = http_header(req, "Authorization");
	if (token && strcmp(token, "Bearer sesame") == 0)
		return true;
	error_set(&err, ERR_UNAUTHENTICATED, "say sesame");
	http_reply_error(req, &err);
	return false;
}

static const struct http_param item_params[] = {
	{ "limit", "integer", "how many" },
	{ 0 },
};

static const struct http_route routes[] = {
	{ .method = "GET", .pattern = "/hello", .handler = hello },
	{ .method = "GET",
	  .pattern = "/items/{id}",
	  .handler = item,
	  .strict_query = true,
	  .params = item_params },
	{ .method = "DELETE", .pattern = "/items/{id}", .handler = item },
	{ .method = "GET", .pattern = "/echo/{name}", .handler = echo },
	{ .method = "GET", .pattern = "/rest/{name*}", .handler = echo },
	{ .method = "POST", .pattern = "/body", .handler = take_body, .body_max = 100000 },
	{ .method = "POST", .pattern = "/none", .handler = hello },
	{ .method = "POST",
	  .pattern = "/json",
	  .handler = take_json,
	  .body_max = 100000,
	  .content_type = "application/json" },
	{ .method = "POST",
	  .pattern = "/file",
	  .handler = take_file,
	  .body_max = 256u << 20,
	  .body_file = true },
	{ .method = "GET", .pattern = "/file", .handler = give_file },
	{ .method = "GET", .pattern = "/big", .handler = give_big },
	{ .method = "GET", .pattern = "/bytes/{n}", .handler = give_bytes },
	{ .method = "GET", .pattern = "/defer", .handler = defer },
	{ .method = "POST", .pattern = "/defer", .handler = defer, .body_max = 1000 },
	{ .method = "GET", .pattern = "/stream", .handler = stream },
	{ .method = "GET", .pattern = "/limited", .handler = hello, .rate = RATE_LOGIN },
	{ .method = "POST",
	  .pattern = "/secret",
	  .handler = take_body,
	  .auth = 1,
	  .body_max = 1000 },
	{ .method = "GET", .pattern = "/cors/{name}", .handler = echo, .cors = true },
	{ .method = "PUT",
	  .pattern = "/cors/{name}",
	  .handler = echo,
	  .cors = true,
	  .body_max = 1000 },
	{ .method = "GET", .pattern = "/fail/{slug}", .handler = fail },
	{ .method = "GET", .pattern = "/stats", .handler = stats },
	{ 0 },
};

/* ---- main ---- */

static int serve(struct http_options *o, int64_t stop_ms)
{
	struct error err;
	pthread_t thread;
	sigset_t signals;
	struct http_stats s;
	int signal_number = 0;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	int r = http_server_new(o, &server, &err);
	if (r) {
		fprintf(stderr, "%s\n", r > 0 ? err.message : strerror(-r));
		return 1;
	}
	pthread_create(&thread, NULL, run_jobs, NULL);
	printf("ready %u\n", http_server_port(server));
	fflush(stdout);
	while (sigwait(&signals, &signal_number) == 0 && signal_number == SIGHUP) {
		printf("reload %s\n", http_server_reload_tls(server, &err) ? err.message : "ok");
		fflush(stdout);
	}
	http_server_stop(server, stop_ms);
	pthread_mutex_lock(&work.lock);
	work.end = true; /* after what is still deferred, which the server has given up on */
	for (struct job *j = work.jobs; j; j = j->next)
		j->due_ms = 0;
	pthread_cond_signal(&work.changed);
	pthread_mutex_unlock(&work.lock);
	pthread_join(thread, NULL);
	http_server_stats(server, &s);
	printf("stopped connections=%u deferred=%u streams=%u\n", s.n_connections, s.n_deferred,
	       s.n_streams);
	http_server_free(server);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct http_route *const tables[] = { routes, NULL };
	struct http_options o = { .listen = "127.0.0.1:0", .tables = tables, .before = before };
	int64_t workers = 2, per_ip = 0, connections = 0, stop_ms = 2000;
	bool debug = false;
	const struct option rows[] = {
		{ 0, "listen", OPTION_STR, "ADDR:PORT", "", &o.listen, NULL },
		{ 0, "tls-cert", OPTION_STR, "FILE", "", &o.tls_cert, NULL },
		{ 0, "tls-key", OPTION_STR, "FILE", "", &o.tls_key, NULL },
		{ 0, "body-dir", OPTION_STR, "DIR", "", &o.body_dir, NULL },
		{ 0, "file", OPTION_STR, "FILE", "", &file_path, NULL },
		{ 0, "workers", OPTION_INT, "N", "", &workers, NULL },
		{ 0, "per-ip", OPTION_INT, "N", "", &per_ip, NULL },
		{ 0, "connections", OPTION_INT, "N", "", &connections, NULL },
		{ 0, "header-timeout", OPTION_DURATION, "T", "", &o.limits.header_timeout_ms,
		  NULL },
		{ 0, "body-timeout", OPTION_DURATION, "T", "", &o.limits.body_timeout_ms, NULL },
		{ 0, "idle-timeout", OPTION_DURATION, "T", "", &o.limits.idle_timeout_ms, NULL },
		{ 0, "stop-timeout", OPTION_DURATION, "T", "", &stop_ms, NULL },
		{ 0, "debug", OPTION_FLAG, NULL, "", &debug, NULL },
		{ 0 },
	};
	struct error err;
	int n_args;
	if (options_parse(rows, argc, argv, &n_args, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 2;
	}
	log_setup(debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	memset(big, 'x', sizeof big);
	o.n_workers = (unsigned)workers;
	o.limits.connections_per_ip = (unsigned)per_ip;
	o.limits.connections_max = (unsigned)connections;
	o.limits.rate[RATE_LOGIN].per_second = 5;
	o.limits.rate[RATE_LOGIN].burst = 5;
	return serve(&o, stop_ms);
}
