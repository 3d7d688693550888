/* SPDX-License-Identifier: Apache-2.0
 *
 * The orderly end, see shutdown.h. Orphans become our children, so that when there are no children left
 * there is nobody left.
 */
#include "vm/guest/shutdown.h"
#include "base/log.h"
#include "vm/guest/mounting.h"
#include <assert.h>
#include <signal.h>
#include <unistd.h>

#define TERM_MS 10000
#define KILL_MS 5000

static const char *const state_names[] = {
	[SHUTDOWN_IDLE] = "idle",
	[SHUTDOWN_TERM] = "term",
	[SHUTDOWN_KILL] = "kill",
	[SHUTDOWN_DONE] = "done",
};

static void set_state(struct shutdown *s, enum shutdown_state state, const char *event)
{
	log_info("shutdown", F_STR("from", state_names[s->state]), F_STR("to", state_names[state]),
		 F_STR("event", event));
	s->state = state;
}

static void finish(void *user)
{
	struct shutdown *s = user;
	unmount_everything();
	s->done(s->user);
}

static void end(struct shutdown *s, const char *event)
{
	timer_stop(loop_timers(s->loop), &s->timer);
	set_state(s, SHUTDOWN_DONE, event);
	loop_post(s->loop, &s->finish);
}

static void on_timer(void *user)
{
	struct shutdown *s = user;
	if (s->state == SHUTDOWN_KILL) {
		end(s, "timeout");
		return;
	}
	set_state(s, SHUTDOWN_KILL, "timeout");
	(void)!kill(-1, SIGKILL);
	timer_start(loop_timers(s->loop), &s->timer, loop_now_ms(s->loop) + KILL_MS);
}

void shutdown_init(struct shutdown *s, struct loop *loop, struct table *table,
		   void (*done)(void *user), void *user)
{
	*s = (struct shutdown){ .loop = loop, .table = table, .done = done, .user = user };
	s->timer = (struct timer){ .fn = on_timer, .user = s };
	s->finish = (struct loop_task){ .fn = finish, .user = s };
}

void shutdown_fini(struct shutdown *s)
{
	timer_stop(loop_timers(s->loop), &s->timer);
	loop_unpost(s->loop, &s->finish);
}

void shutdown_begin(struct shutdown *s)
{
	assert(getpid() == 1);
	if (s->state != SHUTDOWN_IDLE)
		return;
	set_state(s, SHUTDOWN_TERM, "asked");
	table_no_more(s->table);
	(void)!kill(-1, SIGTERM);
	(void)!kill(-1, SIGCONT); /* what is stopped could not even end */
	timer_start(loop_timers(s->loop), &s->timer, loop_now_ms(s->loop) + TERM_MS);
	if (table_reap(s->table))
		shutdown_all_gone(s);
}

void shutdown_all_gone(struct shutdown *s)
{
	if (s->state == SHUTDOWN_TERM || s->state == SHUTDOWN_KILL)
		end(s, "all gone");
}
