/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: handlers, the gate, and the protocol's objects.
 */
#pragma once

#include "channel/mdmcore/mdmcore.h"
#include "server/server.h"

#define CAMERA        "camera.disabled"
#define JSON_TYPE     "application/json"
#define TEXT_MAX      255 /* bytes of a text of an agent */
#define ID_MAX        64  /* bytes of a device's id */
#define FCM_TOKEN_MAX 4096

http_handler mdmcore_greeting;
http_handler mdmcore_enroll;
http_handler mdmcore_policy_show;
http_handler mdmcore_policy_put;
http_handler mdmcore_token;
http_handler mdmcore_report;
http_handler mdmcore_list;
http_handler mdmcore_status;

/* ---- gate.c: who may be seen here ---- */

/* The organization whose devices enroll here. ERR_NOT_FOUND: the protocol is off. */
int mdmcore_org(struct http_request *req, int64_t *ret, struct error *err) WARN_UNUSED;
/* The managed device with this id, of an organization that has the protocol on. */
int mdmcore_device(struct http_request *req, const char *id, struct device *ret,
		   struct error *err) WARN_UNUSED;
/* The same as of now inside of an op, by the record's id. */
int mdmcore_device_again(struct store_conn *tx, struct op *op, int64_t id,
			 struct device *ret) WARN_UNUSED;
/* An op whose events name the peer: nobody else is known. */
struct op *mdmcore_op(struct http_request *req, int (*apply)(struct store_conn *tx, struct op *op),
		      void *arg);
/* The body as an object. false: it has answered. */
bool mdmcore_body(struct http_request *req, json_t **ret);

/* ---- wire.c: the protocol's objects; pure ---- */

struct mdmcore_report {
	const char *device_id;
	int64_t applied_version;
	bool camera_disabled, compliant;
};

/* Unknown keys are ignored; a missing cameraDisabled or compliant is false. */
int mdmcore_read_flag(const json_t *body, const char *key, bool *ret,
		      struct error *err) WARN_UNUSED; /* not there: false */
int mdmcore_read_report(const json_t *body, struct mdmcore_report *ret,
			struct error *err) WARN_UNUSED;
json_t *mdmcore_device_id_json(const char *id);
json_t *mdmcore_policy_json(int64_t version, bool camera_disabled);
json_t *mdmcore_report_json(const struct mdmcore_report *r); /* as lastReport shows it */
/* raw_report: the text that was kept of the last report, or "": null. */
json_t *mdmcore_status_json(const char *id, json_t *steals_policy, const char *raw_report,
			    enum verdict state);

/* ---- console.c ---- */

/* What the console sees of one device, from this thread's connection. *ret is owned. */
int mdmcore_read_policy(struct store_conn *c, const struct device *d, json_t **ret) WARN_UNUSED;
int mdmcore_read_status(struct store_conn *c, const struct device *d, json_t **ret) WARN_UNUSED;
