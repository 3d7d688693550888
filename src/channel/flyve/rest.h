/* SPDX-License-Identifier: Apache-2.0
 *
 * The agents' REST interface: GLPI's words and forms, as far as agents use them. What the files share.
 *
 * A session (header Session-Token) is of an invited person, who may enroll a device and then see its record
 * once with credentials, or of a device, which logs in with its token. Sessions are rows: a server that is
 * killed between two steps of an enrollment does not end it.
 *
 * Errors are GLPI's: a status and ["ERROR_CODE","text"].
 */
#pragma once

#include "channel/flyve/enrollment.h"
#include "channel/flyve/flyve.h"
#include "store/flyve.h"

#define FLYVE_GUEST_PROFILE 9
#define FLYVE_AGENT_PROFILE 10

void flyve_rest_error(struct http_request *req, int status, const char *code, const char *text);
/* From a verb's result: 401, 404, 400, 503 or 500, by its code. */
void flyve_rest_result(struct http_request *req, int r, const struct error *err);
/* The session of the request. false: it has answered. */
bool flyve_rest_session(struct http_request *req, struct flyve_session *ret);
/* The device's own session, and the device, still managed. false: it has answered. */
bool flyve_rest_device(struct http_request *req, struct device *ret);
/* "input" of the body. false: it has answered. */
bool flyve_rest_input(struct http_request *req, json_t **ret);

http_handler flyve_rest_init_session;
http_handler flyve_rest_kill_session;
http_handler flyve_rest_full_session;
http_handler flyve_rest_change_profile;
http_handler flyve_rest_enroll;
http_handler flyve_rest_record;
http_handler flyve_rest_update;
http_handler flyve_rest_geolocation;
http_handler flyve_rest_task_status;
http_handler flyve_rest_file;
http_handler flyve_rest_package;
http_handler flyve_device_enroll; /* of POST /device/v1/enroll, see server.h */
http_handler flyve_device_mqtt;

/* device-mqtt.c: {"host","port","tls","user","topic"[,"password"]}, owned; and what all devices are told. */
json_t *flyve_mqtt_json(struct server *s, const struct device *d, const struct flyve_agent *agent,
			const char *password, struct arena *a);
const char *flyve_broker_payload(struct broker *b, struct arena *a);

/* ---- enrolling, for both ways in ---- */

struct flyve_newcomer {
	struct enrollment e; /* organization and fleet are the invitation's */
	const char *uuid;
	enum flyve_dialect dialect;
	bool confirms;    /* an agent of ours: it says what became of orders */
	int64_t known_id; /* it has shown the token of this device; 0: no */
};

/* ERR_CONFLICT: a new one would be one too many. */
int flyve_check_room(struct store_conn *tx, int64_t org_id, const struct flyve_newcomer *n,
		     struct server *s, struct arena *a, struct error *err) WARN_UNUSED;
/* A known device by its serial and uuid (it keeps its record, place and settings), or a new one. Orders of
 * its last life are ended, its retained topics are to be erased; it has no credentials yet. */
int flyve_enroll(struct store_conn *tx, const struct change *by, const struct enrollment_token *t,
		 const struct flyve_newcomer *n, struct server *s, struct arena *a,
		 struct device *ret, struct error *err) WARN_UNUSED;

/* ---- credentials ---- */

/* Answers the deferred request when the device can log in and nothing stale can be read any more: gives
 * it a new token in a transaction, then calls 'answer', which replies. */
struct flyve_handover {
	struct http_request *req;
	int64_t device_id;
	/* First in the same transaction, may run again: sets device_id. Or NULL */
	int (*enroll)(struct store_conn *tx, struct flyve_handover *h, struct error *err);
	void (*refuse)(struct http_request *req, int r, const struct error *err);
	void (*answer)(struct flyve_handover *h); /* http_reply_*() only */
	void *arg;
	/* given to answer() */
	struct device device;
	struct flyve_agent agent;
	const char *password; /* what it logs in with at the broker */
	const char *token;    /* of the device, for HTTP */
};
void flyve_hand_over(struct flyve_handover *h);
