/* SPDX-License-Identifier: Apache-2.0
 *
 * What device queries cost: the steps of SQLite's virtual machine for a page or a count must not
 * grow with the number of devices. Counted through a trace hook on every connection, so it does not
 * matter how the store phrases its queries.
 */
#include "store/test-store.h"

#include "store/sqlite/sqlite.h"
#include <string.h>

static _Thread_local int64_t steps;

static int trace(unsigned type, void *user, void *stmt, void *ns)
{
	steps += sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 1);
	return 0;
}

static int hook(sqlite3 *db, char **message, const struct sqlite3_api_routines *api)
{
	sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, trace, NULL);
	return SQLITE_OK;
}

enum { N_DEVICES = 6000, N_FLEETS = 10 };

/* Devices of all kinds in ten fleets. The last tenth has not reported; of the others every fleet but
 * the last is up to date, the last is stale; three devices do not comply. */
static void make_devices(struct fixture *f)
{
	int64_t fleets[N_FLEETS];
	char name[32];
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	for (int i = 0; i < N_FLEETS; i++) {
		snprintf(name, sizeof name, "fleet%d", i);
		fleets[i] = make_fleet(f, tx, 0, name);
	}
	for (int64_t i = 0; i < N_DEVICES; i++) {
		struct enrollment e = { .org_id = f->org_id,
					.fleet_id = fleets[i * N_FLEETS / N_DEVICES],
					.kind = i % 100 == 0 ? KIND_VM : KIND_LINUX,
					.channel = i % 100 == 0 ? CHANNEL_VM : CHANNEL_DEVICE,
					.serial = name };
		struct device d;
		CLEANUP(arena_fini) struct arena a;
		arena_init(&a);
		snprintf(name, sizeof name, "S%d", (int)i);
		assert_ok(store_device_enroll(tx, &f->by, &e, &a, &d, &f->err));
	}
	set(f, tx, SCOPE_FLEET, f->root_id, "camera.disabled", "true");
	for (int64_t id = 1; id <= N_DEVICES * 9 / 10; id++)
		report(f, tx, id, 2,
		       id % 2000 == 7 ? "{\"camera.disabled\":false}"
				      : "{\"camera.disabled\":true}");
	set(f, tx, SCOPE_FLEET, fleets[8], "wifi.disabled", "true");
	assert_ok(tx_end(f, 0));
}

static int add(void *user, const struct device *d, enum verdict v, int64_t ver)
{
	++*(int64_t *)user;
	return 0;
}

static void test_bounded_work(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *filter;
		int64_t after_id, n_page, n_all; /* of a page of 20; of all */
		int64_t page_steps, count_steps; /* at most; 0: not bounded */
	} cases[] = {
		{ "", 0, 20, 6000, 2000, 0 },
		{ "", 5500, 20, 6000, 2000, 0 },
		{ "id=3000", 0, 1, 1, 500, 500 },
		{ "serial=S3000", 0, 1, 1, 500, 500 },
		{ "external_id=3000", 0, 1, 1, 900, 900 },
		{ "fleet=fleet5", 0, 20, 600, 3000, 0 },
		{ "fleet=fleet5", 3300, 20, 600, 3000, 0 },
		{ "within=default", 0, 20, 6000, 4500, 0 },
		{ "kind=vm", 0, 20, 60, 4000, 0 },
		{ "kind=vm", 5000, 10, 60, 4000, 0 },
		{ "verdict=NON_COMPLIANT", 0, 3, 3, 4000, 4000 },
		{ "verdict=UNKNOWN", 0, 20, 600, 4000, 0 },
		{ "verdict=STALE", 0, 20, 600, 4000, 0 },
		{ "verdict=STALE", 5300, 20, 600, 4000, 0 },
		{ "verdict=COMPLIANT", 0, 20, 4797, 6000, 0 },
		{ "verdict=COMPLIANT", 4000, 20, 4797, 6000, 0 },
		{ "verdict!=COMPLIANT", 0, 20, 1203, 6000, 0 },
		{ "verdict!=COMPLIANT and kind=linux", 0, 20, 1191, 6000, 0 },
		{ "verdict=NON_COMPLIANT and os_version=x", 0, 0, 0, 4000, 4000 },
		{ "serial=S7 or serial=S99", 0, 2, 2, 900, 900 },
	};
	make_devices(f);
	struct store_conn *c = reader(f);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fleet_tree *tree;
		const struct filter *filter;
		int64_t n = 0;
		assert_ok(store_fleets(c, f->org_id, &tree));
		assert_ok(filter_parse(cases[i].filter, tree, 1, &f->arena, &filter, &f->err));
		steps = 0;
		assert_ok(store_device_list(c, f->org_id, filter, cases[i].after_id, 20, add, &n));
		assert_int_equal(n, cases[i].n_page);
		if (steps > cases[i].page_steps)
			fail_msg("%s: a page cost %lld steps", cases[i].filter, (long long)steps);
		steps = 0;
		assert_ok(store_device_count(c, f->org_id, filter, &n));
		assert_int_equal(n, cases[i].n_all);
		if (cases[i].count_steps && steps > cases[i].count_steps)
			fail_msg("%s: a count cost %lld steps", cases[i].filter, (long long)steps);
	}
}

/* Counts that touch every matching entry of an index stay within a few steps an entry. */
static void test_counts_from_indexes(void **state)
{
	struct fixture *f = *state;
	static const char *const filters[] = { "",           "verdict=COMPLIANT", "verdict!=STALE",
					       "kind=linux", "fleet=fleet1",      "within=default",
					       "kind!=linux" };
	make_devices(f);
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		steps = 0;
		count(f, reader(f), filters[i]);
		if (steps > 8 * N_DEVICES)
			fail_msg("%s: a count cost %lld steps", filters[i], (long long)steps);
	}
}

/* A change of a fleet and a report cost the same however many devices there are. */
static void test_bounded_writes(void **state)
{
	struct fixture *f = *state;
	make_devices(f);
	struct store_conn *tx = tx_begin(f);
	steps = 0;
	set(f, tx, SCOPE_FLEET, f->root_id, "bluetooth.disabled", "true");
	if (steps > 500)
		fail_msg("setting one cost %lld steps", (long long)steps);
	report(f, tx, 1, 3, "{\"camera.disabled\":true}");
	steps = 0;
	report(f, tx, 1, 3, "{\"camera.disabled\":true}");
	if (steps > 500)
		fail_msg("a report cost %lld steps", (long long)steps);
	assert_ok(tx_end(f, 0));
}

static int set_up(void **state)
{
	*state = fixture_new("sqlite");
	return 0;
}

static int tear_down(void **state)
{
	fixture_free(*state);
	return 0;
}

#define QUERY_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUERY_TEST(test_bounded_work),
		QUERY_TEST(test_counts_from_indexes),
		QUERY_TEST(test_bounded_writes),
	};
	sqlite3_auto_extension((void (*)(void))hook);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
