/* SPDX-License-Identifier: Apache-2.0
 *
 * loop: one epoll instance and the one thread that runs it. Servers, clients, and whatever else a
 * program waits for (signals, children, files) live on it; their code needs no locks among itself.
 *
 * Only loop_post(), loop_call() and loop_stop() may be called from other threads; everything else on
 * the loop's thread, or while the loop does not run. Nothing is called back before the call that
 * starts it has returned.
 */
#pragma once

#include "base/macros.h"
#include "net/grpc/timer.h"
#include <pthread.h>

struct loop; /* heap, one owner; outlives everything that is on it */

struct loop_io {                                 /* embedded in its owner */
	int fd;                                  /* borrowed */
	void (*fn)(void *user, uint32_t events); /* EPOLLIN … ; may remove and free anything */
	void *user;
	uint32_t events; /* what is asked for now */
};

struct loop_task { /* embedded in its owner; runs once for any number of posts before it runs */
	void (*fn)(void *user);
	void *user;
	struct loop_task *next;
	bool queued;
};

int loop_new(struct loop **ret) WARN_UNUSED; /* 0 or -errno */
void loop_free(struct loop *l);
int loop_run(struct loop *l) WARN_UNUSED;   /* on this thread, until loop_stop(); 0 or -errno */
int loop_start(struct loop *l) WARN_UNUSED; /* on a thread of its own */
void loop_stop(struct loop *l);             /* … and joins that; any thread but the loop's own */
void loop_quit(struct loop *l);             /* from the inside: loop_run() returns */

int loop_add(struct loop *l, struct loop_io *io, uint32_t events) WARN_UNUSED;
void loop_change(struct loop *l, struct loop_io *io, uint32_t events);
void loop_remove(struct loop *l, struct loop_io *io);

struct timers *loop_timers(struct loop *l);
int64_t loop_now_ms(const struct loop *l); /* monotonic, as of this turn */
bool loop_inside(const struct loop *l);    /* is this the loop's thread? */

void loop_post(struct loop *l, struct loop_task *task);   /* runs later on the loop */
void loop_unpost(struct loop *l, struct loop_task *task); /* on the loop: it will not run */
void loop_call(struct loop *l, void (*fn)(void *user), void *user); /* and waits until it ran */

#define LOOP_SCRATCH_SIZE 65536
uint8_t *loop_scratch(struct loop *l); /* to read into; whoever runs has it for that long */
