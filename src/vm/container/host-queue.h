/* SPDX-License-Identifier: Apache-2.0
 *
 * host-queue: what is told to the host, in the order in which it was said. A host may answer the calls of one connection on
 * several threads, so what is sent before another answer came can overtake it; here one call runs at a time, the others wait.
 *
 * They wait up to a bound; beyond it the oldest goes, and that is said in the log: the last of them ("SUCCEEDED") says most.
 */
#pragma once

#include "net/grpc/client.h"

#define HOST_QUEUE_MAX       128               /* messages that wait */
#define HOST_QUEUE_BYTES_MAX (4 * 1024 * 1024) /* of them together, packed */

struct host_notice; /* one that waits; owned by its queue */

struct host_queue { /* embedded; does not move while a call runs */
	struct grpc_client *client;
	struct host_notice *first, **end;
	size_t n, n_bytes; /* that wait */
	bool busy;         /* a call runs … */
	uint64_t call;     /* … this one */
	const struct grpc_method *method;
	void (*idle)(void *user); /* nothing runs or waits any more; NULL: nobody wants to know */
	void *user;
};

void host_queue_init(struct host_queue *q, struct grpc_client *client);
/* The request is copied. Failures are logged. */
void host_queue_add(struct host_queue *q, const struct grpc_method *m, const void *request);
/* Nothing of it is told any more; of the call that runs the host may have heard. idle() does not run for this. */
void host_queue_drop(struct host_queue *q, const char *why);
