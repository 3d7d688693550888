/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a task, see task.h for the diagram.
 *
 * Clients skip steps (an agent that only ever says "done") and repeat themselves (MQTT delivers at
 * least once), so a task may always move forward and staying in a state is no error. How it came out is
 * the device's last word: what failed is tried again, what was done may be undone. What is done does not
 * go back to being on its way: that is an old message, said once more.
 */
#include "model/task.h"
#include "model/text.h"
#include <errno.h>

#define TO(state)    (1u << TASK_##state)
#define TO_FINAL     (TO(DONE) | TO(FAILED) | TO(CANCELLED))
#define N_STATES     (TASK_CANCELLED + 1)
#define PROGRESS_MAX 100

static const char *const state_words[N_STATES] = {
	[TASK_PENDING] = "pending", [TASK_RECEIVED] = "received", [TASK_RUNNING] = "running",
	[TASK_DONE] = "done",       [TASK_FAILED] = "failed",     [TASK_CANCELLED] = "cancelled",
};

static const unsigned allowed[N_STATES] = {
	[TASK_PENDING] = TO(PENDING) | TO(RECEIVED) | TO(RUNNING) | TO_FINAL,
	[TASK_RECEIVED] = TO(PENDING) | TO(RECEIVED) | TO(RUNNING) | TO_FINAL,
	[TASK_RUNNING] = TO(PENDING) | TO(RUNNING) | TO_FINAL,
	[TASK_DONE] = TO(PENDING) | TO_FINAL,
	[TASK_FAILED] = TO(PENDING) | TO(RECEIVED) | TO(RUNNING) | TO_FINAL,
	[TASK_CANCELLED] = TO(PENDING) | TO(RECEIVED) | TO(RUNNING) | TO_FINAL,
};

const char *task_state_name(enum task_state s)
{
	return (size_t)s < N_STATES ? state_words[s] : "unknown";
}

bool task_state_parse(const char *s, enum task_state *ret)
{
	int i = text_index(state_words, N_STATES, s);
	if (i < 0)
		return false;
	*ret = (enum task_state)i;
	return true;
}

static int64_t progress_in(enum task_state s, int64_t progress)
{
	return s == TASK_DONE ? PROGRESS_MAX : s == TASK_PENDING ? 0 : progress;
}

int task_move(struct task *t, enum task_state next, int64_t progress, const char *message,
	      int64_t now_ms, struct error *err)
{
	enum task_state now = TASK_PENDING; /* what a record that was never stored is in */
	if (t->state && *t->state && !task_state_parse(t->state, &now))
		return -EINVAL;
	if (progress < 0 || progress > PROGRESS_MAX)
		return error_set(err, ERR_INVALID,
				 "the progress of a task is a percentage from 0 to 100, not %lld",
				 (long long)progress);
	if (!(allowed[now] & 1u << next))
		return error_set(err, ERR_CONFLICT, "the task is %s; it cannot become %s",
				 task_state_name(now), task_state_name(next));
	t->state = task_state_name(next);
	t->progress = progress_in(next, progress);
	t->message = message ? message : "";
	t->changed_ms = now_ms;
	return 0;
}
