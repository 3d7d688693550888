/* SPDX-License-Identifier: Apache-2.0
 *
 * The sync loop as a pure state machine: no I/O, no clock, no randomness of its own. The edge
 * (agent.c) asks sync_next() what to do, does it, and says how it went; every call takes `now`
 * (monotonic milliseconds), so a jump of the wall clock means nothing here.
 *
 * Two machines in one: the link (at most one exchange with the server at a time, plus the
 * doorbell, a request the server holds) and the work (at most one job on this machine at a time).
 * They run side by side, so a long enforcement delays neither commands nor the doorbell, and the
 * server's absence does not delay enforcement. The diagrams are in sync.c.
 *
 * Owner: embedded in the agent; nothing here is allocated.
 */
#pragma once

#include "base/macros.h"
#include <stdbool.h>
#include <stdint.h>

#define SYNC_NEVER            INT64_MAX
#define SYNC_BACKOFF_FLOOR_MS 100
#define SYNC_BACKOFF_BASE_MS  1000
#define SYNC_BACKOFF_CAP_MS   (15 * 60 * 1000)
#define SYNC_ENROLL_BASE_MS   2000          /* between enrollments, doubling up to the cap */
#define SYNC_ENROLL_CALM_MS   (3600 * 1000) /* known for so long: counted anew */
#define SYNC_RETRY_BASE_MS    (30 * 1000)   /* settings that failed are tried again */
#define SYNC_INVENTORY_MS     (12 * 3600 * 1000LL)
#define SYNC_BELL_GAP_MS      200         /* least time between the starts of two doorbells */
#define SYNC_DRIFT_REPORT_MS  (30 * 1000) /* a repair waits no longer than this for its report */
#define SYNC_POLL_MIN_MS      1000        /* bounds of what a server may ask for */
#define SYNC_POLL_MAX_MS      (24 * 3600 * 1000LL)
#define SYNC_RETRY_AFTER_FLAT 1000 /* jitter added to any Retry-After */

enum sync_link {
	SYNC_UNENROLLED,           /* no identity; waits for a token, or to try its token again */
	SYNC_ENROLLING,            /* exchange: POST enroll */
	SYNC_FORGOTTEN,            /* the server does not know our token; asked again, seldom */
	SYNC_PULLING,              /* exchange: GET desired */
	SYNC_TAKING,               /* exchange: GET commands */
	SYNC_DELIVERING,           /* exchange: POST of one command's state */
	SYNC_REPORTING,            /* exchange: POST report */
	SYNC_SENDING,              /* exchange: PUT inventory */
	SYNC_LEAVING,              /* exchange: POST unenroll */
	SYNC_WAITING,              /* nothing to say; the doorbell is held */
	SYNC_BACKING_OFF,          /* the last exchange failed; nothing is sent before retry_at */
	SYNC_UNENROLLED_BY_SERVER, /* putting back what was changed; nothing is sent any more */
	SYNC_STOPPED,              /* final */
};

enum sync_work {
	SYNC_IDLE,
	SYNC_CHECKING,   /* observe only */
	SYNC_ENFORCING,  /* enforce, then observe */
	SYNC_COLLECTING, /* inventory */
	SYNC_RESTORING,  /* put everything back */
};

enum sync_action_type {
	SYNC_DO_NOTHING, /* until sync->wake or an event */
	SYNC_DO_ENROLL,  /* the exchanges: one sync_answered() each */
	SYNC_DO_PULL,
	SYNC_DO_TAKE,
	SYNC_DO_DELIVER,
	SYNC_DO_REPORT,
	SYNC_DO_SEND,
	SYNC_DO_LEAVE,
	SYNC_DO_RING,    /* start the doorbell: one sync_rang() */
	SYNC_DO_HANG_UP, /* abort exchange and doorbell; no answer of theirs may arrive any more */
	SYNC_DO_CHECK,   /* the jobs: one sync_worked() each */
	SYNC_DO_ENFORCE,
	SYNC_DO_COLLECT,
	SYNC_DO_RESTORE,
	SYNC_DO_EXIT, /* with exit_code and reason; comes once */
};

struct sync_params {
	bool observe;        /* never enforce, never restore */
	bool once;           /* one full sync, then exit; any failure exits with 1 */
	int64_t interval_ms; /* longest time between two local checks */
	int64_t repair_ms;   /* from the report of a drift to its repair */
	int64_t wait_ms;     /* how long the server is asked to hold the doorbell; 0: no doorbell */
	uint64_t (*rand_below)(void *user, uint64_t bound);
	/* Every change of state: machine is "link" or "work". */
	void (*moved)(void *user, const char *machine, const char *from, const char *to,
		      const char *event);
	void *user;
};

struct sync_facts { /* what the durable state says at the start */
	bool enrolled;
	bool has_token;   /* there is an enrollment token to use */
	bool has_desired; /* a desired state of before */
	int64_t version;  /* its version; 0 when it is another enrollment's */
	int64_t spooled;  /* version of a report that was not delivered; 0: none */
	bool leaving;     /* an unenrollment by the server or a command was under way */
	bool restored;    /* and everything is put back */
	bool told;        /* and the server knows */
};

enum sync_answer_kind {
	SYNC_OK,
	SYNC_FAILED,    /* no answer, a useless one, 5xx */
	SYNC_THROTTLED, /* 429, 503 */
	SYNC_UNKNOWN,   /* 401, in the server's own words */
	SYNC_GONE,      /* 410, likewise */
	SYNC_REFUSED,   /* another 4xx: asking the same again is useless */
};

struct sync_answer {
	enum sync_answer_kind kind;
	int64_t retry_after_ms; /* -1: not said */
	int64_t next_poll_ms;   /* -1: not said */
	int64_t version;        /* of the desired state; 0: not changed */
	int64_t commands;       /* that wait at the server; for TAKE: how many were new */
	const char *message;    /* one sentence for a person when kind is not SYNC_OK */
	bool anew; /* the version is not new, but means another state (a restored server) */
};

struct sync_outcome {
	bool crashed; /* the job came to no result; the rest means nothing */
	bool changed; /* there is something new to report (or to send) */
	bool drift;   /* a desired setting is not as it was left */
	int failed;   /* settings (providers, when restoring) that failed or are still pending */
};

struct sync_action {
	enum sync_action_type type;
	int exit_code;
	const char *reason; /* of an exit: one sentence, valid while the sync is */
};

struct sync {
	struct sync_params p;
	enum sync_link link;
	enum sync_work work;
	int64_t wake; /* after SYNC_DO_NOTHING: when to ask again; SYNC_NEVER: after an event */

	bool enrolled, has_token, forgotten;
	unsigned due;         /* exchanges to make: bits of enum sync_due in sync.c */
	unsigned failures;    /* exchanges failed in a row */
	int64_t retry_at;     /* no exchange before */
	unsigned enrollments; /* one soon after the other */
	int64_t enrolled_at;  /* the last one */
	int64_t enroll_at;    /* no enrollment before */
	int64_t next_poll_ms, pull_at;

	bool bell;          /* held by the server now */
	bool hang_up;       /* to be done next */
	unsigned futile;    /* doorbells in a row that rang early for nothing */
	int64_t bell_at;    /* no doorbell before */
	int64_t bell_start; /* of the one that is held, or was last */

	bool has_desired, work_due, work_stale;
	bool held;                /* a command needs this machine for itself */
	bool hurry;               /* the next drift is repaired as soon as it is reported */
	int64_t version;          /* pulled last; 0: none of this enrollment yet */
	int64_t work_version;     /* of the job under way */
	int64_t done_version;     /* of the last results; -1: none yet */
	int64_t flight_version;   /* of the report under way */
	int64_t reported_version; /* delivered last; -1: none by this process */
	unsigned work_failures;
	int64_t check_at, repair_at, redo_at, collect_at, restore_at;

	unsigned open;    /* commands taken and not finished */
	unsigned results; /* command states to deliver */
	bool room;        /* another command can be taken */

	enum { SYNC_STAYS, SYNC_LEAVES_BY_SERVER, SYNC_LEAVES_BY_COMMAND } leave;
	bool restored, told;

	bool exited;
	int exit_code;
	char reason[400];
};

const char *sync_link_name(enum sync_link l);
const char *sync_work_name(enum sync_work w);

void sync_init(struct sync *s, const struct sync_params *p, const struct sync_facts *facts,
	       int64_t now);
/* Call until it says SYNC_DO_NOTHING. */
struct sync_action sync_next(struct sync *s, int64_t now);

void sync_answered(struct sync *s, int64_t now, const struct sync_answer *a);
void sync_rang(struct sync *s, int64_t now, const struct sync_answer *a);
void sync_worked(struct sync *s, int64_t now, const struct sync_outcome *o);
/* The command ledger changed. */
void sync_commands(struct sync *s, unsigned open, unsigned results, bool room);
void sync_token(struct sync *s, bool has_token);
void sync_report(struct sync *s);           /* the last results are to be reported once more */
void sync_hold(struct sync *s, bool held);  /* no new jobs while it is */
void sync_now(struct sync *s, int64_t now); /* somebody on this machine asks for a sync */
void sync_inventory(struct sync *s, int64_t now); /* collect and send it now */
void sync_unenroll(struct sync *s);               /* an unenroll command was run */
void sync_stop(struct sync *s);                   /* exit 0 */
