/* SPDX-License-Identifier: Apache-2.0
 *
 * After each connection: is what the broker has retained what our rows say? A broker may have lost what it
 * had not saved, or have kept what was erased since.
 *
 *     BULK    subscribe to all that only we publish; then a mark, which comes back after everything retained
 *             (all at QoS 0: the order is kept). Unknown topics are erased, missing rows are published
 *             again; missing orders are doubted
 *     DOUBT   the doubted orders' topics once more, some at a time: a message that was dropped in the flood
 *             must not let a device be locked twice
 *
 * Rows are published only when this is over, so nothing is sent that is there already. The broker lets devices in when
 * it has all of that: flyve_admit().
 */
#include "channel/flyve/session.h"

#include "base/crypto.h"
#include "base/log.h"
#include "server/broker/broker.h"
#include "server/metrics.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DOUBTS_AT_ONCE 100

struct check {
	bool doubting;
	uint64_t mark;  /* what the mark says; a new one each time */
	char **filters; /* subscribed for this phase */
	size_t n_filters, n_granted;
	struct map *seen; /* topic -> hash of its payload, as a pointer */
	char **doubts;    /* topics of orders that were not seen */
	size_t n_doubts, room;
	char **lost; /* topics of rows to be published again */
	size_t n_lost, lost_room;
};

static void *hash_of(struct span payload)
{
	uint8_t hash[SHA256_SIZE];
	uintptr_t v;
	sha256(payload, hash);
	memcpy(&v, hash, sizeof v);
	return (void *)(v | 1);
}

static void free_texts(char ***texts, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		free((*texts)[i]);
	free(*texts);
	*texts = NULL;
	*n = 0;
}

static void add_text(char ***texts, size_t *n, size_t *room, const char *text)
{
	if (*n == *room) {
		*room = *room ? 2 * *room : 64;
		*texts = realloc(*texts, *room * sizeof **texts);
		if (!*texts)
			abort();
	}
	(*texts)[*n] = strdup(text);
	if (!(*texts)[(*n)++])
		abort();
}

static void unsubscribe(struct flyve *f, struct check *c)
{
	for (size_t i = 0; i < c->n_filters; i++)
		mqtt_unsubscribe(f->mqtt, c->filters[i]);
	free_texts(&c->filters, &c->n_filters);
}

void flyve_check_free(struct flyve *f)
{
	struct check *c = f->check;
	if (!c)
		return;
	free_texts(&c->filters, &c->n_filters);
	free_texts(&c->doubts, &c->n_doubts);
	free_texts(&c->lost, &c->n_lost);
	map_free(c->seen);
	free(c);
	f->check = NULL;
}

/* ---- asking ---- */

static void subscribe(struct flyve *f, const char *filter, size_t *room)
{
	struct check *c = f->check;
	struct error err;
	add_text(&c->filters, &c->n_filters, room, filter);
	if (mqtt_subscribe(f->mqtt, filter, 0, &err) != 0)
		log_error("a subscription is not possible", F_STR("filter", filter),
			  F_STR("why", err.message));
}

static void begin_phase(struct flyve *f)
{
	struct check *c = f->check;
	map_free(c->seen);
	c->seen = map_new();
	c->n_granted = 0;
	c->mark = rand_below(UINT64_MAX);
}

void flyve_check_begin(struct flyve *f)
{
	size_t room = 0;
	if (f->check)
		unsubscribe(f, f->check);
	flyve_check_free(f);
	f->checked = f->check_again = false;
	f->admit_id = 0;
	f->life = broker_life(f->broker);
	f->check = calloc(1, sizeof *f->check);
	if (!f->check)
		abort();
	begin_phase(f);
	subscribe(f, FLYVE_CHECK_TOPIC, &room);
	for (const char *const *filter = flyve_own_filters; *filter; filter++)
		subscribe(f, *filter, &room);
}

void flyve_check_subscribed(struct flyve *f, const char *filter)
{
	struct check *c = f->check;
	char text[24];
	struct error err;
	bool ours = false;
	for (size_t i = 0; c && i < c->n_filters && !ours; i++)
		ours = strcmp(c->filters[i], filter) == 0;
	if (!ours || ++c->n_granted != c->n_filters)
		return;
	snprintf(text, sizeof text, "%" PRIx64, c->mark);
	struct mqtt_message m = { .topic = FLYVE_CHECK_TOPIC, .payload = span_str(text) };
	if (mqtt_publish(f->mqtt, &m, NULL, &err) != 0)
		log_error("the broker cannot be checked", F_STR("why", err.message));
}

/* ---- comparing ---- */

struct comparing {
	struct flyve *f;
	struct check *check;
	struct map *known; /* topics that have a row with content */
};

static int compare_row(void *user, const struct retained *r)
{
	struct comparing *x = user;
	struct check *c = x->check;
	struct span topic = span_str(r->topic);
	void *seen = map_get(c->seen, topic);
	map_put(x->known, topic, x->f);
	if (!r->published || seen == hash_of(span_str(r->payload)))
		return 0;
	if (r->command_id && !seen)
		add_text(&c->doubts, &c->n_doubts, &c->room, r->topic);
	else
		add_text(&c->lost, &c->n_lost, &c->lost_room, r->topic);
	return 0;
}

static void erase_unknown(void *user, struct span topic, void *value)
{
	struct comparing *x = user;
	(void)value;
	if (map_get(x->known, topic))
		return;
	char *text = strndup((const char *)topic.p, topic.n);
	if (!text)
		abort();
	if (flyve_publish_erasure(x->f, text))
		metrics_add(x->f->server->metrics, METRICS_FLYVE_ERASED, 1);
	else
		x->f->check_again = true;
	free(text);
}

static int compare(struct flyve *f)
{
	struct comparing x = { .f = f, .check = f->check, .known = map_new() };
	int r = store_retained_each(store_reader(f->server->store), compare_row, &x);
	if (r == 0)
		map_each(f->check->seen, erase_unknown, &x);
	map_free(x.known);
	return r;
}

/* Those of the last round that came are there. Those that an online device has got are not said again:
 * its next message says that they are done. */
static void judge_doubts(struct flyve *f)
{
	struct check *c = f->check;
	size_t n = c->n_doubts < DOUBTS_AT_ONCE ? c->n_doubts : DOUBTS_AT_ONCE;
	for (size_t i = 0; i < n; i++) {
		char *topic = c->doubts[--c->n_doubts];
		if (!map_get(c->seen, span_str(topic)) && !map_get(f->live, span_str(topic)))
			add_text(&c->lost, &c->n_lost, &c->lost_room, topic);
		free(topic);
	}
}

static void begin_doubts(struct flyve *f)
{
	struct check *c = f->check;
	size_t room = 0;
	size_t n = c->n_doubts < DOUBTS_AT_ONCE ? c->n_doubts : DOUBTS_AT_ONCE;
	c->doubting = true;
	begin_phase(f);
	subscribe(f, FLYVE_CHECK_TOPIC, &room);
	for (size_t i = 0; i < n; i++)
		subscribe(f, c->doubts[c->n_doubts - 1 - i], &room);
}

struct losing {
	struct store_write write;
	const struct check *check;
};

static int losing_apply(struct store_conn *tx, struct store_write *w)
{
	const struct check *c = CONTAINER_OF(w, struct losing, write)->check;
	int r = 0;
	for (size_t i = 0; i < c->n_lost && r == 0; i++)
		r = store_retained_lost(tx, c->lost[i]);
	return r;
}

static void finish(struct flyve *f)
{
	struct losing l = { .write.apply = losing_apply, .check = f->check };
	int r = f->check->n_lost ? store_write_wait(f->server->store, &l.write) : 0;
	if (r)
		log_error("the check of the broker failed", F_INT("error", r));
	metrics_add(f->server->metrics, METRICS_FLYVE_LOST, f->check->n_lost);
	if (f->check->n_lost)
		log_info("the broker had lost retained messages",
			 F_INT("messages", (int64_t)f->check->n_lost));
	flyve_check_free(f);
	f->checked = f->publish = true;
}

static void mark_came(struct flyve *f)
{
	struct check *c = f->check;
	unsubscribe(f, c);
	if (c->doubting)
		judge_doubts(f);
	else if (compare(f) != 0) {
		f->check_again = true;
		log_limited(LOG_LEVEL_ERROR, "the check of the broker failed");
	}
	if (c->n_doubts > 0)
		begin_doubts(f);
	else
		finish(f);
}

bool flyve_check_message(struct flyve *f, const struct note *n)
{
	struct check *c = f->check;
	char text[24];
	if (strcmp(n->topic, FLYVE_CHECK_TOPIC) == 0) {
		snprintf(text, sizeof text, "%" PRIx64, c ? c->mark : 0);
		if (c && span_eq_str((struct span){ n->payload, n->n }, text))
			mark_came(f);
		return true;
	}
	if (!flyve_topic_is_ours(span_str(n->topic)))
		return false;
	if (c && n->flag)
		map_put(c->seen, span_str(n->topic), hash_of((struct span){ n->payload, n->n }));
	return true;
}

/* ---- letting devices in ---- */

/* The broker takes our messages in order. So when it has completed one that was queued behind every erasure and every row,
 * it has them; QoS 2, because such a one counts from its PUBREL on only, which one of QoS 1 would overtake. A broker that
 * went and came meanwhile is another life of it, and is checked itself. */
void flyve_admit(struct flyve *f)
{
	struct mqtt_message m = { .topic = FLYVE_CHECK_TOPIC, .qos = 2 };
	struct error ignored; /* no room: in the next turn */
	if (f->life == 0 || f->admit_id != 0 || !f->checked || f->publish || flyve_is_behind(f))
		return;
	if (f->check_again)
		flyve_check_begin(f);
	else if (mqtt_publish(f->mqtt, &m, &f->admit_id, &ignored) != 0)
		f->admit_id = 0;
}

void flyve_admit_published(struct flyve *f, uint64_t id)
{
	if (f->admit_id == 0 || id != f->admit_id)
		return;
	broker_admit(f->broker, f->life);
	f->life = f->admit_id = 0;
}
