/* SPDX-License-Identifier: Apache-2.0
 *
 * The client against a real mosquitto on a Unix socket (kill -9 and back included), and against peers that no broker
 * is: one that never answers, one that refuses, one that talks garbage, none at all.
 */
#include "base/clock.h"
#include "base/macros.h"
#include "net/mqtt/mqtt.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 60000
#define SEEN_MAX    2048

/* ---- what callbacks said ---- */

struct heard {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int n_connected, n_disconnected, n_published, n_messages, n_subscribed;
	bool session, granted;
	uint64_t last_published;
	char why[200], topics[SEEN_MAX][32];
	struct mqtt *client;
	bool echo; /* answers each message from inside the callback */
};

#define HEAR(h, change)                                                                            \
	do {                                                                                       \
		struct heard *x_ = (h);                                                            \
		pthread_mutex_lock(&x_->lock);                                                     \
		change;                                                                            \
		pthread_cond_broadcast(&x_->changed);                                              \
		pthread_mutex_unlock(&x_->lock);                                                   \
	} while (0)

static void on_connected(void *user, bool session)
{
	struct heard *h = user;
	HEAR(h, (h->n_connected++, h->session = session));
}

static void on_disconnected(void *user, const char *why)
{
	struct heard *h = user;
	HEAR(h, (h->n_disconnected++, snprintf(h->why, sizeof h->why, "%s", why)));
}

static void on_message(void *user, const struct mqtt_message *m)
{
	struct heard *h = user;
	struct error err;
	if (h->echo && strcmp(m->topic, "echo") != 0)
		assert_int_equal(mqtt_publish(h->client,
					      &(struct mqtt_message){ .topic = "echo",
								      .payload = m->payload,
								      .qos = 1 },
					      NULL, &err),
				 0);
	HEAR(h, snprintf(h->topics[h->n_messages++ % SEEN_MAX], 32, "%s", m->topic));
}

static void on_published(void *user, uint64_t id)
{
	struct heard *h = user;
	HEAR(h, (h->n_published++, h->last_published = id));
}

static void on_subscribed(void *user, const char *filter, bool granted)
{
	struct heard *h = user;
	(void)filter;
	HEAR(h, (h->n_subscribed++, h->granted = granted));
}

static struct heard *heard_new(void)
{
	struct heard *h = calloc(1, sizeof *h);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->changed, NULL);
	return h;
}

static void wait_for(struct heard *h, const int *counter, int least)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	pthread_mutex_lock(&h->lock);
	int r = 0;
	while (*counter < least && r == 0)
		r = pthread_cond_timedwait(&h->changed, &h->lock, &until);
	pthread_mutex_unlock(&h->lock);
	if (r)
		fail_msg("timed out: %d of %d; last: %s", *counter, least, h->why);
}

static struct mqtt *client_new(struct heard *h, struct mqtt_options o)
{
	struct mqtt *m = NULL;
	struct error err;
	o.clean_session = o.client_id == NULL;
	o.retry_first_ms = 20;
	o.retry_max_ms = 100;
	o.on = (struct mqtt_events){ on_connected, on_disconnected, on_message,
				     on_published, on_subscribed,   h };
	assert_int_equal(mqtt_new(&o, &m, &err), 0);
	h->client = m;
	assert_int_equal(mqtt_start(m), 0);
	return m;
}

static int publish(struct mqtt *m, const char *topic, const char *payload, int qos)
{
	struct error err;
	return mqtt_publish(
		m,
		&(struct mqtt_message){ .topic = topic, .payload = span_str(payload), .qos = qos },
		NULL, &err);
}

static void client_end(struct mqtt *m, struct heard *h)
{
	mqtt_free(m);
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

/* ---- mosquitto ---- */

#define MOSQUITTO                                                                                  \
	"/usr/sbin/mosquitto" /* Debian's; looked for when the test runs, without it they skip */

struct mosquitto_child {
	char dir[32], config[64], path[64];
	pid_t pid;
};

static bool have_mosquitto(void)
{
	return access(MOSQUITTO, X_OK) == 0;
}

static void child_start(struct mosquitto_child *c)
{
	unlink(c->path);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(MOSQUITTO, "mosquitto", "-c", c->config, (char *)NULL);
		_exit(127);
	}
}

static void child_kill(struct mosquitto_child *c)
{
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
}

static int set_up_broker(void **state)
{
	struct mosquitto_child *c = calloc(1, sizeof *c);
	*state = c;
	if (!have_mosquitto())
		return 0;
	snprintf(c->dir, sizeof c->dir, "/tmp/reeve-mqtt-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	snprintf(c->path, sizeof c->path, "%s/s", c->dir);
	snprintf(c->config, sizeof c->config, "%s/c", c->dir);
	FILE *f = fopen(c->config, "w");
	fprintf(f, "listener 0 %s\nallow_anonymous true\nlog_type none\nuser root\n", c->path);
	fclose(f);
	child_start(c);
	return 0;
}

static int tear_down_broker(void **state)
{
	struct mosquitto_child *c = *state;
	if (c->pid > 0) {
		child_kill(c);
		unlink(c->path);
		unlink(c->config);
		rmdir(c->dir);
	}
	free(c);
	return 0;
}

static void test_both_ways(void **state)
{
	struct mosquitto_child *c = *state;
	struct error err;
	if (!have_mosquitto())
		skip();
	struct heard *h = heard_new();
	h->echo = true;
	struct mqtt *m = client_new(h, (struct mqtt_options){ .host = c->path });
	assert_int_equal(mqtt_subscribe(m, "in/+", 1, &err), 0);
	assert_int_equal(mqtt_subscribe(m, "echo", 2, &err), 0);
	wait_for(h, &h->n_subscribed, 2);
	assert_true(h->granted);
	for (int qos = 0; qos <= 2; qos++)
		assert_int_equal(publish(m, "in/a", "payload", qos), 0);
	wait_for(h, &h->n_messages, 6); /* three, and their echoes */
	wait_for(h, &h->n_published, 6);
	struct mqtt_stats s;
	mqtt_stats(m, &s);
	assert_true(s.connected);
	assert_int_equal(s.n_queued + s.n_queued_bytes, 0);
	assert_int_equal(s.n_sent, 6);
	assert_int_equal(s.n_received, 6);
	client_end(m, h);
}

static void test_in_order_with_a_full_queue(void **state)
{
	struct mosquitto_child *c = *state;
	struct error err;
	char topic[32];
	if (!have_mosquitto())
		skip();
	struct heard *h = heard_new();
	struct mqtt *m = client_new(h, (struct mqtt_options){ .host = c->path, .queue_max = 50 });
	assert_int_equal(mqtt_subscribe(m, "n/#", 1, &err), 0);
	wait_for(h, &h->n_subscribed, 1);
	for (int i = 0; i < 1000; i++) {
		snprintf(topic, sizeof topic, "n/%d", i);
		int r;
		while ((r = publish(m, topic, "x", 1)) == ERR_UNAVAILABLE)
			usleep(100); /* the queue has no event for room: callers keep their own order */
		assert_int_equal(r, 0);
	}
	wait_for(h, &h->n_messages, 1000);
	for (int i = 0; i < 1000; i++) {
		snprintf(topic, sizeof topic, "n/%d", i);
		assert_string_equal(h->topics[i], topic);
	}
	client_end(m, h);
}

static void test_broker_killed(void **state)
{
	struct mosquitto_child *c = *state;
	struct error err;
	if (!have_mosquitto())
		skip();
	struct heard *h = heard_new();
	struct mqtt *m = client_new(h, (struct mqtt_options){ .host = c->path });
	assert_int_equal(mqtt_subscribe(m, "t", 1, &err), 0);
	wait_for(h, &h->n_subscribed, 1);
	child_kill(c);
	wait_for(h, &h->n_disconnected, 1);
	assert_int_equal(publish(m, "t", "0", 0), 0); /* kept meanwhile */
	assert_int_equal(publish(m, "t", "1", 1), 0);
	assert_int_equal(publish(m, "t", "2", 2), 0);
	child_start(c);
	wait_for(h, &h->n_connected, 2);
	wait_for(h, &h->n_subscribed, 2); /* restored */
	wait_for(h, &h->n_published, 3);
	wait_for(h, &h->n_messages, 1);
	client_end(m, h);
}

static void test_stop_drains(void **state)
{
	struct mosquitto_child *c = *state;
	if (!have_mosquitto())
		skip();
	struct heard *h = heard_new();
	struct mqtt *m = client_new(h, (struct mqtt_options){ .host = c->path });
	for (int i = 0; i < 500; i++)
		assert_int_equal(publish(m, "t", "x", 1), 0);
	wait_for(h, &h->n_connected, 1);
	mqtt_stop(m, PATIENCE_MS);
	assert_int_equal(h->n_published, 500);
	assert_int_equal(publish(m, "t", "x", 1), ERR_UNAVAILABLE);
	client_end(m, h);
}

static void test_session(void **state)
{
	struct mosquitto_child *c = *state;
	struct error err;
	if (!have_mosquitto())
		skip();
	struct heard *h = heard_new();
	struct mqtt *m = client_new(h, (struct mqtt_options){ .host = c->path, .client_id = "me" });
	assert_int_equal(mqtt_subscribe(m, "t", 1, &err), 0);
	wait_for(h, &h->n_subscribed, 1);
	assert_false(h->session);
	client_end(m, h);

	struct heard *h2 = heard_new();
	struct mqtt *other = client_new(h2, (struct mqtt_options){ .host = c->path });
	assert_int_equal(publish(other, "t", "while it was away", 1), 0);
	wait_for(h2, &h2->n_published, 1);
	client_end(other, h2);

	h = heard_new();
	m = client_new(h, (struct mqtt_options){ .host = c->path, .client_id = "me" });
	wait_for(h, &h->n_messages, 1);
	assert_true(h->session);
	client_end(m, h);
}

static struct mqtt *keeper(struct mosquitto_child *c, struct heard **ret)
{
	*ret = heard_new();
	return client_new(*ret, (struct mqtt_options){
					.host = c->path, .client_id = "keeper", .keeps = true });
}

static void say(struct mosquitto_child *c, const char *topic)
{
	struct heard *h = heard_new();
	struct mqtt *m = client_new(h, (struct mqtt_options){ .host = c->path });
	assert_int_equal(publish(m, topic, "x", 1), 0);
	wait_for(h, &h->n_published, 1);
	client_end(m, h);
}

/* Who ends before a message is taken is told again; afterwards, not. */
static void test_keeps(void **state)
{
	struct mosquitto_child *c = *state;
	struct heard *h;
	struct error err;
	if (!have_mosquitto())
		skip();
	struct mqtt *m = keeper(c, &h);
	assert_int_equal(mqtt_subscribe(m, "t/#", 1, &err), 0);
	wait_for(h, &h->n_subscribed, 1);
	say(c, "t/1");
	wait_for(h, &h->n_messages, 1);
	client_end(m, h);

	m = keeper(c, &h);
	wait_for(h, &h->n_messages, 1);
	assert_string_equal(h->topics[0], "t/1");
	assert_int_equal(publish(m, "out", "x", 1), 0); /* behind the acknowledgement */
	HEAR(h, assert_int_equal(h->n_published, 0));
	mqtt_taken(m);
	wait_for(h, &h->n_published, 1);
	client_end(m, h);

	m = keeper(c, &h);
	say(c, "t/2");
	wait_for(h, &h->n_messages, 1);
	assert_string_equal(h->topics[0], "t/2");
	client_end(m, h);
}

/* ---- peers that are no brokers ---- */

struct fake {
	const char *answer; /* NULL: none */
	size_t n_answer;
	int fd, port;
	pthread_t thread;
	_Atomic int n_accepted;
};

static void *fake_main(void *arg)
{
	struct fake *f = arg;
	char request[256];
	for (int fd; (fd = accept(f->fd, NULL, NULL)) >= 0;) {
		f->n_accepted++;
		ssize_t n = read(fd, request, sizeof request);
		if (f->answer && n > 0) {
			n = write(fd, f->answer, f->n_answer);
			while (read(fd, request, sizeof request) > 0)
				;
		} else if (n > 0) {
			while (read(fd, request, sizeof request) > 0)
				; /* until the client gives up */
		}
		close(fd);
	}
	return NULL;
}

static void fake_start(struct fake *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f->fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(f->fd, 8), 0);
	assert_int_equal(getsockname(f->fd, (struct sockaddr *)&a, &n), 0);
	f->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&f->thread, NULL, fake_main, f), 0);
}

static void fake_end(struct fake *f)
{
	shutdown(f->fd, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->fd);
}

static void test_bad_peers(void **state)
{
	static const struct {
		const char *answer;
		size_t n;
		const char *why; /* part of it; NULL: whatever libmosquitto says */
	} cases[] = {
		{ NULL, 0, "does not answer" },
		{ "\x20\x02\x00\x05", 4, "not authorised" },
		{ "\x20\x02\x00\x04", 4, "bad user name" },
		{ "\x20\x02\x00\x7f", 4, NULL },
		{ "HTTP/1.1 400 Bad Request\r\n\r\n", 28, NULL },
		{ "\x20\xff\xff\xff\xff\xff", 6, NULL },
		{ "\x30\x05\x00\x01t..", 7, NULL }, /* a message before the CONNACK */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake f = { .answer = cases[i].answer, .n_answer = cases[i].n };
		struct heard *h = heard_new();
		fake_start(&f);
		struct mqtt *m = client_new(h, (struct mqtt_options){ .host = "127.0.0.1",
								      .port = f.port,
								      .connect_timeout_ms = 100,
								      .user = "me",
								      .password = "s3cret" });
		wait_for(h, &h->n_disconnected, 2); /* and it goes on trying */
		assert_int_equal(h->n_connected, 0);
		pthread_mutex_lock(&h->lock);
		if (cases[i].why && !strstr(h->why, cases[i].why))
			fail_msg("case %zu: %s", i, h->why);
		assert_null(strstr(h->why, "s3cret"));
		pthread_mutex_unlock(&h->lock);
		client_end(m, h);
		fake_end(&f);
	}
}

static void count_attempts(struct mqtt *m, void *user)
{
	_Atomic int *n = user;
	mqtt_set_password(m, "fresh");
	++*n;
}

static void test_nobody_there(void **state)
{
	(void)state;
	struct heard *h = heard_new();
	_Atomic int n_attempts = 0;
	struct mqtt *m = client_new(h, (struct mqtt_options){ .host = "/nowhere/at/all",
							      .user = "me",
							      .before_connect = count_attempts,
							      .before_connect_user = &n_attempts });
	assert_int_equal(publish(m, "t", "x", 0), 0);
	wait_for(h, &h->n_disconnected, 3);
	mqtt_stop(m, PATIENCE_MS); /* nothing can go out: does not wait */
	assert_int_equal(h->n_published, 0);
	assert_in_range(n_attempts, 3, h->n_disconnected + 1);
	client_end(m, h);
}

static void test_options(void **state)
{
	static const struct mqtt_options cases[] = {
		{ .host = NULL, .clean_session = true },
		{ .host = "", .clean_session = true },
		{ .host = "h", .port = -1, .clean_session = true },
		{ .host = "h", .port = 70000, .clean_session = true },
		{ .host = "h", .port = 1, .clean_session = false },
		{ .host = "h", .port = 1, .clean_session = true, .password = "p" },
		{ .host = "h", .port = 1, .clean_session = true, .tls = true, .tls_ca = "/none" },
	};
	struct mqtt *m = NULL;
	struct error err;
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(mqtt_new(&cases[i], &m, &err), ERR_INVALID);
	static const struct mqtt_message wills[] = { { .topic = "a/#" },
						     { .topic = "a", .qos = 3 } };
	for (size_t i = 0; i < ARRAY_SIZE(wills); i++) {
		struct mqtt_options o = {
			.host = "h", .port = 1, .clean_session = true, .will = &wills[i]
		};
		assert_int_equal(mqtt_new(&o, &m, &err), ERR_INVALID);
	}
	struct mqtt_options good = { .host = "h", .port = 1, .clean_session = true };
	assert_int_equal(mqtt_new(&good, &m, &err), 0);
	assert_int_equal(publish(m, "a/+", "", 0), ERR_INVALID);
	assert_int_equal(publish(m, "a", "", 3), ERR_INVALID);
	assert_int_equal(mqtt_subscribe(m, "a#", 0, &err), ERR_INVALID);
	mqtt_free(m); /* never started */
	mqtt_free(NULL);
}

#define WITH_BROKER(test) cmocka_unit_test_setup_teardown(test, set_up_broker, tear_down_broker)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_BROKER(test_both_ways),      WITH_BROKER(test_in_order_with_a_full_queue),
		WITH_BROKER(test_broker_killed),  WITH_BROKER(test_stop_drains),
		WITH_BROKER(test_session),        WITH_BROKER(test_keeps),
		cmocka_unit_test(test_bad_peers), cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_options),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
