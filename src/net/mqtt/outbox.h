/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages on their way out: *waiting* in order, then *flying*, handed to libmosquitto and not published yet. Both
 * count against the bounds. Internal to net/mqtt; no lock of its own: the owner holds one.
 */
#pragma once

#include "net/mqtt/mqtt.h"

struct item {
	struct item *next;
	uint64_t id;
	int mid; /* libmosquitto's number, while flying */
	int qos;
	bool retain;
	size_t n_payload, size; /* size: what it counts for */
	const uint8_t *payload; /* behind the topic, in the same allocation */
	char topic[];
};

struct outbox {
	struct item *waiting, **waiting_end;
	struct item *flying; /* few: at most the window, searched one by one */
	size_t n, n_flying, n_bytes;
	size_t max, bytes_max;
	uint64_t last_id;
};

void outbox_init(struct outbox *q, size_t max, size_t bytes_max);
void outbox_fini(struct outbox *q);
/* Copies. ERR_UNAVAILABLE: full. */
int outbox_add(struct outbox *q, const struct mqtt_message *msg, uint64_t *ret_id,
	       struct error *err) WARN_UNUSED;
/* The first that waits starts to fly; NULL: none waits. */
struct item *outbox_start(struct outbox *q);
/* It is out of the queue, and the caller's to free; NULL: no such number flies. */
struct item *outbox_land(struct outbox *q, int mid);
/* Flying messages of QoS 0 wait again, in their order: libmosquitto forgets them with the connection. */
void outbox_connection_lost(struct outbox *q);
