/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs of the Flyve channel: what its agents are, what they were told, which topics are retained at the
 * broker, invitations and sessions of its REST interface. As store.h says: 0, negative, or a positive
 * enum err; records live in the arena given.
 */
#pragma once

#include "store/store.h"

/* ---- agents ---- */

int store_flyve_agent_get(struct store_conn *c, int64_t device_id, struct arena *a,
			  struct flyve_agent *ret, struct error *err) WARN_UNUSED;
int store_flyve_agent_put(struct store_conn *tx, const struct flyve_agent *agent) WARN_UNUSED;
/* Those of the dialect that were told to read the fleet's messages (0: no fleet's), ascending from
 * 'after_id'. */
int store_flyve_agent_list(struct store_conn *c, int64_t fleet_id, int64_t dialect,
			   int64_t after_id, size_t limit, struct arena *a,
			   struct flyve_agent **ret, size_t *ret_n) WARN_UNUSED;
/* The organization's devices on this channel that say they have this serial. */
int store_flyve_device_list(struct store_conn *c, int64_t org_id, const char *serial,
			    struct arena *a, struct device **ret, size_t *ret_n) WARN_UNUSED;
/* A new token for the device; the old one ends with the commit. */
int store_flyve_credentials(struct store_conn *tx, int64_t device_id, struct span token_hash,
			    struct error *err) WARN_UNUSED;
/* Agent, tasks and sessions of a device that is gone. Retained topics stay until they are erased. */
int store_flyve_forget(struct store_conn *tx, int64_t device_id) WARN_UNUSED;

/* ---- tasks: device_id 0: the fleet's; else fleet_id is 0 ---- */

int store_flyve_task_list(struct store_conn *c, int64_t fleet_id, int64_t device_id,
			  struct arena *a, struct flyve_task **ret, size_t *ret_n) WARN_UNUSED;
int store_flyve_task_get(struct store_conn *c, int64_t id, struct arena *a, struct flyve_task *ret,
			 struct error *err) WARN_UNUSED;
int store_flyve_task_add(struct store_conn *tx, struct flyve_task *t) WARN_UNUSED; /* fills id */
int store_flyve_task_delete(struct store_conn *tx, int64_t id) WARN_UNUSED;

/* ---- retained topics ---- */

/* Writes the row as it is to be at the broker, unpublished, unless it says that already. 'r' has topic,
 * scope, command, qos and payload; *ret_changed: there is something to publish. */
int store_retained_want(struct store_conn *tx, const struct retained *r, int64_t now_ms,
			bool *ret_changed) WARN_UNUSED;
/* The topic is to be empty; nothing to do when it is not known. */
int store_retained_erase(struct store_conn *tx, const char *topic, int64_t now_ms,
			 bool *ret_changed) WARN_UNUSED;
/* The broker has acknowledged this payload: if the row still wants it, it is published; an erased one is
 * forgotten. */
int store_retained_published(struct store_conn *tx, const char *topic,
			     const char *payload) WARN_UNUSED;
/* The broker does not have it after all. */
int store_retained_lost(struct store_conn *tx, const char *topic) WARN_UNUSED;
int store_retained_get(struct store_conn *c, const char *topic, struct arena *a,
		       struct retained *ret, struct error *err) WARN_UNUSED;
int store_retained_list(struct store_conn *c, int64_t fleet_id, int64_t device_id, struct arena *a,
			struct retained **ret, size_t *ret_n) WARN_UNUSED;
/* Rows valid during the call; a positive return ends it, a negative fails it. */
typedef int retained_fn(void *user, const struct retained *r);
int store_retained_each(struct store_conn *c, retained_fn *fn, void *user) WARN_UNUSED;
int store_retained_count(struct store_conn *c, int64_t *ret) WARN_UNUSED; /* a scan */
int store_retained_pending(struct store_conn *c, size_t limit, retained_fn *fn,
			   void *user) WARN_UNUSED;

/* ---- invitations: an enrollment token of kind flyve and a user token ---- */

int store_flyve_invitation_put(struct store_conn *tx, int64_t enrollment_token_id,
			       struct span user_token_hash) WARN_UNUSED;
int store_flyve_invitation_by_user(struct store_conn *c, struct span user_token_hash,
				   struct arena *a, struct enrollment_token *ret,
				   struct error *err) WARN_UNUSED;
/* Whatever its state; ERR_NOT_FOUND also when it is of another kind. Counts no use. */
int store_flyve_invitation_by_token(struct store_conn *c, struct span token_hash, struct arena *a,
				    struct enrollment_token *ret, struct error *err) WARN_UNUSED;

/* ---- sessions ---- */

int store_flyve_session_put(struct store_conn *tx, const struct flyve_session *s) WARN_UNUSED;
/* ERR_UNAUTHENTICATED: unknown or over. */
int store_flyve_session_get(struct store_conn *c, struct span token_hash, int64_t now_ms,
			    struct arena *a, struct flyve_session *ret,
			    struct error *err) WARN_UNUSED;
int store_flyve_session_delete(struct store_conn *tx, struct span token_hash) WARN_UNUSED;
int store_flyve_session_expire(struct store_conn *tx, int64_t now_ms) WARN_UNUSED;
