/* SPDX-License-Identifier: Apache-2.0
 *
 * shutdown: the orderly end of everything but us, as PID 1.
 *
 *     IDLE ──begin──> TERM ──all gone, or 10 s──> KILL ──all gone, or 5 s──> DONE
 *
 * In TERM nothing is started again and every process was asked to end; in DONE file systems are
 * unmounted and written. Then done() runs. Only ever as the first process of a machine or of a pid
 * namespace: it signals everybody it can see.
 */
#pragma once

#include "net/grpc/loop.h"
#include "vm/guest/table.h"

enum shutdown_state { SHUTDOWN_IDLE, SHUTDOWN_TERM, SHUTDOWN_KILL, SHUTDOWN_DONE };

struct shutdown { /* embedded in its owner */
	struct loop *loop;
	struct table *table;
	enum shutdown_state state;
	struct timer timer;
	struct loop_task finish;
	void (*done)(void *user);
	void *user;
};

void shutdown_init(struct shutdown *s, struct loop *loop, struct table *table,
		   void (*done)(void *user), void *user);
void shutdown_fini(struct shutdown *s);
void shutdown_begin(struct shutdown *s);    /* again: nothing */
void shutdown_all_gone(struct shutdown *s); /* table_reap() said that there are no children */
