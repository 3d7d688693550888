/* SPDX-License-Identifier: Apache-2.0
 *
 * Staying known to the host, see host-link.h.
 */
#include "vm/container/host-link.h"
#include "base/log.h"
#include <string.h>

#define WAIT_MIN_MS 500
#define WAIT_MAX_MS 30000
#define BYE_CALL_MS 2000

static void set_state(struct host_link *l, enum host_link_state state, const char *event)
{
	static const char *const names[] = { "down", "up", "bye" };
	if (l->state == state)
		return;
	log_info("host", F_STR("was", names[l->state]), F_STR("is", names[state]),
		 F_STR("event", event));
	l->state = state;
}

static void go_down(struct host_link *l, const char *event)
{
	set_state(l, HOST_LINK_DOWN, event);
	host_queue_drop(&l->queue, "the host is gone");
	if (l->counting)
		grpc_client_cancel(l->client, l->count_call);
}

static void start_timer(struct host_link *l, int64_t in_ms)
{
	timer_start(loop_timers(l->loop), &l->timer, loop_now_ms(l->loop) + in_ms);
}

/* ---- ContainerReady ---- */

static void on_ready(const struct grpc_result *result, void *user)
{
	struct host_link *l = user;
	if (l->state != HOST_LINK_DOWN)
		return;
	if (result->status.code == GRPC_OK) {
		l->wait_ms = WAIT_MIN_MS;
		l->n_pending = 0;
		set_state(l, HOST_LINK_UP, "ContainerReady");
		start_timer(l, l->options.check_ms);
		l->options.up(l->options.user);
		return;
	}
	log_limited(LOG_LEVEL_WARN, "the host does not take us",
		    F_STR("code", grpc_code_name(result->status.code)),
		    F_STR("message", result->status.message), F_INT("again_ms", l->wait_ms));
	start_timer(l, l->wait_ms);
	l->wait_ms = l->wait_ms * 2 < WAIT_MAX_MS ? l->wait_ms * 2 : WAIT_MAX_MS;
}

static void say_ready(struct host_link *l)
{
	VmTools__Container__ContainerStartupInfo m =
		VM_TOOLS__CONTAINER__CONTAINER_STARTUP_INFO__INIT;
	m.token = (char *)(uintptr_t)l->options.token;
	m.garcon_port = l->port;
	grpc_client_call(l->client, &host_ready, &m, CALL_MS, on_ready, l);
}

/* ---- is it still there? ---- */

void host_link_check_answer(struct host_link *l, const struct grpc_result *result)
{
	enum grpc_code code = result->status.code;
	if (l->state != HOST_LINK_UP ||
	    (code != GRPC_UNAVAILABLE && code != GRPC_DEADLINE_EXCEEDED &&
	     code != GRPC_FAILED_PRECONDITION))
		return;
	go_down(l, grpc_code_name(code));
	start_timer(l, l->wait_ms);
}

static void say_count(struct host_link *l);

static void on_checked(const struct grpc_result *result, void *user)
{
	struct host_link *l = user;
	l->counting = false;
	host_link_check_answer(l, result);
	if (l->count_again && l->state == HOST_LINK_UP)
		say_count(l);
}

static void say_count(struct host_link *l)
{
	VmTools__Container__PendingAppListUpdateCount m =
		VM_TOOLS__CONTAINER__PENDING_APP_LIST_UPDATE_COUNT__INIT;
	l->count_again = l->counting;
	if (l->counting)
		return;
	l->counting = true;
	m.token = (char *)(uintptr_t)l->options.token;
	m.count = l->n_pending;
	l->count_call = grpc_client_call(l->client, &host_pending, &m, CALL_MS, on_checked, l);
}

void host_link_send_pending(struct host_link *l, unsigned count)
{
	l->n_pending = count;
	if (l->state == HOST_LINK_UP)
		say_count(l);
}

static void say_bye(struct host_link *l, int64_t timeout_ms);

static void on_timer(void *user)
{
	struct host_link *l = user;
	if (l->state == HOST_LINK_UP) {
		say_count(l);
		start_timer(l, l->options.check_ms);
	} else if (l->state == HOST_LINK_DOWN) {
		say_ready(l);
	} else {
		say_bye(l, BYE_CALL_MS);
	}
}

/* ---- what others send ---- */

void host_link_send(struct host_link *l, const struct grpc_method *m, const void *request)
{
	if (l->state == HOST_LINK_UP)
		host_queue_add(&l->queue, m, request);
}

bool host_link_call(struct host_link *l, const struct grpc_method *m, const void *request,
		    void (*done)(const struct grpc_result *, void *), void *user)
{
	if (l->state != HOST_LINK_UP)
		return false;
	grpc_client_call(l->client, m, request, CALL_MS, done, user);
	return true;
}

/* ---- good-bye ---- */

static void on_bye(const struct grpc_result *result, void *user)
{
	struct host_link *l = user;
	(void)result;
	if (l->ended)
		l->ended(l->options.user);
}

static void say_bye(struct host_link *l, int64_t timeout_ms)
{
	VmTools__Container__ContainerShutdownInfo m =
		VM_TOOLS__CONTAINER__CONTAINER_SHUTDOWN_INFO__INIT;
	timer_stop(loop_timers(l->loop), &l->timer);
	l->queue.idle = NULL;
	host_queue_drop(&l->queue, "this is the end");
	m.token = (char *)(uintptr_t)l->options.token;
	grpc_client_call(l->client, &host_shutdown, &m, timeout_ms, on_bye, l);
}

static void on_all_told(void *user)
{
	struct host_link *l = user;
	say_bye(l, BYE_CALL_MS);
}

void host_link_stop(struct host_link *l, void (*ended)(void *user))
{
	bool up = l->state == HOST_LINK_UP;
	timer_stop(loop_timers(l->loop), &l->timer);
	set_state(l, HOST_LINK_BYE, "stop");
	l->ended = ended;
	/* A deadline of 0 when nobody is there: the answer is the client's own, and comes later as any other. */
	if (!up || !l->queue.busy)
		return say_bye(l, up ? BYE_CALL_MS : 0);
	l->queue.idle = on_all_told;
	start_timer(l, l->options.bye_ms);
}

/* ---- life ---- */

int host_link_open(struct host_link *l, struct loop *loop, const struct host_link_options *o,
		   struct error *err)
{
	const struct grpc_client_options client = { .address = o->host, .token = o->vm_token };
	*l = (struct host_link){ .loop = loop,
				 .options = *o,
				 .wait_ms = WAIT_MIN_MS,
				 .timer = { .fn = on_timer, .user = l } };
	int r = grpc_client_new(loop, &client, &l->client, err);
	host_queue_init(&l->queue, l->client);
	l->queue.user = l;
	return r;
}

void host_link_start(struct host_link *l, uint32_t port)
{
	l->port = port;
	say_ready(l);
}

void host_link_close(struct host_link *l)
{
	if (!l->loop)
		return;
	l->ended = NULL;
	l->state = HOST_LINK_BYE;
	l->queue.idle = NULL;
	timer_stop(loop_timers(l->loop), &l->timer);
	host_queue_drop(&l->queue, "this is the end");
	grpc_client_free(l->client);
}
