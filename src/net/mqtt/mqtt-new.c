/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's options, its beginning and its end; see mqtt.h. libmosquitto itself is begun and ended with each.
 */
#include "net/mqtt/mqtt-private.h"

#include "base/crypto.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define QUEUE_MAX          1024
#define BYTES_MAX          ((size_t)16 << 20)
#define KEEPALIVE_S        60
#define RETRY_FIRST_MS     1000
#define RETRY_MAX_MS       60000
#define CONNECT_TIMEOUT_MS 30000

static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;

static void library(int (*change)(void))
{
	pthread_mutex_lock(&library_lock);
	(void)change();
	pthread_mutex_unlock(&library_lock);
}

static int check_options(const struct mqtt_options *o, struct error *err)
{
	if (!o->host || !*o->host || o->port < 0 || o->port > 65535)
		return error_set(err, ERR_INVALID, "An MQTT broker has a host and a port.");
	if (!o->client_id && !o->clean_session)
		return error_set(err, ERR_INVALID, "An MQTT session needs a client id.");
	if (o->password && !o->user)
		return error_set(err, ERR_INVALID, "An MQTT password needs a user.");
	if (o->will && (!mqtt_topic_valid(o->will->topic) || o->will->qos < 0 || o->will->qos > 2))
		return error_set(err, ERR_INVALID, "The MQTT will has no usable topic or QoS.");
	return 0;
}

static int set_tls(struct mqtt *m, const struct mqtt_options *o)
{
	if (!o->tls)
		return MOSQ_ERR_SUCCESS;
	int r = o->tls_ca ? MOSQ_ERR_SUCCESS
			  : mosquitto_int_option(m->mosq, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
	if (r == MOSQ_ERR_SUCCESS) /* without an authority, libmosquitto wants some path named */
		r = mosquitto_tls_set(m->mosq, o->tls_ca, o->tls_ca ? NULL : "/etc/ssl/certs",
				      o->tls_cert, o->tls_key, NULL);
	return r;
}

static int set_up(struct mqtt *m, const struct mqtt_options *o)
{
	const struct mqtt_message *w = o->will;
	int r = set_tls(m, o);
	if (r == MOSQ_ERR_SUCCESS && w)
		r = mosquitto_will_set(m->mosq, w->topic, (int)w->payload.n, w->payload.p, w->qos,
				       w->retain);
	if (r == MOSQ_ERR_SUCCESS)
		r = mosquitto_int_option(m->mosq, MOSQ_OPT_SEND_MAXIMUM, MQTT_WINDOW);
	if (r == MOSQ_ERR_SUCCESS && o->port != 0)
		r = mosquitto_int_option(m->mosq, MOSQ_OPT_TCP_NODELAY, 1);
	if (o->keeps)
		(void)mosquitto_threaded_set(m->mosq, true);
	mqtt_set_callbacks(m);
	return r;
}

static char *copy(const char *s)
{
	char *c = s ? strdup(s) : NULL;
	if (s && !c)
		abort();
	return c;
}

static void fill(struct mqtt *m, const struct mqtt_options *o)
{
	m->host = copy(o->host);
	m->user = copy(o->user);
	m->password = copy(o->password);
	m->port = o->port;
	m->keepalive_s = o->keepalive_s ? o->keepalive_s : KEEPALIVE_S;
	m->on = o->on;
	m->before_connect = o->before_connect;
	m->before_connect_user = o->before_connect_user;
	m->keeps = o->keeps;
	m->message_max = o->message_max ? o->message_max : BYTES_MAX;
	m->connect_timeout_ms = o->connect_timeout_ms ? o->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	m->retry = (struct retry){
		.first_ms = o->retry_first_ms ? o->retry_first_ms : RETRY_FIRST_MS,
		.max_ms = o->retry_max_ms ? o->retry_max_ms : RETRY_MAX_MS,
		.random = o->random ? o->random : rand_below,
	};
	pthread_mutex_init(&m->work, NULL);
	pthread_mutex_init(&m->lock, NULL);
	outbox_init(&m->outbox, o->queue_max ? o->queue_max : QUEUE_MAX,
		    o->queue_bytes_max ? o->queue_bytes_max : BYTES_MAX);
}

int mqtt_new(const struct mqtt_options *o, struct mqtt **ret, struct error *err)
{
	int r = check_options(o, err);
	if (r)
		return r;
	struct mqtt *m = calloc(1, sizeof *m);
	if (!m)
		abort();
	fill(m, o);
	library(mosquitto_lib_init);
	m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m->mosq = mosquitto_new(o->client_id, o->clean_session, m);
	if (m->wake_fd < 0 || !m->mosq)
		r = -errno;
	else if ((r = set_up(m, o)) != MOSQ_ERR_SUCCESS)
		r = error_set(err, ERR_INVALID, "The MQTT client cannot be set up: %s",
			      r == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(r));
	if (r) {
		mqtt_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

static void free_secret(char *s)
{
	if (s)
		secret_erase(s, strlen(s));
	free(s);
}

void mqtt_free(struct mqtt *m)
{
	if (!m)
		return;
	if (m->started)
		mqtt_stop(m, 0);
	if (m->mosq)
		mosquitto_destroy(m->mosq);
	library(mosquitto_lib_cleanup);
	if (m->wake_fd >= 0)
		close(m->wake_fd);
	while (m->subs) {
		struct sub *next = m->subs->next;
		free(m->subs);
		m->subs = next;
	}
	outbox_fini(&m->outbox);
	pthread_mutex_destroy(&m->lock);
	pthread_mutex_destroy(&m->work);
	free_secret(m->password);
	free(m->host);
	free(m->user);
	free(m);
}

void mqtt_set_password(struct mqtt *m, const char *password)
{
	char *fresh = copy(password);
	pthread_mutex_lock(&m->lock);
	char *old = m->password;
	m->password = fresh;
	pthread_mutex_unlock(&m->lock);
	free_secret(old);
}
