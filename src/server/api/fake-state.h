/* SPDX-License-Identifier: Apache-2.0
 *
 * A small state in memory that plans can be made against and carried out on, for tests and fuzzing:
 * what the store is to the real thing. Bounded: what does not fit sets 'full'.
 */
#pragma once

#include "server/api/plan.h"

#define FAKE_ORGS     8
#define FAKE_FLEETS   256
#define FAKE_SETTINGS 1024
#define FAKE_DEVICES  8

struct fake {
	struct arena arena; /* of every text */
	struct organization orgs[FAKE_ORGS];
	struct fleet fleets[FAKE_FLEETS];
	struct setting settings[FAKE_SETTINGS];
	struct device devices[FAKE_DEVICES];
	size_t n_orgs, n_fleets, n_settings, n_devices;
	int64_t next_id;
	bool full;
	struct fleet_tree *trees[64]; /* handed out; freed at the end */
	size_t n_trees;
};

/* Two organizations: "default" (fleets default, default/Sales, default/Sales/Berlin; devices 101 and
 * 102; some settings) and "other". */
void fake_init(struct fake *f);
void fake_fini(struct fake *f);
struct plan_source fake_source(struct fake *f);
/* Carries a plan out, in its order. */
void fake_apply(struct fake *f, const struct plan *p);
const struct setting *fake_setting(const struct fake *f, enum scope scope, int64_t id,
				   const char *name);
