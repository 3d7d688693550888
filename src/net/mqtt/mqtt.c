/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's thread, see mqtt.h. libmosquitto is used without its own loop (which is built on select() and breaks
 * beyond 1024 descriptors) and from this thread only, so none of its locks matter:
 *
 *     IDLE --time is up--> CONNECTING --accepted--> CONNECTED
 *       ^                      |                        |
 *       +---- wait (retry.h) --+------------------------+   refused, timed out, broken
 *
 * The lock guards what other threads touch: the outbox, subscriptions, password, statistics, what is owed. It is held
 * neither in a callback nor in libmosquitto.
 *
 * libmosquitto acknowledges a message before anybody can have kept it. So for who `keeps` them it is told that there
 * are threads, for then it leaves all writing to mosquitto_loop_write(), and that is not called while one is owed.
 */
#include "net/mqtt/mqtt-private.h"

#include "base/clock.h"
#include <assert.h>
#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS         1000 /* keep-alives are looked at this often */
#define PACKETS_AT_ONCE 64
#define BATCH_MS        50 /* of messages that are taken together */

/* ---- waking ---- */

/* Under the lock. */
static void wake(struct mqtt *m)
{
	uint64_t one = 1;
	if (m->woken)
		return;
	m->woken = true;
	ssize_t n = write(m->wake_fd, &one, sizeof one);
	(void)n; /* only a full counter fails, and that wakes too */
}

static void take_wake(struct mqtt *m)
{
	uint64_t count;
	pthread_mutex_lock(&m->lock);
	if (m->woken && read(m->wake_fd, &count, sizeof count) > 0)
		m->woken = false;
	pthread_mutex_unlock(&m->lock);
}

/* ---- the connection ---- */

static void lost(struct mqtt *m, const char *why)
{
	if (m->state == IDLE)
		return;
	m->state = IDLE;
	m->due_ms = clock_mono_ms() + retry_failed(&m->retry);
	pthread_mutex_lock(&m->lock);
	outbox_connection_lost(&m->outbox);
	m->stats.connected = false;
	m->stats.n_failed++;
	pthread_mutex_unlock(&m->lock);
	if (m->on.disconnected)
		m->on.disconnected(m->on.user, m->refused ? m->why : why);
}

/* 'r' is libmosquitto's, with errno as it left it. */
static void check(struct mqtt *m, int r)
{
	if (r == MOSQ_ERR_SUCCESS || r == MOSQ_ERR_CONN_PENDING)
		return;
	lost(m, r == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(r));
}

static void begin(struct mqtt *m)
{
	if (m->before_connect)
		m->before_connect(m, m->before_connect_user);
	pthread_mutex_lock(&m->lock);
	int r = m->user ? mosquitto_username_pw_set(m->mosq, m->user, m->password)
			: MOSQ_ERR_SUCCESS;
	pthread_mutex_unlock(&m->lock);
	m->state = CONNECTING;
	m->due_ms = clock_mono_ms() + m->connect_timeout_ms;
	m->refused = false;
	if (r == MOSQ_ERR_SUCCESS)
		r = mosquitto_connect_async(m->mosq, m->host, m->port, m->keepalive_s);
	check(m, r);
}

/* So that the broker sees it end now, and the next read here too. */
static void give_up(struct mqtt *m, const char *why)
{
	int fd = mosquitto_socket(m->mosq);
	if (fd >= 0)
		(void)shutdown(fd, SHUT_RDWR);
	lost(m, why);
}

/* ---- libmosquitto's callbacks: on the thread, inside of its loop functions ---- */

static void forget_sent(struct mqtt *m)
{
	for (struct sub *s = m->subs; s; s = s->next)
		s->sent = false;
}

static void on_connect(struct mosquitto *mosq, void *arg, int code, int flags)
{
	struct mqtt *m = arg;
	bool session = flags & 1;
	(void)mosq;
	if (code != 0) {
		m->refused = true;
		snprintf(m->why, sizeof m->why, "%s", mosquitto_connack_string(code));
		return; /* the loop function fails next */
	}
	m->state = CONNECTED;
	retry_succeeded(&m->retry);
	pthread_mutex_lock(&m->lock);
	m->stats.connected = true;
	m->stats.n_connected++;
	if (!session)
		forget_sent(m);
	pthread_mutex_unlock(&m->lock);
	if (m->on.connected)
		m->on.connected(m->on.user, session);
}

static void on_message(struct mosquitto *mosq, void *arg, const struct mosquitto_message *msg)
{
	struct mqtt *m = arg;
	bool fits = msg->payloadlen >= 0 && (size_t)msg->payloadlen <= m->message_max;
	(void)mosq;
	pthread_mutex_lock(&m->lock);
	m->stats.n_received += fits;
	m->stats.n_dropped += !fits;
	if (fits && m->keeps && msg->qos > 0 && m->n_owed++ == 0)
		m->owed_since_ms = clock_mono_ms();
	pthread_mutex_unlock(&m->lock);
	struct mqtt_message out = { .topic = msg->topic,
				    .payload = { msg->payload, fits ? (size_t)msg->payloadlen : 0 },
				    .qos = msg->qos,
				    .retain = msg->retain };
	if (fits && m->on.message)
		m->on.message(m->on.user, &out);
}

static void on_publish(struct mosquitto *mosq, void *arg, int mid)
{
	struct mqtt *m = arg;
	(void)mosq;
	pthread_mutex_lock(&m->lock);
	struct item *i = outbox_land(&m->outbox, mid);
	m->stats.n_sent += i != NULL;
	pthread_mutex_unlock(&m->lock);
	if (i && m->on.published)
		m->on.published(m->on.user, i->id);
	free(i);
}

static void on_subscribe(struct mosquitto *mosq, void *arg, int mid, int n, const int *granted)
{
	struct mqtt *m = arg;
	char *filter = NULL;
	(void)mosq;
	pthread_mutex_lock(&m->lock);
	for (struct sub *s = m->subs; s && !filter; s = s->next)
		if (s->mid == mid && s->sent && !s->gone)
			filter = strdup(s->filter);
	pthread_mutex_unlock(&m->lock);
	if (filter && n > 0 && m->on.subscribed)
		m->on.subscribed(m->on.user, filter, granted[0] <= 2);
	free(filter);
}

void mqtt_set_callbacks(struct mqtt *m)
{
	mosquitto_connect_with_flags_callback_set(m->mosq, on_connect);
	mosquitto_message_callback_set(m->mosq, on_message);
	mosquitto_publish_callback_set(m->mosq, on_publish);
	mosquitto_subscribe_callback_set(m->mosq, on_subscribe);
}

/* ---- what waits for the connection ---- */

/* The next that is not sent; forgets those that are over. Only this thread takes out of the list, so what it returns
 * stays while libmosquitto is called without the lock. */
static struct sub *next_sub(struct mqtt *m)
{
	struct sub *found = NULL;
	pthread_mutex_lock(&m->lock);
	for (struct sub **at = &m->subs; *at && !found;) {
		struct sub *s = *at;
		if (s->gone && s->sent) {
			*at = s->next;
			free(s);
			continue;
		}
		found = s->sent ? NULL : s;
		at = &s->next;
	}
	if (found)
		found->sent = true;
	pthread_mutex_unlock(&m->lock);
	return found;
}

static void send_subs(struct mqtt *m)
{
	struct sub *s;
	while (m->state == CONNECTED && (s = next_sub(m)))
		check(m, s->gone ? mosquitto_unsubscribe(m->mosq, &s->mid, s->filter)
				 : mosquitto_subscribe(m->mosq, &s->mid, s->filter, s->qos));
}

/* Again would not help; the item is not in libmosquitto's hands. */
static bool hopeless(int r)
{
	return r == MOSQ_ERR_NOMEM || r == MOSQ_ERR_INVAL || r == MOSQ_ERR_PAYLOAD_SIZE ||
	       r == MOSQ_ERR_OVERSIZE_PACKET || r == MOSQ_ERR_MALFORMED_UTF8;
}

/* The message may be published (QoS 0), and the item gone, when libmosquitto returns. When the connection breaks
 * here, QoS 0 goes back with lost(), and the rest is libmosquitto's to send again. */
static void hand_over(struct mqtt *m, struct item *i)
{
	int r = mosquitto_publish(m->mosq, &i->mid, i->topic, (int)i->n_payload, i->payload, i->qos,
				  i->retain);
	if (!hopeless(r)) {
		check(m, r);
		return;
	}
	pthread_mutex_lock(&m->lock);
	free(outbox_land(&m->outbox, i->mid));
	m->stats.n_dropped++;
	pthread_mutex_unlock(&m->lock);
}

static struct item *next_item(struct mqtt *m)
{
	pthread_mutex_lock(&m->lock);
	struct item *i = m->outbox.n_flying < MQTT_WINDOW ? outbox_start(&m->outbox) : NULL;
	pthread_mutex_unlock(&m->lock);
	return i;
}

static void pump(struct mqtt *m)
{
	struct item *i;
	send_subs(m);
	while (m->state == CONNECTED && (i = next_item(m)))
		hand_over(m, i);
}

/* ---- the thread ---- */

/* Acknowledgements are among what waits to be written. */
static bool may_write(struct mqtt *m)
{
	pthread_mutex_lock(&m->lock);
	bool may = m->n_owed == 0 || m->state != CONNECTED;
	pthread_mutex_unlock(&m->lock);
	return may;
}

/* A stream of messages without a gap would leave no moment to write in: after a while it is let wait. */
static bool may_read(struct mqtt *m)
{
	pthread_mutex_lock(&m->lock);
	bool may = m->n_owed == 0 || m->state != CONNECTED ||
		   clock_mono_ms() < m->owed_since_ms + BATCH_MS;
	pthread_mutex_unlock(&m->lock);
	return may;
}

/* What the socket has to say. */
static void serve_socket(struct mqtt *m, short events)
{
	errno = 0;  /* libmosquitto looks at it, whoever set it */
	if (events) /* a TLS handshake goes on in here whichever way it waits */
		check(m, mosquitto_loop_read(m->mosq, PACKETS_AT_ONCE));
	errno = 0;
	if (m->state != IDLE && (events & POLLOUT) && may_write(m))
		check(m, mosquitto_loop_write(m->mosq, PACKETS_AT_ONCE));
	if (m->state != IDLE)
		check(m, mosquitto_loop_misc(m->mosq));
}

static void wait_for_events(struct mqtt *m)
{
	struct pollfd fds[2] = { { .fd = m->wake_fd, .events = POLLIN }, { .fd = -1 } };
	int64_t now = clock_mono_ms();
	int64_t wait_ms = m->state == CONNECTED ? TICK_MS : m->due_ms - now;
	wait_ms = wait_ms < 0 ? 0 : wait_ms > TICK_MS ? TICK_MS : wait_ms;
	if (m->state != IDLE) {
		fds[1].fd = mosquitto_socket(m->mosq);
		fds[1].events = may_read(m) ? POLLIN : 0;
		if (mosquitto_want_write(m->mosq) && may_write(m))
			fds[1].events |= POLLOUT;
	}
	pthread_mutex_unlock(&m->work);
	(void)poll(fds, 2, (int)wait_ms);
	pthread_mutex_lock(&m->work);
	if (fds[0].revents)
		take_wake(m);
	if (m->state != IDLE)
		serve_socket(m, fds[1].revents);
}

static void step(struct mqtt *m)
{
	bool due = m->state != CONNECTED && clock_mono_ms() >= m->due_ms;
	if (m->state == IDLE && due)
		begin(m);
	else if (m->state == CONNECTING && due)
		give_up(m, "The broker does not answer.");
	pump(m);
	wait_for_events(m);
}

/* Whether to go on: not stopping, or stopping with something left that can go out in time. */
static bool go_on(struct mqtt *m)
{
	pthread_mutex_lock(&m->lock);
	bool idle = m->outbox.n == 0 || m->state != CONNECTED;
	bool result = !m->stopping || (!idle && clock_mono_ms() < m->stop_by_ms);
	pthread_mutex_unlock(&m->lock);
	return result;
}

static void *mqtt_main(void *arg)
{
	struct mqtt *m = arg;
	pthread_mutex_lock(&m->work);
	while (go_on(m))
		step(m);
	if (m->state == CONNECTED && may_write(m)) {
		(void)mosquitto_disconnect(m->mosq);
		(void)mosquitto_loop_write(m->mosq, PACKETS_AT_ONCE);
	}
	pthread_mutex_unlock(&m->work);
	return NULL;
}

void mqtt_hold(struct mqtt *m)
{
	pthread_mutex_lock(&m->work);
	pthread_mutex_lock(&m->lock);
}

void mqtt_release(struct mqtt *m)
{
	pthread_mutex_unlock(&m->lock);
	pthread_mutex_unlock(&m->work);
}

int mqtt_start(struct mqtt *m)
{
	sigset_t all, old;
	sigfillset(&all); /* signals, SIGPIPE among them, are not for this thread */
	pthread_sigmask(SIG_BLOCK, &all, &old);
	int r = pthread_create(&m->thread, NULL, mqtt_main, m);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	m->started = r == 0;
	return -r;
}

void mqtt_stop(struct mqtt *m, int64_t drain_ms)
{
	pthread_mutex_lock(&m->lock);
	m->stopping = true;
	m->stop_by_ms = clock_mono_ms() + drain_ms;
	wake(m);
	pthread_mutex_unlock(&m->lock);
	if (m->started)
		pthread_join(m->thread, NULL);
	m->started = false;
}

/* ---- from any thread ---- */

void mqtt_taken(struct mqtt *m)
{
	pthread_mutex_lock(&m->lock);
	assert(m->keeps && m->n_owed > 0);
	if (--m->n_owed == 0)
		wake(m);
	pthread_mutex_unlock(&m->lock);
}

static struct sub *find_sub(struct mqtt *m, const char *filter)
{
	struct sub *s = m->subs;
	while (s && strcmp(s->filter, filter) != 0)
		s = s->next;
	return s;
}

static struct sub *add_sub(struct mqtt *m, const char *filter)
{
	struct sub **end = &m->subs;
	size_t n = strlen(filter) + 1;
	struct sub *s = calloc(1, sizeof *s + n);
	if (!s)
		abort();
	memcpy(s->filter, filter, n);
	while (*end)
		end = &(*end)->next;
	return *end = s;
}

int mqtt_subscribe(struct mqtt *m, const char *filter, int qos, struct error *err)
{
	if (!mqtt_filter_valid(filter) || qos < 0 || qos > 2)
		return error_set(err, ERR_INVALID, "This is not an MQTT filter with a QoS.");
	pthread_mutex_lock(&m->lock);
	struct sub *s = find_sub(m, filter);
	if (!s)
		s = add_sub(m, filter);
	s->qos = qos;
	s->sent = s->gone = false;
	wake(m);
	pthread_mutex_unlock(&m->lock);
	return 0;
}

void mqtt_unsubscribe(struct mqtt *m, const char *filter)
{
	pthread_mutex_lock(&m->lock);
	struct sub *s = find_sub(m, filter);
	if (s) {
		s->gone = true;
		s->sent = false;
		wake(m);
	}
	pthread_mutex_unlock(&m->lock);
}

int mqtt_publish(struct mqtt *m, const struct mqtt_message *msg, uint64_t *ret_id,
		 struct error *err)
{
	if (!mqtt_topic_valid(msg->topic) || msg->qos < 0 || msg->qos > 2)
		return error_set(err, ERR_INVALID, "This is not an MQTT topic to publish to.");
	pthread_mutex_lock(&m->lock);
	int r = m->stopping ? error_set(err, ERR_UNAVAILABLE, "The MQTT client is stopping.")
			    : outbox_add(&m->outbox, msg, ret_id, err);
	if (r == 0)
		wake(m);
	pthread_mutex_unlock(&m->lock);
	return r;
}

void mqtt_stats(struct mqtt *m, struct mqtt_stats *ret)
{
	pthread_mutex_lock(&m->lock);
	*ret = m->stats;
	ret->n_queued = m->outbox.n;
	ret->n_queued_bytes = m->outbox.n_bytes;
	pthread_mutex_unlock(&m->lock);
}
