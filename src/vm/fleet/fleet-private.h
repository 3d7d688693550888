/* SPDX-License-Identifier: Apache-2.0
 *
 * What fleet.c (the caller's side, the thread) and exchange.c (the requests) share.
 *
 * The thread makes one request at a time, and beside it holds the doorbell: the server's list of machines,
 * which is answered when something is to be fetched. `lock` guards the book and what stands below it in the
 * struct; the rest is the thread's own. No request and no callback happens under the lock.
 */
#pragma once

#include "agent/client.h"
#include "vm/fleet/backoff.h"
#include "vm/fleet/book.h"
#include <pthread.h>

struct fleet_word { /* a command on its way to the loop; heap */
	struct fleet_word *next;
	char *key, *type;
	int64_t id;
	json_t *params;
};

struct fleet {
	struct loop *loop;
	void (*on_command)(void *user, const struct fleet_command *c);
	void *user;
	char *path; /* of fleet.json */
	char *name; /* of the host; NULL: its own */
	char *enrollment_token;
	int lock_fd; /* of fleet.lock */
	int wake_fd; /* eventfd: the book has changed, or stopping */
	pthread_t thread;
	/* the thread's own */
	struct client *client;
	struct client_call *bell; /* under way; NULL: not */
	char etag[ANSWER_ETAG_SIZE];
	int64_t bell_at;              /* not before */
	int64_t bell_began;           /* the one under way */
	bool answered;                /* the request under way */
	struct backoff patience;      /* nothing is asked before */
	struct backoff bell_patience; /* the doorbell is refused: it alone waits */
	int64_t next_poll_ms;
	bool forgotten; /* the server does not know our token */

	pthread_mutex_t lock;
	struct book book;
	char trouble[400];
	bool stopping;
	struct fleet_word *first, **last; /* commands to hand over */
	struct loop_task task;            /* hands them over */
};

#define FLEET_BELL_WAIT_S  60
#define FLEET_FORGOTTEN_MS (5 * 60 * 1000) /* between two looks whether the server knows us again */
#define FLEET_POLL_MS      (15 * 60 * 1000)

/* exchange.c: one step of the book, asked and taken. */
void fleet_exchange(struct fleet *f, const struct book_todo *todo);
/* Under the lock. Whether the server said anything useful; if not, when to ask again is decided. */
bool fleet_is_answer(struct fleet *f, const struct client_reply *reply,
		     enum sync_answer_kind *ret_kind, struct error *err);
/* Under the lock. The host's own token was refused: SYNC_UNKNOWN or SYNC_GONE. */
void fleet_host_refused(struct fleet *f, enum sync_answer_kind kind, const char *why);
/* bell.c: starts the doorbell. */
void fleet_ring(struct fleet *f);
/* fleet.c: saves the book when it changed; what was taken is durable then. */
void fleet_save(struct fleet *f);
/* Under the lock: hands the command over to the loop. */
void fleet_hand_over(struct fleet *f, const struct book_command *c);
/* Runs what the network brings, until somebody wakes us, or for so long. */
void fleet_wait(struct fleet *f, int64_t timeout_ms);
bool fleet_may_enroll(const struct fleet *f); /* under the lock */
/* Under the lock. An answer that could be used. */
void fleet_went_well(struct fleet *f);
/* How often asked in vain: when to ask again. */
void fleet_back_off(struct fleet *f, int64_t retry_after_ms, const char *why);
