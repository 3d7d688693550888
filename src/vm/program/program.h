/* SPDX-License-Identifier: Apache-2.0
 *
 * program: a program started on the loop: no shell, our environment and some words more, a session of its own. What has a time
 * limit is part of our work: it ends with us at the latest. What has none is the user's (a browser, a terminal, an application):
 * it goes on when we end, so it never holds a pipe of ours unless its output is wanted.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include "net/grpc/loop.h"

#define PROGRAM_OUTPUT_MAX (256 * 1024)

struct program; /* heap; ends itself with done() */

struct programs { /* those that run; one owner */
	struct loop *loop;
	struct program *first;
	unsigned n;
};

struct program_end {
	int status;         /* of exit, or 128 and the signal's number */
	bool timed_out;     /* it was killed for that */
	struct span output; /* what was kept; as long as done() runs */
};

struct program_spec { /* borrowed until it has started */
	char *const *argv;
	char *const *env; /* NULL-ended "NAME=value", in the place of ours of that name; or NULL */
	const char *folder; /* to be in; NULL: ours */
	struct span input;  /* its standard input; without one it has none */
	/* Where standard output goes: to output() as it comes, which neither starts nor ends programs; kept, the first
	 * PROGRAM_OUTPUT_MAX bytes; or nowhere. */
	void (*output)(void *user, struct span bytes);
	bool keep;
	bool errors; /* standard error goes there, too; otherwise where ours goes */
	/* Once, later, on the loop. The program is no more then. NULL: nobody wants to know. */
	void (*done)(void *user, const struct program_end *end);
	void *user;
	int64_t timeout_ms; /* then it is killed; 0: never */
	const void *owner;  /* for programs_of(); only compared */
};

/* 0, or ERR_UNAVAILABLE when it does not start. *ret (or NULL) is valid until done(). */
int program_start(struct programs *all, const struct program_spec *spec, struct program **ret,
		  struct error *err) WARN_UNUSED;
unsigned programs_of(const struct programs *all, const void *owner); /* that run */
/* Ends it; done() will not run. */
void program_cancel(struct program *p);
/* What has a time limit is killed and done() runs; the others are left alone. */
void programs_end(struct programs *all);
