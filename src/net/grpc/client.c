/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's calls and states, see client.h and client-internal.h.
 *
 * Every call, from the loop's own thread too, comes in by a task and ends by a task: nothing is called
 * back from inside of anything, and an owner may free the client in done().
 */
#include "base/clock.h"
#include "net/grpc/client-internal.h"
#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

static const struct grpc_client_options defaults = {
	.response_max = (size_t)4 << 20,
	.streams_max = 100,
	.calls_max = 10000,
	.connect_timeout_ms = 20000,
	.backoff_min_ms = 200,
	.backoff_max_ms = 10000,
};

/* ---- lists ---- */

void call_list_add(struct call_list *l, struct client_call *call)
{
	call->list = l;
	call->next = NULL;
	call->prev = l->last;
	if (l->last)
		l->last->next = call;
	else
		l->first = call;
	l->last = call;
	l->n++;
}

void call_list_add_first(struct call_list *l, struct client_call *call)
{
	call->list = l;
	call->prev = NULL;
	call->next = l->first;
	if (l->first)
		l->first->prev = call;
	else
		l->last = call;
	l->first = call;
	l->n++;
}

void call_list_remove(struct client_call *call)
{
	struct call_list *l = call->list;
	if (!l)
		return;
	*(call->prev ? &call->prev->next : &l->first) = call->next;
	*(call->next ? &call->next->prev : &l->last) = call->prev;
	call->list = NULL;
	l->n--;
}

/* ---- the end of a call ---- */

static void free_call(struct client_call *call)
{
	message_free(&call->response);
	deframer_fini(&call->in);
	buf_fini(&call->request);
	free(call);
}

void client_finish(struct client_call *call)
{
	struct grpc_client *c = call->client;
	timer_stop(loop_timers(c->loop), &call->timer);
	call_list_remove(call);
	call_list_add(&c->finished, call);
	loop_post(c->loop, &c->deliver_task);
	if (c->queue.first) /* there may be room for the next one */
		loop_post(c->loop, &c->admit_task);
}

/* The call belongs to ended() from here on. One at a time: that may free the client, and then the task does not run again. */
static void deliver(void *user)
{
	struct grpc_client *c = user;
	struct client_call *call = c->finished.first;
	if (!call)
		return;
	call_list_remove(call);
	if (c->finished.first)
		loop_post(c->loop, &c->deliver_task);
	atomic_fetch_sub(&c->n_calls, 1);
	call->ended(call);
}

static void end(struct client_call *call, enum grpc_code code, const char *message)
{
	grpc_status_set(&call->status, code, "%s", message);
	if (call->conn)
		client_conn_abandon(call);
	client_finish(call);
}

static void on_deadline(void *user)
{
	end(user, GRPC_DEADLINE_EXCEEDED, "the deadline has passed");
}

void client_retry(struct client_call *call)
{
	struct grpc_client *c = call->client;
	call->retried = true;
	call_list_remove(call);
	call_list_add_first(&c->queue, call);
	loop_post(c->loop, &c->admit_task);
}

static void fail_queue(struct grpc_client *c, const char *message)
{
	while (c->queue.first)
		end(c->queue.first, GRPC_UNAVAILABLE, message);
}

/* ---- connecting ---- */

static void set_state(struct grpc_client *c, enum client_state state)
{
	c->state = state;
	if (state == CLIENT_READY)
		c->backoff_ms = 0;
}

/* Spread, so that many clients do not come back at the same moment. Not from base/crypto: that would bring
 * libcrypto into a static guest agent. */
static int64_t shortened(int64_t ms)
{
	uint32_t r = 0;
	(void)!getrandom(&r, sizeof r, GRND_NONBLOCK);
	return ms - ms / 5 * (r % 1000) / 1000;
}

static void connect_failed(struct grpc_client *c, int why)
{
	char message[GRPC_MESSAGE_MAX];
	const struct grpc_client_options *o = &c->options;
	int64_t ms = c->backoff_ms ? c->backoff_ms * 2 : o->backoff_min_ms;
	c->backoff_ms = ms < o->backoff_max_ms ? ms : o->backoff_max_ms;
	set_state(c, CLIENT_BACKOFF);
	timer_start(loop_timers(c->loop), &c->timer,
		    loop_now_ms(c->loop) + shortened(c->backoff_ms));
	snprintf(message, sizeof message, "cannot reach %s: %s", c->address,
		 why < 0 ? strerror(-why) : "it closed the connection");
	if (!o->wait_for_ready)
		fail_queue(c, message);
}

static void drop_socket(struct grpc_client *c)
{
	loop_remove(c->loop, &c->socket_io);
	close(c->socket_fd);
	c->socket_fd = -1;
}

static void on_connected(void *user, uint32_t events)
{
	struct grpc_client *c = user;
	int r = endpoint_connected(c->socket_fd), fd = c->socket_fd;
	struct client_conn *conn;
	timer_stop(loop_timers(c->loop), &c->timer);
	if (r < 0) {
		drop_socket(c);
		connect_failed(c, r);
		return;
	}
	loop_remove(c->loop, &c->socket_io);
	c->socket_fd = -1;
	r = client_conn_open(c, fd, &conn);
	if (r < 0) {
		connect_failed(c, r);
		return;
	}
	conn->next = c->conns;
	c->conns = c->current = conn;
}

static void start_connecting(struct grpc_client *c)
{
	set_state(c, CLIENT_CONNECTING);
	int r = endpoint_connect(&c->endpoint, &c->socket_fd);
	if (r < 0) {
		connect_failed(c, r);
		return;
	}
	c->socket_io = (struct loop_io){ .fd = c->socket_fd, .fn = on_connected, .user = c };
	timer_start(loop_timers(c->loop), &c->timer,
		    loop_now_ms(c->loop) + c->options.connect_timeout_ms);
	r = loop_add(c->loop, &c->socket_io, EPOLLOUT);
	if (r < 0) {
		drop_socket(c);
		connect_failed(c, r);
	}
}

static void on_timer(void *user)
{
	struct grpc_client *c = user;
	if (c->state == CLIENT_CONNECTING) {
		drop_socket(c);
		connect_failed(c, -ETIMEDOUT);
		return;
	}
	set_state(c, CLIENT_IDLE); /* the back-off is over */
	client_pump(c);
}

void client_pump(struct grpc_client *c)
{
	while (c->state == CLIENT_READY && c->queue.first && client_conn_has_room(c->current))
		client_conn_send(c->current, c->queue.first);
	if (c->state == CLIENT_IDLE && c->queue.first)
		start_connecting(c);
}

void client_conn_ready(struct client_conn *conn)
{
	struct grpc_client *c = conn->client;
	if (conn != c->current)
		return;
	if (c->state == CLIENT_CONNECTING)
		set_state(c, CLIENT_READY);
	loop_post(c->loop, &c->admit_task); /* or its limits have changed */
}

void client_conn_going(struct client_conn *conn)
{
	struct grpc_client *c = conn->client;
	conn->going = true;
	if (conn != c->current)
		return;
	c->current = NULL;
	set_state(c, CLIENT_IDLE);
	loop_post(c->loop, &c->admit_task);
}

static void unlink_conn(struct client_conn *conn)
{
	struct client_conn **at = &conn->client->conns;
	while (*at != conn)
		at = &(*at)->next;
	*at = conn->next;
	if (conn->client->current == conn)
		conn->client->current = NULL;
}

void client_conn_lost(struct client_conn *conn, int why)
{
	struct grpc_client *c = conn->client;
	bool was_current = conn == c->current;
	for (struct client_call *call; (call = conn->flying.first);) {
		call->conn = NULL; /* its stream goes with the connection */
		grpc_status_set(&call->status, GRPC_UNAVAILABLE, "the connection was lost: %s",
				why < 0 ? strerror(-why) : "the server closed it");
		client_finish(call);
	}
	unlink_conn(conn);
	client_conn_free(conn);
	if (was_current && c->state == CLIENT_CONNECTING) {
		connect_failed(c, why);
	} else if (was_current) {
		set_state(c, CLIENT_IDLE);
		client_pump(c);
	}
}

/* ---- new calls ---- */

static bool take_incoming(struct grpc_client *c, struct call_list *ret)
{
	*ret = (struct call_list){ 0 };
	pthread_mutex_lock(&c->lock);
	for (struct client_call *call; (call = c->incoming.first);) {
		call_list_remove(call);
		call_list_add(ret, call);
	}
	pthread_mutex_unlock(&c->lock);
	return ret->n > 0;
}

static void admit_one(struct grpc_client *c, struct client_call *call)
{
	call_list_remove(call);
	call_list_add(&c->queue, call);
	if (atomic_load(&c->n_calls) > c->options.calls_max)
		end(call, GRPC_RESOURCE_EXHAUSTED, "too many calls at once");
	else if (call->request.failed)
		end(call, GRPC_RESOURCE_EXHAUSTED, "the request is too large");
	else if (c->state == CLIENT_BACKOFF && !c->options.wait_for_ready)
		end(call, GRPC_UNAVAILABLE, "the server cannot be reached");
	else if (call->deadline_ms != INT64_MAX)
		timer_start(loop_timers(c->loop), &call->timer, call->deadline_ms);
}

static struct client_call *find(const struct call_list *l, uint64_t id)
{
	for (struct client_call *call = l->first; call; call = call->next)
		if (call->id == id)
			return call;
	return NULL;
}

static void cancel_one(struct grpc_client *c, uint64_t id)
{
	struct client_call *call = find(&c->queue, id);
	for (struct client_conn *conn = c->conns; conn && !call; conn = conn->next)
		call = find(&conn->flying, id);
	if (call)
		end(call, GRPC_CANCELLED, "the caller cancelled it");
}

static void cancel_wanted(struct grpc_client *c)
{
	pthread_mutex_lock(&c->lock);
	uint64_t *ids = TAKE(c->cancels);
	size_t n = c->n_cancels;
	c->n_cancels = c->cap_cancels = 0;
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < n; i++)
		cancel_one(c, ids[i]);
	free(ids);
}

static void admit(void *user)
{
	struct grpc_client *c = user;
	struct call_list incoming;
	if (take_incoming(c, &incoming))
		while (incoming.first)
			admit_one(c, incoming.first);
	cancel_wanted(c);
	client_pump(c);
}

static struct client_call *new_call(struct grpc_client *c, const struct grpc_method *m,
				    const void *request, int64_t timeout_ms)
{
	const ProtobufCMessage *message = request;
	struct client_call *call = calloc(1, sizeof *call);
	if (!call)
		abort();
	assert(message->descriptor == m->request);
	call->client = c;
	call->method = m;
	call->deadline_ms = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
	call->timer = (struct timer){ .fn = on_deadline, .user = call };
	buf_init(&call->request, UINT32_MAX);
	deframer_init(&call->in, c->options.response_max);
	(void)!message_encode(&call->request, message); /* request.failed says so too */
	atomic_fetch_add(&c->n_calls, 1);
	return call;
}

static uint64_t enter(struct client_call *call)
{
	struct grpc_client *c = call->client;
	pthread_mutex_lock(&c->lock);
	uint64_t id = call->id = ++c->last_id;
	call_list_add(&c->incoming, call);
	loop_post(c->loop, &c->admit_task);
	pthread_mutex_unlock(&c->lock);
	return id;
}

static void call_done(struct client_call *call)
{
	const struct grpc_result result = { call->status, call->response.message, call };
	call->done(&result, call->user);
	free_call(call);
}

uint64_t grpc_client_call(struct grpc_client *c, const struct grpc_method *m, const void *request,
			  int64_t timeout_ms,
			  void (*done)(const struct grpc_result *result, void *user), void *user)
{
	struct client_call *call = new_call(c, m, request, timeout_ms);
	call->ended = call_done;
	call->done = done;
	call->user = user;
	return enter(call);
}

void grpc_client_cancel(struct grpc_client *c, uint64_t call)
{
	pthread_mutex_lock(&c->lock);
	if (c->n_cancels == c->cap_cancels) {
		c->cap_cancels = c->cap_cancels ? c->cap_cancels * 2 : 8;
		c->cancels = reallocarray(c->cancels, c->cap_cancels, sizeof *c->cancels);
		if (!c->cancels)
			abort();
	}
	c->cancels[c->n_cancels++] = call;
	loop_post(c->loop, &c->admit_task);
	pthread_mutex_unlock(&c->lock);
}

/* ---- waiting for the outcome ---- */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct client_call *ended; /* owned, once it is there */
};

static void wake_waiter(struct client_call *call)
{
	struct waiter *w = call->user;
	pthread_mutex_lock(&w->lock);
	w->ended = call;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

void grpc_client_ask(struct grpc_client *c, const struct grpc_method *m, const void *request,
		     int64_t timeout_ms, struct grpc_result *ret)
{
	struct waiter w = { .ended = NULL };
	assert(!loop_inside(c->loop));
	struct client_call *call = new_call(c, m, request, timeout_ms);
	call->ended = wake_waiter;
	call->user = &w;
	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.changed, NULL);
	enter(call);
	pthread_mutex_lock(&w.lock);
	while (!w.ended)
		pthread_cond_wait(&w.changed, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.changed);
	pthread_mutex_destroy(&w.lock);
	*ret = (struct grpc_result){ call->status, call->response.message, call };
}

void grpc_result_fini(struct grpc_result *r)
{
	if (r->holder)
		free_call(r->holder);
	*r = (struct grpc_result){ 0 };
}

/* ---- life ---- */

static void fill_options(struct grpc_client_options *o)
{
#define DEFAULT(field) o->field = o->field ? o->field : defaults.field
	DEFAULT(response_max);
	DEFAULT(streams_max);
	DEFAULT(calls_max);
	DEFAULT(connect_timeout_ms);
	DEFAULT(backoff_min_ms);
	DEFAULT(backoff_max_ms);
#undef DEFAULT
}

int grpc_client_new(struct loop *loop, const struct grpc_client_options *o,
		    struct grpc_client **ret, struct error *err)
{
	struct endpoint endpoint;
	int r = endpoint_parse(o->address, &endpoint, err);
	if (r)
		return r;
	struct grpc_client *c = calloc(1, sizeof *c);
	if (!c)
		abort();
	c->loop = loop;
	c->options = *o;
	c->options.address = NULL;
	fill_options(&c->options);
	c->endpoint = endpoint;
	endpoint_format(&endpoint, c->address);
	snprintf(c->authority, sizeof c->authority, "%s",
		 endpoint.transport == TRANSPORT_TCP ? c->address + strlen("tcp:") : "localhost");
	c->socket_fd = -1;
	c->timer = (struct timer){ .fn = on_timer, .user = c };
	c->admit_task = (struct loop_task){ .fn = admit, .user = c };
	c->deliver_task = (struct loop_task){ .fn = deliver, .user = c };
	pthread_mutex_init(&c->lock, NULL);
	*ret = c;
	return 0;
}

static void end_list(struct call_list *l)
{
	while (l->first)
		end(l->first, GRPC_CANCELLED, "the client goes away");
}

static void close_conns(struct grpc_client *c)
{
	for (struct client_conn *conn; (conn = c->conns);) {
		end_list(&conn->flying);
		c->conns = conn->next;
		client_conn_free(conn);
	}
	c->current = NULL;
}

void grpc_client_free(struct grpc_client *c)
{
	struct call_list incoming;
	if (!c)
		return;
	if (c->socket_fd >= 0)
		drop_socket(c);
	close_conns(c);
	(void)!take_incoming(c, &incoming);
	end_list(&incoming);
	end_list(&c->queue);
	while (c->finished.first)
		deliver(c);
	timer_stop(loop_timers(c->loop), &c->timer);
	loop_unpost(c->loop, &c->admit_task);
	loop_unpost(c->loop, &c->deliver_task);
	pthread_mutex_destroy(&c->lock);
	free(c->cancels);
	free(c);
}
