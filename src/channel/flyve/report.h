/* SPDX-License-Identifier: Apache-2.0
 *
 * From tasks to the report that the server judges: each desired setting that this protocol has a word for, with
 * what became of its tasks on this device.
 */
#pragma once

#include "channel/flyve/status.h"
#include "store/flyve.h"

/* A status of one of the device's tasks. *ret_known false: it is not a task of this device (any more). */
int flyve_task_heard(struct store_conn *tx, const struct device *d, const struct flyve_agent *agent,
		     const struct flyve_task_status *s, int64_t now_ms, struct arena *a,
		     bool *ret_known) WARN_UNUSED;
/* 'settled': the device has its whole desired state; else what it had reported to have applied stays. */
int flyve_report(struct store_conn *tx, const struct device *d, const struct flyve_agent *agent,
		 bool settled, int64_t now_ms, struct arena *a) WARN_UNUSED;
/* flyve_report(), unless the device is up to date already. *ret_behind: it is not, and it cannot be said now
 * (not settled). */
int flyve_report_if_behind(struct store_conn *tx, const struct device *d,
			   const struct flyve_agent *agent, bool settled, int64_t now_ms,
			   struct arena *a, bool *ret_behind) WARN_UNUSED;
