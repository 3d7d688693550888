/* SPDX-License-Identifier: Apache-2.0
 *
 * What threads do to each other: deferred requests answered from elsewhere, streams fed from
 * elsewhere, peers that vanish, stops in the middle of it all. Meant for ThreadSanitizer. Each
 * test ends with nothing left: no connection, deferred request, stream or descriptor.
 */
#include "base/clock.h"
#include "base/log.h"
#include "net/http/http.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 256

/* ---- the code that owns deferred requests and streams ---- */

struct feed { /* a stream and its owner's pointer to it */
	pthread_mutex_t lock;
	struct http_stream *stream; /* NULL: closed */
	_Atomic int n_closed;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct http_request *parked[MANY];
	size_t n_parked;
	bool hold; /* the answering threads leave them alone */
	bool end;
	struct feed feeds[MANY];
	_Atomic size_t n_taken, n_feeds;
	_Atomic unsigned n_after, n_status[600];
} world;

static void answer(struct http_request *req)
{
	http_reply_header(req, "X-Answered", "yes");
	http_reply_json(req, 200,
			json_pack("{s:s,s:s}", "path", http_path(req), "agent",
				  http_header(req, "User-Agent") ? "given" : "none"));
	http_resume(req);
}

static void *answer_parked(void *arg)
{
	pthread_mutex_lock(&world.lock);
	while (!world.end) {
		if (world.hold || world.n_parked == 0) {
			pthread_cond_wait(&world.changed, &world.lock);
			continue;
		}
		struct http_request *req = world.parked[--world.n_parked];
		pthread_mutex_unlock(&world.lock);
		answer(req);
		pthread_mutex_lock(&world.lock);
	}
	pthread_mutex_unlock(&world.lock);
	return NULL;
}

static void on_defer(struct http_request *req)
{
	http_defer(req);
	pthread_mutex_lock(&world.lock);
	world.parked[world.n_parked++] = req;
	pthread_cond_broadcast(&world.changed);
	pthread_mutex_unlock(&world.lock);
}

static void on_defer_here(struct http_request *req) /* resumed before the handler returns */
{
	http_defer(req);
	answer(req);
}

static void on_hello(struct http_request *req)
{
	http_reply(req, 200, "text/plain", (struct span){ (const uint8_t *)"hello", 5 });
}

static void feed_closed(void *user)
{
	struct feed *f = user;
	pthread_mutex_lock(&f->lock);
	f->stream = NULL;
	f->n_closed++;
	pthread_mutex_unlock(&f->lock);
}

static void on_stream(struct http_request *req)
{
	struct feed *f = &world.feeds[world.n_taken++];
	pthread_mutex_lock(&f->lock);
	f->stream = http_stream_start(req, "text/event-stream", feed_closed, f);
	pthread_mutex_unlock(&f->lock);
	world.n_feeds++;
}

/* Feeds every stream until all have closed or 'until_ms'. */
static size_t feed_all(int64_t until_ms, const char *event)
{
	size_t n_open;
	do {
		n_open = 0;
		for (size_t i = 0; i < world.n_feeds; i++) {
			struct feed *f = &world.feeds[i];
			pthread_mutex_lock(&f->lock);
			if (f->stream) {
				n_open++;
				http_stream_send(f->stream, span_str(event));
			}
			pthread_mutex_unlock(&f->lock);
		}
		usleep(1000);
	} while (n_open > 0 && clock_mono_ms() < until_ms);
	return n_open;
}

/* ---- the server ---- */

static const struct http_route routes[] = {
	{ .method = "GET", .pattern = "/hello", .handler = on_hello },
	{ .method = "GET", .pattern = "/defer", .handler = on_defer },
	{ .method = "GET", .pattern = "/defer-here", .handler = on_defer_here },
	{ .method = "POST", .pattern = "/defer", .handler = on_defer, .body_max = 1000 },
	{ .method = "GET", .pattern = "/stream", .handler = on_stream },
	{ 0 },
};

static void after(struct http_request *req, int status, size_t n_bytes, int64_t duration_us,
		  void *user)
{
	world.n_after++;
	world.n_status[status]++;
}

static struct http_server *server;
static pthread_t answering[2];

static size_t n_descriptors(void)
{
	size_t n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static size_t n_descriptors_before;

static int setup(void **state)
{
	static const struct http_route *const tables[] = { routes, NULL };
	const struct http_options o = {
		.listen = "127.0.0.1:0", .n_workers = 2, .tables = tables, .after = after
	};
	struct error err;
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
	n_descriptors_before = n_descriptors();
	memset(&world, 0, sizeof world);
	pthread_mutex_init(&world.lock, NULL);
	pthread_cond_init(&world.changed, NULL);
	for (size_t i = 0; i < MANY; i++)
		pthread_mutex_init(&world.feeds[i].lock, NULL);
	if (http_server_new(&o, &server, &err))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(answering); i++)
		pthread_create(&answering[i], NULL, answer_parked, NULL);
	return 0;
}

static void end_answering(void)
{
	pthread_mutex_lock(&world.lock);
	world.end = true;
	pthread_cond_broadcast(&world.changed);
	pthread_mutex_unlock(&world.lock);
	for (size_t i = 0; i < ARRAY_SIZE(answering); i++)
		pthread_join(answering[i], NULL);
}

static void assert_nothing_left(void)
{
	struct http_stats s;
	http_server_stats(server, &s);
	assert_int_equal(s.n_connections, 0);
	assert_int_equal(s.n_deferred, 0);
	assert_int_equal(s.n_streams, 0);
	assert_int_equal(world.n_after, s.n_requests);
	for (size_t i = 0; i < world.n_feeds; i++)
		assert_int_equal(world.feeds[i].n_closed, 1);
	http_server_free(server);
	assert_int_equal(n_descriptors(), n_descriptors_before);
}

static int teardown(void **state)
{
	pthread_mutex_destroy(&world.lock);
	pthread_cond_destroy(&world.changed);
	return 0;
}

/* ---- peers ---- */

static int dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)http_server_port(server)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval patience = { .tv_sec = 20 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void say(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return; /* the peer is gone: the answer tells */
}

/* Reads one answer whose body ends with '}' or "hello"; its status, 0: none. */
static int hear(int fd)
{
	char text[4096];
	size_t n = 0;
	while (n < sizeof text - 1) {
		ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
		text[n] = '\0';
		char *body = strstr(text, "\r\n\r\n");
		if (body && (text[n - 1] == '}' || strcmp(body + 4, "hello") == 0))
			break;
	}
	text[n] = '\0';
	return n > 12 ? (int)strtol(text + 9, NULL, 10) : 0;
}

static void wait_parked(size_t n)
{
	for (;;) {
		pthread_mutex_lock(&world.lock);
		bool there = world.n_parked >= n;
		pthread_mutex_unlock(&world.lock);
		if (there)
			return;
		usleep(1000);
	}
}

static void hold(bool yes)
{
	pthread_mutex_lock(&world.lock);
	world.hold = yes;
	pthread_cond_broadcast(&world.changed);
	pthread_mutex_unlock(&world.lock);
}

/* ---- many deferred requests, each answered by whoever comes first ---- */

static void *ask_many(void *arg)
{
	static const char *const requests[] = {
		"GET /defer HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\n\r\n",
		"GET /defer-here HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /defer HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
		"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n",
	};
	intptr_t n_bad = 0;
	int fd = dial();
	for (size_t i = 0; i < 300; i++) {
		say(fd, requests[(i + (size_t)(uintptr_t)arg) % ARRAY_SIZE(requests)]);
		if (hear(fd) != 200)
			n_bad++;
	}
	close(fd);
	return (void *)n_bad;
}

static void test_storm(void **state)
{
	pthread_t peers[8];
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		pthread_create(&peers[i], NULL, ask_many, (void *)(uintptr_t)i);
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
		void *n_bad;
		pthread_join(peers[i], &n_bad);
		assert_null(n_bad);
	}
	http_server_stop(server, 5000);
	end_answering();
	assert_int_equal(world.n_status[200], 8 * 300);
	assert_nothing_left();
}

/* ---- peers that vanish while their request is deferred ---- */

static void test_vanish(void **state)
{
	int fds[64];
	hold(true);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial();
		say(fds[i], "GET /defer HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	wait_parked(ARRAY_SIZE(fds));
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct linger reset = { .l_onoff = 1 }; /* half of them with a bang */
		if (i % 2)
			setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		close(fds[i]);
	}
	hold(false);
	int fd = dial();
	say(fd, "GET /defer HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(hear(fd), 200);
	close(fd);
	http_server_stop(server, 5000);
	end_answering();
	assert_nothing_left();
}

/* ---- streams: peers that leave, peers that do not read, a server that ends ---- */

static void test_streams(void **state)
{
	int fds[32];
	char text[256];
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial();
		say(fds[i], "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	while (world.n_feeds < ARRAY_SIZE(fds))
		usleep(1000);
	feed_all(clock_mono_ms() + 50, "data: 1\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		assert_true(recv(fds[i], text, sizeof text, 0) > 0);
		close(fds[i]);
	}
	assert_int_equal(feed_all(clock_mono_ms() + 10000, "data: 2\n\n"), 0);
	http_server_stop(server, 1000);
	end_answering();
	assert_nothing_left();
}

static void test_stream_slow_peer(void **state)
{
	static char event[60000];
	int fd = dial();
	memset(event, 'x', sizeof event - 1);
	say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	while (world.n_feeds < 1)
		usleep(1000);
	assert_int_equal(feed_all(clock_mono_ms() + 20000, event), 0);
	close(fd);
	http_server_stop(server, 1000);
	end_answering();
	assert_nothing_left();
}

static void *feed_thread(void *arg)
{
	feed_all(clock_mono_ms() + 20000, "data: 1\n\n");
	return NULL;
}

/* ---- a stop in the middle ---- */

static void test_stop_midway(void **state)
{
	int deferred[16], streams[16], uploads[4];
	pthread_t feeder;
	struct http_stats s;
	hold(true);
	for (size_t i = 0; i < ARRAY_SIZE(deferred); i++) {
		deferred[i] = dial();
		say(deferred[i], "GET /defer HTTP/1.1\r\nHost: x\r\n\r\n");
		streams[i] = dial();
		say(streams[i], "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(uploads); i++) {
		uploads[i] = dial();
		say(uploads[i],
		    "POST /defer HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nabc");
	}
	wait_parked(ARRAY_SIZE(deferred));
	while (world.n_feeds < ARRAY_SIZE(streams))
		usleep(1000);
	pthread_create(&feeder, NULL, feed_thread, NULL);
	http_server_stop(server, 100);
	pthread_join(feeder, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(deferred); i++) {
		assert_int_equal(hear(deferred[i]), 503);
		close(deferred[i]);
		close(streams[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(uploads); i++)
		close(uploads[i]);
	http_server_stats(server, &s);
	assert_int_equal(s.n_deferred, ARRAY_SIZE(deferred)); /* their owner still has them */
	hold(false);
	while (http_server_stats(server, &s), s.n_deferred > 0)
		usleep(1000);
	end_answering();
	assert_int_equal(world.n_status[503], ARRAY_SIZE(deferred));
	assert_nothing_left();
}

/* The owner may be later still: after the server has been freed. */
static void test_resume_after_free(void **state)
{
	hold(true);
	int fd = dial();
	say(fd, "GET /defer HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\n\r\n");
	wait_parked(1);
	http_server_stop(server, 0);
	http_server_free(server);
	assert_int_equal(hear(fd), 503);
	close(fd);
	hold(false);
	while (pthread_mutex_lock(&world.lock), world.n_parked > 0) {
		pthread_mutex_unlock(&world.lock);
		usleep(1000);
	}
	pthread_mutex_unlock(&world.lock);
	end_answering();
	assert_int_equal(n_descriptors(), n_descriptors_before);
}

/* Requests keep coming while the server stops. */
static void *ask_until_refused(void *arg)
{
	while (true) {
		int fd = dial(), status;
		if (fd < 0)
			return NULL;
		do {
			say(fd, "GET /defer HTTP/1.1\r\nHost: x\r\n\r\n");
			status = hear(fd);
		} while (status == 200);
		close(fd);
		if (status == 0 && atomic_load((_Atomic bool *)arg))
			return NULL;
	}
}

static void test_stop_under_load(void **state)
{
	pthread_t peers[8];
	_Atomic bool stopping = false;
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		pthread_create(&peers[i], NULL, ask_until_refused, &stopping);
	while (world.n_after < 500)
		usleep(1000);
	stopping = true;
	http_server_stop(server, 20);
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		pthread_join(peers[i], NULL);
	end_answering();
	while (world.n_parked > 0) /* what was parked after the answering ended */
		answer(world.parked[--world.n_parked]);
	assert_nothing_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_storm, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vanish, setup, teardown),
		cmocka_unit_test_setup_teardown(test_streams, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream_slow_peer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_midway, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resume_after_free, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_under_load, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
