/* SPDX-License-Identifier: Apache-2.0
 *
 * table: the processes that the guest started, from fork to reaping, on a loop.
 *
 *     STARTING ──exec worked──> RUNNING ──ended──> gone, or STARTING again (respawn.h)
 *         └──did not──> gone
 *
 * It is the only code that waits for children, so no exit code is ever taken from anybody else;
 * children that it does not know are orphans, and just go. Nothing here blocks.
 */
#pragma once

#include "net/grpc/loop.h"
#include <sys/types.h>

struct table; /* heap, one owner */

enum table_status { PROCESS_EXITED, PROCESS_SIGNALED, PROCESS_LAUNCHED, PROCESS_FAILED };

struct outcome {
	enum table_status status;
	int code;         /* exit status or signal */
	const char *step; /* FAILED: what failed … */
	int error;        /* … and why: errno */
};

struct launch {                  /* borrowed, copied */
	const char *const *argv; /* NULL-ended, at least one */
	const char *const *env;  /* "KEY=value", NULL-ended; PATH has a default */
	bool respawn, console;
	bool wait; /* the outcome is its end, not its start */
};

struct table *table_new(struct loop *loop);
void table_free(struct table *t); /* processes run on; nobody is told any more */

/* Runs done() once, later. Returns a number for table_forget(). */
uint64_t table_launch(struct table *t, const struct launch *what,
		      void (*done)(const struct outcome *o, void *user), void *user);
void table_forget(struct table *t, uint64_t number); /* done() will not run */
/* After SIGCHLD: reaps all that have ended. true: there are no children at all. */
bool table_reap(struct table *t);
void table_no_more(struct table *t); /* nothing is started again: the machine goes down */
size_t table_n(const struct table *t);
