/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs: work that may block or take long (password hashing, key generation, backups, very long
 * lists), done by two threads of its own so that no HTTP worker ever waits.
 *
 * A handler defers its request, submits a job, and the job answers: http_reply_*() and
 * http_resume(), or op_submit_deferred().
 */
#pragma once

#include "base/err.h"

struct jobs; /* heap, one owner; any thread */

typedef void job_fn(void *arg);

struct jobs *jobs_new(void);
/* Runs what is waiting to its end, then stops the threads. */
void jobs_free(struct jobs *j);
/* ERR_UNAVAILABLE: too many are waiting; 'fn' will not run. */
int jobs_submit(struct jobs *j, job_fn *fn, void *arg, struct error *err) WARN_UNUSED;
