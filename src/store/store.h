/* SPDX-License-Identifier: Apache-2.0
 *
 * The store: domain verbs over a backend (SQLite; memory for tests; PostgreSQL).
 *
 * Threads. Any thread reads through its own connection, store_reader(). One writer thread owns the
 * only writing connection: store_submit() hands it an operation; it applies everything that is
 * waiting in one transaction (each operation in a savepoint of its own), commits once, and only
 * then calls the operations' done(). An acknowledged write is a durable write.
 *
 * Errors. Verbs return 0, a negative unexpected error, or a positive enum err with the sentence in
 * 'err'. A commit that fails gives ERR_UNAVAILABLE, ERR_NO_SPACE or ERR_UNCERTAIN to every
 * operation in it. Verbs that write append their event themselves, in the same transaction.
 *
 * Memory. Records are filled from the arena given and live as long as it does.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "model/command.h"
#include "model/desired.h"
#include "model/event.h"
#include "model/filter.h"
#include "model/fleet-tree.h"
#include "model/records.h"
#include "model/task.h"
#include "model/verdict.h"

struct store;
struct store_conn; /* a reader's or the writer's connection; belongs to one thread */

struct store_options {
	const char *backend; /* "sqlite" or "memory" */
	const char *path;    /* sqlite: the database file, created 0600 when missing */
	size_t batch_max;    /* operations in one transaction; 0: 1024 */
	size_t queue_max; /* operations waiting; more are refused with ERR_UNAVAILABLE; 0: 65536 */
};

/* Opens, creates or migrates. Refuses a database from a newer version with a clear sentence. */
int store_open(const struct store_options *o, struct store **ret, struct error *err) WARN_UNUSED;
/* Applies what is waiting, stops the writer, closes every connection. */
void store_close(struct store *s);

/* ---- writing ---- */

struct store_write { /* embedded in the caller's operation; untouched by the caller until done() */
	int (*apply)(struct store_conn *tx,
		     struct store_write *w); /* on the writer's thread; may be run again: when it,
	                                   or another of its batch, failed after it had written,
	                                   or when the transaction was lost */
	void (*done)(struct store_write *w,
		     int r); /* after the commit, on the writer's thread; must
						       not block; may free the operation */
	struct error err;    /* filled by apply() when it returns positive */
	int r;
	struct store_write *next;
};
void store_submit(struct store *s, struct store_write *w);
/* The same and waits; for start-up, background work and tests. 'done' is not used. */
int store_write_wait(struct store *s, struct store_write *w) WARN_UNUSED;

/* Called on the writer's thread after each commit that appended events. Must not block. */
typedef void store_commit_fn(void *user, int64_t last_event_id);
void store_on_commit(struct store *s, store_commit_fn *fn, void *user);
/* No call with 'user' is running or will come when this returns. Not from such a call. */
void store_off_commit(struct store *s, const void *user);

/* ---- reading ---- */

struct store_conn *store_reader(struct store *s); /* this thread's; opened on first use */
/* Grows with every commit that may change any device's desired state, membership or token. */
uint64_t store_generation(const struct store *s);
/* Optional: what is read between the two is one consistent state, and costs less than reading it
 * piece by piece. Nests; no-op on the writer's connection. Keep it short: old state is kept for it. */
int store_read_begin(struct store_conn *c) WARN_UNUSED;
void store_read_end(struct store_conn *c);

/* Who changes something, and when. */
struct change {
	const char *actor; /* "admin:NAME", "token:NAME", "device:ID", "reeved" */
	int64_t now_ms;
};

/* ---- maintenance (from a thread that may block; not from apply()) ---- */

/* Integrity of the file and of the model (orphans, counters, versions). Findings: one sentence each,
 * appended to 'ret_findings' (array of strings); empty means sound. */
int store_check(struct store *s, json_t *ret_findings) WARN_UNUSED;
int store_backup(struct store *s, const char *path, struct error *err) WARN_UNUSED; /* online */
/* Replaces everything by the backup's content, atomically; older backups are migrated. 'actor': who
 * does it, for the event. */
int store_restore(struct store *s, const char *actor, const char *path,
		  struct error *err) WARN_UNUSED;

/* ---- organizations and fleets ---- */

/* Creates the organization and its root fleet "default". ERR_CONFLICT: the name is taken. */
int store_organization_create(struct store_conn *tx, const struct change *by, const char *name,
			      const char *domain, struct arena *a, struct organization *ret,
			      struct error *err) WARN_UNUSED;
int store_organization_get(struct store_conn *c, int64_t id, struct arena *a,
			   struct organization *ret, struct error *err) WARN_UNUSED;
/* By id or name; "" gives the first. */
int store_organization_find(struct store_conn *c, const char *ref, struct arena *a,
			    struct organization *ret, struct error *err) WARN_UNUSED;
int store_organization_list(struct store_conn *c, struct arena *a, struct organization **ret,
			    size_t *ret_n) WARN_UNUSED;
/* Writes name, domain and config_json. if_revision: 0 any, else ERR_PRECONDITION on a mismatch. */
int store_organization_update(struct store_conn *tx, const struct change *by,
			      const struct organization *o, int64_t if_revision,
			      struct error *err) WARN_UNUSED;

/* The organization's tree, cached by connection; borrowed for the request at hand: it outlives the
 * next dozen changes of fleets, not more. An organization without fleets has an empty tree. */
int store_fleets(struct store_conn *c, int64_t org_id, const struct fleet_tree **ret) WARN_UNUSED;
int store_fleet_create(struct store_conn *tx, const struct change *by, int64_t org_id,
		       int64_t parent_id, const char *name, struct arena *a, struct fleet *ret,
		       struct error *err) WARN_UNUSED;
int store_fleet_rename(struct store_conn *tx, const struct change *by, int64_t id, const char *name,
		       int64_t if_revision, struct error *err) WARN_UNUSED;
int store_fleet_move(struct store_conn *tx, const struct change *by, int64_t id, int64_t parent_id,
		     int64_t if_revision, struct error *err) WARN_UNUSED;
/* Its sub-fleets and devices go to its parent (versions grow by one). ERR_CONFLICT: the root. */
int store_fleet_delete(struct store_conn *tx, const struct change *by, int64_t id,
		       int64_t if_revision, struct error *err) WARN_UNUSED;

/* ---- devices ---- */

int store_device_get(struct store_conn *c, int64_t id, struct arena *a, struct device *ret,
		     struct error *err) WARN_UNUSED;
/* Also finds unenrolled devices (unenrolled_ms != 0): the caller answers 410. */
int store_device_by_token(struct store_conn *c, struct span token_hash, struct arena *a,
			  struct device *ret, struct error *err) WARN_UNUSED;
int store_device_by_external(struct store_conn *c, enum channel ch, const char *external_id,
			     struct arena *a, struct device *ret, struct error *err) WARN_UNUSED;

/* 'fn' gets records valid during the call; return 1 to stop early, negative to fail. It may read
 * through the same connection, but not write: gather first.
 * Managed devices only, unless the filter says managed=false or managed in (…). */
typedef int device_fn(void *user, const struct device *d, enum verdict v, int64_t version);
int store_device_list(struct store_conn *c, int64_t org_id, const struct filter *f,
		      int64_t after_id, size_t limit, device_fn *fn, void *user) WARN_UNUSED;
int store_device_count(struct store_conn *c, int64_t org_id, const struct filter *f,
		       int64_t *ret) WARN_UNUSED;
/* Verdict and version of one device, exactly (judges again where the row is not enough). */
int store_device_verdict(struct store_conn *c, const struct device *d, enum verdict *ret,
			 int64_t *ret_version) WARN_UNUSED;

struct enrollment {               /* what a channel knows about the new device */
	int64_t org_id, fleet_id; /* fleet 0: the organization's root */
	int64_t parent_id;
	enum kind kind;
	enum channel channel;
	const char *name, *serial, *external_id, *model, *os_version, *agent_version;
	struct span token_hash; /* empty: the protocol has no token */
};
/* A new device, at version 1. An empty external_id becomes "device-N" from a counter that is
 * never set back (MDMCore), for the other channels the device's id. */
int store_device_enroll(struct store_conn *tx, const struct change *by, const struct enrollment *e,
			struct arena *a, struct device *ret, struct error *err) WARN_UNUSED;
/* The record enrolls again with a new token: reports, commands in flight and version start anew
 * (version 1), its own settings and its place stay. */
int store_device_reenroll(struct store_conn *tx, const struct change *by, int64_t id,
			  const struct enrollment *e, struct arena *a, struct device *ret,
			  struct error *err) WARN_UNUSED;
/* Writes name only. */
int store_device_rename(struct store_conn *tx, const struct change *by, int64_t id,
			const char *name, int64_t if_revision, struct error *err) WARN_UNUSED;
int store_device_move(struct store_conn *tx, const struct change *by, int64_t id, int64_t fleet_id,
		      int64_t if_revision, struct error *err) WARN_UNUSED;
/* Token stays known so that the device hears 410; open commands are cancelled. */
int store_device_unenroll(struct store_conn *tx, const struct change *by, int64_t id,
			  struct error *err) WARN_UNUSED;
/* Removes the record and all that hangs on it. The id is never given out again. */
int store_device_delete(struct store_conn *tx, const struct change *by, int64_t id,
			int64_t if_revision, struct error *err) WARN_UNUSED;
/* What the device says of itself: non-NULL strings are written. No event, no new revision. */
int store_device_facts(struct store_conn *tx, int64_t id, const char *model, const char *os_version,
		       const char *agent_version, const char *fcm_token,
		       struct error *err) WARN_UNUSED;
struct device_seen {
	int64_t id, at_ms;
};
int store_device_touch(struct store_conn *tx, const struct device_seen *seen, size_t n) WARN_UNUSED;
/* Devices of the fleet's subtree (or the one device) that have an FCM token; ascending by id. */
int store_device_fcm(struct store_conn *c, int64_t org_id, int64_t fleet_id, int64_t device_id,
		     int64_t after_id, size_t limit, device_fn *fn, void *user) WARN_UNUSED;

int store_attribute_list(struct store_conn *c, int64_t device_id, struct arena *a,
			 struct attribute **ret, size_t *ret_n) WARN_UNUSED;
/* An empty value removes it. At most 256 a device (ERR_TOO_LARGE). */
int store_attribute_set(struct store_conn *tx, int64_t device_id, const char *name,
			const char *value, int64_t now_ms, struct error *err) WARN_UNUSED;

int store_inventory_list(struct store_conn *c, int64_t device_id, struct arena *a,
			 struct inventory **ret, size_t *ret_n) WARN_UNUSED;
int store_inventory_put(struct store_conn *tx, int64_t device_id, const char *section,
			const char *body_json, int64_t now_ms, struct error *err) WARN_UNUSED;

/* ---- settings, desired state, reports ---- */

enum scope { SCOPE_FLEET, SCOPE_DEVICE };
int store_setting_list(struct store_conn *c, enum scope s, int64_t id, struct arena *a,
		       struct setting **ret, size_t *ret_n) WARN_UNUSED;
/* Sets one setting; the value was checked against the catalogue. Same level and equal value:
 * nothing changes and *ret_changed is false, unless 'always' (MDMCore bumps on every PUT). */
int store_setting_set(struct store_conn *tx, const struct change *by, enum scope s, int64_t id,
		      const char *name, const char *level, const json_t *value, bool always,
		      bool *ret_changed, struct error *err) WARN_UNUSED;
int store_setting_unset(struct store_conn *tx, const struct change *by, enum scope s, int64_t id,
			const char *name,
			struct error *err) WARN_UNUSED; /* ERR_NOT_FOUND: not set */
/* Whether what is set there deploys what is removed on the same devices, or the other way round, or names a
 * thing twice: ERR_CONFLICT naming both. 0 as well when it is not set, or another setting. To be asked after
 * setting, in the same transaction. */
int store_setting_conflict(struct store_conn *c, enum scope s, int64_t id, const char *name,
			   struct error *err) WARN_UNUSED;
/* The next fleet or device beyond 'after_id' that has settings of its own, of any organization;
 * *ret_id 0: no more. */
int store_setting_next(struct store_conn *c, enum scope s, int64_t after_id,
		       int64_t *ret_id) WARN_UNUSED;
/* Settings along the device's chain, its channel's defaults, and its version. */
int store_desired(struct store_conn *c, const struct device *d, struct desired *ret) WARN_UNUSED;
/* Settings in force for a fleet (no channel: nothing is left out). */
int store_desired_fleet(struct store_conn *c, int64_t org_id, int64_t fleet_id,
			struct desired *ret) WARN_UNUSED;

/* Stores the report, judges it, stamps last_seen; a changed verdict becomes an event. 'observed' was
 * checked with observed_check. raw_json: what the channel must echo, or "". */
int store_report(struct store_conn *tx, int64_t device_id, int64_t applied_version,
		 const json_t *observed, const char *raw_json, int64_t now_ms,
		 enum verdict *ret_verdict, int64_t *ret_version, struct error *err) WARN_UNUSED;
int store_report_get(struct store_conn *c, int64_t device_id, struct arena *a, struct report *ret,
		     struct error *err) WARN_UNUSED; /* ERR_NOT_FOUND: none since enrollment */

/* ---- commands and tasks ---- */

struct command_new {
	int64_t device_id;
	const char *type;
	const json_t *params; /* object or NULL */
	const char
		*idempotency_key; /* "" or: the same key for this device gives the same command */
	int64_t expires_ms;       /* 0: the type's default life */
};
int store_command_create(struct store_conn *tx, const struct change *by,
			 const struct command_new *n, struct arena *a, struct command *ret,
			 struct error *err) WARN_UNUSED;
int store_command_get(struct store_conn *c, int64_t id, struct arena *a, struct command *ret,
		      struct error *err) WARN_UNUSED;
/* Newest first; device_id 0: the whole organization; state NULL: all; before_id 0: from the newest. */
int store_command_list(struct store_conn *c, int64_t org_id, int64_t device_id, const char *state,
		       int64_t before_id, size_t limit, struct arena *a, struct command **ret,
		       size_t *ret_n) WARN_UNUSED;
int store_command_waiting(struct store_conn *c, int64_t device_id, int64_t *ret_n) WARN_UNUSED;
/* How many store_command_take() would hand out. */
int store_command_due(struct store_conn *c, int64_t device_id, int64_t resend_ms, int64_t now_ms,
		      int64_t *ret_n) WARN_UNUSED;
/* How many of the organization's commands are not finished. */
int store_command_open(struct store_conn *c, int64_t org_id, int64_t *ret_n) WARN_UNUSED;
/* The device's queued commands, oldest first, moved to sent; those sent but not acknowledged
 * within resend_ms are handed out again. Expires what is due on the way. */
int store_command_take(struct store_conn *tx, int64_t device_id, size_t max, int64_t resend_ms,
		       int64_t now_ms, struct arena *a, struct command **ret,
		       size_t *ret_n) WARN_UNUSED;
/* What the device says: acknowledged, done or failed. Repeating the same final state is 0 (a lost
 * answer); ERR_NOT_FOUND when the command is not this device's. */
int store_command_result(struct store_conn *tx, int64_t device_id, int64_t id,
			 enum command_state state, const char *message, const json_t *result,
			 int64_t now_ms, struct error *err) WARN_UNUSED;
int store_command_cancel(struct store_conn *tx, const struct change *by, int64_t id,
			 struct error *err) WARN_UNUSED;
int store_command_over(struct store_conn *c, int64_t now_ms,
		       bool *ret) WARN_UNUSED; /* is there one to expire? */
int store_command_expire(struct store_conn *tx, int64_t now_ms, size_t max,
			 size_t *ret_n) WARN_UNUSED;

int store_task_put(struct store_conn *tx, struct task *t, struct error *err) WARN_UNUSED;
int store_task_list(struct store_conn *c, int64_t device_id, struct arena *a, struct task **ret,
		    size_t *ret_n) WARN_UNUSED;

/* ---- events ---- */

/* 'before'/'after' may be NULL. Fills e->id. */
int store_event_append(struct store_conn *tx, struct event *e) WARN_UNUSED;
struct event_query {
	int64_t org_id;    /* 0: every organization's */
	int64_t device_id; /* 0: any */
	int64_t after_id; /* ascending from here; or, when 'newest', descending before here (0: end) */
	bool newest;
	size_t limit;
};
typedef int event_fn(void *user, const struct event *e);
int store_event_list(struct store_conn *c, const struct event_query *q, event_fn *fn,
		     void *user) WARN_UNUSED;
int store_event_last(struct store_conn *c, int64_t *ret_id) WARN_UNUSED;
/* Removes events older than the given time, oldest first, at most 'max'. */
int store_event_prune(struct store_conn *tx, int64_t before_ms, size_t max,
		      size_t *ret_n) WARN_UNUSED;
int store_counter_get(struct store_conn *c, const char *name,
		      int64_t *ret) WARN_UNUSED; /* 0: unset */
int store_counter_set(struct store_conn *tx, const char *name, int64_t value) WARN_UNUSED;
/* The id of the event of the last restore; 0: never. Versions go back with a restore, this does not:
 * what is kept outside by version (an ETag) needs both. */
#define STORE_COUNTER_RESTORED "restored"

/* ---- tokens, administrators, sessions, idempotency ---- */

int store_enrollment_token_create(struct store_conn *tx, const struct change *by,
				  struct enrollment_token *t, struct error *err) WARN_UNUSED;
int store_enrollment_token_list(struct store_conn *c, int64_t org_id, struct arena *a,
				struct enrollment_token **ret, size_t *ret_n) WARN_UNUSED;
int store_enrollment_token_get(struct store_conn *c, int64_t id, struct arena *a,
			       struct enrollment_token *ret, struct error *err) WARN_UNUSED;
int store_enrollment_token_revoke(struct store_conn *tx, const struct change *by, int64_t id,
				  struct error *err) WARN_UNUSED;
/* Counts one use. ERR_UNAUTHENTICATED: unknown, revoked, expired, used up, or of another kind —
 * one sentence for all, so that nothing is learned by trying. */
int store_enrollment_token_use(struct store_conn *tx, const char *kind, struct span token_hash,
			       int64_t now_ms, struct arena *a, struct enrollment_token *ret,
			       struct error *err) WARN_UNUSED;
/* Whether it could be used now, without counting; errors as above. */
int store_enrollment_token_check(struct store_conn *c, const char *kind, struct span token_hash,
				 int64_t now_ms, struct arena *a, struct enrollment_token *ret,
				 struct error *err) WARN_UNUSED;

int store_api_token_create(struct store_conn *tx, const struct change *by, struct api_token *t,
			   struct error *err) WARN_UNUSED;
int store_api_token_list(struct store_conn *c, struct arena *a, struct api_token **ret,
			 size_t *ret_n) WARN_UNUSED;
int store_api_token_by_hash(struct store_conn *c, struct span token_hash, struct arena *a,
			    struct api_token *ret, struct error *err) WARN_UNUSED;
int store_api_token_revoke(struct store_conn *tx, const struct change *by, int64_t id,
			   struct error *err) WARN_UNUSED;
int store_api_token_touch(struct store_conn *tx, int64_t id, int64_t now_ms) WARN_UNUSED;

int store_administrator_create(struct store_conn *tx, const struct change *by,
			       struct administrator *m, struct error *err) WARN_UNUSED;
int store_administrator_list(struct store_conn *c, struct arena *a, struct administrator **ret,
			     size_t *ret_n) WARN_UNUSED;
int store_administrator_get(struct store_conn *c, int64_t id, struct arena *a,
			    struct administrator *ret, struct error *err) WARN_UNUSED;
int store_administrator_by_name(struct store_conn *c, const char *name, struct arena *a,
				struct administrator *ret, struct error *err) WARN_UNUSED;
/* Writes password, scopes, org_id and disabled_ms; a new password or disabling ends the sessions. */
int store_administrator_update(struct store_conn *tx, const struct change *by,
			       const struct administrator *m, struct error *err) WARN_UNUSED;
int store_administrator_delete(struct store_conn *tx, const struct change *by, int64_t id,
			       struct error *err)
	WARN_UNUSED; /* ERR_CONFLICT: the last one enabled */

int store_session_create(struct store_conn *tx, const struct change *by, const struct session *n,
			 struct error *err) WARN_UNUSED;
int store_session_get(struct store_conn *c, struct span token_hash, int64_t now_ms, struct arena *a,
		      struct session *ret, struct administrator *ret_who,
		      struct error *err) WARN_UNUSED;
int store_session_delete(struct store_conn *tx, struct span token_hash) WARN_UNUSED;
int store_session_expire(struct store_conn *tx, int64_t now_ms) WARN_UNUSED;

int store_idempotency_get(struct store_conn *c, const char *actor, const char *key, struct arena *a,
			  struct idempotency *ret,
			  struct error *err) WARN_UNUSED; /* ERR_NOT_FOUND */
int store_idempotency_put(struct store_conn *tx, const struct idempotency *i) WARN_UNUSED;
int store_idempotency_expire(struct store_conn *tx, int64_t before_ms) WARN_UNUSED;

/* ---- keys and files ---- */

int store_signing_key_add(struct store_conn *tx, const struct change *by, struct signing_key *k,
			  struct error *err) WARN_UNUSED; /* retires the one before */
int store_signing_key_current(struct store_conn *c, int64_t org_id, const char *purpose,
			      struct arena *a, struct signing_key *ret,
			      struct error *err) WARN_UNUSED;
int store_signing_key_list(struct store_conn *c, int64_t org_id, struct arena *a,
			   struct signing_key **ret, size_t *ret_n) WARN_UNUSED;

/* A new name: version 1; a name that is there: the content is replaced, version + 1, and the
 * settings that deploy it are set again, so that devices learn of it by their version. */
int store_file_put(struct store_conn *tx, const struct change *by, struct file *f,
		   struct error *err) WARN_UNUSED;
int store_file_get(struct store_conn *c, int64_t id, struct arena *a, struct file *ret,
		   struct error *err) WARN_UNUSED;
/* What devices sent for a command is of this kind, called by the command and its place, and goes with
 * the device's record. */
#define STORE_FILE_UPLOAD      "upload"
#define STORE_UPLOADS_MAX      8 /* of one command */
#define STORE_UPLOAD_NAME_SIZE 48
void store_upload_name(int64_t command_id, int n, char out[STORE_UPLOAD_NAME_SIZE]);
int store_file_find(struct store_conn *c, int64_t org_id, const char *kind, const char *name,
		    struct arena *a, struct file *ret, struct error *err) WARN_UNUSED;
int store_file_list(struct store_conn *c, int64_t org_id, const char *kind, struct arena *a,
		    struct file **ret, size_t *ret_n) WARN_UNUSED;
/* Whether any row, of any organization, has this content. */
int store_file_used(struct store_conn *c, const char *sha256, bool *ret) WARN_UNUSED;
/* ERR_CONFLICT naming the fleet or device whose setting still deploys it. *ret_last: no other row
 * has the same content, so the caller removes the bytes after the commit. */
int store_file_delete(struct store_conn *tx, const struct change *by, int64_t id, bool *ret_last,
		      struct error *err) WARN_UNUSED;
