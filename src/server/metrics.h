/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server counts about itself, and its Prometheus text: one row a metric (metrics.c).
 * Nothing here is by device: the number of series does not grow with the fleet.
 */
#pragma once

#include "server/server.h"

struct metrics; /* heap, one owner; any thread */

enum metrics_counter {
	METRICS_FCM_SENT,
	METRICS_FCM_UNREGISTERED,
	METRICS_FCM_FAILED,
	METRICS_DOORBELLS_RUNG,
	METRICS_COMMANDS_EXPIRED,
	METRICS_EVENTS_PRUNED,
	METRICS_SAMPLES_PRUNED,
	METRICS_FOLLOWER_ERRORS,
	METRICS_MQTT_RESTARTS,
	METRICS_MQTT_REFUSED,
	METRICS_MQTT_DENIED,
	METRICS_MQTT_CLOSED,
	METRICS_FLYVE_HEARD,
	METRICS_FLYVE_REFUSED,
	METRICS_FLYVE_ENTRIES_REFUSED,
	METRICS_FLYVE_PUBLISHED,
	METRICS_FLYVE_LOST,
	METRICS_FLYVE_ERASED,
	METRICS_COUNTERS_N,
};

enum metrics_gauge {
	METRICS_COMMANDS_OPEN,    /* counted now and then, because counting takes a scan */
	METRICS_MQTT_CONNECTIONS, /* of the embedded broker; 0 while it does not run, … */
	METRICS_MQTT_ACCOUNTS,
	METRICS_MQTT_ADMITS,    /* … and 1 when devices are let in */
	METRICS_FLYVE_RETAINED, /* counted now and then */
	METRICS_GAUGES_N,
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);
int64_t metrics_now_us(void); /* monotonic */

void metrics_set(struct metrics *m, enum metrics_gauge which, int64_t n);
void metrics_add(struct metrics *m, enum metrics_counter which, uint64_t n);
/* http_options.after; logs at debug, and server errors at warn. 'server' is a struct server. */
void metrics_request(struct http_request *req, int status, size_t n_bytes, int64_t duration_us,
		     void *server);
/* A write from its submission to its answer: r as of store_write.done. */
void metrics_write(struct metrics *m, int r, int64_t duration_us);
/* The Prometheus text exposition format, version 0.0.4. */
void metrics_text(struct server *s, struct buf *out);
