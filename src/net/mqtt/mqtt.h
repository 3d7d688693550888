/* SPDX-License-Identifier: Apache-2.0
 *
 * An MQTT 3.1.1 client over libmosquitto, with a thread of its own.
 *
 * It connects to a host, over TLS if wanted, or to a Unix socket, and stays connected: a lost connection is
 * made again after a wait that grows and is spread at random. Subscriptions are remembered and made again
 * after every connection that has no session.
 *
 *   mqtt_publish()   any thread: copies into a bounded queue, wakes the thread, returns. While there is no
 *                    connection the queue keeps what it has, also QoS 0.
 *   callbacks        on the client's thread, one at a time; they must not block, and may call everything
 *                    here but mqtt_stop() and mqtt_free(). None runs before mqtt_start() or after
 *                    mqtt_stop() returned.
 *
 * A message of QoS 1 or 2 is *published* when the broker has acknowledged it; of QoS 0 when it was written. Until
 * then it counts against the queue's bounds. Messages go out in the order in which they were queued; what
 * was not acknowledged when the connection broke is sent again.
 *
 * What is received is acknowledged at once, or, with `keeps`, when mqtt_taken() was called for everything received: who
 * dies before that is told again by the broker. Until then nothing at all is written to the connection.
 *
 * Used by the server and by the Linux agent, so it knows nothing of either. No password is ever part of an error.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include <stdbool.h>
#include <stdint.h>

struct mqtt; /* heap, one owner */

struct mqtt_message { /* borrowed for the call */
	const char *topic;
	struct span payload;
	int qos;
	bool retain; /* received: the broker had kept it, it is not news */
	bool dup;
};

struct mqtt_events { /* any of them may be NULL */
	/* Connected and accepted; remembered subscriptions are on their way. 'session': the broker still
	 * had our session, so nothing published to us meanwhile with QoS > 0 is missing. */
	void (*connected)(void *user, bool session);
	/* After each 'connected' once, and for each attempt that failed. 'why' is one sentence. */
	void (*disconnected)(void *user, const char *why);
	void (*message)(void *user, const struct mqtt_message *m);
	void (*published)(void *user, uint64_t id); /* of mqtt_publish() */
	/* The broker's answer to a subscription; an MQTT 3.1 broker that denies still says granted. */
	void (*subscribed)(void *user, const char *filter, bool granted);
	void *user;
};

struct mqtt_options {     /* strings are copied */
	const char *host; /* name or address; with port 0 the path of a Unix socket */
	int port;
	bool tls;
	const char *tls_ca;             /* PEM file; NULL: the system's authorities */
	const char *tls_cert, *tls_key; /* of the client, PEM files; or NULL */
	const char *user, *password;    /* NULL: none */
	const char *client_id;          /* NULL: the broker chooses, clean_session must be true */
	bool clean_session;
	bool keeps;      /* messages of QoS 1 and 2 are acknowledged by mqtt_taken() */
	int keepalive_s; /* 0: 60 */
	const struct mqtt_message *will; /* or NULL */
	size_t queue_max;                /* messages not published yet; 0: 1024 */
	size_t queue_bytes_max;          /* of their topics and payloads; 0: 16 MiB */
	size_t message_max;              /* a larger payload is dropped and counted; 0: 16 MiB */
	int64_t retry_first_ms, retry_max_ms; /* 0: 1 s and 60 s; see retry.h */
	int64_t connect_timeout_ms;           /* until the broker has accepted us; 0: 30 s */
	uint64_t (*random)(uint64_t bound);   /* for the jitter; NULL: rand_below */
	/* Called before each attempt, on the client's thread: for a password that must be fresh
	 * (mqtt_set_password()). Or NULL */
	void (*before_connect)(struct mqtt *m, void *user);
	void *before_connect_user;
	struct mqtt_events on;
};

/* ERR_INVALID: the options make no sense; the sentence says which. Nothing is connected yet. */
int mqtt_new(const struct mqtt_options *o, struct mqtt **ret, struct error *err) WARN_UNUSED;
int mqtt_start(struct mqtt *m) WARN_UNUSED; /* 0 or -errno */
/* Lets what is queued go out for at most drain_ms, says goodbye (so no will) and ends the thread. */
void mqtt_stop(struct mqtt *m, int64_t drain_ms);
void mqtt_free(struct mqtt *m); /* stops without draining when that was not done */

/* Around a fork() of the process: in between, the client's thread waits and holds no lock of any library. Not
 * from a callback. The child calls mqtt_release(), too, and nothing else. */
void mqtt_hold(struct mqtt *m);
void mqtt_release(struct mqtt *m);

/* Counts from the next attempt on. Any thread. */
void mqtt_set_password(struct mqtt *m, const char *password);

/* Remembered, and sent when connected. Any thread. The same filter again changes its QoS and asks the
 * broker for its retained messages again. ERR_INVALID: not a filter. */
int mqtt_subscribe(struct mqtt *m, const char *filter, int qos, struct error *err) WARN_UNUSED;
void mqtt_unsubscribe(struct mqtt *m, const char *filter); /* any thread */

/* A message of QoS 1 or 2 that 'message' was called with is safe, or not wanted: once for each. Any thread; only for
 * who keeps them. */
void mqtt_taken(struct mqtt *m);

/* *ret_id (or NULL) is what 'published' will say, greater than every id before. ERR_INVALID: not a topic to
 * publish to. ERR_UNAVAILABLE: the queue is full, or the client is stopping; nothing was queued. Any thread. */
int mqtt_publish(struct mqtt *m, const struct mqtt_message *msg, uint64_t *ret_id,
		 struct error *err) WARN_UNUSED;

struct mqtt_stats {
	bool connected;
	size_t n_queued, n_queued_bytes; /* not published yet */
	uint64_t n_connected, n_failed; /* connections made; attempts and connections that failed */
	uint64_t n_sent, n_received, n_dropped; /* messages; dropped: too large */
};
void mqtt_stats(struct mqtt *m, struct mqtt_stats *ret); /* any thread */

/* 1 to 65535 bytes of UTF-8 without NUL; a topic has no wildcards, in a filter they stand where they may. */
bool mqtt_topic_valid(const char *topic);
bool mqtt_filter_valid(const char *filter);
/* Whether the topic is one that the (valid) filter asks for. */
bool mqtt_filter_matches(const char *filter, const char *topic);
