/* SPDX-License-Identifier: Apache-2.0
 *
 * The arithmetic case by case, then as a property: in random trees with random changes and moves,
 * the version of every device grows by exactly one with each change that touches it, and by nothing
 * otherwise. The model to compare with is the naive one: a plain integer per device.
 */
#include "model/fleet-tree.h"
#include "model/version.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_arithmetic(void **state)
{
	struct device d = { .version_base = 5, .changes = 3, .applied_version = 9 };
	assert_int_equal(version_of(&d, 4), 12);
	assert_int_equal(version_of(&d, -7), 1);
	assert_int_equal(version_base_for(1, 0, 40), -39);
	assert_int_equal(version_base_for(12, 3, 4), 5);
	assert_int_equal(version_fleet_move_delta(10, 10), 1);
	assert_int_equal(version_fleet_move_delta(10, 25), -14);
	assert_int_equal(version_fleet_move_delta(25, 10), 16);
	assert_int_equal(version_lag(&d), 1);
}

static void test_lag_saturates(void **state)
{
	static const struct {
		int64_t applied, base, lag;
	} cases[] = {
		{ INT64_MAX, -1, INT64_MAX },    { INT64_MAX, 0, INT64_MAX },
		{ INT64_MAX, 1, INT64_MAX - 1 }, { INT64_MIN, 1, INT64_MIN },
		{ INT64_MIN, 0, INT64_MIN },     { INT64_MIN, -1, INT64_MIN + 1 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct device d = { .applied_version = cases[i].applied,
				    .version_base = cases[i].base };
		assert_int_equal(version_lag(&d), cases[i].lag);
	}
}

/* ---- the property ---- */

#define N_FLEETS  24
#define N_DEVICES 40
#define N_STEPS   400
#define N_WORLDS  60

struct world {
	uint64_t random;
	struct fleet fleets[N_FLEETS]; /* ids 1 … N_FLEETS; the first is the root */
	struct device devices[N_DEVICES];
	int64_t naive[N_DEVICES]; /* what the version of each device must be */
};

static size_t below(struct world *w, size_t bound) /* xorshift64*: seeded, so that it repeats */
{
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return (size_t)((w->random * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % bound;
}

static struct fleet_tree *tree_of(const struct world *w)
{
	struct fleet_tree *t;
	assert_int_equal(fleet_tree_new(w->fleets, N_FLEETS, &t), 0);
	return t;
}

static void world_init(struct world *w, uint64_t seed)
{
	*w = (struct world){ .random = seed };
	for (size_t i = 0; i < N_FLEETS; i++)
		w->fleets[i] = (struct fleet){ .id = (int64_t)i + 1,
					       .parent_id = i ? (int64_t)below(w, i) + 1 : 0,
					       .name = "f",
					       .changes = (int64_t)below(w, 100) - 50 };
	struct fleet_tree *t = tree_of(w);
	for (size_t i = 0; i < N_DEVICES; i++) { /* enrollment: version 1 */
		struct device *d = &w->devices[i];
		d->fleet_id = (int64_t)below(w, N_FLEETS) + 1;
		d->changes = (int64_t)below(w, 9);
		d->version_base =
			version_base_for(1, d->changes, fleet_tree_chain_changes(t, d->fleet_id));
		w->naive[i] = 1;
	}
	fleet_tree_free(t);
}

/* Everything below 'fleet_id' is touched: the naive way. */
static void naive_touch(struct world *w, const struct fleet_tree *t, int64_t fleet_id)
{
	for (size_t i = 0; i < N_DEVICES; i++)
		w->naive[i] += fleet_tree_within(t, w->devices[i].fleet_id, fleet_id);
}

static void step_fleet_setting(struct world *w, const struct fleet_tree *t)
{
	int64_t id = (int64_t)below(w, N_FLEETS) + 1;
	w->fleets[id - 1].changes++;
	naive_touch(w, t, id);
}

static void step_device_setting(struct world *w, const struct fleet_tree *t)
{
	size_t i = below(w, N_DEVICES);
	w->devices[i].changes++;
	w->naive[i]++;
}

static void step_device_move(struct world *w, const struct fleet_tree *t)
{
	size_t i = below(w, N_DEVICES);
	struct device *d = &w->devices[i];
	int64_t version = version_of(d, fleet_tree_chain_changes(t, d->fleet_id));
	d->fleet_id = (int64_t)below(w, N_FLEETS) + 1;
	d->version_base =
		version_base_for(version + 1, d->changes, fleet_tree_chain_changes(t, d->fleet_id));
	w->naive[i]++;
}

static void step_fleet_move(struct world *w, const struct fleet_tree *t)
{
	int64_t id = (int64_t)below(w, N_FLEETS) + 1, parent = (int64_t)below(w, N_FLEETS) + 1;
	struct fleet *f = &w->fleets[id - 1];
	if (fleet_tree_check_move(t, id, parent, NULL) != 0)
		return; /* the root, or below itself */
	f->changes += version_fleet_move_delta(fleet_tree_chain_changes(t, f->parent_id),
					       fleet_tree_chain_changes(t, parent));
	f->parent_id = parent;
	naive_touch(w, t, id);
}

static void assert_versions(const struct world *w)
{
	struct fleet_tree *t = tree_of(w);
	for (size_t i = 0; i < N_DEVICES; i++) {
		const struct device *d = &w->devices[i];
		assert_int_equal(version_of(d, fleet_tree_chain_changes(t, d->fleet_id)),
				 w->naive[i]);
	}
	fleet_tree_free(t);
}

static void test_property(void **state)
{
	static void (*const steps[])(struct world *, const struct fleet_tree *) = {
		step_fleet_setting, step_device_setting, step_device_move, step_fleet_move
	};
	for (uint64_t seed = 1; seed <= N_WORLDS; seed++) {
		struct world w;
		world_init(&w, seed * UINT64_C(0x9e3779b97f4a7c15));
		assert_versions(&w);
		for (size_t i = 0; i < N_STEPS; i++) {
			struct fleet_tree *t = tree_of(&w);
			steps[below(&w, ARRAY_SIZE(steps))](&w, t);
			fleet_tree_free(t);
			assert_versions(&w);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_lag_saturates),
		cmocka_unit_test(test_property),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
