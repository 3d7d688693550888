/* SPDX-License-Identifier: Apache-2.0
 *
 * startup: the programs that a guest starts by itself: every file below a folder, by their paths in order, each a
 * launch-text. One that waits for its end holds up the next; a bad file is logged and passed over.
 */
#pragma once

#include "vm/guest/table.h"

#define STARTUP_FILES_MAX 256

struct startup { /* embedded in its owner */
	struct table *table;
	struct loop *loop;
	char *paths[STARTUP_FILES_MAX]; /* owned */
	size_t n, at;
	uint64_t launched; /* the one that is waited for; 0: none */
	struct loop_task next;
	void (*done)(void *user); /* all are started; later, from the loop */
	void *user;
};

/* A folder that is not there has no files. */
void startup_begin(struct startup *s, struct loop *loop, struct table *table, const char *folder,
		   void (*done)(void *user), void *user);
void startup_fini(struct startup *s);
