/* SPDX-License-Identifier: Apache-2.0
 *
 * What mqtt.c (the thread) and mqtt-new.c (options, the client's beginning and end) share.
 */
#pragma once

#include "net/mqtt/mqtt.h"
#include "net/mqtt/outbox.h"
#include "net/mqtt/retry.h"

#include <mosquitto.h>
#include <pthread.h>

#define MQTT_WINDOW 100 /* messages handed to libmosquitto and not published */

enum state { IDLE, CONNECTING, CONNECTED };

struct sub {
	struct sub *next;
	int qos;
	int mid;   /* of the SUBSCRIBE under way */
	bool sent; /* in this connection, or in the session that it has */
	bool gone; /* to be unsubscribed and forgotten */
	char filter[];
};

struct mqtt {
	struct mosquitto *mosq;
	char *host, *user, *password;
	int port, keepalive_s;
	struct mqtt_events on;
	void (*before_connect)(struct mqtt *m, void *user);
	void *before_connect_user;
	size_t message_max;
	int64_t connect_timeout_ms;
	bool keeps;
	pthread_t thread;
	bool started;
	int wake_fd;

	pthread_mutex_t work; /* held by the thread except while it waits; taken before 'lock' */
	pthread_mutex_t lock;
	struct outbox outbox;
	struct sub *subs;
	struct mqtt_stats stats;
	uint64_t n_owed; /* messages received that are not taken */
	int64_t owed_since_ms;
	bool woken, stopping;
	int64_t stop_by_ms; /* monotonic */

	/* the thread's own */
	enum state state;
	struct retry retry;
	int64_t due_ms; /* IDLE: next attempt; CONNECTING: given up */
	bool refused;   /* by the broker, with 'why' */
	char why[120];
};

void mqtt_set_callbacks(struct mqtt *m); /* libmosquitto's */
