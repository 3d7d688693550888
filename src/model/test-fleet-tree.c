/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains, ranges, names and moves in one small tree, and the trees that are refused.
 */
#include "model/fleet-tree.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 *   1 default ─┬─ 2 Sales ─┬─ 4 Berlin ── 7 Field
 *              │           └─ 5 Paris
 *              └─ 3 Lab ───── 6 Berlin ── 8 12
 */
static const struct fleet rows[] = {
	{ .id = 8, .parent_id = 6, .name = "12", .changes = 8000 },
	{ .id = 1, .parent_id = 0, .name = "default", .changes = 1 },
	{ .id = 6, .parent_id = 3, .name = "Berlin", .changes = 600 },
	{ .id = 3, .parent_id = 1, .name = "Lab", .changes = 30 },
	{ .id = 2, .parent_id = 1, .name = "Sales", .changes = -20 },
	{ .id = 5, .parent_id = 2, .name = "Paris", .changes = 500 },
	{ .id = 4, .parent_id = 2, .name = "Berlin", .changes = 400 },
	{ .id = 7, .parent_id = 4, .name = "Field", .changes = 7000 },
};

static struct fleet_tree *new_tree(void)
{
	struct fleet_tree *t;
	assert_int_equal(fleet_tree_new(rows, ARRAY_SIZE(rows), &t), 0);
	return t;
}

static void test_get(void **state)
{
	struct fleet_tree *t = new_tree();
	for (int64_t id = 1; id <= 8; id++)
		assert_int_equal(fleet_tree_get(t, id)->id, id);
	assert_null(fleet_tree_get(t, 0));
	assert_null(fleet_tree_get(t, 9));
	assert_null(fleet_tree_get(t, INT64_MIN));
	assert_int_equal(fleet_tree_root(t)->id, 1);
	fleet_tree_free(t);
	fleet_tree_free(NULL);
}

static void test_copies(void **state)
{
	char name[] = "root";
	struct fleet row = { .id = 1, .name = name };
	struct fleet_tree *t;
	assert_int_equal(fleet_tree_new(&row, 1, &t), 0);
	memset(name, 'x', 4);
	row.changes = 99;
	assert_string_equal(fleet_tree_root(t)->name, "root");
	assert_int_equal(fleet_tree_chain_changes(t, 1), 0);
	fleet_tree_free(t);
}

static void test_empty(void **state)
{
	struct fleet_tree *t;
	struct arena a;
	int64_t *ids, chain[FLEET_DEPTH_MAX];
	const struct fleet *f;
	arena_init(&a);
	assert_int_equal(fleet_tree_new(NULL, 0, &t), 0);
	assert_null(fleet_tree_root(t));
	assert_null(fleet_tree_get(t, 1));
	assert_int_equal(fleet_tree_chain(t, 1, chain), 0);
	assert_int_equal(fleet_tree_subtree(t, 1, &a, &ids), 0);
	assert_string_equal(fleet_tree_path(t, 1, &a), "");
	assert_int_equal(fleet_tree_find(t, "default", &f, NULL), ERR_NOT_FOUND);
	assert_int_equal(fleet_tree_check_move(t, 1, 2, NULL), ERR_NOT_FOUND);
	fleet_tree_free(t);
	arena_fini(&a);
}

static void test_broken(void **state)
{
	static const struct {
		struct fleet rows[4];
		size_t n;
	} cases[] = {
		{ { { .id = 1, .parent_id = 1 } }, 1 }, /* itself */
		{ { { .id = 1 }, { .id = 2, .parent_id = 3 }, { .id = 3, .parent_id = 2 } },
		  3 },                                                               /* a ring */
		{ { { .id = 1, .parent_id = 2 }, { .id = 2, .parent_id = 1 } }, 2 }, /* no root */
		{ { { .id = 1 }, { .id = 2, .parent_id = 7 } }, 2 },                 /* nobody */
		{ { { .id = 1 }, { .id = 2 } }, 2 },                                 /* two roots */
		{ { { .id = 1 }, { .id = 2, .parent_id = 1 }, { .id = 2, .parent_id = 1 } },
		  3 }, /* twice */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fleet_tree *t = NULL;
		assert_int_equal(fleet_tree_new(cases[i].rows, cases[i].n, &t), -EINVAL);
		assert_null(t);
	}
}

/* A line of fleets: the deepest that is allowed, and one more. */
static void test_depth(void **state)
{
	struct fleet line[FLEET_DEPTH_MAX + 1];
	struct fleet_tree *t;
	int64_t chain[FLEET_DEPTH_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(line); i++)
		line[i] = (struct fleet){
			.id = (int64_t)i + 1, .parent_id = (int64_t)i, .name = "f", .changes = 1
		};
	assert_int_equal(fleet_tree_new(line, FLEET_DEPTH_MAX + 1, &t), -EINVAL);
	assert_int_equal(fleet_tree_new(line, FLEET_DEPTH_MAX, &t), 0);
	assert_int_equal(fleet_tree_chain(t, FLEET_DEPTH_MAX, chain), FLEET_DEPTH_MAX);
	assert_int_equal(chain[0], FLEET_DEPTH_MAX);
	assert_int_equal(chain[FLEET_DEPTH_MAX - 1], 1);
	assert_int_equal(fleet_tree_chain_changes(t, FLEET_DEPTH_MAX), FLEET_DEPTH_MAX);
	assert_int_equal(fleet_tree_check_move(t, 0, FLEET_DEPTH_MAX, NULL), ERR_CONFLICT);
	assert_int_equal(fleet_tree_check_move(t, 0, FLEET_DEPTH_MAX - 1, NULL), 0);
	fleet_tree_free(t);
}

static void test_chain(void **state)
{
	struct fleet_tree *t = new_tree();
	int64_t chain[FLEET_DEPTH_MAX];
	assert_int_equal(fleet_tree_chain(t, 7, chain), 4);
	assert_int_equal(chain[0], 7);
	assert_int_equal(chain[1], 4);
	assert_int_equal(chain[2], 2);
	assert_int_equal(chain[3], 1);
	assert_int_equal(fleet_tree_chain(t, 1, chain), 1);
	assert_int_equal(fleet_tree_chain(t, 99, chain), 0);
	assert_int_equal(fleet_tree_chain_changes(t, 7), 7000 + 400 - 20 + 1);
	assert_int_equal(fleet_tree_chain_changes(t, 8), 8000 + 600 + 30 + 1);
	assert_int_equal(fleet_tree_chain_changes(t, 99), 0);
	fleet_tree_free(t);
}

static void test_within(void **state)
{
	static const struct {
		int64_t id;
		const char *in; /* ids of the fleets it is within */
	} cases[] = {
		{ 1, "1" },   { 2, "12" },   { 3, "13" },   { 4, "124" }, { 5, "125" },
		{ 6, "136" }, { 7, "1247" }, { 8, "1368" }, { 9, "" },
	};
	struct fleet_tree *t = new_tree();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (int64_t above = 0; above <= 9; above++)
			assert_int_equal(fleet_tree_within(t, cases[i].id, above),
					 strchr(cases[i].in, '0' + (int)above) != NULL);
	fleet_tree_free(t);
}

static void test_subtree(void **state)
{
	static const struct {
		int64_t id;
		const char *ids;
	} cases[] = {
		{ 1, "12475368" }, { 2, "2475" }, { 3, "368" }, { 4, "47" },
		{ 5, "5" },        { 8, "8" },    { 9, "" },
	};
	struct fleet_tree *t = new_tree();
	struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t *ids;
		size_t n = fleet_tree_subtree(t, cases[i].id, &a, &ids);
		assert_int_equal(n, strlen(cases[i].ids));
		for (size_t k = 0; k < n; k++)
			assert_int_equal(ids[k], cases[i].ids[k] - '0');
	}
	arena_fini(&a);
	fleet_tree_free(t);
}

static void test_find(void **state)
{
	static const struct {
		const char *ref;
		int64_t id; /* 0: an error … */
		int r;
		const char *message; /* … with this sentence */
	} cases[] = {
		{ "1", 1, 0, NULL },
		{ "7", 7, 0, NULL },
		{ "default", 1, 0, NULL },
		{ "Sales", 2, 0, NULL },
		{ "default/Sales", 2, 0, NULL },
		{ "Sales/Berlin", 4, 0, NULL },
		{ "default/Sales/Berlin", 4, 0, NULL },
		{ "Lab/Berlin", 6, 0, NULL },
		{ "Berlin/Field", 7, 0, NULL },
		{ "Field", 7, 0, NULL },
		{ "12", 8, 0, NULL }, /* there is no fleet number 12 */
		{ "Berlin", 0, ERR_CONFLICT,
		  "fleet \"Berlin\" may be default/Sales/Berlin, default/Lab/Berlin" },
		{ "erlin", 0, ERR_NOT_FOUND, "there is no fleet \"erlin\"" },
		{ "berlin", 0, ERR_NOT_FOUND, "there is no fleet \"berlin\"" },
		{ "s/Berlin", 0, ERR_NOT_FOUND, "there is no fleet \"s/Berlin\"" },
		{ "/Sales", 0, ERR_NOT_FOUND, "there is no fleet \"/Sales\"" },
		{ "Sales/", 0, ERR_NOT_FOUND, "there is no fleet \"Sales/\"" },
		{ "/default", 0, ERR_NOT_FOUND, "there is no fleet \"/default\"" },
		{ "x/default", 0, ERR_NOT_FOUND, "there is no fleet \"x/default\"" },
		{ "", 0, ERR_NOT_FOUND, "there is no fleet \"\"" },
		{ "99", 0, ERR_NOT_FOUND, "there is no fleet \"99\"" },
		{ "-1", 0, ERR_NOT_FOUND, "there is no fleet \"-1\"" },
		{ "7 ", 0, ERR_NOT_FOUND, "there is no fleet \"7 \"" },
		{ "99999999999999999999", 0, ERR_NOT_FOUND,
		  "there is no fleet \"99999999999999999999\"" },
	};
	struct fleet_tree *t = new_tree();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fleet *f = NULL;
		struct error err = { 0 };
		assert_int_equal(fleet_tree_find(t, cases[i].ref, &f, &err), cases[i].r);
		if (cases[i].id)
			assert_int_equal(f->id, cases[i].id);
		else
			assert_string_equal(err.message, cases[i].message);
	}
	fleet_tree_free(t);
}

/* The whole path wins over tails that look the same; many candidates are not all listed. */
static void test_find_same_names(void **state)
{
	struct fleet many[40] = { { .id = 1, .name = "default" },
				  { .id = 2, .parent_id = 1, .name = "default" } };
	const struct fleet *f;
	struct fleet_tree *t;
	struct error err;
	for (int64_t i = 2; i < 40; i++)
		many[i] = (struct fleet){ .id = i + 1, .parent_id = i, .name = "x" };
	assert_int_equal(fleet_tree_new(many, 30, &t), 0);
	assert_int_equal(fleet_tree_find(t, "default", &f, &err), 0);
	assert_int_equal(f->id, 1);
	assert_int_equal(fleet_tree_find(t, "default/default", &f, &err), 0);
	assert_int_equal(f->id, 2);
	assert_int_equal(fleet_tree_find(t, "x", &f, &err), ERR_CONFLICT);
	assert_non_null(strstr(err.message, ", …"));
	fleet_tree_free(t);
}

static void test_path(void **state)
{
	struct fleet_tree *t = new_tree();
	struct arena a;
	arena_init(&a);
	assert_string_equal(fleet_tree_path(t, 1, &a), "default");
	assert_string_equal(fleet_tree_path(t, 7, &a), "default/Sales/Berlin/Field");
	assert_string_equal(fleet_tree_path(t, 99, &a), "");
	arena_fini(&a);
	fleet_tree_free(t);
}

static void test_check_move(void **state)
{
	static const struct {
		int64_t id, parent;
		int r;
	} cases[] = {
		{ 2, 3, 0 },
		{ 7, 1, 0 },
		{ 4, 6, 0 },
		{ 2, 1, 0 },
		{ 0, 7, 0 },
		{ 2, 2, ERR_CONFLICT },
		{ 2, 4, ERR_CONFLICT },
		{ 2, 7, ERR_CONFLICT },
		{ 1, 2, ERR_CONFLICT },
		{ 1, 1, ERR_CONFLICT },
		{ 99, 1, ERR_NOT_FOUND },
		{ 2, 99, ERR_NOT_FOUND },
		{ 2, 0, ERR_NOT_FOUND },
		{ 0, 0, ERR_NOT_FOUND },
	};
	struct fleet_tree *t = new_tree();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(fleet_tree_check_move(t, cases[i].id, cases[i].parent, NULL),
				 cases[i].r);
	fleet_tree_free(t);
}

/* A subtree of height 3 fits below depth 29, not below depth 30. */
static void test_check_move_depth(void **state)
{
	struct fleet all[FLEET_DEPTH_MAX + 3];
	struct fleet_tree *t;
	struct error err;
	for (int64_t i = 0; i < FLEET_DEPTH_MAX; i++)
		all[i] = (struct fleet){ .id = i + 1, .parent_id = i, .name = "f" };
	for (int64_t i = 0; i < 3; i++)
		all[FLEET_DEPTH_MAX + i] =
			(struct fleet){ .id = 101 + i, .parent_id = i ? 100 + i : 1, .name = "m" };
	assert_int_equal(fleet_tree_new(all, ARRAY_SIZE(all), &t), 0);
	assert_int_equal(fleet_tree_check_move(t, 101, FLEET_DEPTH_MAX - 3, &err), 0);
	assert_int_equal(fleet_tree_check_move(t, 101, FLEET_DEPTH_MAX - 2, &err), ERR_CONFLICT);
	assert_string_equal(err.message,
			    "fleets may be at most 32 deep, below \"f\" it would be 33");
	fleet_tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_within),
		cmocka_unit_test(test_subtree),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_same_names),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_check_move),
		cmocka_unit_test(test_check_move_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
