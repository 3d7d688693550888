/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress of one setting on one device.
 *     pending -> received -> running (progress) -> done | failed | cancelled
 * A new desired value starts again at pending; what failed or was cancelled may be tried again, and what came
 * out last is what counts.
 */
#pragma once

#include "base/err.h"
#include "model/records.h"

enum task_state {
	TASK_PENDING,
	TASK_RECEIVED,
	TASK_RUNNING,
	TASK_DONE,
	TASK_FAILED,
	TASK_CANCELLED
};
const char *task_state_name(enum task_state s);
bool task_state_parse(const char *s, enum task_state *ret);
int task_move(struct task *t, enum task_state next, int64_t progress, const char *message,
	      int64_t now_ms, struct error *err) WARN_UNUSED;
