/* SPDX-License-Identifier: Apache-2.0
 *
 * Conformance: organizations, fleets, and the versions that moving and deleting fleets make.
 */
#include "store/test-store.h"

#include <string.h>

/* ---- organizations ---- */

static void test_organization_create(struct fixture *f)
{
	struct organization o, found, *all;
	const struct fleet_tree *tree;
	size_t n;
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_organization_create(tx, &f->by, "acme", "acme.example", &f->arena, &o,
					    &f->err));
	assert_int_equal(o.id, 1);
	assert_int_equal(o.revision, 1);
	assert_string_equal(o.config_json, "{}");
	assert_err(CONFLICT,
		   store_organization_create(tx, &f->by, "acme", "", &f->arena, &found, &f->err));
	assert_non_null(strstr(f->err.message, "acme"));
	assert_err(INVALID,
		   store_organization_create(tx, &f->by, "", "", &f->arena, &found, &f->err));
	assert_err(INVALID,
		   store_organization_create(tx, &f->by, "a\nb", "", &f->arena, &found, &f->err));
	assert_ok(store_organization_create(tx, &f->by, "other", NULL, &f->arena, &found, &f->err));
	assert_ok(tx_end(f, 0));

	struct store_conn *c = reader(f);
	assert_ok(store_organization_list(c, &f->arena, &all, &n));
	assert_int_equal(n, 2);
	assert_string_equal(all[1].name, "other");
	assert_string_equal(all[1].domain, "");
	assert_ok(store_fleets(c, o.id, &tree));
	assert_string_equal(fleet_tree_root(tree)->name, "default");
	assert_ok(store_fleets(c, 99, &tree)); /* unknown: empty */
	assert_null(fleet_tree_root(tree));
}

static void test_organization_find(struct fixture *f)
{
	struct organization o;
	struct store_conn *c = reader(f);
	assert_err(NOT_FOUND, store_organization_find(c, "", &f->arena, &o, &f->err));
	fixture_organization(f);
	static const struct {
		const char *ref;
		int r;
	} cases[] = {
		{ "", 0 },
		{ "acme", 0 },
		{ "1", 0 },
		{ "2", ERR_NOT_FOUND },
		{ "ACME", ERR_NOT_FOUND },
		{ "1x", ERR_NOT_FOUND },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		o.id = 0;
		assert_int_equal(store_organization_find(c, cases[i].ref, &f->arena, &o, &f->err),
				 cases[i].r);
		if (cases[i].r == 0)
			assert_int_equal(o.id, f->org_id);
	}
	assert_ok(store_organization_get(c, 1, &f->arena, &o, &f->err));
	assert_err(NOT_FOUND, store_organization_get(c, 7, &f->arena, &o, &f->err));
}

static void test_organization_update(struct fixture *f)
{
	struct organization o, other;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_organization_create(tx, &f->by, "other", "", &f->arena, &other, &f->err));
	assert_ok(store_organization_get(tx, f->org_id, &f->arena, &o, &f->err));
	o.domain = "new.example";
	o.config_json = "{\"poll.interval\":\"5m\"}";
	assert_err(PRECONDITION, store_organization_update(tx, &f->by, &o, 7, &f->err));
	assert_ok(store_organization_update(tx, &f->by, &o, 1, &f->err));
	assert_ok(store_organization_get(tx, f->org_id, &f->arena, &o, &f->err));
	assert_int_equal(o.revision, 2);
	assert_string_equal(o.domain, "new.example");
	assert_string_equal(o.config_json, "{\"poll.interval\":\"5m\"}");
	assert_ok(store_organization_update(tx, &f->by, &o, 0, &f->err)); /* nothing changes */
	assert_ok(store_organization_get(tx, f->org_id, &f->arena, &o, &f->err));
	assert_int_equal(o.revision, 2);
	o.name = "other";
	assert_err(CONFLICT, store_organization_update(tx, &f->by, &o, 0, &f->err));
	o.id = 9;
	assert_err(NOT_FOUND, store_organization_update(tx, &f->by, &o, 0, &f->err));
	assert_ok(tx_end(f, 0));
}

/* ---- fleets ---- */

static void test_fleet_create(struct fixture *f)
{
	struct fleet fleet;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t sales = make_fleet(f, tx, 0, "Sales");
	int64_t berlin = make_fleet(f, tx, sales, "Berlin");
	make_fleet(f, tx, 0, "Berlin"); /* elsewhere */
	assert_err(CONFLICT, store_fleet_create(tx, &f->by, f->org_id, sales, "Berlin", &f->arena,
						&fleet, &f->err));
	assert_err(NOT_FOUND,
		   store_fleet_create(tx, &f->by, f->org_id, 99, "x", &f->arena, &fleet, &f->err));
	assert_err(NOT_FOUND,
		   store_fleet_create(tx, &f->by, 99, 0, "x", &f->arena, &fleet, &f->err));
	assert_err(INVALID,
		   store_fleet_create(tx, &f->by, f->org_id, 0, "a/b", &f->arena, &fleet, &f->err));
	assert_err(INVALID,
		   store_fleet_create(tx, &f->by, f->org_id, 0, "", &f->arena, &fleet, &f->err));
	int64_t deepest = berlin; /* the fourth level begins below it */
	for (int depth = 4; depth <= FLEET_DEPTH_MAX; depth++)
		deepest = make_fleet(f, tx, deepest, "deeper");
	assert_err(CONFLICT, store_fleet_create(tx, &f->by, f->org_id, deepest, "too deep",
						&f->arena, &fleet, &f->err));
	assert_ok(tx_end(f, 0));
}

static void test_fleet_rename(struct fixture *f)
{
	const struct fleet_tree *tree;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t a = make_fleet(f, tx, 0, "a");
	make_fleet(f, tx, 0, "b");
	int64_t d = make_device(f, tx, a, "pc");
	assert_err(PRECONDITION, store_fleet_rename(tx, &f->by, a, "c", 5, &f->err));
	assert_err(CONFLICT, store_fleet_rename(tx, &f->by, a, "b", 1, &f->err));
	assert_err(INVALID, store_fleet_rename(tx, &f->by, a, "x/y", 0, &f->err));
	assert_err(NOT_FOUND, store_fleet_rename(tx, &f->by, 99, "x", 0, &f->err));
	assert_ok(store_fleet_rename(tx, &f->by, a, "c", 1, &f->err));
	assert_ok(store_fleet_rename(tx, &f->by, a, "c", 2, &f->err)); /* it is called so */
	assert_int_equal(version(f, tx, d), 1);
	assert_ok(tx_end(f, 0));
	assert_ok(store_fleets(reader(f), f->org_id, &tree));
	assert_string_equal(fleet_tree_get(tree, a)->name, "c");
	assert_int_equal(fleet_tree_get(tree, a)->revision, 2);
}

/* default / a / b, default / c; a device in each. */
struct family {
	int64_t a, b, c, in_a, in_b, in_c;
};

static struct family make_family(struct fixture *f, struct store_conn *tx)
{
	struct family x;
	x.a = make_fleet(f, tx, 0, "a");
	x.b = make_fleet(f, tx, x.a, "b");
	x.c = make_fleet(f, tx, 0, "c");
	for (int i = 0; i < 3; i++) /* uneven counters */
		set(f, tx, SCOPE_FLEET, x.a, "password.min_length", i % 2 ? "8" : "9");
	set(f, tx, SCOPE_FLEET, x.c, "camera.disabled", "true");
	x.in_a = make_device(f, tx, x.a, "in a");
	x.in_b = make_device(f, tx, x.b, "in b");
	x.in_c = make_device(f, tx, x.c, "in c");
	return x;
}

static void assert_versions(struct fixture *f, struct store_conn *c, const struct family *x,
			    int64_t in_a, int64_t in_b, int64_t in_c)
{
	assert_int_equal(version(f, c, x->in_a), in_a);
	assert_int_equal(version(f, c, x->in_b), in_b);
	assert_int_equal(version(f, c, x->in_c), in_c);
}

static void test_fleet_move(struct fixture *f)
{
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	struct family x = make_family(f, tx);
	assert_versions(f, tx, &x, 1, 1, 1);
	assert_err(CONFLICT, store_fleet_move(tx, &f->by, x.a, x.b, 0, &f->err));
	assert_err(CONFLICT, store_fleet_move(tx, &f->by, f->root_id, x.a, 0, &f->err));
	assert_err(NOT_FOUND, store_fleet_move(tx, &f->by, x.a, 99, 0, &f->err));
	assert_err(NOT_FOUND, store_fleet_move(tx, &f->by, 99, x.a, 0, &f->err));
	assert_err(PRECONDITION, store_fleet_move(tx, &f->by, x.a, x.c, 99, &f->err));
	assert_ok(store_fleet_move(tx, &f->by, x.b, x.a, 0, &f->err)); /* where it is */
	assert_versions(f, tx, &x, 1, 1, 1);
	assert_ok(store_fleet_move(tx, &f->by, x.b, x.c, 0, &f->err));
	assert_versions(f, tx, &x, 1, 2, 1);
	assert_ok(store_fleet_move(tx, &f->by, x.c, x.a, 0, &f->err));
	assert_versions(f, tx, &x, 1, 3, 2);
	set(f, tx, SCOPE_FLEET, f->root_id, "wifi.disabled", "true");
	assert_versions(f, tx, &x, 2, 4, 3);
	assert_ok(tx_end(f, 0));
	assert_versions(f, reader(f), &x, 2, 4, 3);
	tx = tx_begin(f);
	make_fleet(f, tx, x.a, "b");
	assert_err(CONFLICT, store_fleet_move(tx, &f->by, x.b, x.a, 0, &f->err)); /* name taken */
	assert_ok(tx_end(f, 0));
}

static void test_fleet_delete(struct fixture *f)
{
	const struct fleet_tree *tree;
	struct enrollment_token t = { .kind = "agent",
				      .token_hash = span_str("hash"),
				      .actor = "x" };
	struct setting *settings;
	size_t n;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	struct family x = make_family(f, tx);
	int64_t again = make_fleet(f, tx, x.b, "a"); /* comes up to where its grandparent was */
	t.org_id = f->org_id;
	t.fleet_id = x.a;
	assert_ok(store_enrollment_token_create(tx, &f->by, &t, &f->err));
	assert_err(CONFLICT, store_fleet_delete(tx, &f->by, f->root_id, 0, &f->err));
	assert_err(NOT_FOUND, store_fleet_delete(tx, &f->by, 99, 0, &f->err));
	assert_err(PRECONDITION, store_fleet_delete(tx, &f->by, x.a, 1, &f->err));
	assert_ok(store_fleet_delete(tx, &f->by, x.a, 0, &f->err));
	assert_versions(f, tx, &x, 2, 2, 1);
	assert_ok(store_fleet_delete(tx, &f->by, x.b, 0, &f->err));
	assert_versions(f, tx, &x, 2, 3, 1);
	assert_ok(tx_end(f, 0));

	struct store_conn *c = reader(f);
	assert_ok(store_fleets(c, f->org_id, &tree));
	assert_null(fleet_tree_get(tree, x.a));
	assert_int_equal(fleet_tree_get(tree, again)->parent_id, f->root_id);
	assert_int_equal(device(f, c, x.in_a).fleet_id, f->root_id);
	assert_ok(store_setting_list(c, SCOPE_FLEET, x.a, &f->arena, &settings, &n));
	assert_int_equal(n, 0);
	assert_ok(store_enrollment_token_get(c, t.id, &f->arena, &t, &f->err));
	assert_int_equal(t.fleet_id, f->root_id);
	assert_versions(f, c, &x, 2, 3, 1);
}

static void test_fleet_delete_name_conflict(struct fixture *f)
{
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t a = make_fleet(f, tx, 0, "a");
	make_fleet(f, tx, a, "same");
	make_fleet(f, tx, 0, "same");
	int64_t d = make_device(f, tx, a, "pc");
	assert_ok(tx_end(f, 0));
	tx = tx_begin(f);
	int r = store_fleet_delete(tx, &f->by, a, 0, &f->err);
	assert_err(CONFLICT, r);
	assert_err(CONFLICT, tx_end(f, r));
	assert_int_equal(device(f, reader(f), d).fleet_id, a); /* rolled back as a whole */
}

/* Many devices: more than one piece. */
static void test_fleet_delete_many(struct fixture *f)
{
	int64_t ids[600];
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t a = make_fleet(f, tx, 0, "a");
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		ids[i] = make_device(f, tx, a, "pc");
	assert_ok(store_device_unenroll(tx, &f->by, ids[3], &f->err));
	assert_ok(store_fleet_delete(tx, &f->by, a, 0, &f->err));
	assert_ok(tx_end(f, 0));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(device(f, reader(f), ids[i]).fleet_id, f->root_id);
	assert_int_equal(count(f, reader(f), "fleet=default"), ARRAY_SIZE(ids) - 1);
}

/* A reader's cached tree follows every change; a rolled back one leaves no trace. */
static void test_tree_cache(struct fixture *f)
{
	const struct fleet_tree *tree, *old;
	fixture_organization(f);
	struct store_conn *c = reader(f);
	assert_ok(store_fleets(c, f->org_id, &old));
	uint64_t before = store_generation(f->store);
	struct store_conn *tx = tx_begin(f);
	int64_t a = make_fleet(f, tx, 0, "a");
	assert_ok(store_fleets(tx, f->org_id, &tree)); /* the writer sees its own */
	assert_non_null(fleet_tree_get(tree, a));
	assert_int_equal(tx_end(f, -22), -22);
	assert_int_equal(store_generation(f->store), before);
	assert_ok(store_fleets(c, f->org_id, &tree));
	assert_ptr_equal(tree, old);
	tx = tx_begin(f);
	assert_ok(store_fleets(tx, f->org_id, &tree));
	assert_null(fleet_tree_get(tree, a));
	a = make_fleet(f, tx, 0, "a");
	assert_ok(tx_end(f, 0));
	assert_true(store_generation(f->store) > before);
	assert_ok(store_fleets(c, f->org_id, &tree));
	assert_non_null(fleet_tree_get(tree, a));
	assert_null(fleet_tree_get(old, a)); /* the borrowed one is still whole */
}

static void test_many_organizations(struct fixture *f)
{
	struct organization o[20];
	const struct fleet_tree *tree;
	struct store_conn *tx = tx_begin(f);
	for (size_t i = 0; i < ARRAY_SIZE(o); i++) {
		char name[16];
		snprintf(name, sizeof name, "org%zu", i);
		assert_ok(
			store_organization_create(tx, &f->by, name, "", &f->arena, &o[i], &f->err));
	}
	assert_ok(tx_end(f, 0));
	for (size_t i = 0; i < 3 * ARRAY_SIZE(o); i++) {
		int64_t id = o[i * 7 % ARRAY_SIZE(o)].id;
		assert_ok(store_fleets(reader(f), id, &tree));
		assert_int_equal(fleet_tree_root(tree)->org_id, id);
	}
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_organization_create), TEST(test_organization_find),
		TEST(test_organization_update), TEST(test_fleet_create),
		TEST(test_fleet_rename),        TEST(test_fleet_move),
		TEST(test_fleet_delete),        TEST(test_fleet_delete_name_conflict),
		TEST(test_fleet_delete_many),   TEST(test_tree_cache),
		TEST(test_many_organizations),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
