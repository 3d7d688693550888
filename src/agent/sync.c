/* SPDX-License-Identifier: Apache-2.0
 *
 * The sync loop: what to exchange with the server and what to do on this machine, and when.
 *
 * The link: at most one exchange (marked *) at a time.
 *
 *                 token                     ok
 *   UNENROLLED ----------> ENROLLING* ---------------> PULLING* <-------------------.
 *       ^                     |  ^                        |                         |
 *       '---- refused --------'  | 401, has a token       | ok                      |
 *                                | (rate bounded)         v                         |
 *   FORGOTTEN <-- 401, no token -+-- any exchange      WAITING <-> TAKING*          | retry_at
 *       |                        |                     (doorbell)  DELIVERING*      |
 *       '--- seldom: PULLING*    |                        |        REPORTING*       |
 *                                |                        |        SENDING*         |
 *                                '------------------------+------------.            |
 *                                                         | failed, 429, 5xx        |
 *                                                         v                         |
 *                                                     BACKING_OFF ------------------'
 *
 *   any -- 410 --> UNENROLLED_BY_SERVER -- restored --> STOPPED (exit 0)
 *   unenroll command: RESTORING, then DELIVERING*, LEAVING* -> STOPPED (exit 0)
 *
 * The work: IDLE -> CHECKING | ENFORCING | COLLECTING | RESTORING -> IDLE, beside the link.
 *   ENFORCING   a new version; a drift, repair_ms after it was reported; failed settings, with back-off
 *   CHECKING    every min(interval, next poll): has anything drifted? In observe mode: a new version too
 *   COLLECTING  the inventory, after the first report and twice a day
 *   RESTORING   this machine leaves the fleet
 *
 * Invariants
 *   - A bit of `due` is cleared when its exchange starts and set again when that fails, so what comes
 *     up meanwhile is not lost. A success of any exchange ends the back-off; a failure makes the next
 *     one a pull, which says cheaply whether the server is back and what was missed.
 *   - Every wait is a field named *_at, compared through due_at() only, which also computes `wake`:
 *     what is waited for and when to wake up cannot disagree.
 *   - Nothing a server answers makes this spin: doorbells that ring early for nothing are spaced by
 *     the back-off, enrollments by their own, useful doorbells by SYNC_BELL_GAP_MS.
 *   - Back-off is exponential with full jitter, applied after the cap: after an hour's absence a fleet
 *     comes back spread over the cap, not in step.
 */
#include "agent/sync.h"

#include <assert.h>
#include <string.h>

enum sync_due {
	DUE_PULL = 1u << 0,
	DUE_TAKE = 1u << 1,
	DUE_REPORT = 1u << 2,
	DUE_INVENTORY = 1u << 3,
};

#define RESTORE_TRIES 5

static const struct {
	const char *name;
	enum sync_action_type exchange; /* SYNC_DO_NOTHING: none is under way in this state */
	unsigned due;                   /* the bit it serves */
} links[] = {
	[SYNC_UNENROLLED] = { "unenrolled", SYNC_DO_NOTHING, 0 },
	[SYNC_ENROLLING] = { "enrolling", SYNC_DO_ENROLL, 0 },
	[SYNC_FORGOTTEN] = { "forgotten", SYNC_DO_NOTHING, 0 },
	[SYNC_PULLING] = { "pulling", SYNC_DO_PULL, DUE_PULL },
	[SYNC_TAKING] = { "taking", SYNC_DO_TAKE, DUE_TAKE },
	[SYNC_DELIVERING] = { "delivering", SYNC_DO_DELIVER, 0 },
	[SYNC_REPORTING] = { "reporting", SYNC_DO_REPORT, DUE_REPORT },
	[SYNC_SENDING] = { "sending", SYNC_DO_SEND, DUE_INVENTORY },
	[SYNC_LEAVING] = { "leaving", SYNC_DO_LEAVE, 0 },
	[SYNC_WAITING] = { "waiting", SYNC_DO_NOTHING, 0 },
	[SYNC_BACKING_OFF] = { "backing-off", SYNC_DO_NOTHING, 0 },
	[SYNC_UNENROLLED_BY_SERVER] = { "unenrolled-by-server", SYNC_DO_NOTHING, 0 },
	[SYNC_STOPPED] = { "stopped", SYNC_DO_NOTHING, 0 },
};

static const struct {
	const char *name;
	enum sync_action_type job;
} works[] = {
	[SYNC_IDLE] = { "idle", SYNC_DO_NOTHING },
	[SYNC_CHECKING] = { "checking", SYNC_DO_CHECK },
	[SYNC_ENFORCING] = { "enforcing", SYNC_DO_ENFORCE },
	[SYNC_COLLECTING] = { "collecting", SYNC_DO_COLLECT },
	[SYNC_RESTORING] = { "restoring", SYNC_DO_RESTORE },
};

const char *sync_link_name(enum sync_link l)
{
	return links[l].name;
}

const char *sync_work_name(enum sync_work w)
{
	return works[w].name;
}

/* ---- the two setters ---- */

static void link_move(struct sync *s, enum sync_link to, const char *event)
{
	enum sync_link from = s->link;
	if (from == to)
		return;
	assert(from != SYNC_STOPPED);
	s->link = to;
	s->p.moved(s->p.user, "link", links[from].name, links[to].name, event);
}

static void work_move(struct sync *s, enum sync_work to, const char *event)
{
	enum sync_work from = s->work;
	if (from == to)
		return;
	s->work = to;
	s->p.moved(s->p.user, "work", works[from].name, works[to].name, event);
}

/* ---- time ---- */

static bool due_at(struct sync *s, int64_t at, int64_t now)
{
	if (at <= now)
		return true;
	if (at < s->wake)
		s->wake = at;
	return false;
}

static int64_t at_after(int64_t now, int64_t ms)
{
	return ms >= SYNC_NEVER - now ? SYNC_NEVER : now + ms;
}

static int64_t jitter(struct sync *s, int64_t up_to_ms)
{
	return (int64_t)s->p.rand_below(s->p.user, (uint64_t)up_to_ms + 1);
}

/* Full jitter after the cap: uniform in [floor, min(cap, base * 2^failures)]. */
static int64_t backoff(struct sync *s, int64_t base_ms, unsigned failures)
{
	int64_t most = SYNC_BACKOFF_CAP_MS;
	if (failures < 20 && base_ms << failures < most)
		most = base_ms << failures;
	return SYNC_BACKOFF_FLOOR_MS + jitter(s, most - SYNC_BACKOFF_FLOOR_MS);
}

/* For what only a person can mend: between half the cap and the cap. */
static int64_t seldom(struct sync *s)
{
	return SYNC_BACKOFF_CAP_MS / 2 + jitter(s, SYNC_BACKOFF_CAP_MS / 2);
}

static int64_t check_interval(const struct sync *s)
{
	return s->next_poll_ms < s->p.interval_ms ? s->next_poll_ms : s->p.interval_ms;
}

static void note_next_poll(struct sync *s, int64_t now, const struct sync_answer *a)
{
	if (a->next_poll_ms < 0)
		return;
	s->next_poll_ms = a->next_poll_ms;
	if (s->next_poll_ms < SYNC_POLL_MIN_MS)
		s->next_poll_ms = SYNC_POLL_MIN_MS;
	if (s->next_poll_ms > SYNC_POLL_MAX_MS)
		s->next_poll_ms = SYNC_POLL_MAX_MS;
	s->pull_at = at_after(now, s->next_poll_ms);
}

/* ---- the ends ---- */

static void stop(struct sync *s, int exit_code, const char *reason, const char *event)
{
	if (s->link == SYNC_STOPPED)
		return;
	s->exit_code = exit_code;
	snprintf(s->reason, sizeof s->reason, "%s", reason ? reason : "");
	link_move(s, SYNC_STOPPED, event);
}

static const char *sentence(const struct sync_answer *a)
{
	return a->message ? a->message : "the server's answer is of no use";
}

/* ---- failures of an exchange ---- */

static void fail(struct sync *s, int64_t now, const struct sync_answer *a)
{
	int64_t wait;
	s->due |= links[s->link].due | DUE_PULL;
	if (a->retry_after_ms >= 0 && a->retry_after_ms <= SYNC_POLL_MAX_MS)
		wait = a->retry_after_ms + jitter(s, a->retry_after_ms / 4 + SYNC_RETRY_AFTER_FLAT);
	else
		wait = backoff(s, SYNC_BACKOFF_BASE_MS, s->failures);
	s->failures++;
	s->retry_at = at_after(now, wait);
	if (s->p.once)
		stop(s, 1, sentence(a), "failed");
	else
		link_move(s, SYNC_BACKING_OFF, a->kind == SYNC_THROTTLED ? "throttled" : "failed");
}

static void succeed(struct sync *s)
{
	s->failures = 0;
	s->retry_at = 0;
	s->forgotten = false;
	link_move(s, SYNC_WAITING, "ok");
}

/* 401: enroll again if we may, else ask again seldom (the server may get its memory back). */
static void unknown(struct sync *s, int64_t now, const struct sync_answer *a)
{
	s->due |= links[s->link].due | DUE_PULL;
	s->hang_up = s->bell;
	s->bell = false;
	s->forgotten = true;
	if (now - s->enrolled_at >= SYNC_ENROLL_CALM_MS) {
		s->enrollments = 0;
		s->enroll_at = now;
	}
	if (s->has_token)
		s->retry_at = s->enroll_at;
	else
		s->retry_at = at_after(now, seldom(s));
	if (s->p.once && (!s->has_token || s->enroll_at > now))
		stop(s, 1, sentence(a), "401");
	else
		link_move(s, SYNC_FORGOTTEN, "401");
}

static void enrollment_refused(struct sync *s, int64_t now, const struct sync_answer *a)
{
	s->enroll_at = s->retry_at = at_after(now, seldom(s));
	s->forgotten = false; /* ask with the old token first */
	if (s->p.once)
		stop(s, 1, sentence(a), "refused");
	else
		link_move(s, s->enrolled ? SYNC_FORGOTTEN : SYNC_UNENROLLED, "refused");
}

static void gone(struct sync *s)
{
	s->hang_up = true;
	s->bell = false;
	s->due = 0;
	s->retry_at = 0;
	s->told = true;
	if (s->leave == SYNC_STAYS)
		s->leave = SYNC_LEAVES_BY_SERVER;
	link_move(s, SYNC_UNENROLLED_BY_SERVER, "410");
}

/* Another 4xx: this very request will never be taken. It is dropped, so that it cannot block others. */
static void refused(struct sync *s, int64_t now, const struct sync_answer *a)
{
	if (s->p.once) {
		stop(s, 1, sentence(a), "refused");
		return;
	}
	if (s->link == SYNC_PULLING || s->link == SYNC_TAKING) {
		fail(s, now, a);
		return;
	}
	if (s->link == SYNC_REPORTING)
		s->reported_version = s->flight_version;
	link_move(s, SYNC_WAITING, "refused");
}

/* ---- answers ---- */

static void futile_ring(struct sync *s, int64_t now)
{
	s->bell_at = at_after(now, backoff(s, SYNC_BACKOFF_BASE_MS, s->futile));
	s->futile++;
}

static bool pulled(struct sync *s, const struct sync_answer *a)
{
	bool changed = a->version > 0 && (a->version != s->version || a->anew);
	if (changed) {
		if (a->anew)
			s->reported_version = -1; /* what was reported was another state's */
		s->version = a->version;
		s->has_desired = true;
		s->work_due = true;
	}
	if (a->commands > 0)
		s->due |= DUE_TAKE;
	return changed;
}

static void enrolled(struct sync *s, int64_t now)
{
	s->enrolled = true;
	s->enrolled_at = now;
	s->enroll_at = at_after(now, backoff(s, SYNC_ENROLL_BASE_MS, s->enrollments));
	s->enrollments++;
	s->version = 0; /* another record's versions mean nothing here */
	s->reported_version = -1;
	s->work_stale = s->work != SYNC_IDLE;
	s->collect_at = now;
	s->due = DUE_PULL;
}

/* What an exchange of each kind changes when it went well. */
static void answered_ok(struct sync *s, int64_t now, const struct sync_answer *a)
{
	enum sync_link was = s->link;
	succeed(s);
	if (was == SYNC_ENROLLING) {
		enrolled(s, now);
	} else if (was == SYNC_PULLING) {
		if (a->next_poll_ms < 0)
			s->pull_at = at_after(now, s->next_poll_ms);
		(void)pulled(s, a);
	} else if (was == SYNC_TAKING) {
		if (a->commands > 0)
			s->futile = 0;
		else
			futile_ring(s, now);
	} else if (was == SYNC_REPORTING) {
		s->reported_version = s->flight_version;
	} else if (was == SYNC_LEAVING) {
		s->told = true;
	}
}

void sync_answered(struct sync *s, int64_t now, const struct sync_answer *a)
{
	if (links[s->link].exchange == SYNC_DO_NOTHING)
		return;
	note_next_poll(s, now, a);
	if (a->kind == SYNC_OK)
		answered_ok(s, now, a);
	else if (a->kind == SYNC_FAILED || a->kind == SYNC_THROTTLED ||
		 (a->kind == SYNC_REFUSED &&
		  s->link == SYNC_ENROLLING)) /* a wrong address, rather */
		fail(s, now, a);
	else if (s->link == SYNC_ENROLLING)
		enrollment_refused(s, now, a);
	else if (a->kind == SYNC_GONE || s->link == SYNC_LEAVING ||
		 (a->kind == SYNC_UNKNOWN && s->leave != SYNC_STAYS))
		gone(s); /* who leaves takes any refusal for a farewell */
	else if (a->kind == SYNC_UNKNOWN)
		unknown(s, now, a);
	else
		refused(s, now, a);
}

void sync_rang(struct sync *s, int64_t now, const struct sync_answer *a)
{
	bool early = now - s->bell_start < s->p.wait_ms / 2;
	bool idle = s->link == SYNC_WAITING;
	s->bell = false;
	if (s->link == SYNC_STOPPED)
		return;
	note_next_poll(s, now, a);
	s->bell_at = at_after(s->bell_start, SYNC_BELL_GAP_MS);
	if (a->kind == SYNC_OK) {
		if (pulled(s, a))
			s->futile = 0;
		else if (a->commands <= 0 && early)
			futile_ring(s, now);
		else if (a->commands <= 0)
			s->futile = 0;
	} else if (a->kind == SYNC_GONE) {
		gone(s);
	} else if (!idle) { /* the exchange under way finds out for itself */
		futile_ring(s, now);
	} else if (a->kind == SYNC_UNKNOWN) {
		unknown(s, now, a);
	} else {
		fail(s, now, a);
	}
}

/* ---- the ends of jobs ---- */

static void restored(struct sync *s, int64_t now, const struct sync_outcome *o)
{
	bool ok = !o->crashed && !o->failed;
	work_move(s, SYNC_IDLE, ok ? "done" : "failed");
	if (ok) {
		s->restored = true;
		return;
	}
	s->work_failures++;
	s->restore_at = at_after(now, backoff(s, SYNC_RETRY_BASE_MS, s->work_failures));
	if (s->p.once || s->work_failures >= RESTORE_TRIES)
		stop(s, 1, "not everything could be put back as it was; the next start tries again",
		     "restore failed");
}

static void collected(struct sync *s, int64_t now, const struct sync_outcome *o)
{
	work_move(s, SYNC_IDLE, o->crashed ? "crashed" : "done");
	s->collect_at = at_after(now, o->crashed ? SYNC_INVENTORY_MS / 12 : SYNC_INVENTORY_MS);
	if (!o->crashed && o->changed)
		s->due |= DUE_INVENTORY;
}

static void crashed(struct sync *s, int64_t now)
{
	bool enforcing = s->work == SYNC_ENFORCING;
	work_move(s, SYNC_IDLE, "crashed");
	s->redo_at = at_after(now, SYNC_BACKOFF_BASE_MS +
					   backoff(s, SYNC_RETRY_BASE_MS, s->work_failures));
	s->work_failures++;
	s->check_at = SYNC_NEVER; /* the redo comes first and sets it again */
	if (s->p.once)
		stop(s, 1,
		     enforcing ? "enforcing came to no result" : "observing came to no result",
		     "crashed");
}

static void checked(struct sync *s, int64_t now, const struct sync_outcome *o)
{
	bool enforcing = s->work == SYNC_ENFORCING;
	work_move(s, SYNC_IDLE, o->drift && !enforcing ? "drift" : "done");
	s->done_version = s->work_version;
	s->check_at = at_after(now, check_interval(s));
	if (s->done_version > 0 && (o->changed || s->done_version != s->reported_version))
		s->due |= DUE_REPORT;
	if (!enforcing) {
		s->redo_at = s->p.observe ? SYNC_NEVER : s->redo_at;
		if (o->drift && !s->p.observe && s->repair_at == SYNC_NEVER)
			s->repair_at = at_after(now, s->hurry ? 0 : s->p.repair_ms);
		s->hurry = false;
		return;
	}
	s->repair_at = SYNC_NEVER;
	s->redo_at = SYNC_NEVER;
	if (s->hurry) /* asked for meanwhile: what came after this job's look counts, too */
		s->check_at = now;
	if (o->failed > 0) {
		s->redo_at = at_after(
			now, SYNC_RETRY_BASE_MS + backoff(s, SYNC_RETRY_BASE_MS, s->work_failures));
		s->work_failures++;
	} else {
		s->work_failures = 0;
	}
}

void sync_worked(struct sync *s, int64_t now, const struct sync_outcome *o)
{
	bool stale = s->work_stale;
	s->work_stale = false;
	if (s->link == SYNC_STOPPED)
		return;
	if (s->work == SYNC_RESTORING) {
		restored(s, now, o);
	} else if (s->work == SYNC_COLLECTING) {
		collected(s, now, o);
	} else if (stale) { /* it was for another enrollment; the next pull starts it again */
		work_move(s, SYNC_IDLE, "stale");
		s->check_at = at_after(now, check_interval(s));
	} else if (o->crashed) {
		crashed(s, now);
	} else {
		checked(s, now, o);
	}
}

/* ---- what the rest of the agent says ---- */

void sync_commands(struct sync *s, unsigned open, unsigned results, bool room)
{
	s->open = open;
	s->results = results;
	s->room = room;
}

void sync_report(struct sync *s)
{
	if (s->done_version > 0)
		s->due |= DUE_REPORT;
}

void sync_token(struct sync *s, bool has_token)
{
	s->has_token = has_token;
}

void sync_hold(struct sync *s, bool held)
{
	s->held = held;
}

/* Looks before it repairs, so that a drift is seen by the server, too; but does not dawdle. */
void sync_now(struct sync *s, int64_t now)
{
	s->due |= DUE_PULL;
	s->retry_at = s->enroll_at = s->bell_at = s->restore_at = s->check_at = now;
	if (s->redo_at != SYNC_NEVER)
		s->redo_at = now;
	s->hurry = true;
}

void sync_inventory(struct sync *s, int64_t now)
{
	s->collect_at = now;
}

void sync_unenroll(struct sync *s)
{
	if (s->leave == SYNC_STAYS)
		s->leave = SYNC_LEAVES_BY_COMMAND;
}

void sync_stop(struct sync *s)
{
	stop(s, 0, "stopped", "stop");
}

/* ---- what to do next: work ---- */

static bool work_start(struct sync *s, enum sync_work to, const char *event, struct sync_action *a)
{
	if (to == SYNC_ENFORCING && s->p.observe)
		to = SYNC_CHECKING;
	if (to == SYNC_ENFORCING || to == SYNC_CHECKING) {
		s->work_due = false;
		s->work_version = s->version;
	}
	work_move(s, to, event);
	a->type = works[to].job;
	return true;
}

/* A drift is repaired once its report is out; when that cannot be, without it. */
static bool repair_due(struct sync *s, int64_t now)
{
	bool unreported = (s->due & DUE_REPORT) || s->link == SYNC_REPORTING;
	if (!due_at(s, s->repair_at, now))
		return false;
	if (!unreported || s->link == SYNC_BACKING_OFF || s->link == SYNC_FORGOTTEN)
		return true;
	return due_at(s, at_after(s->repair_at, SYNC_DRIFT_REPORT_MS), now);
}

static bool pick_work(struct sync *s, int64_t now, struct sync_action *a)
{
	if (s->work != SYNC_IDLE || s->held)
		return false;
	if (s->leave != SYNC_STAYS) {
		if (s->p.observe)
			s->restored = true;
		return !s->restored && due_at(s, s->restore_at, now) &&
		       work_start(s, SYNC_RESTORING, "unenrolled", a);
	}
	if (s->work_due)
		return work_start(s, SYNC_ENFORCING, "version", a);
	if (s->has_desired && repair_due(s, now))
		return work_start(s, SYNC_ENFORCING, "repair", a);
	if (s->has_desired && due_at(s, s->redo_at, now))
		return work_start(s, SYNC_ENFORCING, "again", a);
	if (s->has_desired && due_at(s, s->check_at, now))
		return work_start(s, SYNC_CHECKING, "interval", a);
	if (s->reported_version > 0 && due_at(s, s->collect_at, now))
		return work_start(s, SYNC_COLLECTING, "inventory", a);
	return false;
}

/* ---- what to do next: link ---- */

static bool link_start(struct sync *s, enum sync_link to, const char *event, struct sync_action *a)
{
	s->due &= ~links[to].due;
	link_move(s, to, event);
	a->type = links[to].exchange;
	return true;
}

static bool pick_enroll(struct sync *s, int64_t now, struct sync_action *a)
{
	if (s->has_token)
		return due_at(s, s->enroll_at, now) && link_start(s, SYNC_ENROLLING, "token", a);
	if (s->p.once)
		stop(s, 1, "not enrolled, and no enrollment token was given", "no token");
	else
		link_move(s, SYNC_UNENROLLED, "no token");
	return false;
}

/* Put back first, then say so, then go: a result "done" is true when it is sent. */
static bool pick_leave(struct sync *s, struct sync_action *a)
{
	bool silent = s->leave == SYNC_LEAVES_BY_SERVER || s->told || !s->enrolled;
	if (!s->restored)
		return false;
	if (!silent && s->results)
		return link_start(s, SYNC_DELIVERING, "results", a);
	if (!silent)
		return link_start(s, SYNC_LEAVING, "restored", a);
	stop(s, 0,
	     s->leave == SYNC_LEAVES_BY_SERVER ? "unenrolled by the server"
					       : "unenrolled by command",
	     "left");
	return false;
}

static bool pick_exchange(struct sync *s, int64_t now, struct sync_action *a)
{
	if (due_at(s, s->pull_at, now))
		s->due |= DUE_PULL;
	if (s->due & DUE_PULL) {
		s->pull_at = SYNC_NEVER; /* until its answer says when */
		return link_start(s, SYNC_PULLING, "due", a);
	}
	if (s->results)
		return link_start(s, SYNC_DELIVERING, "results", a);
	if ((s->due & DUE_TAKE) && s->room)
		return link_start(s, SYNC_TAKING, "commands", a);
	if (s->due & DUE_REPORT) {
		s->flight_version = s->done_version;
		return link_start(s, SYNC_REPORTING, "results", a);
	}
	if (s->due & DUE_INVENTORY)
		return link_start(s, SYNC_SENDING, "inventory", a);
	return false;
}

static bool settled(const struct sync *s)
{
	return s->work == SYNC_IDLE && !s->work_due && !s->due && !s->open && !s->results &&
	       s->repair_at == SYNC_NEVER && s->version > 0 && s->reported_version == s->version;
}

static bool pick_bell(struct sync *s, int64_t now, struct sync_action *a)
{
	if (s->bell || s->p.wait_ms <= 0 || s->version <= 0 || (s->due & DUE_TAKE) ||
	    !due_at(s, s->bell_at, now))
		return false;
	s->bell = true;
	s->bell_start = now;
	a->type = SYNC_DO_RING;
	return true;
}

static bool pick_link(struct sync *s, int64_t now, struct sync_action *a)
{
	if (s->link == SYNC_STOPPED || links[s->link].exchange != SYNC_DO_NOTHING ||
	    !due_at(s, s->retry_at, now))
		return false;
	if (s->leave != SYNC_STAYS)
		return pick_leave(s, a);
	if (!s->enrolled || (s->forgotten && s->has_token && s->enroll_at <= now))
		return pick_enroll(s, now, a);
	if (pick_exchange(s, now, a))
		return true;
	if (s->p.once) {
		if (settled(s))
			stop(s, 0, "synced", "settled");
		return false;
	}
	link_move(s, SYNC_WAITING, "nothing due");
	return pick_bell(s, now, a);
}

struct sync_action sync_next(struct sync *s, int64_t now)
{
	struct sync_action a = { .type = SYNC_DO_NOTHING };
	s->wake = SYNC_NEVER;
	if (s->hang_up) {
		s->hang_up = false;
		a.type = SYNC_DO_HANG_UP;
		return a;
	}
	if (s->link != SYNC_STOPPED && (pick_work(s, now, &a) || pick_link(s, now, &a)))
		return a;
	if (s->link == SYNC_STOPPED && !s->exited) {
		s->exited = true;
		a = (struct sync_action){ SYNC_DO_EXIT, s->exit_code, s->reason };
	}
	return a;
}

void sync_init(struct sync *s, const struct sync_params *p, const struct sync_facts *facts,
	       int64_t now)
{
	memset(s, 0, sizeof *s);
	s->p = *p;
	s->enrolled = facts->enrolled;
	s->has_token = facts->has_token;
	s->has_desired = s->work_due = facts->has_desired;
	s->version = facts->version;
	s->link = facts->enrolled ? SYNC_WAITING : SYNC_UNENROLLED;
	s->due = DUE_PULL;
	s->room = true;
	s->done_version = s->reported_version = -1;
	if (facts->spooled > 0) {
		s->done_version = facts->spooled;
		s->due |= DUE_REPORT;
	}
	s->next_poll_ms = p->interval_ms;
	s->pull_at = s->check_at = s->repair_at = s->redo_at = SYNC_NEVER;
	s->collect_at = s->bell_at = now;
	if (facts->leaving) {
		s->leave = facts->enrolled ? SYNC_LEAVES_BY_COMMAND : SYNC_LEAVES_BY_SERVER;
		s->restored = facts->restored;
		s->told = facts->told;
	}
}
