/* SPDX-License-Identifier: Apache-2.0
 *
 * See outbox.h.
 */
#include "net/mqtt/outbox.h"

#include <stdlib.h>

#define ITEM_COST 64 /* bytes that a message costs beside its text, in round figures */

void outbox_init(struct outbox *q, size_t max, size_t bytes_max)
{
	*q = (struct outbox){ .max = max, .bytes_max = bytes_max };
	q->waiting_end = &q->waiting;
}

static void free_list(struct item *i)
{
	while (i) {
		struct item *next = i->next;
		free(i);
		i = next;
	}
}

void outbox_fini(struct outbox *q)
{
	free_list(q->waiting);
	free_list(q->flying);
}

static struct item *item_new(const struct mqtt_message *msg, size_t n_topic)
{
	struct item *i = malloc(sizeof *i + n_topic + 1 + msg->payload.n);
	if (!i)
		return NULL;
	*i = (struct item){ .qos = msg->qos,
			    .retain = msg->retain,
			    .n_payload = msg->payload.n,
			    .payload = (uint8_t *)i->topic + n_topic + 1,
			    .size = n_topic + msg->payload.n + ITEM_COST };
	memcpy(i->topic, msg->topic, n_topic + 1);
	if (msg->payload.n > 0)
		memcpy(i->topic + n_topic + 1, msg->payload.p, msg->payload.n);
	return i;
}

int outbox_add(struct outbox *q, const struct mqtt_message *msg, uint64_t *ret_id,
	       struct error *err)
{
	size_t n_topic = strlen(msg->topic), size = n_topic + msg->payload.n + ITEM_COST;
	struct item *i = NULL;
	if (q->n < q->max && size <= q->bytes_max - q->n_bytes)
		i = item_new(msg, n_topic);
	if (!i)
		return error_set(
			err, ERR_UNAVAILABLE,
			"The queue of MQTT messages is full: %zu of %zu bytes wait for the "
			"broker.",
			q->n, q->n_bytes);
	i->id = ++q->last_id;
	q->n++;
	q->n_bytes += size;
	*q->waiting_end = i;
	q->waiting_end = &i->next;
	if (ret_id)
		*ret_id = i->id;
	return 0;
}

struct item *outbox_start(struct outbox *q)
{
	struct item *i = q->waiting;
	if (!i)
		return NULL;
	q->waiting = i->next;
	if (!q->waiting)
		q->waiting_end = &q->waiting;
	i->next = q->flying;
	q->flying = i;
	q->n_flying++;
	return i;
}

static void wait_first(struct outbox *q, struct item *i)
{
	i->next = q->waiting;
	if (!q->waiting)
		q->waiting_end = &i->next;
	q->waiting = i;
}

static void unlink_flying(struct outbox *q, struct item **at)
{
	*at = (*at)->next;
	q->n_flying--;
}

struct item *outbox_land(struct outbox *q, int mid)
{
	for (struct item **at = &q->flying; *at; at = &(*at)->next) {
		struct item *i = *at;
		if (i->mid != mid)
			continue;
		unlink_flying(q, at);
		q->n--;
		q->n_bytes -= i->size;
		return i;
	}
	return NULL;
}

void outbox_connection_lost(struct outbox *q)
{
	/* the newest stands first among those that fly, so this restores the order */
	for (struct item **at = &q->flying; *at;) {
		struct item *i = *at;
		if (i->qos > 0) {
			at = &i->next;
			continue;
		}
		unlink_flying(q, at);
		wait_first(q, i);
	}
}
