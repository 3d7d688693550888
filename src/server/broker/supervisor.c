/* SPDX-License-Identifier: Apache-2.0
 *
 * See supervisor.h.
 */
#include "server/broker/supervisor.h"

#include "base/log.h"

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS   30000

static const char *const state_names[SUPERVISOR_STATES_N] = {
	[SUPERVISOR_WAITING] = "waiting",   [SUPERVISOR_STARTING] = "starting",
	[SUPERVISOR_SERVING] = "serving",   [SUPERVISOR_ENDING] = "ending",
	[SUPERVISOR_STOPPING] = "stopping", [SUPERVISOR_ENDED] = "ended",
};

static const char *const event_names[SUPERVISOR_EVENTS_N] = {
	[SUPERVISOR_TICK] = "tick",     [SUPERVISOR_PROGRESS] = "progress",
	[SUPERVISOR_READY] = "ready",   [SUPERVISOR_EXITED] = "exited",
	[SUPERVISOR_BROKEN] = "broken", [SUPERVISOR_STOP] = "stop",
};

static void set_state(struct supervisor *s, enum supervisor_state to, int64_t due_ms,
		      enum supervisor_event e)
{
	log_debug("broker", F_STR("from", state_names[s->state]), F_STR("to", state_names[to]),
		  F_STR("event", event_names[e]));
	s->state = to;
	s->due_ms = due_ms;
}

void supervisor_init(struct supervisor *s, int64_t now_ms, uint64_t (*random)(uint64_t bound))
{
	*s = (struct supervisor){ .state = SUPERVISOR_WAITING,
				  .due_ms = now_ms,
				  .retry = { RETRY_FIRST_MS, RETRY_MAX_MS, random, 0 } };
}

static enum supervisor_action on_due(struct supervisor *s, int64_t now_ms)
{
	switch (s->state) {
	case SUPERVISOR_WAITING:
		s->n_starts++;
		set_state(s, SUPERVISOR_STARTING, now_ms + SUPERVISOR_START_MS, SUPERVISOR_TICK);
		return SUPERVISOR_SPAWN;
	case SUPERVISOR_STARTING:
		set_state(s, SUPERVISOR_ENDING, INT64_MAX, SUPERVISOR_TICK);
		return SUPERVISOR_KILL;
	case SUPERVISOR_ENDING:
	case SUPERVISOR_STOPPING:
		s->due_ms = INT64_MAX;
		return SUPERVISOR_KILL;
	case SUPERVISOR_SERVING:
	case SUPERVISOR_ENDED:
	case SUPERVISOR_STATES_N:
		break;
	}
	return SUPERVISOR_NONE;
}

static void on_exited(struct supervisor *s, int64_t now_ms)
{
	bool served = s->state == SUPERVISOR_SERVING;
	if (s->state == SUPERVISOR_STOPPING || s->state == SUPERVISOR_ENDED) {
		set_state(s, SUPERVISOR_ENDED, INT64_MAX, SUPERVISOR_EXITED);
		return;
	}
	s->n_bad = served ? 0 : s->n_bad + 1;
	if (served && now_ms - s->ready_ms >= SUPERVISOR_SERVING_MS)
		retry_succeeded(&s->retry);
	set_state(s, SUPERVISOR_WAITING, now_ms + retry_failed(&s->retry), SUPERVISOR_EXITED);
}

static enum supervisor_action on_broken(struct supervisor *s, int64_t now_ms)
{
	if (s->state != SUPERVISOR_STARTING && s->state != SUPERVISOR_SERVING)
		return SUPERVISOR_NONE;
	set_state(s, SUPERVISOR_ENDING, now_ms + SUPERVISOR_STOP_MS, SUPERVISOR_BROKEN);
	return SUPERVISOR_TERMINATE;
}

static enum supervisor_action on_stop(struct supervisor *s, int64_t now_ms)
{
	if (s->state == SUPERVISOR_STOPPING || s->state == SUPERVISOR_ENDED)
		return SUPERVISOR_NONE;
	if (s->state == SUPERVISOR_WAITING) {
		set_state(s, SUPERVISOR_ENDED, INT64_MAX, SUPERVISOR_STOP);
		return SUPERVISOR_NONE;
	}
	set_state(s, SUPERVISOR_STOPPING, now_ms + SUPERVISOR_STOP_MS, SUPERVISOR_STOP);
	return SUPERVISOR_TERMINATE;
}

enum supervisor_action supervisor_step(struct supervisor *s, enum supervisor_event e,
				       int64_t now_ms)
{
	switch (e) {
	case SUPERVISOR_TICK:
		return now_ms >= s->due_ms ? on_due(s, now_ms) : SUPERVISOR_NONE;
	case SUPERVISOR_PROGRESS:
		if (s->state == SUPERVISOR_STARTING)
			s->due_ms = now_ms + SUPERVISOR_START_MS;
		break;
	case SUPERVISOR_READY:
		if (s->state == SUPERVISOR_STARTING) {
			s->ready_ms = now_ms;
			set_state(s, SUPERVISOR_SERVING, INT64_MAX, e);
		}
		break;
	case SUPERVISOR_EXITED:
		on_exited(s, now_ms);
		break;
	case SUPERVISOR_BROKEN:
		return on_broken(s, now_ms);
	case SUPERVISOR_STOP:
		return on_stop(s, now_ms);
	case SUPERVISOR_EVENTS_N:
		break;
	}
	return SUPERVISOR_NONE;
}
