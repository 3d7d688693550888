/* SPDX-License-Identifier: Apache-2.0
 *
 * The inbox, and the life of a session, see session.h.
 *
 * Order in one turn: the log first, then rows to the broker, then what came in. So a message is judged with
 * everything known that was committed before it, and an acknowledgement is written before what a device
 * said after it.
 */
#include "channel/flyve/session.h"
#include "channel/flyve/rest.h"

#include "base/clock.h"
#include "base/log.h"
#include <stdlib.h>
#include <string.h>

#define TICK_MS   1000
#define QUEUE_MAX 4096
#define DRAIN_MS  2000

int64_t flyve_now(void)
{
	return clock_utc_ms();
}

/* ---- the inbox ---- */

struct note *flyve_note_new(enum note_type type)
{
	struct note *n = calloc(1, sizeof *n);
	if (!n)
		abort();
	n->type = type;
	return n;
}

void flyve_note_free(struct note *n)
{
	if (!n)
		return;
	free(n->topic);
	free(n->payload);
	flyve_acks_free(n->acks);
	free(n);
}

static size_t size_of(const struct note *n)
{
	return sizeof *n + n->n + (n->topic ? strlen(n->topic) : 0);
}

/* A broker's message may be turned away when there are too many; what we are owed is not. */
void flyve_inbox_add(struct flyve *f, struct note *n)
{
	pthread_mutex_lock(&f->lock);
	bool full = n->type == NOTE_MESSAGE &&
		    (f->n_notes >= INBOX_MAX || f->n_bytes + size_of(n) > INBOX_BYTES_MAX);
	if (!full) {
		*f->last = n;
		f->last = &n->next;
		f->n_notes++;
		f->n_bytes += size_of(n);
	}
	f->n_writing -= n->type == NOTE_HEARD;
	pthread_cond_broadcast(&f->cond);
	pthread_mutex_unlock(&f->lock);
	follow_wake(f->follow);
	if (!full)
		return;
	if (n->owed)
		mqtt_taken(f->mqtt);
	log_limited(LOG_LEVEL_WARN, "a device's message was dropped: too many are waiting",
		    F_STR("topic", n->topic));
	flyve_note_free(n);
}

static struct note *inbox_take(struct flyve *f)
{
	pthread_mutex_lock(&f->lock);
	struct note *n = f->first;
	if (n) {
		f->first = n->next;
		f->last = f->first ? f->last : &f->first;
		f->n_notes--;
		f->n_bytes -= size_of(n);
		n->next = NULL;
	}
	pthread_mutex_unlock(&f->lock);
	return n;
}

/* ---- from the MQTT client and the broker, on their threads ---- */

static void on_connected(void *user, bool session)
{
	(void)session; /* what is retained is looked at in any case */
	flyve_inbox_add(user, flyve_note_new(NOTE_CONNECTED));
}

static void on_disconnected(void *user, const char *why)
{
	(void)user;
	log_limited(LOG_LEVEL_WARN, "the connection to the MQTT broker was lost",
		    F_STR("why", why));
}

static char *copy_text(const char *s)
{
	char *copy = strdup(s);
	if (!copy)
		abort();
	return copy;
}

static void on_message(void *user, const struct mqtt_message *m)
{
	struct flyve *f = user;
	struct note *n = flyve_note_new(NOTE_MESSAGE);
	n->topic = copy_text(m->topic);
	n->payload = malloc(m->payload.n + 1);
	n->owed = m->qos > 0;
	if (!n->payload) { /* sized by a peer: not worth the process */
		if (n->owed)
			mqtt_taken(f->mqtt);
		flyve_note_free(n);
		return;
	}
	memcpy(n->payload, m->payload.p ? m->payload.p : (const uint8_t *)"", m->payload.n);
	n->n = m->payload.n;
	n->flag = m->retain;
	n->at_ms = flyve_now();
	flyve_inbox_add(f, n);
}

static void on_published(void *user, uint64_t id)
{
	struct note *n = flyve_note_new(NOTE_PUBLISHED);
	n->number = (int64_t)id;
	flyve_inbox_add(user, n);
}

static void on_subscribed(void *user, const char *filter, bool granted)
{
	struct note *n = flyve_note_new(NOTE_SUBSCRIBED);
	n->topic = copy_text(filter);
	if (!granted)
		log_error("the MQTT broker refuses a subscription", F_STR("filter", filter));
	flyve_inbox_add(user, n);
}

static void on_presence(void *user, int64_t device_id, bool online, int64_t at_ms)
{
	struct note *n = flyve_note_new(NOTE_PRESENCE);
	n->number = device_id;
	n->flag = online;
	n->at_ms = at_ms;
	flyve_inbox_add(user, n);
}

/* ---- the thread ---- */

static void take_note(struct flyve *f, struct note *n)
{
	switch (n->type) {
	case NOTE_MESSAGE:
		if (!flyve_check_message(f, n))
			flyve_message(f, n);
		if (n->owed) /* it is no news */
			mqtt_taken(f->mqtt);
		break;
	case NOTE_PUBLISHED:
		flyve_published(f, n->number);
		break;
	case NOTE_CONNECTED:
		f->connected = true;
		flyve_check_begin(f);
		break;
	case NOTE_SUBSCRIBED:
		flyve_check_subscribed(f, n->topic);
		break;
	case NOTE_PRESENCE:
		flyve_presence_note(f, n);
		break;
	case NOTE_HEARD:
		flyve_heard_note(f, n);
		break;
	case NOTE_CHANGED:
		f->publish = true;
		break;
	}
}

static void complain(const char *what, int r)
{
	if (r)
		log_limited(LOG_LEVEL_ERROR, "the Flyve session failed", F_STR("what", what),
			    F_INT("error", r));
}

static bool next_is_message(struct flyve *f)
{
	pthread_mutex_lock(&f->lock);
	bool yes = f->first && f->first->type == NOTE_MESSAGE;
	pthread_mutex_unlock(&f->lock);
	return yes;
}

/* false: the log is to be followed first, so that the next message is judged by all that was committed. */
static bool take_notes(struct flyve *f)
{
	struct note *n;
	while ((n = inbox_take(f)) != NULL) {
		take_note(f, n);
		flyve_note_free(n);
		if (next_is_message(f) && flyve_is_behind(f))
			return false;
	}
	return true;
}

static void begin(struct flyve *f)
{
	int r = flyve_want_manifest(f);
	if (r == 0)
		r = flyve_forget_presence(f);
	f->begun = r == 0;
	complain("starting", r);
}

/* The part of a turn that is not the log's: rows to the broker first, then what came in. */
static int64_t rest(void *user, int64_t now_mono_ms)
{
	struct flyve *f = user;
	if (!f->begun)
		begin(f);
	complain("publishing", flyve_publish_rows(f));
	bool done = take_notes(f);
	flyve_write_acks(f);
	flyve_serve_goodbyes(f, now_mono_ms);
	flyve_chores(f, now_mono_ms);
	complain("publishing", flyve_publish_rows(f));
	flyve_admit(f);
	flyve_note_settled(f);
	flyve_serve_waiters(f, now_mono_ms);
	return done ? now_mono_ms + TICK_MS : now_mono_ms;
}

/* ---- life ---- */

static int subscribe(struct flyve *f, struct error *err)
{
	int r = 0;
	for (const char *const *filter = flyve_status_filters; *filter && r == 0; filter++)
		r = mqtt_subscribe(f->mqtt, *filter, 1, err);
	return r;
}

static int start_client(struct flyve *f, struct error *err)
{
	struct mqtt_options o = { 0 };
	broker_client(f->broker, &o);
	o.queue_max = QUEUE_MAX;
	o.queue_bytes_max = INBOX_BYTES_MAX;
	o.message_max = FLYVE_INVENTORY_MAX;
	o.keeps = true;
	o.on = (struct mqtt_events){ .connected = on_connected,
				     .disconnected = on_disconnected,
				     .message = on_message,
				     .published = on_published,
				     .subscribed = on_subscribed,
				     .user = f };
	int r = mqtt_new(&o, &f->mqtt, err);
	if (r == 0)
		r = subscribe(f, err);
	return r ? r : mqtt_start(f->mqtt);
}

static const struct follow_ops ops = {
	.what = "following the event log for Flyve",
	.counter = "flyve",
	.event = flyve_event,
	.act = flyve_act,
	.reset = flyve_reset,
	.rest = rest,
};

static struct flyve *flyve_new(struct server *s)
{
	struct flyve *f = calloc(1, sizeof *f);
	if (!f)
		abort();
	f->server = s;
	f->broker = s->broker;
	f->last = &f->first;
	f->publish = true;
	f->targets = flyve_targets_new();
	f->follow = follow_new(s->store, s->metrics, &ops, f);
	f->flights = map_new();
	f->topics = map_new();
	f->live = map_new();
	f->fresh = map_new();
	f->owed = map_new();
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->cond, NULL);
	return f;
}

static void free_time(void *user, struct span key, void *value)
{
	(void)user, (void)key;
	free(value);
}

void flyve_free(struct flyve *f)
{
	struct note *n;
	if (!f)
		return;
	mqtt_free(f->mqtt);
	follow_free(f->follow);
	free(f->targets);
	while ((n = inbox_take(f)) != NULL)
		flyve_note_free(n);
	flyve_check_free(f);
	flyve_forget_flights(f);
	map_free(f->flights);
	map_free(f->topics);
	flyve_live_free(f);
	map_each(f->fresh, free_time, NULL);
	map_free(f->fresh);
	map_free(f->owed);
	pthread_cond_destroy(&f->cond);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

int flyve_start(struct server *s, struct error *err)
{
	if (!s->broker)
		return 0;
	struct flyve *f = flyve_new(s);
	broker_on_presence(f->broker, on_presence, f);
	int r = start_client(f, err);
	if (r == 0)
		r = follow_start(f->follow);
	if (r < 0)
		r = error_set(err, ERR_INTERNAL, "the Flyve session cannot start: %s",
			      strerror(-r));
	s->flyve = f;
	s->enroll_flyve = flyve_device_enroll;
	s->say_goodbye = flyve_say_goodbye;
	return r;
}

/* The writer may still have operations of ours: they end in the inbox. */
static void wait_for_writes(struct flyve *f)
{
	pthread_mutex_lock(&f->lock);
	while (f->n_writing > 0)
		pthread_cond_wait(&f->cond, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

void flyve_stop(struct flyve *f)
{
	if (!f)
		return;
	follow_stop(f->follow);
	flyve_end_waiters(f);
	flyve_end_goodbyes(f);
	flyve_write_acks(f);
	broker_on_presence(f->broker, NULL, NULL);
	if (f->mqtt)
		mqtt_stop(f->mqtt, DRAIN_MS);
	wait_for_writes(f);
}
