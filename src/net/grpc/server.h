/* SPDX-License-Identifier: Apache-2.0
 *
 * A gRPC server of unary methods: a method table, bounded requests, answers that may come later.
 *
 * It lives on a loop; the functions of the server are called there (or while the loop does not run). A
 * handler runs on the loop too and never blocks. It does one of two things with its call:
 *
 *   - answers at once:  one grpc_reply*()
 *   - defers:           grpc_defer(), keeps the call, hands it to another thread if it likes; later
 *                       exactly one grpc_reply*(), from any thread. After that the call is gone.
 *
 * What is wrong with a request before it is a whole message of its method's type is answered here, as
 * gRPC's own libraries do: unknown methods and compressed messages UNIMPLEMENTED, too much
 * RESOURCE_EXHAUSTED, broken framing and undecodable messages INTERNAL, other content types HTTP 415.
 */
#pragma once

#include "net/grpc/endpoint.h"
#include "net/grpc/loop.h"
#include "net/grpc/method.h"
#include "net/grpc/status.h"

struct grpc_server; /* heap, one owner */

struct grpc_server_limits {       /* 0: the default */
	size_t request_max;       /* bytes of a message: 4 MiB, as gRPC's own */
	size_t memory_max;        /* bytes of requests in memory, of all peers together: 64 MiB */
	unsigned connections_max; /* 64; more are closed at once */
	uint32_t streams_max;     /* calls at once on a connection: 100 */
	uint32_t header_list_max; /* bytes: 16 KiB */
	int64_t handshake_ms;     /* from accept to the peer's SETTINGS: 10 s */
	int64_t request_ms;       /* to send a request: 60 s */
	int64_t answer_ms;        /* to take an answer, and a second for each 64 KiB: 60 s */
	int64_t keepalive_ms;     /* silence before a PING: 60 s */
	int64_t ping_timeout_ms;  /* 20 s */
};

struct grpc_server_options {
	const struct grpc_method *const *tables; /* NULL-ended list of tables, each ends with a
						  * NULL path; they must outlive the server */
	/* May this peer connect at all? NULL: everybody may. */
	bool (*accept)(const struct grpc_peer *peer, void *user);
	/* May it call this method? false: PERMISSION_DENIED. NULL: yes. */
	bool (*allow)(const struct grpc_peer *peer, const struct grpc_method *m, void *user);
	/* A call is over, for logs and counts; on the loop. The method is NULL when there is none. */
	void (*after)(const struct grpc_peer *peer, const struct grpc_method *m,
		      enum grpc_code code, int64_t duration_ms, void *user);
	void *user;
	/* Who comes over TCP shows it with every call, or gets UNAUTHENTICATED: any process that reaches the
	 * port could come. Vsock and unix peers are known by who they are. NULL: none; must outlive the server. */
	const char *token;
	struct grpc_server_limits limits;
};

struct grpc_server *grpc_server_new(struct loop *loop, const struct grpc_server_options *o);
/* Any number of times. *ret_bound (or NULL) is where it listens: with the real port. ERR_INVALID
 * for the text, ERR_UNAVAILABLE when it cannot be bound; 'mode' is a socket file's. */
int grpc_server_listen(struct grpc_server *s, const char *address, mode_t mode,
		       struct endpoint *ret_bound, struct error *err) WARN_UNUSED;
/* Takes no new connections; tells peers to go away, lets what runs end, and closes what is left
 * after timeout_ms. Then stopped(user), from the loop. */
void grpc_server_stop(struct grpc_server *s, int64_t timeout_ms, void (*stopped)(void *user),
		      void *user);
/* At once, not from inside of a handler. Deferred calls are cancelled; their owners may still
 * reply, which then only frees them. */
void grpc_server_free(struct grpc_server *s);

struct grpc_server_stats {
	uint64_t n_calls, n_refused; /* so far; refused: before a handler saw them */
	size_t n_bytes;              /* of requests in memory now */
	uint32_t n_connections, n_open_calls;
};
void grpc_server_stats(const struct grpc_server *s, struct grpc_server_stats *ret);

/* ---- the call ---- */

void *grpc_call_user(const struct grpc_call *call); /* options.user */
const struct grpc_method *grpc_call_method(const struct grpc_call *call);
const struct grpc_peer *grpc_call_peer(const struct grpc_call *call);
const void *grpc_call_request(const struct grpc_call *call); /* of the method's request type */
int64_t grpc_call_deadline_ms(const struct grpc_call *call); /* monotonic; INT64_MAX: none */
bool grpc_call_cancelled(const struct grpc_call *call);      /* nobody waits; any thread */

/* The answer comes later. cancelled(), if given, runs on the loop at most once, when nobody waits any
 * more: the peer cancelled or went away, or the deadline passed. It may reply; replying is still
 * due if it does not. Once grpc_reply*() has returned it neither runs nor will. */
void grpc_defer(struct grpc_call *call, void (*cancelled)(struct grpc_call *call, void *user),
		void *user);

void grpc_reply(struct grpc_call *call, const void *response); /* OK, of the response type */
void grpc_reply_status(struct grpc_call *call, enum grpc_code code, const char *fmt, ...)
	FORMAT_PRINTF(3, 4); /* not OK */
/* From a verb's result: positive → 'err' through grpc_code_from_err(), negative → INTERNAL. */
void grpc_reply_error(struct grpc_call *call, int r, const struct error *err);
