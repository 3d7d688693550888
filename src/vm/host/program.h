/* SPDX-License-Identifier: Apache-2.0
 *
 * program: a program of the host's user, started on the loop: no shell, our environment and some words more, a process group of
 * its own, /dev/null as input. What it prints is kept up to a bound, the rest is thrown away.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include "net/grpc/loop.h"

#define PROGRAM_OUTPUT_MAX (256 * 1024)

struct program; /* heap; ends itself after done() */

struct programs { /* those that run; one owner */
	struct loop *loop;
	struct program *first;
	unsigned n;
	bool errors; /* what they print to standard error is kept, too */
};

struct program_end {
	int status;         /* of exit, or 128 and the signal's number */
	bool timed_out;     /* it was killed for that */
	struct span output; /* as long as done() runs */
};

/* timeout_ms 0: it may run as long as it likes, beyond us, too. done(), if given, runs once, later, on the loop.
 * 0, or ERR_UNAVAILABLE when it does not start. *ret (or NULL) is valid until done(). */
int program_start(struct programs *all, char *const argv[], char *const env[], int64_t timeout_ms,
		  void (*done)(const struct program_end *end, void *user), void *user,
		  struct program **ret, struct error *err) WARN_UNUSED;
/* Ends it; done() will not run. */
void program_cancel(struct program *p);
/* What has a time limit is killed and done() runs; the others are left alone. */
void programs_end(struct programs *all);
