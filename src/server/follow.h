/* SPDX-License-Identifier: Apache-2.0
 *
 * follow: a thread that follows the event log by sequence number, from a place of its own. Whatever
 * has to happen because of a change (a doorbell, a push, a publication) hangs on one of these, so that a
 * crash loses nothing and no request waits for it.
 *
 *     woken by a commit, by follow_wake(), or because it is time: one turn
 *       begin
 *       for each batch of events beyond the place: event, event, … act; the place moves on
 *       rest
 *
 * Delivery is after the commit and at least once: a batch whose act() failed comes again. The log is not
 * held open during act(), which may read the store, write (store_write_wait) and take its time.
 *
 * An error (negative) of any callback is counted and logged with 'what'. After it, and after an act() that
 * does not want to yet (positive), the next turn is FOLLOW_ERROR_WAIT_MS later; rest() is called all the same.
 */
#pragma once

#include "store/store.h"

#define FOLLOW_BATCH         256
#define FOLLOW_ERROR_WAIT_MS 1000

struct metrics;
struct follow; /* heap, one owner */

enum follow_event { /* what event() says of an event, or a negative error */
		    FOLLOW_NOTHING,
		    FOLLOW_ACT,   /* it matters: act() is called after the batch it is in */
		    FOLLOW_LATER, /* not yet: the batch ends before it */
};

/* All on the thread. Only 'what', 'event' and 'act' are needed. */
struct follow_ops {
	const char *what; /* "ringing doorbells": what failed */
	/* The store's counter that keeps the place over restarts: written after each batch that
	 * mattered. NULL: the place is the end of the log at the start. */
	const char *counter;
	/* A turn begins. 0 or negative. */
	int (*begin)(void *user);
	/* Nobody cares at the moment: the place goes to the end of the log unread, and commits wake
	 * nobody until a turn finds this false: follow_wake() when that changes. */
	bool (*idle)(void *user);
	/* One event, to be remembered as far as it matters: its strings are gone after this. */
	int (*event)(void *user, const struct event *e);
	/* After a batch in which something mattered: does it and forgets what event() remembered.
	 * Positive: not now; the same events come again. */
	int (*act)(void *user);
	/* The log was set back by a restore: what was followed is another history. */
	void (*reset)(void *user);
	/* What else there is to do in a turn, also after an error. Returns when the next turn is due
	 * at the latest (monotonic ms); INT64_MAX: when something happens. */
	int64_t (*rest)(void *user, int64_t now_mono_ms);
	/* Any thread, holding no lock: a callback that waits for others should return soon. Called
	 * when follow_stopping() and follow_pause() say so already. */
	void (*interrupt)(void *user);
};

/* 'metrics' may be NULL. No thread yet. */
struct follow *follow_new(struct store *store, struct metrics *metrics,
			  const struct follow_ops *ops, void *user);
int follow_start(struct follow *f) WARN_UNUSED; /* 0 or negative; again: 0 */
/* Waits for the callback that is running; nothing is called any more. May be called again. */
void follow_stop(struct follow *f);
void follow_free(struct follow *f); /* follow_stop() must come before store_close() */

/* Any thread; void: fits a callback. Never blocks for long: no callback is called from it. */
void follow_wake(void *follow);
/* The same, and a callback that takes long returns: follow_pause() ends, ops->interrupt() is called. */
void follow_interrupt(struct follow *f);

/* From the callbacks. */
bool follow_stopping(const struct follow *f);
/* Sleeps. false: stopping, or interrupted: leave with a positive value. */
bool follow_pause(struct follow *f, int64_t ms);
int64_t follow_place(const struct follow *f); /* the last event of the batch before */
