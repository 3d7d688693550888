/* SPDX-License-Identifier: Apache-2.0
 *
 * child: a program started on the loop, in a session of its own, with /dev/null as its input and no shell. Either nobody listens
 * to it (an application: it goes on when we end), or each line that it prints is heard and its end is awaited.
 * Programs print what they like; a line that is heard is UTF-8 nevertheless: it goes into messages that must be.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "net/grpc/loop.h"

#define CHILD_LINE_MAX 4096 /* bytes; what is longer is cut, between characters */

struct child; /* heap; ends itself after done() */

struct children {
	struct loop *loop;
	struct child *first;
};

struct child_start {
	char *const *argv;
	char *const *env;   /* NULL-ended "NAME=value", besides and before our own; or NULL */
	const char *folder; /* to be in; NULL: ours */
	/* Both or none. The line is without its end. done() runs once, later: the exit status, or 128 and a signal. */
	void (*line)(void *user, char *line);
	void (*done)(void *user, int status);
	void *user;
	int64_t timeout_ms; /* then it is killed; 0: none. Only with done(). */
};

int child_start(struct children *all, const struct child_start *what,
		struct error *err) WARN_UNUSED; /* 0, or ERR_UNAVAILABLE */
/* As much of a line as fits, between characters. */
void child_line_copy(char *out, size_t size, const char *line);
void children_end(struct children *all); /* kills those that are listened to; their done() runs */
