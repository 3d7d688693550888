/* SPDX-License-Identifier: Apache-2.0
 *
 * The channel's session with the broker. One thread owns everything here, that of a follower of the event
 * log (server/follow.h); what happens elsewhere (the MQTT client's callbacks, presence, results of writes)
 * comes to it through an inbox.
 *
 *     event log --follow.c--> sync ops in the store --> rows to publish --publish.c--> broker
 *     broker --inbox--> listen.c --> ops in the store (receive.h)
 *     each connection: what the broker has retained is compared with our rows (check.c)
 *
 * The place in the event log is kept in the store and moves when what follows from the events is in rows;
 * rows say themselves whether the broker has acknowledged them. So a crash of either side loses nothing:
 * what was not done is found and done.
 */
#pragma once

#include "base/map.h"
#include "channel/flyve/flyve.h"
#include "channel/flyve/receive.h"
#include "channel/flyve/sync.h"
#include "server/follow.h"
#include <pthread.h>

#define INBOX_MAX       65536
#define INBOX_BYTES_MAX (64u << 20)

enum note_type {
	NOTE_MESSAGE,
	NOTE_PUBLISHED, /* number: id of mqtt_publish() */
	NOTE_CONNECTED,
	NOTE_SUBSCRIBED, /* topic: the filter */
	NOTE_PRESENCE,   /* number: device id; flag: online */
	NOTE_HEARD,      /* number: device id; heard */
	NOTE_CHANGED,    /* rows were changed elsewhere */
};

struct note { /* heap, owned by the inbox, then by who takes it */
	struct note *next;
	enum note_type type;
	char *topic;
	uint8_t *payload;
	size_t n;
	bool flag; /* NOTE_MESSAGE: it was retained */
	bool owed; /* NOTE_MESSAGE: the broker keeps it until mqtt_taken() */
	int64_t number, at_ms;
	struct flyve_heard heard;
	struct acks *acks; /* NOTE_HEARD: acknowledgements that were written; owned, or NULL */
};

struct flyve {
	struct server *server;
	struct broker *broker;
	struct mqtt *mqtt;
	struct follow *follow;

	pthread_mutex_t lock; /* of the following */
	pthread_cond_t cond;
	struct note *first, **last;
	size_t n_notes, n_bytes;
	struct waiter *waiters;
	struct goodbye *goodbyes;
	bool stopped; /* nobody serves them any more */
	bool in_force;
	int64_t followed; /* the last event whose rows are published */
	size_t n_writing; /* operations at the writer that will come back */

	/* the thread's own */
	struct targets *targets; /* of the batch of events at hand */
	bool begun;
	bool publish;        /* there may be rows to publish */
	struct map *flights; /* by id: struct flight */
	struct map *topics;  /* by topic: its latest flight, until its acknowledgement is written */
	struct map *live;  /* by topic: struct live, orders that a device got while it was online */
	struct map *fresh; /* by device id, a time: connected, queries to be said again */
	struct map *owed;  /* by device id: to be pinged when everything is settled */
	struct acks *acks; /* acknowledged, not written yet */
	struct check *check; /* under way; or NULL */
	bool connected, checked;
	/* Devices are let in when what follows from the check is at the broker: life (0: they are), the message whose
	 * acknowledgement says so (0: not sent), and whether the check has to be made again first. */
	uint64_t life, admit_id;
	bool check_again;
	int64_t chores_due_ms, count_due_ms;
};

/* session.c */
struct note *flyve_note_new(enum note_type type);
void flyve_note_free(struct note *n);
void flyve_inbox_add(struct flyve *f, struct note *n); /* any thread; takes it over */
int64_t flyve_now(void);

/* follow.c: callbacks of the follower; what follows from an event is in rows after act(). */
struct targets *flyve_targets_new(void);
int flyve_event(void *user, const struct event *e);
int flyve_act(void *user);
void flyve_reset(void *user);
int flyve_want_manifest(struct flyve *f) WARN_UNUSED;
bool flyve_is_behind(const struct flyve *f); /* there are events that were not followed yet */

/* waiters.c: calls 'fn' once, when nothing of an earlier life is retained for the device at the broker any more
 * (true), or after some seconds, or when the session ends (false). Any thread. */
void flyve_when_clean(struct flyve *f, int64_t device_id, void (*fn)(void *user, bool clean),
		      void *user);
void flyve_serve_waiters(struct flyve *f, int64_t now_mono_ms);
void flyve_end_waiters(struct flyve *f);

/* goodbye.c: calls 'fn' once, when a device that is connected has been told that it is no longer managed, or after two
 * seconds; at once without a connection to the broker. Any thread. */
void flyve_say_goodbye(struct server *s, int64_t device_id, void (*fn)(void *user), void *user);
void flyve_serve_goodbyes(struct flyve *f, int64_t now_mono_ms);
void flyve_goodbye_published(struct flyve *f, uint64_t id);
bool flyve_goodbye_under_way(struct flyve *f, int64_t device_id); /* on the session's thread */
void flyve_end_goodbyes(struct flyve *f);

/* publish.c */
int flyve_publish_rows(struct flyve *f) WARN_UNUSED;
void flyve_publish_queries(struct flyve *f, const struct flyve_effects *e);
/* false: there was no room */
bool flyve_publish_erasure(struct flyve *f, const char *topic);
void flyve_published(struct flyve *f, int64_t id);
void flyve_write_acks(struct flyve *f); /* in order with what is submitted afterwards */
/* What was written keeps nothing from being published again. */
void flyve_acks_written(struct flyve *f, const struct acks *a);
void flyve_acks_free(struct acks *a);
void flyve_forget_flights(struct flyve *f);
bool flyve_settled(const struct flyve *f); /* on the session's thread */
/* The same from any thread: a little later, never too early. */
bool flyve_is_settled(struct server *s);
void flyve_note_settled(struct flyve *f);
void flyve_wake(struct flyve *f); /* rows were changed elsewhere; any thread */

/* probe.c: orders that a connected device has got and that nobody has confirmed yet */
void flyve_live_add(struct flyve *f, const char *topic, int64_t device_id);
void flyve_live_remove(struct flyve *f, const char *topic);
void flyve_live_free(struct flyve *f);
/* Its message proved something that could not be told yet: it is asked again when it can. */
void flyve_owe(struct flyve *f, int64_t device_id);
void flyve_probe(struct flyve *f, int64_t now_mono_ms);

/* listen.c */
void flyve_message(struct flyve *f, struct note *n);
void flyve_heard_note(struct flyve *f, const struct note *n);
void flyve_presence_note(struct flyve *f, const struct note *n);
void flyve_chores(struct flyve *f, int64_t now_mono_ms);
int flyve_forget_presence(struct flyve *f)
	WARN_UNUSED; /* at the start: nobody is known to be there */

/* check.c */
#define FLYVE_CHECK_TOPIC "reeve/flyve/check"
void flyve_check_begin(struct flyve *f);
void flyve_check_subscribed(struct flyve *f, const char *filter);
/* Returns true when the message was the check's. */
bool flyve_check_message(struct flyve *f, const struct note *n);
void flyve_check_free(struct flyve *f);
void flyve_admit(struct flyve *f); /* devices, when it is time */
void flyve_admit_published(struct flyve *f, uint64_t id);
