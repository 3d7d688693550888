/* SPDX-License-Identifier: Apache-2.0
 *
 * What link.c (connection, what comes in, exchanges), place.c (which broker) and say.c (what goes out) share.
 */
#pragma once

#include "agent/agent-private.h"
#include "agent/flyve/told.h"
#include "net/mqtt/mqtt.h"
#include <pthread.h>

#define FLYVE_COMMANDS_MAX 64
#define LINK_OWN_ID        (INT64_C(1) << 61) /* ids of commands that came without one begin here */

struct heard { /* something from the client's thread, heap */
	enum {
		HEARD_CONNECTED,
		HEARD_DISCONNECTED,
		HEARD_MESSAGE,
		HEARD_PUBLISHED,
		HEARD_SUBSCRIBED
	} what;
	char *text; /* topic, filter, or why */
	uint8_t *payload;
	size_t n;
	uint64_t id;
	bool granted;
	struct heard *next;
};

struct waiting_command {
	int64_t id;
	const char *type; /* static */
};

struct flyve_link {        /* heap, a->link_state */
	struct mqtt *mqtt; /* NULL: not enrolled yet */
	char *topic;       /* our root as the server writes it */
	char *user;

	pthread_mutex_t lock; /* between the client's thread and ours */
	struct heard *first, **last;
	size_t n_bytes;
	bool overflowed;
	int wake_fd;

	/* ours alone */
	bool connected;
	unsigned n_asked;    /* subscriptions asked for in this connection … */
	unsigned n_answered; /* … and answered */
	int64_t settle_at;   /* what is retained is here when nothing more has come until then */
	bool settled;        /* 'told' is complete */
	struct told told;
	json_t *tasks; /* told_desired(); owned */
	json_t *said;  /* task -> status and message, as the server has them; owned */
	struct waiting_command commands[FLYVE_COMMANDS_MAX]; /* for the next TAKE */
	size_t n_commands;
	int64_t last_query_id;

	bool ringing;    /* the doorbell is held */
	bool pulling;    /* an exchange waits for 'settled' … */
	bool publishing; /* … or for the broker to have everything up to last_id */
	uint64_t last_id, published_id;
	int64_t give_up_at;
	enum sync_action_type exchange;
	bool refused;      /* by the broker: does the server still know us? */
	bool ask;          /* the next pull asks the server where the broker is now … */
	int64_t ask_at;    /* … from then on; INT64_MAX: there is no reason to */
	int64_t ask_after; /* how long the broker is to be out of reach before it is asked again */
	bool lost_contact; /* an exchange failed since the last connection */
};

static inline struct flyve_link *flyve_link_of(const struct agent *a)
{
	return a->link_state;
}

#define LINK_BROKER_TOPIC "FlyvemdmManifest/Status/Broker"
#define LINK_BROKER_PATH  "/device/v1/mqtt"

struct link_broker { /* what the enrollment's answer says; borrowed */
	const char *host, *user, *topic, *password; /* password NULL: the device's token */
	int64_t port;
	bool tls;
};

/* link.c: ends the connection and forgets the broker's place; the next pull begins anew. */
void link_stop(struct flyve_link *l);

/* place.c */
int link_read_broker(const json_t *j, struct link_broker *ret, struct error *err) WARN_UNUSED;
void link_take_notice(struct agent *a, struct span payload); /* of LINK_BROKER_TOPIC */
agent_asked_fn link_take_place;                              /* the answer of LINK_BROKER_PATH */
void link_ask_later(struct flyve_link *l, int64_t now);      /* it is out of reach */
void link_ask_if_due(struct agent *a, int64_t now);

/* say.c: begins the exchange; 0: published up to l->last_id, and the rest happens in link_said(). Nothing
 * to say: l->last_id stays. ERR_UNAVAILABLE: not connected, or too much is waiting. */
int link_say(struct agent *a, enum sync_action_type type, struct error *err) WARN_UNUSED;
/* The broker has all of it. */
void link_said(struct agent *a, enum sync_action_type type);
int link_say_online(struct agent *a, struct error *err) WARN_UNUSED;
