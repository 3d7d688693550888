/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts of an organization's devices, kept between requests.
 *
 * Counting a million devices reads them all, so the counts are kept. In organizations of up to
 * ten thousand they are exact: whatever was committed since makes them again. In larger ones a
 * request gets what is there and a job refreshes it, at most a quarter of the time.
 */
#pragma once

#include "base/arena.h"
#include "model/catalogue.h"
#include "model/verdict.h"
#include "store/store.h"

#define VERDICT_N (VERDICT_COMPLIANT + 1)

struct overview; /* heap, one owner; any thread */
struct jobs;

struct fleet_count {
	int64_t fleet_id, n;
};
struct overview_counts {
	int64_t total, by_verdict[VERDICT_N], by_kind[KIND_N], by_channel[CHANNEL_N];
	int64_t counted_ms;         /* UTC */
	struct fleet_count *fleets; /* of those that have devices, ascending by id */
	size_t n_fleets;
};

/* 'jobs' refreshes; borrowed. */
struct overview *overview_new(struct store *store, struct jobs *jobs);
void overview_free(struct overview *o);
/* Counts every organization once, on a job: later requests then know what counting costs. */
void overview_warm(struct overview *o);
/* A copy in the arena. */
int overview_counts(struct overview *o, struct store_conn *c, int64_t org_id, struct arena *a,
		    struct overview_counts *ret) WARN_UNUSED;
int64_t overview_fleet(const struct overview_counts *counts, int64_t fleet_id);
