/* SPDX-License-Identifier: Apache-2.0
 *
 * Conformance: machines that another device speaks for.
 */
#include "store/children.h"
#include "store/test-store.h"

#include <string.h>

#define MAX 4

static struct device host(struct fixture *f, struct store_conn *tx, const char *name)
{
	struct enrollment e = {
		.org_id = f->org_id, .kind = KIND_LINUX, .channel = CHANNEL_DEVICE, .name = name
	};
	struct device d;
	assert_ok(store_device_enroll(tx, &f->by, &e, &f->arena, &d, &f->err));
	return d;
}

static int put_kind(struct fixture *f, struct store_conn *tx, int64_t host_id, const char *key,
		    const char *parent_key, enum kind kind, struct device *ret)
{
	struct device h = device(f, tx, host_id);
	struct child_enrollment n = {
		.host = &h, .key = key, .parent_key = parent_key, .e = { .kind = kind }, .max = MAX
	};
	return store_child_enroll(tx, &f->by, &n, &f->arena, ret, &f->err);
}

static int64_t put(struct fixture *f, struct store_conn *tx, int64_t host_id, const char *key,
		   const char *parent_key, enum kind kind)
{
	struct device d;
	assert_ok(put_kind(f, tx, host_id, key, parent_key, kind, &d));
	return d.id;
}

/* "key<parent …", "!": not managed. */
static const char *listed(struct fixture *f, struct store_conn *c, int64_t host_id)
{
	struct device h = device(f, c, host_id);
	struct child *list;
	size_t n;
	const char *text = "";
	assert_ok(store_child_list(c, &h, &f->arena, &list, &n));
	for (size_t i = 0; i < n; i++)
		text = arena_printf(&f->arena, "%s%s%s<%s%s", text, i ? " " : "", list[i].key,
				    list[i].parent_key, list[i].d.unenrolled_ms ? "!" : "");
	return text;
}

static bool managed(struct fixture *f, struct store_conn *c, int64_t id)
{
	return device(f, c, id).unenrolled_ms == 0;
}

static void test_same_key_same_record(struct fixture *f)
{
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t h = host(f, tx, "h").id, other = host(f, tx, "other").id;
	int64_t vm = put(f, tx, h, "web", "", KIND_VM);
	assert_int_equal(put(f, tx, h, "web", "", KIND_VM), vm);
	assert_int_not_equal(put(f, tx, other, "web", "", KIND_VM), vm);
	int64_t box = put(f, tx, h, "box", "web", KIND_CONTAINER);
	assert_int_equal(device(f, tx, box).parent_id, vm);
	assert_string_equal(device(f, tx, vm).channel, "vm");
	assert_string_equal(listed(f, tx, h), "web< box<web");
	assert_string_equal(listed(f, tx, other), "web<");
	/* it moved from the guest to the host */
	assert_int_equal(put(f, tx, h, "box", "", KIND_CONTAINER), box);
	assert_string_equal(listed(f, tx, h), "web< box<");
	assert_ok(tx_end(f, 0));
}

static void test_refused(struct fixture *f)
{
	static char long_key[CHILD_KEY_MAX + 2];
	memset(long_key, 'k', sizeof long_key - 1);
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t h = host(f, tx, "h").id, other = host(f, tx, "other").id;
	put(f, tx, h, "vm", "", KIND_VM);
	put(f, tx, h, "inner", "vm", KIND_VM);
	put(f, tx, h, "box", "", KIND_CONTAINER);
	put(f, tx, other, "theirs", "", KIND_VM);
	const struct {
		const char *key, *parent;
		enum kind kind;
		int r;
	} rows[] = {
		{ "", "", KIND_VM, ERR_INVALID },
		{ long_key, "", KIND_VM, ERR_INVALID },
		{ "a\nb", "", KIND_VM, ERR_INVALID },
		{ "x", "", KIND_LINUX, ERR_INVALID },
		{ "x", "nobody", KIND_VM, ERR_CONFLICT },
		{ "x", "theirs", KIND_VM, ERR_CONFLICT },
		{ "x", "box", KIND_CONTAINER, ERR_CONFLICT },   /* containers have no children */
		{ "x", "inner", KIND_CONTAINER, ERR_CONFLICT }, /* too deep */
		{ "vm", "", KIND_CONTAINER, ERR_CONFLICT },     /* another kind's key */
		{ "vm", "vm", KIND_VM, ERR_CONFLICT },          /* in itself */
		{ "vm", "inner", KIND_VM, ERR_CONFLICT },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct device d;
		int r = put_kind(f, tx, h, rows[i].key, rows[i].parent, rows[i].kind, &d);
		if (r != rows[i].r)
			fail_msg("row %zu: %d", i, r);
	}
	assert_string_equal(listed(f, tx, h), "vm< inner<vm box<");
	assert_ok(tx_end(f, 0));
}

/* A machine with something in it cannot go where that would be too deep. */
static void test_depth_of_what_is_inside(struct fixture *f)
{
	struct device d;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t h = host(f, tx, "h").id;
	put(f, tx, h, "a", "", KIND_VM);
	put(f, tx, h, "b", "", KIND_VM);
	put(f, tx, h, "box", "b", KIND_CONTAINER);
	assert_err(CONFLICT, put_kind(f, tx, h, "b", "a", KIND_VM, &d));
	/* a guest that speaks for itself is as deep as it is */
	int64_t vm = put(f, tx, h, "a", "", KIND_VM);
	put(f, tx, vm, "own", "", KIND_VM);
	assert_err(CONFLICT, put_kind(f, tx, vm, "more", "own", KIND_CONTAINER, &d));
	assert_string_equal(listed(f, tx, vm), "own<");
	assert_string_equal(listed(f, tx, h), "a< b< box<b");
	assert_ok(tx_end(f, 0));
}

static void test_room(struct fixture *f)
{
	struct device d;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t h = host(f, tx, "h").id, ids[MAX];
	for (int i = 0; i < MAX; i++)
		ids[i] = put(f, tx, h, arena_printf(&f->arena, "vm%d", i), "", KIND_VM);
	assert_err(CONFLICT, put_kind(f, tx, h, "more", "", KIND_VM, &d));
	assert_int_equal(put(f, tx, h, "vm0", "", KIND_VM), ids[0]);
	/* what is gone makes room, and as much of it is remembered */
	for (int i = 0; i < 3 * MAX; i++) {
		f->by.now_ms++;
		int64_t id = device(f, tx, ids[i % MAX]).id;
		assert_ok(store_child_gone(tx, &f->by, h, id, &f->err));
		ids[i % MAX] = put(f, tx, h, arena_printf(&f->arena, "new%d", i), "", KIND_VM);
		assert_true(ids[i % MAX] != id);
	}
	assert_int_equal(count(f, tx, "kind=vm"), MAX);
	assert_int_equal(count(f, tx, "kind=vm and managed=false"), MAX);
	assert_ok(tx_end(f, 0));
}

static void test_gone(struct fixture *f)
{
	struct device d;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t h = host(f, tx, "h").id, other = host(f, tx, "other").id;
	int64_t vm = put(f, tx, h, "vm", "", KIND_VM);
	int64_t box = put(f, tx, h, "box", "vm", KIND_CONTAINER);
	assert_err(NOT_FOUND, store_child_gone(tx, &f->by, other, vm, &f->err));
	assert_err(NOT_FOUND, store_child_gone(tx, &f->by, h, h, &f->err));
	assert_err(NOT_FOUND, store_child_gone(tx, &f->by, h, 777, &f->err));
	assert_err(NOT_FOUND, store_child_gone(tx, &f->by, vm, h, &f->err));
	for (int i = 0; i < 2; i++) /* the answer was lost */
		assert_ok(store_child_gone(tx, &f->by, h, vm, &f->err));
	assert_false(managed(f, tx, vm) || managed(f, tx, box));
	assert_string_equal(listed(f, tx, h), "");
	assert_true(put(f, tx, h, "vm", "", KIND_VM) > box); /* another machine of that name */
	assert_string_equal(listed(f, tx, h), "vm<");
	assert_err(CONFLICT, put_kind(f, tx, h, "x", "box", KIND_VM, &d));
	assert_ok(tx_end(f, 0));
}

static void test_unenrolled_by_an_administrator(struct fixture *f)
{
	struct device d;
	struct enrollment again = { .kind = KIND_LINUX, .channel = CHANNEL_DEVICE };
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t h = host(f, tx, "h").id;
	int64_t vm = put(f, tx, h, "vm", "", KIND_VM);
	int64_t box = put(f, tx, h, "box", "vm", KIND_CONTAINER);
	f->by.now_ms++;
	assert_ok(store_device_unenroll(tx, &f->by, vm, &f->err));
	assert_false(managed(f, tx, box));
	assert_string_equal(listed(f, tx, h), "vm<! box<vm!");
	assert_err(GONE, put_kind(f, tx, h, "vm", "", KIND_VM, &d));
	assert_err(CONFLICT, put_kind(f, tx, h, "new", "vm", KIND_CONTAINER, &d));
	/* the host leaves with everything, and comes back with it */
	int64_t second = put(f, tx, h, "second", "", KIND_VM);
	f->by.now_ms++;
	assert_ok(store_device_unenroll(tx, &f->by, h, &f->err));
	assert_false(managed(f, tx, second));
	assert_ok(store_device_unenroll(tx, &f->by, h, &f->err));
	f->by.now_ms++;
	assert_ok(store_device_reenroll(tx, &f->by, h, &again, &f->arena, &d, &f->err));
	assert_int_equal(put(f, tx, h, "second", "", KIND_VM), second);
	assert_int_equal(put(f, tx, h, "vm", "", KIND_VM), vm);
	assert_true(managed(f, tx, vm) && managed(f, tx, second));
	assert_ok(tx_end(f, 0));
}

static void test_deleted_with_its_host(struct fixture *f)
{
	struct device d;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t h = host(f, tx, "h").id, other = host(f, tx, "other").id;
	int64_t vm = put(f, tx, h, "vm", "", KIND_VM);
	int64_t box = put(f, tx, h, "box", "vm", KIND_CONTAINER);
	int64_t theirs = put(f, tx, other, "vm", "", KIND_VM);
	assert_ok(store_attribute_set(tx, box, "vm.state", "running", 1, &f->err));
	assert_ok(store_device_delete(tx, &f->by, h, 0, &f->err));
	assert_err(NOT_FOUND, store_device_get(tx, vm, &f->arena, &d, &f->err));
	assert_err(NOT_FOUND, store_device_get(tx, box, &f->arena, &d, &f->err));
	assert_true(managed(f, tx, theirs));
	assert_ok(tx_end(f, 0));
	AUTO_JSON findings = json_array();
	assert_ok(store_check(f->store, findings));
	assert_int_equal(json_array_size(findings), 0);
}

static void test_moved_with_its_host(struct fixture *f)
{
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t sales = make_fleet(f, tx, 0, "Sales"), lab = make_fleet(f, tx, 0, "Lab");
	int64_t h = host(f, tx, "h").id;
	int64_t vm = put(f, tx, h, "vm", "", KIND_VM),
		box = put(f, tx, h, "box", "vm", KIND_CONTAINER);
	assert_ok(store_device_move(tx, &f->by, box, lab, 0, &f->err));
	assert_ok(store_device_move(tx, &f->by, h, sales, 0, &f->err));
	assert_int_equal(device(f, tx, vm).fleet_id, sales);
	assert_int_equal(version(f, tx, vm), 2);
	assert_int_equal(device(f, tx, box).fleet_id, lab); /* by itself */
	assert_int_equal(version(f, tx, box), 2);
	/* what comes now is where its parent is */
	assert_int_equal(device(f, tx, put(f, tx, h, "next", "vm", KIND_VM)).fleet_id, sales);
	assert_ok(tx_end(f, 0));
}

static void test_above(struct fixture *f)
{
	int64_t above[CHILD_DEPTH_MAX - 1];
	size_t n;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t h = host(f, tx, "h").id, vm = put(f, tx, h, "vm", "", KIND_VM);
	int64_t box = put(f, tx, h, "box", "vm", KIND_CONTAINER);
	assert_ok(store_device_above(tx, box, above, &n));
	assert_int_equal(n, 2);
	assert_int_equal(above[0], vm);
	assert_int_equal(above[1], h);
	assert_ok(store_device_above(tx, h, above, &n));
	assert_int_equal(n, 0);
	assert_ok(store_device_above(tx, 777, above, &n));
	assert_int_equal(n, 0);
	assert_ok(tx_end(f, 0));
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_same_key_same_record),
		TEST(test_refused),
		TEST(test_depth_of_what_is_inside),
		TEST(test_room),
		TEST(test_gone),
		TEST(test_unenrolled_by_an_administrator),
		TEST(test_deleted_with_its_host),
		TEST(test_moved_with_its_host),
		TEST(test_above),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
