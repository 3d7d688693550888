/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling of applications, see applications.h.
 */
#include "vm/container/applications.h"
#include "vm/container/package-id.h"

static void start_timer(struct applications *a)
{
	if (a->pacing.posted)
		timer_start(loop_timers(a->link->loop), &a->timer, a->pacing.due_ms);
}

static void on_sent(const struct grpc_result *result, void *user)
{
	struct applications *a = user;
	pacing_done(&a->pacing);
	host_link_check_answer(a->link, result);
	host_link_send_pending(a->link, pacing_count(&a->pacing));
}

static void send_list(void *user)
{
	struct applications *a = user;
	a->list.message->token = arena_strdup(&a->list_arena, a->link->options.token);
	if (!host_link_call(a->link, &host_applications, a->list.message, on_sent, a))
		pacing_done(&a->pacing); /* it gets one when it comes */
	arena_fini(&a->list_arena);
}

static void look(struct applications *a)
{
	arena_init(&a->list_arena);
	watch_renew(a->watcher, &a->watch);
	scan_applications(a->dirs, &a->list_arena, &a->list);
	if (!package_ids_find(a->programs, &a->list_arena, &a->list, send_list, a))
		send_list(a);
}

static void on_due(void *user)
{
	struct applications *a = user;
	if (pacing_due(&a->pacing, loop_now_ms(a->link->loop)))
		look(a);
	start_timer(a);
}

static void on_changed(void *user)
{
	struct applications *a = user;
	if (!pacing_change(&a->pacing, loop_now_ms(a->link->loop)))
		return;
	host_link_send_pending(a->link, pacing_count(&a->pacing));
	start_timer(a);
}

void applications_send(struct applications *a)
{
	if (a->pacing.busy) /* its answer will be that of the host before */
		return on_changed(a);
	a->pacing.busy = true;
	look(a);
}

void applications_open(struct applications *a, const struct dirs *d, struct host_link *l,
		       struct watcher *w, struct programs *programs)
{
	size_t n = 0;
	*a = (struct applications){ .dirs = d, .link = l, .watcher = w, .programs = programs };
	arena_init(&a->arena);
	for (; d->data[n]; n++)
		a->paths[n] = arena_printf(&a->arena, "%s/applications", d->data[n]);
	a->timer = (struct timer){ .fn = on_due, .user = a };
	a->watch = (struct watch){
		.paths = a->paths, .recursive = true, .changed = on_changed, .user = a
	};
	watch_begin(w, &a->watch);
}

void applications_close(struct applications *a)
{
	if (!a->link)
		return;
	timer_stop(loop_timers(a->link->loop), &a->timer);
	watch_end(a->watcher, &a->watch);
	arena_fini(&a->arena);
}
