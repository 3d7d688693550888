/* SPDX-License-Identifier: Apache-2.0
 *
 * What devices say (the payloads below <root>/Status): bytes to plain structs, no I/O.
 *
 * Agents in the field write the same thing in many ways: numbers as strings, booleans as strings,
 * "?" for no position. All of them are read here; what is none of them is ERR_INVALID and changes
 * nothing. The inventory has a file of its own (inventory.h).
 */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "model/task.h"
#include "model/verdict.h"

#define FLYVE_STATUS_TEXT_MAX 255  /* bytes of a status, as the protocol says */
#define FLYVE_TASKS_MAX       1024 /* entries of one message */

/* {"online": true | "true" | false | "false"}, and the broken form that old wills have. */
int flyve_read_online(struct span payload, bool *ret, struct error *err) WARN_UNUSED;

/* {"unenroll": "unenrolled"}: a stray message must not make a device unmanaged. */
int flyve_read_unenroll(struct span payload, struct error *err) WARN_UNUSED;

struct flyve_position {
	enum {
		FLYVE_POSITION_KNOWN,
		FLYVE_POSITION_NOT_YET, /* "?": the agent is still looking */
		FLYVE_POSITION_OFF,     /* positioning is switched off */
	} state;
	double latitude, longitude;
	int64_t at_ms; /* UTC; 0: not said */
};
int flyve_read_position(struct span payload, struct flyve_position *ret,
			struct error *err) WARN_UNUSED;

/* {"version": "1.2"} or the bare text; 'out' holds 64 bytes. */
int flyve_read_version(struct span payload, char out[64], struct error *err) WARN_UNUSED;

struct flyve_task_status { /* valid during the call of the callback */
	int64_t task_id;
	enum task_state state;
	bool unsupported;    /* "incompatible" */
	int64_t progress;    /* percent */
	const char *text;    /* as the device wrote it */
	const char *message; /* "" or why, of agents that say it */
};
typedef int flyve_task_fn(void *user, const struct flyve_task_status *s);

/* {"updateStatus": [{"taskId", "status"}, …]}. An entry that is not right is counted and does not
 * keep the others from being told. ERR_INVALID: nothing of the message can be read. A callback's
 * negative return ends it. */
int flyve_read_tasks(struct span payload, flyve_task_fn *fn, void *user, size_t *ret_n_bad,
		     struct error *err) WARN_UNUSED;
/* {"status": …} of the task whose id was in the topic. */
int flyve_read_task(struct span payload, int64_t task_id, flyve_task_fn *fn, void *user,
		    struct error *err) WARN_UNUSED;

/* What a status is to the model. ERR_INVALID: empty, too long, control characters, or one of the
 * words that only the server may say ("queued", "pushed"). */
int flyve_status_read(const char *text, enum task_state *ret, bool *ret_unsupported,
		      struct error *err) WARN_UNUSED;
/* What a report says of a setting in that state. */
enum observed_state flyve_observed(enum task_state state, bool unsupported);

/* A whole number (also as 12.0), or a text that is one. */
bool flyve_json_int(const json_t *v, int64_t *ret);
