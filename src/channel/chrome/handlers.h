/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder and its subfolders share: a request that is understood, the table of
 * request types, and the ways to answer.
 *
 * One URL, told apart by "request=". endpoint.c reads query and headers, finds the row, reads the
 * body, authenticates as the row says, and calls the row's handler, on an HTTP worker. A handler
 * answers at once with chrome_reply() or chrome_fail(), or makes an op with chrome_op() and submits it.
 * Everything of a request lives in its arena, the unpacked body and what is packed for the answer too.
 */
#pragma once

#include "channel/chrome/chrome.h"
#include "channel/chrome/device_management.pb-c.h" /* generated, package "dm": Dm__PolicyData … */
#include "server/server.h"

struct chrome {                         /* server->chrome */
	struct chrome_keys *keys;       /* policy/sign.c */
	struct chrome_answers *answers; /* policy/answers.c: signed answers that are still fresh */
	struct chrome_oauth *oauth;     /* oauth.c: asks the token-info endpoint, off the workers */
};

#define CHROME_DEVICE_ID_MAX 64
#define CHROME_BODY_MAX      (2 << 20)

enum chrome_auth {
	CHROME_AUTH_NONE,
	CHROME_AUTH_ENROLLMENT, /* "GoogleEnrollmentToken token=": checked by the handler's op */
	CHROME_AUTH_OAUTH, /* oauth_token=, "OAuth …" or "GoogleLogin auth=": checked by the handler */
	CHROME_AUTH_DEVICE, /* "GoogleDMToken token=": device is set, managed, of this channel */
	CHROME_AUTH_DEVICE_OR_OAUTH,
};

struct chrome_request;
typedef void chrome_handler(struct chrome_request *r);

struct chrome_type {              /* a row of the table in types.c */
	const char *name, *alias; /* both spellings; alias NULL: none */
	uint32_t body;            /* field of DeviceManagementRequest that must be there; 0: none */
	uint32_t body_or[2];      /* or one of these (status) */
	uint32_t answer;          /* field of DeviceManagementResponse, for the documentation */
	enum chrome_auth auth;
	chrome_handler *handler;
	bool foreign; /* the token may be of another device than "deviceid" names */
};

enum chrome_scheme { /* what "Authorization" held */
		     CHROME_SCHEME_NONE,
		     CHROME_SCHEME_DEVICE,
		     CHROME_SCHEME_ENROLLMENT,
		     CHROME_SCHEME_OAUTH,
		     CHROME_SCHEME_OTHER,
};

struct chrome_request { /* in the request's arena */
	struct http_request *http;
	struct server *server;
	struct arena *arena;
	const struct chrome_type *type;
	int64_t now_ms;
	const char *device_id, *agent, *platform,
		*profile_id; /* "": not given (device_id always is) */
	bool critical, retry;
	const char *token;       /* of the Authorization header; secret; "" */
	const char *oauth_token; /* secret; "" */
	enum chrome_scheme scheme;
	const char *
		email; /* whose oauth_token it is, lower case, once chrome_oauth_check() knows; "" */
	bool deferred; /* http_defer() was called: answers resume */
	struct device
		device; /* CHROME_AUTH_DEVICE: as of now or a moment ago (auth.h); else id 0 */
	const Dm__DeviceManagementRequest *body;
};

/* ---- answers: exactly one of these, once ---- */

void chrome_reply(struct chrome_request *r, const Dm__DeviceManagementResponse *answer); /* 200 */
/* A DeviceManagementResponse with error_message. status: as in the facts' table, 9xx too. */
void chrome_fail(struct chrome_request *r, int status, const char *message);
/* From a verb's result; ERR_GONE carries the configured error_detail. */
void chrome_fail_result(struct chrome_request *r, int result, const struct error *err);

/* Sets the member of this number, an empty message: all that many a client wants to see. */
void chrome_empty_answer(struct arena *a, uint32_t number, Dm__DeviceManagementResponse *ret);

/* A write. apply() sets *answer (in the arena) or returns an error as usual; it may run twice. The
 * actor of its events is the device, or "chrome:<peer>" while there is none. */
struct chrome_op {
	struct op op; /* first: an op's apply() gets its chrome_op by a cast */
	struct chrome_request *r;
	Dm__DeviceManagementResponse answer; /* what is sent after the commit */
	int status;                          /* 0: 200; else chrome_fail() with op.err's message */
	int (*apply)(struct store_conn *tx, struct op *op); /* private */
};
struct chrome_op *chrome_op(struct chrome_request *r,
			    int (*apply)(struct store_conn *tx, struct op *op), void *arg);
void chrome_submit(struct chrome_op *op);
/* The device as of now inside of an op; ERR_GONE when it was unenrolled meanwhile. */
int chrome_device_again(struct store_conn *tx, struct chrome_op *op,
			struct device *ret) WARN_UNUSED;

/* Text of a peer for the store: valid UTF-8 without control characters, cut to 'max' bytes, in the
 * arena. NULL reads as "". */
const char *chrome_text(struct arena *a, const char *text, size_t max);

/* Protobuf's allocator on an arena (free does nothing). Unpack only what chrome_depth_ok() admits:
 * protobuf-c recurses as deep as the peer likes. */
ProtobufCAllocator chrome_allocator(struct arena *a);
bool chrome_depth_ok(struct span message);
struct span chrome_pack(struct arena *a, const ProtobufCMessage *m);

/* ---- what the organization configured (server/org-config.h holds the snapshot) ---- */

struct chrome_config {
	const char *domain; /* chrome.domain, else the organization's, else "reeve.local" */
	const char *
		service_account_identity; /* default reeve@<domain>; "": browsers ask for no commands */
	int64_t signature_freshness_ms; /* 0: sign every answer */
	bool unenroll_deletes_token;    /* error_detail 1, else 2 */
	const char
		*token_info_url; /* OAuth token-info endpoint; "": OAuth registration is refused */
};
/* Of the organization, in the arena. */
void chrome_config(struct server *s, int64_t org_id, struct arena *a, struct chrome_config *ret);

/* ---- OAuth: oauth.c ---- */

struct chrome_oauth *chrome_oauth_new(struct server *s);
void chrome_oauth_free(struct chrome_oauth *o); /* answers what still waits */
/* Finds out whose r->oauth_token is, sets r->email and calls 'next', now or on a thread of its own. Else
 * it has answered: 401 not a good token, 403 not configured, 503 the endpoint cannot be asked. Do nothing
 * after it. */
void chrome_oauth_check(struct chrome_request *r, chrome_handler *next);
/* The organization of r->email's domain; 0: none. */
int64_t chrome_account_org(const struct chrome_request *r);

/* ---- handlers, by who owns the file ---- */

/* register.c, state-keys.c, pairing.c, attributes.c, uploads.c, misc.c */
chrome_handler chrome_register;             /* user and device, OAuth */
chrome_handler chrome_register_browser;     /* and register_policy_agent, token_based_register */
chrome_handler chrome_register_certificate; /* refused, clearly */
chrome_handler chrome_unregister;
chrome_handler chrome_enterprise_check;
chrome_handler chrome_device_state;
chrome_handler chrome_pair, chrome_check_pairing;
chrome_handler chrome_attribute_permission, chrome_attribute_update;
chrome_handler chrome_cert_upload, chrome_api_authorization;
chrome_handler chrome_fm_token, chrome_public_key, chrome_gcm_id;
chrome_handler chrome_initial_state;
chrome_handler chrome_ping;
chrome_handler chrome_check_account, chrome_check_android;
chrome_handler chrome_acknowledge; /* an empty member is the answer */
chrome_handler chrome_refuse_dead, chrome_refuse_unsupported;

/* policy/ */
chrome_handler chrome_policy; /* policy and ping */

/* report/ */
chrome_handler chrome_status, chrome_desktop_report, chrome_validation_report;
/* A few more report-like requests that are stored raw (profile report, user report). */
chrome_handler chrome_raw_report;

/* command/ */
chrome_handler chrome_remote_commands;

/* ---- shared between the subfolders ---- */

/* state-keys.c: the list replaces the old one; called by the policy handler's op (the update rides on
 * request=policy). At most 64 keys of 32 bytes, others ERR_INVALID. */
int chrome_state_keys_put(struct store_conn *tx, int64_t device_id, size_t n,
			  const ProtobufCBinaryData *keys, int64_t now_ms,
			  struct error *err) WARN_UNUSED;

/* policy/answers.c: signed answers that are still fresh. Bounded; any thread. */
struct chrome_answers *chrome_answers_new(void);
void chrome_answers_free(struct chrome_answers *a);
/* What the device's PolicyData says besides its desired state (asset id, location, user, name) is
 * another one now: call it after the commit. */
void chrome_answers_forget(struct chrome_answers *a, int64_t device_id);

/* policy/applied.c: the desired version that a policy of this timestamp was made for, as the device
 * names it (PolicyFetchRequest.timestamp, ChromeUserProfileInfo.policy_fetched_timestamps). 0: no
 * policy of ours, or one from before the enrollment. */
int chrome_applied_version(struct store_conn *c, const struct device *d, int64_t timestamp_ms,
			   int64_t *ret) WARN_UNUSED;
/* policy/applied.c: the desired version and the timestamp in a policy_token of ours. */
bool chrome_policy_token_parse(const char *token, int64_t *ret_version, int64_t *ret_timestamp_ms);
/* report/: in an op: a fetch showed that the device has applied this version. The observed values
 * so far stay; a refusal (validation report) of this version or an older one is over. Called when
 * the device names another timestamp than the last time and its row says another version, or that
 * it is not satisfied; so not with every fetch. */
int chrome_observed_applied(struct store_conn *tx, const struct device *d, int64_t applied_version,
			    int64_t now_ms, struct error *err) WARN_UNUSED;

/* policy/policy.c: "https://host:port" as the client reached us, where it can also download and upload;
 * in the arena. "": it did not say. */
const char *chrome_base_url(struct chrome_request *r);

/* policy/sign.c: the organization's current policy key. A key with its public half, held ready. */
struct chrome_key;  /* borrowed: lives until chrome_keys_free() or long after its rotation */
struct chrome_keys; /* every key, parsed once; any thread */
struct chrome_keys *chrome_keys_new(void);
void chrome_keys_free(struct chrome_keys *k);
int64_t chrome_key_version(const struct chrome_key *k);
struct span chrome_key_spki(const struct chrome_key *k); /* DER */
/* version 0: the current one. ERR_NOT_FOUND: no such version (an unknown key version of a client). */
int chrome_key_get(struct server *s, int64_t org_id, const char *purpose, int64_t version,
		   const struct chrome_key **ret, struct error *err) WARN_UNUSED;
/* RSASSA-PKCS1-v1_5. The signature is in the arena. */
int chrome_sign(const struct chrome_key *k, Dm__PolicyFetchRequest__SignatureType type,
		struct span data, struct arena *a, struct span *ret, struct error *err) WARN_UNUSED;
