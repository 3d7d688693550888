/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server's files share: server.c (listening, life), session.c (one connection), call.c (one
 * call, and the hand-over between threads). Private to net/grpc.
 *
 *     server ──owns── sessions ──own── calls (by the stream)     a deferred call has a second owner, its
 *        └──── shared (counted: the server and every call) ────┘  handler, and goes when both are done
 *
 * A call's states, all on the loop:
 *
 *     HEAD ──headers──> BODY ──whole message──> RUNNING ──reply──> ANSWERED ──> gone with its stream
 *       └───────────────┴── refused ───────────────┴── deadline ──────^
 *
 * Locks: shared.lock, then the loop's own. Only deferred calls take it.
 */
#pragma once

#include "net/grpc/frame.h"
#include "net/grpc/head.h"
#include "net/grpc/link.h"
#include "net/grpc/message.h"
#include "net/grpc/server.h"

struct session;

struct shared { /* heap, counted */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct grpc_call *cancelling; /* its cancelled() runs now */
	struct loop *loop;
	struct memory memory;
	_Atomic unsigned n_refs;
};

struct shared *shared_new(struct loop *loop, size_t memory_max);
struct shared *shared_ref(struct shared *s);
void shared_unref(struct shared *s);

enum call_state { CALL_HEAD, CALL_BODY, CALL_RUNNING, CALL_ANSWERED };

struct grpc_call {
	/* on the loop */
	struct session *session;       /* NULL: the stream is gone */
	struct grpc_call *next, *prev; /* in the session's list */
	int32_t stream;
	enum call_state state;
	struct head head;
	struct deframer in;
	size_t n_taken; /* bytes of `in`, taken from the server's memory */
	struct timer
		timer; /* sending the request, the deadline, taking the answer: one after another */
	int64_t began_ms;
	enum grpc_code code; /* once it is answered */
	size_t n_sent;       /* bytes of `answer` */

	/* set before the handler runs, read by anybody who has the call */
	const struct grpc_method *method;
	struct grpc_peer peer;
	void *user;
	struct decoded request;
	int64_t deadline_ms;
	struct shared *shared; /* a reference */

	/* the answer: written by whoever replies, read by the loop when `replied` */
	struct grpc_status status;
	struct buf answer; /* framed */

	/* under shared.lock once it is deferred */
	bool deferred, replied, gone;
	_Atomic bool cancelled;
	void (*on_cancel)(struct grpc_call *call, void *user);
	void *cancel_user;
	struct loop_task task; /* the answer is there */
};

struct grpc_call *call_new(struct session *s, int32_t stream);
void call_run(struct grpc_call *call);    /* the handler, and its answer if it is there at once */
void call_cancel(struct grpc_call *call); /* tells the handler, if it has not replied */
void call_detach(
	struct grpc_call *call); /* the stream is gone: frees, or leaves it to the handler */

struct session {
	struct grpc_server *server; /* borrowed */
	struct session *next, *prev;
	struct h2 h2;
	struct link link;
	bool linked; /* over a socket */
	struct grpc_peer peer;
	struct grpc_call *calls;                                     /* owned by their streams */
	enum { SESSION_OPEN, SESSION_NOTICED, SESSION_GOING } state; /* of a graceful stop */
};

/* Without a socket when fd is -1 (tests, fuzzing): whoever opens it feeds and drains s->h2. */
int session_open(struct grpc_server *server, int fd, const struct grpc_peer *peer,
		 struct session **ret) WARN_UNUSED;
void session_close(struct session *s);       /* frees it */
void session_go_away(struct session *s);     /* no new calls; ends when those that run have */
void session_answer(struct grpc_call *call); /* sends what the handler replied */
void session_refuse(struct grpc_call *call, enum grpc_code code, const char *message);

struct grpc_server {
	struct loop *loop;
	struct grpc_server_options options; /* limits filled in */
	const struct grpc_method **methods; /* sorted by path; owned array */
	size_t n_methods;
	struct shared *shared; /* a reference */
	struct session *sessions;
	struct listener *listeners;
	struct grpc_server_stats stats;
	bool stopping;
	void (*stopped)(void *user);
	void *stopped_user;
	struct timer stop_timer;
	struct loop_task stop_task;
};

const struct grpc_method *server_method(const struct grpc_server *s, struct span path);
void server_session_gone(struct grpc_server *s); /* perhaps the last one of a stop */
