/* SPDX-License-Identifier: Apache-2.0
 *
 * A job: something slow or dangerous (enforcing, a command, the inventory), done by a forked worker
 * process that hands one JSON value back through a pipe. A provider that crashes, hangs or eats the
 * memory takes the worker with it, not the agent; and a worker can be stopped, a thread cannot.
 *
 * The agent is a process of one thread, so forking is safe. The worker closes every descriptor it does
 * not need (the agent's sockets, its lock), dies with the agent, and leads a process group of its own.
 * Stopping is polite first: SIGTERM stays blocked in the worker and is seen through job_stopping(), so
 * that a provider ends between two steps; JOB_GRACE_MS later the group is killed.
 */
#pragma once

#include "base/json.h"
#include <sys/types.h>

#define JOB_GRACE_MS   10000
#define JOB_RESULT_MAX (4 * 1024 * 1024)

struct job; /* heap, one owner */

/* In the worker: the result, owned; NULL: none. */
typedef json_t *job_fn(void *user);

/* The deadline (monotonic) is acted on by job_tick(). */
int job_start(job_fn *fn, void *user, int64_t deadline_ms, struct job **ret) WARN_UNUSED;
void job_free(struct job *j); /* kills it when it is still there */
int job_fd(const struct job *j);

/* Call when job_fd() is readable: true when the worker has ended. */
bool job_read(struct job *j);
/* After that: the result (owned by the caller), or NULL and why not. */
json_t *job_result(struct job *j, char *why, size_t size);

/* For a worker that has a worker of its own: waits for its end, passing on what it is told itself. */
void job_wait(struct job *j);
void job_stop(struct job *j, int64_t now_ms);
/* Stops and kills what is over its time; returns when to call again (SYNC_NEVER-like INT64_MAX: never). */
int64_t job_tick(struct job *j, int64_t now_ms);

/* In a worker: has it been asked to end? Elsewhere: false. */
bool job_stopping(void);
/* In a worker: a descriptor that is readable when it has; elsewhere -1. */
int job_stop_fd(void);
