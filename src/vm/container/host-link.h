/* SPDX-License-Identifier: Apache-2.0
 *
 * host-link: the container's connection to its host.
 *
 *     DOWN ──ContainerReady──> UP ──a check fails──> DOWN ──after a while──> ContainerReady …
 *      └──host_link_stop()──> BYE <──┘
 *
 * A host that was restarted knows nothing of us any more. Nobody tells, so we ask from time to time: the check is the count of
 * lists that will come, which a host may be told as often as we like. What is sent while it is DOWN is dropped: whoever has a
 * state to tell tells it again in up(). What is sent is told one after the other (host-queue.h), and so are the counts: of those
 * only the last matters. Good-bye comes after what was sent before it, or after a while.
 */
#pragma once

#include "vm/container/host-queue.h"
#include "vm/container/methods.h"

#define CONTAINER_TOKEN_SIZE 37

enum host_link_state { HOST_LINK_DOWN, HOST_LINK_UP, HOST_LINK_BYE };

struct host_link_options {
	const char *host;     /* its address */
	const char *token;    /* the container's; must outlive the link, as all of these */
	const char *vm_token; /* shown with every call over TCP, or NULL */
	int64_t check_ms;
	int64_t bye_ms;         /* for what waits to be told at the end */
	void (*up)(void *user); /* the host knows us, again: tell it everything */
	void *user;
};

struct host_link { /* embedded */
	struct loop *loop;
	struct host_link_options options;
	struct grpc_client *client;
	enum host_link_state state;
	uint32_t port; /* where the host finds our service */
	struct host_queue queue;
	unsigned n_pending; /* lists that will come */
	bool counting;      /* a call with their number runs … */
	bool count_again;   /* … and it has changed since */
	uint64_t count_call;
	int64_t wait_ms; /* before the next try */
	struct timer timer;
	void (*ended)(void *user);
};

int host_link_open(struct host_link *l, struct loop *loop, const struct host_link_options *o,
		   struct error *err) WARN_UNUSED;
void host_link_start(struct host_link *l, uint32_t port);
/* Says good-bye if there is somebody to say it to, then ended(options.user), later. */
void host_link_stop(struct host_link *l, void (*ended)(void *user));
void host_link_close(struct host_link *l);

/* For something to tell, in the order of these calls; failures are logged. */
void host_link_send(struct host_link *l, const struct grpc_method *m, const void *request);
/* done() runs as grpc_client_call()'s; false, and it does not: nobody is there. */
bool host_link_call(struct host_link *l, const struct grpc_method *m, const void *request,
		    void (*done)(const struct grpc_result *result, void *user), void *user);
void host_link_send_pending(struct host_link *l, unsigned count);
/* An answer says that the host does not know us (any more): begin anew. */
void host_link_check_answer(struct host_link *l, const struct grpc_result *result);
