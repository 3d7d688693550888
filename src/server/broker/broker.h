/* SPDX-License-Identifier: Apache-2.0
 *
 * The MQTT broker of the server: which one, who may log in there, and what they may read and write.
 *
 *   mqtt.mode off        there is none: broker_start() gives NULL, and every function here takes NULL
 *   mqtt.mode embedded   a mosquitto child with our plugin (src/broker), supervised: started again with
 *                        back-off when it dies, ended with the server. Accounts and rights are in the
 *                        plugin's memory, fed through a socket pair from the event log.
 *   mqtt.mode mqtt[s]:// somebody else's broker, which asks us (broker_routes: EMQX's HTTP contract) or trusts the
 *                        JWTs that broker_password() makes
 *
 * The channel says what a device's account is (struct broker_source); the broker decides from that. A change is
 * followed through the event log, so a handler that moves or unenrolls a device has nothing to do here: its rights
 * change milliseconds after the commit, and connections that had the old ones are closed.
 *
 * What a device may do, R being its account's root and topics being compared without one leading slash:
 *   write  R/Status/…, R/FlyvemdmManifest/…   (retained: R/Status/Online only)
 *   read   everything else below R, everything below its fleets' roots, FlyvemdmManifest/…
 *   subscribe to any filter that begins with R or a fleet's root, to the manifest; to "#" only with the flag
 * The server's own connection may do everything.
 */
#pragma once

#include "net/mqtt/mqtt.h"
#include "server/server.h"

struct broker; /* heap, one owner */

#define BROKER_FLEETS_MAX 32 /* more are left out */

/* Roots are exactly three levels, none empty, without '+', '#', '$', '%' and control characters: so none lies within another. An
 * account that is not so is logged and has no rights. */
struct broker_account {            /* strings in the arena given */
	const char *user;          /* unique; 1 to 512 bytes, not beginning with '$' */
	struct span password_hash; /* SHA-256 of the password (32 bytes): the device's token_hash */
	const char *root;          /* "0/agent/SER1", 1 to 512 bytes */
	const char *const *fleets; /* "0/fleet/5": roots it may read, nearest first */
	size_t n_fleets;
	bool everything_filter; /* may subscribe to "#" (agents of 2017-11 to 2018-01); delivery is still
				   checked, but every message costs a check for each such client */
};

struct broker_source { /* what a channel knows; any thread, through that thread's connection */
	enum channel channel; /* only its devices have accounts */
	/* 0; ERR_NOT_FOUND: it has no account (not managed, no token). */
	int (*account)(struct store_conn *c, const struct device *d, struct arena *a,
		       struct broker_account *ret, struct error *err);
	/* The device whose account has this user name, for brokers that ask; ERR_NOT_FOUND. */
	int (*device)(struct store_conn *c, const char *user, struct arena *a, struct device *ret,
		      struct error *err);
};

/* Devices of the channel "flyve": user = external_id, root = "<organization - 1>/agent/<external_id>", fleet =
 * "<organization - 1>/fleet/<fleet id>" unless that is the organization's root fleet ("not managed"). */
extern const struct broker_source broker_source_plain;

/* ---- life: started between server_open() and server_serve(), stopped after server_drain(), freed after
 * server_close() (commits still call it) ---- */

/* By the configuration. Returns when the broker serves, with every account in force. ERR_UNAVAILABLE: it cannot be
 * started (the sentence says what is missing). Sets s->broker. 'source' is borrowed. */
int broker_start(struct server *s, const struct broker_source *source,
		 struct error *err) WARN_UNUSED;
void broker_stop(struct broker *b); /* ends the child and waits for it */
void broker_free(struct broker *b);
void broker_reload(struct broker *b); /* SIGHUP: certificates and secrets from their files again */

/* "mqtt://127.0.0.1:PORT" for the ready line and for people; NULL when off. */
const char *broker_url(const struct broker *b);

/* ---- for the channel ---- */

/* How the server itself connects: host, port, TLS, user, password, client id, session. The caller adds events and
 * limits. Strings live as long as the broker. */
void broker_client(struct broker *b, struct mqtt_options *o);

/* The embedded broker may come back with what it had retained a minute ago, or before it was told the latest. So it
 * lets in nobody but us until the channel, which owns what is retained, says that all of it is right. That counts for
 * one life of the broker, asked for before anything is looked at. Others' brokers: 0, and they let in whom they like.
 * Any thread. */
uint64_t broker_life(struct broker *b);
void broker_admit(struct broker *b, uint64_t life);
/* Until devices were let in once since the server started; false: not yet, after timeout_ms. */
bool broker_wait_admits(struct broker *b, int64_t timeout_ms);

struct broker_address { /* what devices are told (mqtt.public, or where we serve) */
	const char *host;
	int port;
	bool tls;
};
struct broker_address broker_public(const struct broker *b);

/* The password a device is to use, appended: its token itself, or (mqtt.passwords: jwt) a JWT that carries its
 * rights. Signing takes about a millisecond. */
int broker_password(struct broker *b, const struct broker_account *account,
		    const char *device_token, int64_t now_ms, struct buf *out,
		    struct error *err) WARN_UNUSED;

/* Something that no event tells has changed the device's account (a new password): read it again. */
void broker_refresh(struct broker *b, int64_t device_id);

/* Calls fn once, on the broker's thread, when everything that was committed (and refreshed) before this call is in
 * force at the broker; at the latest after two seconds, with false. External brokers, or none: at once, from
 * here. For answers that hand out credentials. */
void broker_when_in_force(struct broker *b, void (*fn)(void *user, bool in_force), void *user);

/* ---- presence (embedded only: others have wills and messages) ---- */

/* On the broker's thread, must not block: a device's first connection came (online), its last one went. When the
 * broker itself is gone, every device that was online is said to be offline. Last contacts are noted by the
 * broker (seen_device()). To be set once, right after broker_start(); who came before that is known to
 * broker_online(). */
void broker_on_presence(struct broker *b,
			void (*fn)(void *user, int64_t device_id, bool online, int64_t at_ms),
			void *user);
bool broker_online(struct broker *b, int64_t device_id); /* any thread */

/* ---- HTTP ---- */

/* EMQX's authentication and authorization contract, under /mqtt/v1/. 404 unless mqtt.auth_secret_file is set. */
extern const struct http_route broker_routes[];
