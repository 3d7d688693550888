/* SPDX-License-Identifier: Apache-2.0
 *
 * child: a program (vm/program) of which each line that it prints is heard and the end awaited.
 * Programs print what they like; a line that is heard is UTF-8 nevertheless: it goes into messages that must be.
 */
#pragma once

#include "vm/program/program.h"

#define CHILD_LINE_MAX 4096 /* bytes; what is longer is cut, between characters */

struct child_start {
	char *const *argv;
	void (*line)(void *user, char *line); /* without its end; empty ones are not told */
	/* Once, later: the exit status, or 128 and a signal. */
	void (*done)(void *user, int status);
	void *user;
	int64_t timeout_ms; /* then it is killed */
};

int child_start(struct programs *all, const struct child_start *what,
		struct error *err) WARN_UNUSED; /* as program_start() */
/* As much of a line as fits, between characters. */
void child_line_copy(char *out, size_t size, const char *line);
