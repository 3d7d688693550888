/* SPDX-License-Identifier: Apache-2.0
 *
 * What the client's files share: client.c (calls, queue, states), client-conn.c (one connection: a call
 * becomes a stream and a stream an outcome). Private to net/grpc.
 *
 * A call is in exactly one list: incoming (any thread, under the lock) → queue → a connection's flying
 * → finished → gone. The last four are the loop's.
 */
#pragma once

#include "net/grpc/client.h"
#include "net/grpc/frame.h"
#include "net/grpc/link.h"
#include "net/grpc/message.h"

struct client_conn;

struct client_call { /* heap */
	struct grpc_client *client;
	struct client_call *next, *prev; /* in its list */
	struct call_list *list;          /* NULL: in none */
	uint64_t id;
	const struct grpc_method *method;
	struct buf request; /* framed */
	size_t n_sent;
	int64_t deadline_ms; /* monotonic; INT64_MAX: none */
	struct timer timer;
	bool retried;
	void (*ended)(struct client_call *call); /* owns the call then */
	void (*done)(const struct grpc_result *result, void *user);
	void *user;

	/* while it flies */
	struct client_conn *conn;
	int32_t stream;
	uint32_t header_size;
	int http_status;
	bool is_grpc, has_status; /* content type, grpc-status */
	struct deframer in;

	struct grpc_status status;
	struct decoded response;
};

struct call_list {
	struct client_call *first, *last;
	size_t n;
};

void call_list_add(struct call_list *l, struct client_call *call);
void call_list_add_first(struct call_list *l, struct client_call *call);
void call_list_remove(struct client_call *call); /* from whatever list it is in */

enum client_state { CLIENT_IDLE, CLIENT_CONNECTING, CLIENT_READY, CLIENT_BACKOFF };

struct client_conn { /* heap, owned by the client */
	struct grpc_client *client;
	struct client_conn *next;
	struct h2 h2;
	struct link link;
	struct call_list flying;
	bool going; /* the server said GOAWAY: no new calls */
};

struct grpc_client {
	struct loop *loop;
	struct grpc_client_options options; /* defaults filled in; no address */
	struct endpoint endpoint;
	char address[ENDPOINT_TEXT_SIZE], authority[ENDPOINT_TEXT_SIZE];
	enum client_state state;
	int socket_fd; /* while it connects, before there is a connection; owned */
	struct loop_io socket_io;
	struct timer timer; /* of the connect or of the back-off */
	int64_t backoff_ms;
	struct client_conn *conns;   /* all of them */
	struct client_conn *current; /* that new calls use, or that is being set up */
	struct call_list queue, finished;
	struct loop_task admit_task, deliver_task;

	pthread_mutex_t lock; /* what other threads add to */
	struct call_list incoming;
	uint64_t *cancels; /* numbers of calls; owned */
	size_t n_cancels, cap_cancels;
	uint64_t last_id;
	_Atomic size_t n_calls; /* in all lists */
};

/* client.c, for the connection */
void client_finish(struct client_call *call); /* with its status as it is */
void client_retry(struct client_call *call);  /* back into the queue */
void client_pump(struct grpc_client *c);      /* whatever can be sent now, is */
void client_conn_ready(struct client_conn *conn);
void client_conn_going(struct client_conn *conn);
void client_conn_lost(struct client_conn *conn, int why); /* and free it */

/* client-conn.c */
int client_conn_open(struct grpc_client *c, int fd, struct client_conn **ret) WARN_UNUSED;
void client_conn_free(struct client_conn *conn);
bool client_conn_has_room(const struct client_conn *conn);
void client_conn_send(struct client_conn *conn, struct client_call *call);
void client_conn_abandon(struct client_call *call); /* resets its stream */
