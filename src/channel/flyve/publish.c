/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows to the broker. A row that is not published is put into the client's queue once; when the broker has
 * acknowledged it, that is written down, or the row of an erased topic is removed. Until it is written the row
 * still looks unpublished, and its flight is what keeps it from being said twice. What the queue has no room for
 * waits for the next acknowledgement.
 */
#include "channel/flyve/session.h"

#include "base/log.h"
#include "server/metrics.h"
#include <stdlib.h>
#include <string.h>

#define PENDING_MAX 8192 /* rows looked at a time: more than the client's queue holds */

struct flight { /* on its way to the broker: owned by f->flights; then to the store: by its acks */
	int64_t id;
	int64_t device_id, command_id;
	char *topic, *payload;
};

struct acks {
	struct store_write write;
	struct flyve *f;
	struct flight **items;
	size_t n, room;
};

static void flight_free(struct flight *x)
{
	free(x->topic);
	free(x->payload);
	free(x);
}

static char *copy(const char *s)
{
	char *p = strdup(s);
	if (!p)
		abort();
	return p;
}

bool flyve_settled(const struct flyve *f)
{
	return f->checked && !f->publish && map_n(f->flights) == 0 && !flyve_is_behind(f);
}

/* For others: up to which event everything is at the broker. */
void flyve_note_settled(struct flyve *f)
{
	if (!f->checked || f->publish || map_n(f->flights) > 0)
		return;
	pthread_mutex_lock(&f->lock);
	f->followed = follow_place(f->follow);
	pthread_mutex_unlock(&f->lock);
}

bool flyve_is_settled(struct server *s)
{
	struct flyve *f = s->flyve;
	int64_t last = 0;
	if (!f || store_event_last(store_reader(s->store), &last) != 0)
		return false;
	pthread_mutex_lock(&f->lock);
	bool settled = f->followed >= last;
	pthread_mutex_unlock(&f->lock);
	return settled;
}

void flyve_wake(struct flyve *f)
{
	struct note *n = flyve_note_new(NOTE_CHANGED);
	flyve_inbox_add(f, n);
}

/* ---- out ---- */

struct publishing {
	struct flyve *f;
	bool full;
};

static bool is_flying(const struct flyve *f, const struct retained *r)
{
	const struct flight *x = map_get(f->topics, span_str(r->topic));
	return x && strcmp(x->payload, r->payload) == 0;
}

static void fly(struct flyve *f, const struct retained *r, uint64_t id)
{
	struct flight *x = calloc(1, sizeof *x);
	if (!x)
		abort();
	*x = (struct flight){ (int64_t)id, r->device_id, r->command_id, copy(r->topic),
			      copy(r->payload) };
	map_put(f->flights, map_key_int(&x->id), x);
	map_put(f->topics, span_str(x->topic), x);
}

static int publish_row(void *user, const struct retained *r)
{
	struct publishing *p = user;
	struct mqtt_message m = { .topic = r->topic,
				  .payload = span_str(r->payload),
				  .qos = (int)r->qos,
				  .retain = true };
	struct error err;
	uint64_t id = 0;
	if (is_flying(p->f, r))
		return 0;
	if (mqtt_publish(p->f->mqtt, &m, &id, &err) != 0) {
		p->full = true;
		return 1;
	}
	fly(p->f, r, id);
	return 0;
}

int flyve_publish_rows(struct flyve *f)
{
	struct publishing p = { .f = f };
	if (!f->publish || !f->checked)
		return 0;
	int r = store_retained_pending(store_reader(f->server->store), PENDING_MAX, publish_row,
				       &p);
	if (r == 0 && !p.full)
		f->publish = false;
	return r;
}

void flyve_publish_queries(struct flyve *f, const struct flyve_effects *e)
{
	for (size_t i = 0; i < e->n_queries; i++) {
		const struct flyve_query *q = &e->queries[i];
		struct mqtt_message m = { .topic = q->topic,
					  .payload = span_str(q->payload),
					  .qos = q->qos };
		struct error err;
		if (mqtt_publish(f->mqtt, &m, NULL, &err) != 0) /* it is said again when it comes */
			log_limited(LOG_LEVEL_WARN, "a query could not be sent",
				    F_INT("command", q->command_id), F_STR("why", err.message));
	}
}

/* Of what no row knows: somebody else's, or of another life. */
bool flyve_publish_erasure(struct flyve *f, const char *topic)
{
	struct mqtt_message m = { .topic = topic, .qos = 1, .retain = true };
	struct error err;
	if (mqtt_publish(f->mqtt, &m, NULL, &err) == 0)
		return true;
	log_limited(LOG_LEVEL_WARN, "a retained message could not be erased", F_STR("topic", topic),
		    F_STR("why", err.message));
	return false;
}

/* ---- acknowledged ---- */

static int acks_apply(struct store_conn *tx, struct store_write *w)
{
	struct acks *a = CONTAINER_OF(w, struct acks, write);
	int r = 0;
	for (size_t i = 0; i < a->n && r == 0; i++)
		r = store_retained_published(tx, a->items[i]->topic, a->items[i]->payload);
	return r;
}

/* If it failed the row is unpublished still, and is published again. */
static void acks_done(struct store_write *w, int r)
{
	struct acks *a = CONTAINER_OF(w, struct acks, write);
	struct note *n = flyve_note_new(NOTE_HEARD);
	n->heard.sync = r != 0;
	n->acks = a;
	flyve_inbox_add(a->f, n);
}

static void land(struct flyve *f, const struct flight *x)
{
	if (map_get(f->topics, span_str(x->topic)) == x)
		map_remove(f->topics, span_str(x->topic));
}

void flyve_acks_written(struct flyve *f, const struct acks *a)
{
	for (size_t i = 0; i < a->n; i++)
		land(f, a->items[i]);
}

void flyve_acks_free(struct acks *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++)
		flight_free(a->items[i]);
	free(a->items);
	free(a);
}

void flyve_write_acks(struct flyve *f)
{
	struct acks *a = f->acks;
	if (!a)
		return;
	f->acks = NULL;
	pthread_mutex_lock(&f->lock);
	f->n_writing++;
	pthread_mutex_unlock(&f->lock);
	store_submit(f->server->store, &a->write);
}

static void add_ack(struct flyve *f, struct flight *x)
{
	struct acks *a = f->acks;
	if (!a) {
		a = f->acks = calloc(1, sizeof *a);
		if (!a)
			abort();
		*a = (struct acks){ .write = { .apply = acks_apply, .done = acks_done }, .f = f };
	}
	if (a->n == a->room) {
		a->room = a->room ? 2 * a->room : 64;
		a->items = realloc(a->items, a->room * sizeof *a->items);
		if (!a->items)
			abort();
	}
	a->items[a->n++] = x;
}

void flyve_published(struct flyve *f, int64_t id)
{
	struct flight *x = map_remove(f->flights, map_key_int(&id));
	if (!x) { /* a query, an erasure, the check's mark; or a farewell */
		flyve_goodbye_published(f, (uint64_t)id);
		flyve_admit_published(f, (uint64_t)id);
		return;
	}
	metrics_add(f->server->metrics, METRICS_FLYVE_PUBLISHED, 1);
	if (x->command_id && broker_online(f->broker, x->device_id))
		flyve_live_add(f, x->topic, x->device_id);
	else
		flyve_live_remove(f, x->topic);
	add_ack(f, x);
}

static void free_flight(void *user, struct span key, void *value)
{
	(void)user, (void)key;
	flight_free(value);
}

void flyve_forget_flights(struct flyve *f)
{
	map_each(f->flights, free_flight, NULL);
}
