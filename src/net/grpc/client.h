/* SPDX-License-Identifier: Apache-2.0
 *
 * A gRPC client of unary methods: any number of calls at once over one connection, which is made when
 * the first call needs it and again after it broke.
 *
 *     IDLE ──call──> CONNECTING ──the server's SETTINGS──> READY ──lost, GOAWAY──> IDLE
 *                        └──failed──> BACKOFF ──time──> CONNECTING if calls wait, else IDLE
 *
 * While it connects calls wait, each until its deadline. When that fails they end UNAVAILABLE, and so do
 * new ones during the back-off, unless wait_for_ready. A call of which the server says that it never
 * looked at it (GOAWAY, REFUSED_STREAM) is tried once more by itself.
 *
 * grpc_client_call(), _cancel() and _ask() may be called from any thread; the rest belongs to the loop's.
 */
#pragma once

#include "net/grpc/endpoint.h"
#include "net/grpc/loop.h"
#include "net/grpc/method.h"
#include "net/grpc/status.h"

#define GRPC_TOKEN_MAX 128 /* characters */

struct grpc_client; /* heap, one owner */

struct grpc_client_options {  /* 0: the default */
	const char *address;  /* endpoint.h's syntax */
	size_t response_max;  /* bytes: 4 MiB */
	uint32_t streams_max; /* calls at once on the connection: 100, or what the server allows */
	size_t calls_max;     /* that run or wait: 10 000; more are RESOURCE_EXHAUSTED */
	int64_t connect_timeout_ms; /* until the server's SETTINGS: 20 s */
	int64_t backoff_min_ms;     /* after the first failure: 200 ms, doubling … */
	int64_t backoff_max_ms;     /* … up to 10 s, each shortened by up to a fifth at random */
	int64_t keepalive_ms;       /* 0: no PINGs (other servers punish them) */
	const char *token; /* shown with every call (server.h), or NULL; must outlive the client */
	bool wait_for_ready;
};

/* 0, or ERR_INVALID when the address is none. */
int grpc_client_new(struct loop *loop, const struct grpc_client_options *o,
		    struct grpc_client **ret, struct error *err) WARN_UNUSED;
void grpc_client_free(struct grpc_client *c); /* calls end CANCELLED, before it returns */

struct grpc_result {
	struct grpc_status status;
	const void *response;       /* of the method's response type when OK, else NULL */
	struct client_call *holder; /* of the response */
};

/* Runs done() exactly once, later, on the loop; the result lives as long as that runs. 'request' is
 * copied. timeout_ms < 0: no deadline. Returns the call's number, for cancelling. */
uint64_t grpc_client_call(struct grpc_client *c, const struct grpc_method *m, const void *request,
			  int64_t timeout_ms,
			  void (*done)(const struct grpc_result *result, void *user), void *user);
void grpc_client_cancel(struct grpc_client *c, uint64_t call); /* too late is no mistake */

/* The same, and waits. Not on the loop's thread. grpc_result_fini() frees the response. */
void grpc_client_ask(struct grpc_client *c, const struct grpc_method *m, const void *request,
		     int64_t timeout_ms, struct grpc_result *ret);
void grpc_result_fini(struct grpc_result *r);
