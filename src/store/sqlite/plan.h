/* SPDX-License-Identifier: Apache-2.0
 *
 * How a device query finds its devices.
 *
 * A run is a stretch of an index in which all devices come in the order of their ids, such as "this
 * fleet's managed devices" or "this fleet's devices that were satisfied and have applied the state
 * at 7". A plan is a set of runs that together hold every device the filter can match; merging
 * them by id gives pages without sorting and without reading past what the page needs, however
 * many devices there are. Without an index that helps, the plan is everything: the
 * organization's devices in order of id.
 *
 * Verdicts become runs because device.lag is on the scale of its fleet's chain: devices that are up to date
 * all have the lag of the chain, stale ones have the few older values.
 */
#pragma once

#include "store/sqlite/sqlite.h"

#define RUNS_MAX 4096

struct run {
	enum fixed_sql sql;
	struct run_value {
		const char *text; /* borrowed; NULL: the number */
		int64_t number;
	} values[3];
};

struct plan {
	bool everything;
	size_t n, cap;
	struct run *runs; /* in the arena */
	struct arena *arena;
};

int query_plan_make(struct sqlite_conn *c, const struct device_query *q, struct arena *a,
		    struct plan *ret) WARN_UNUSED;

/* Whether the filter is made of verdicts only; then *ret_mask has the bits 1u << enum verdict
 * that match. */
bool plan_verdicts(const struct filter *f, unsigned *ret_mask);
/* Calls 'fn' for each range of lags, of one fleet and one value of 'satisfied', that holds devices
 * with these verdicts. UNKNOWN is not among them. */
typedef int lag_range_fn(void *user, int64_t fleet_id, bool satisfied, int64_t low, int64_t high);
int plan_lag_ranges(const struct fleet_tree *tree, unsigned mask, struct arena *a, lag_range_fn *fn,
		    void *user) WARN_UNUSED;

/* The runs' devices in ascending order of id, each once. */
struct merge;
int merge_new(struct sqlite_conn *c, const struct plan *p, int64_t after_id,
	      struct merge **ret) WARN_UNUSED;                /* in the plan's arena */
int merge_next(struct merge *m, int64_t *ret_id) WARN_UNUSED; /* ROW_NOT_FOUND: the end */
