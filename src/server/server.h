/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's context and the way a handler writes.
 *
 * One struct server a process, made by server_start(), known to handlers through http_user().
 * A handler that must write fills an op and calls op_submit(): the request is deferred, apply() runs
 * on the writer's thread inside the shared transaction and leaves status and body in the op, and
 * after the commit the answer goes out. Nothing is answered before it is durable.
 */
#pragma once

#include "net/http/http.h"
#include "server/config.h"
#include "store/store.h"

struct doorbells;   /* doorbell.h: parked long-polls, by device and fleet */
struct followers;   /* followers.h: the background thread that follows the event log */
struct seen;        /* seen.h: last contacts, written in batches */
struct keyring;     /* keys.h: signing keys */
struct hash_secret; /* request-hash.h: what repeated requests are recognized by */
struct throttle;    /* throttle.h: how often somebody may try */
struct jobs;        /* jobs.h: what may take long */
struct org_configs; /* org-config.h: what organizations configured for themselves */
struct cache;       /* cache.h */
struct metrics;     /* metrics.h */
struct fcm_ringer;  /* fcm-ringer.h: rings phones through FCM */
struct server_run;  /* server.c: what only starting and stopping need */
struct blobs;       /* blobs.h: contents of files */
struct api;         /* api/api.h: the admin API's threads and streams */
struct chrome;      /* channel/chrome: keys held ready, answers kept */
struct flyve;       /* channel/flyve: its session with the broker */
struct broker;      /* broker/broker.h: the MQTT broker, accounts and rights */

struct server {
	_Atomic(const struct config *) config; /* current; replaced as a whole on SIGHUP, and the
						  old ones stay readable until the stop */
	struct store *store;
	struct http_server *http;
	struct doorbells *doorbells;
	struct followers *followers;
	struct seen *seen;
	struct keyring *keys;
	struct hash_secret *hash_secret;
	struct throttle *throttle; /* log-in attempts, by address */
	struct jobs *jobs;
	struct org_configs *org_configs;
	struct throttle *device_quota;  /* writes by device */
	struct cache *devices_by_token; /* auth.c */
	struct cache
		*answers; /* rendered answers of hot reads; keys begin with the channel's name */
	struct metrics *metrics;
	struct fcm_ringer *fcm;
	struct blobs *blobs;   /* set by api_start() */
	struct api *api;       /* set by api_start() */
	struct chrome *chrome; /* set by chrome_start() */
	struct broker *broker; /* set by broker_start(); NULL: mqtt.mode is off */
	struct flyve *flyve;   /* set by flyve_start(); NULL: there is no broker */
	/* POST /device/v1/enroll of who wants the channel "flyve"; set by flyve_start(), or NULL */
	http_handler *enroll_flyve;
	/* Tells a device of that channel that it is no longer managed; calls fn once, soon, on any thread: only then
	 * is its unenrollment to be written. Set by flyve_start(), or NULL */
	void (*say_goodbye)(struct server *s, int64_t device_id, void (*fn)(void *user),
			    void *user);
	uint64_t seed;    /* of this process: spreads next polls */
	bool has_console; /* some table serves /console/ */
	int64_t started_ms;
	struct server_run *run;
};

/* Changes whenever an answer that was made from the store or the configuration may be another one:
 * the key of caches. Take it before reading. */
uint64_t server_generation(const struct server *s);

static inline struct server *server_of(const struct http_request *req)
{
	return http_user(req);
}

/* ---- who is asking ---- */

enum auth { /* http_route.auth */
	    AUTH_NONE,
	    AUTH_ADMIN, /* API token (Bearer or X-API-Key) or session cookie; X-CSRF-Token on its writes */
	    AUTH_DEVICE, /* device token (Bearer): 401 unknown, 410 unenrolled */
};

struct principal { /* of the request, in its arena; http_principal() */
	enum { PRINCIPAL_TOKEN, PRINCIPAL_ADMINISTRATOR, PRINCIPAL_DEVICE } type;
	const char *actor;      /* "token:NAME", "admin:NAME", "device:ID" */
	const char *scopes;     /* space separated; scopes.h */
	int64_t org_id;         /* 0: may act in every organization */
	int64_t id;             /* of the token, administrator or device */
	struct device device;   /* PRINCIPAL_DEVICE */
	struct session session; /* PRINCIPAL_ADMINISTRATOR */
};

static inline const struct principal *principal_of(const struct http_request *req)
{
	return http_principal(req);
}
bool principal_may(const struct principal *p, const char *scope);

/* ---- writing ---- */

struct op {
	/* set by the handler; allocate it with op_new() */
	int (*apply)(struct store_conn *tx, struct op *op);
	void (*committed)(
		struct op *op); /* after the commit, before the answer, writer's thread; or NULL */
	/* always, when its fate is known and before the answer; r as of store_write.done. For what
	 * must be undone when nothing came of it: not (r == 0 && !replayed). Or NULL */
	void (*ended)(struct op *op, int r);
	/* Answers in a form of its own (http_reply_*()) instead of status and body below; r != 0:
	 * what went wrong, in err. Writer's thread, must not block. Such answers are not kept for an
	 * Idempotency-Key. Or NULL */
	void (*render)(struct op *op, int r, const struct error *err);
	void *arg; /* the handler's own */
	/* given */
	struct http_request *req;
	struct server *server;
	struct arena *arena; /* the request's; the writer's thread may use it during apply */
	struct change by;    /* the principal's actor, and now */
	/* the answer, set by apply() (it may run twice: assign, do not append) */
	int status;       /* 0: 204 */
	json_t *body;     /* owned by the op; NULL: empty */
	const char *etag; /* in the arena; or NULL */
	struct error err; /* for a positive return of apply() */
	bool secret; /* by the handler: the answer holds a secret and must not be kept; the same
			     Idempotency-Key again is ERR_CONFLICT ("done already") */
	/* private to op.c */
	struct store_write write;
	const char *key;      /* Idempotency-Key, or NULL */
	uint8_t hash[32];     /* of the request it belongs to */
	int64_t submitted_us; /* monotonic; for metrics */
	bool replayed;        /* the answer is the kept one */
};

struct op *op_new(struct http_request *req, int (*apply)(struct store_conn *tx, struct op *op),
		  void *arg);
/* Defers the request. With an Idempotency-Key header (administrators and API tokens) a 2xx answer is
 * kept for a day, in the same transaction, and given again; the same key with another request is
 * ERR_CONFLICT. */
void op_submit(struct op *op);
/* The same for a request that is deferred already (from a job, a doorbell). */
void op_submit_deferred(struct op *op);
