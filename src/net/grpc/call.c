/* SPDX-License-Identifier: Apache-2.0
 *
 * One call: what its handler may ask, and how the answer gets from whatever thread replies to the
 * loop. See internal.h for the states and owners.
 *
 * A deferred call is freed by the last of its two owners: the stream (call_detach) and the handler
 * (its reply). Both decide under shared.lock; a reply that finds the stream gone frees the call on its own
 * thread and needs no loop, so it may come after the server is gone.
 */
#include "net/grpc/internal.h"
#include <assert.h>

#define REPLY_MAX ((size_t)1 << 30)

/* ---- what all calls of a server share ---- */

struct shared *shared_new(struct loop *loop, size_t memory_max)
{
	struct shared *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	s->loop = loop;
	s->memory.max = memory_max;
	s->n_refs = 1;
	return s;
}

struct shared *shared_ref(struct shared *s)
{
	atomic_fetch_add(&s->n_refs, 1);
	return s;
}

void shared_unref(struct shared *s)
{
	if (atomic_fetch_sub(&s->n_refs, 1) > 1)
		return;
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* ---- life ---- */

static void on_replied(void *user)
{
	struct grpc_call *call = user;
	if (call->state == CALL_RUNNING) /* else the deadline was faster */
		session_answer(call);
}

struct grpc_call *call_new(struct session *s, int32_t stream)
{
	const struct grpc_server *server = s->server;
	struct grpc_call *call = calloc(1, sizeof *call);
	if (!call)
		abort();
	call->session = s;
	call->stream = stream;
	call->shared = shared_ref(server->shared);
	call->user = server->options.user;
	call->peer = s->peer;
	call->began_ms = loop_now_ms(server->loop);
	call->deadline_ms = INT64_MAX;
	call->task = (struct loop_task){ .fn = on_replied, .user = call };
	head_init(&call->head, s->peer.transport == TRANSPORT_TCP ? server->options.token : NULL);
	deframer_init(&call->in, server->options.limits.request_max);
	buf_init(&call->answer, REPLY_MAX);
	return call;
}

static void call_free(struct grpc_call *call)
{
	message_free(&call->request);
	deframer_fini(&call->in);
	memory_give(&call->shared->memory, call->n_taken);
	buf_fini(&call->answer);
	shared_unref(call->shared);
	free(call);
}

void call_run(struct grpc_call *call)
{
	call->state = CALL_RUNNING;
	call->method->handler(call);
	if (call->deferred)
		return;
	if (!call->replied)
		grpc_reply_status(call, GRPC_INTERNAL, "there is no answer");
	session_answer(call);
}

/* With the lock held, which it lets go of while the hook runs. The hook may reply, and thereby free
 * the call: it is not touched afterwards. */
static void tell(struct grpc_call *call)
{
	struct shared *shared = call->shared;
	if (atomic_exchange(&call->cancelled, true) || !call->on_cancel)
		return;
	shared->cancelling = call;
	pthread_mutex_unlock(&shared->lock);
	call->on_cancel(call, call->cancel_user);
	pthread_mutex_lock(&shared->lock);
	shared->cancelling = NULL;
	pthread_cond_broadcast(&shared->changed);
}

void call_cancel(struct grpc_call *call)
{
	struct shared *shared = call->shared;
	if (!call->deferred)
		return;
	pthread_mutex_lock(&shared->lock);
	if (!call->replied)
		tell(call);
	pthread_mutex_unlock(&shared->lock);
}

void call_detach(struct grpc_call *call)
{
	if (!call->deferred) {
		call_free(call);
		return;
	}
	struct shared *shared = shared_ref(call->shared);
	call->session = NULL;
	pthread_mutex_lock(&shared->lock);
	bool replied = call->replied;
	if (replied) {
		loop_unpost(shared->loop, &call->task);
	} else {
		call->gone = true;
		tell(call);
	}
	pthread_mutex_unlock(&shared->lock);
	if (replied)
		call_free(call);
	shared_unref(shared);
}

/* ---- for handlers ---- */

void *grpc_call_user(const struct grpc_call *call)
{
	return call->user;
}

const struct grpc_method *grpc_call_method(const struct grpc_call *call)
{
	return call->method;
}

const struct grpc_peer *grpc_call_peer(const struct grpc_call *call)
{
	return &call->peer;
}

const void *grpc_call_request(const struct grpc_call *call)
{
	return call->request.message;
}

int64_t grpc_call_deadline_ms(const struct grpc_call *call)
{
	return call->deadline_ms;
}

bool grpc_call_cancelled(const struct grpc_call *call)
{
	return atomic_load(&call->cancelled);
}

void grpc_defer(struct grpc_call *call, void (*cancelled)(struct grpc_call *call, void *user),
		void *user)
{
	assert(call->state == CALL_RUNNING && !call->deferred && !call->replied);
	call->deferred = true;
	call->on_cancel = cancelled;
	call->cancel_user = user;
}

static void replied(struct grpc_call *call)
{
	struct shared *shared = call->shared;
	if (!call->deferred) {
		call->replied = true;
		return;
	}
	pthread_mutex_lock(&shared->lock);
	while (shared->cancelling == call && !loop_inside(shared->loop))
		pthread_cond_wait(&shared->changed, &shared->lock);
	assert(!call->replied);
	call->replied = true;
	bool gone = call->gone;
	if (!gone)
		loop_post(shared->loop, &call->task);
	pthread_mutex_unlock(&shared->lock);
	if (gone)
		call_free(call);
}

void grpc_reply(struct grpc_call *call, const void *response)
{
	const ProtobufCMessage *m = response;
	assert(m->descriptor == call->method->response);
	grpc_status_set(&call->status, GRPC_OK, "%s", "");
	if (!message_encode(&call->answer, m))
		grpc_status_set(&call->status, GRPC_INTERNAL, "the answer is too large");
	replied(call);
}

void grpc_reply_status(struct grpc_call *call, enum grpc_code code, const char *fmt, ...)
{
	va_list ap;
	assert(code != GRPC_OK);
	call->status.code = code;
	va_start(ap, fmt);
	if (vsnprintf(call->status.message, sizeof call->status.message, fmt, ap) < 0)
		call->status.message[0] = '\0';
	va_end(ap);
	replied(call);
}

void grpc_reply_error(struct grpc_call *call, int r, const struct error *err)
{
	assert(r != 0);
	if (r > 0)
		grpc_reply_status(call, grpc_code_from_err(err->code), "%s", err->message);
	else
		grpc_reply_status(call, GRPC_INTERNAL, "%s", strerror(-r));
}
