/* SPDX-License-Identifier: Apache-2.0
 *
 * Conformance: enrollment, single devices, what they say of themselves, lists by filter.
 */
#include "store/test-store.h"

#include "base/buf.h"

#include <string.h>

static int enroll(struct fixture *f, struct store_conn *tx, struct enrollment e, struct device *ret)
{
	if (e.org_id == 0)
		e.org_id = f->org_id;
	return store_device_enroll(tx, &f->by, &e, &f->arena, ret, &f->err);
}

/* ---- enrollment ---- */

static void test_enroll(struct fixture *f)
{
	struct device d, found;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t sales = make_fleet(f, tx, 0, "Sales");
	set(f, tx, SCOPE_FLEET, sales, "camera.disabled", "true");
	assert_ok(enroll(f, tx,
			 (struct enrollment){ .fleet_id = sales,
					      .kind = KIND_LINUX,
					      .channel = CHANNEL_DEVICE,
					      .name = "pc",
					      .serial = "S1",
					      .model = "M",
					      .os_version = "12",
					      .agent_version = "1",
					      .token_hash = span_str("hash-1") },
			 &d));
	assert_int_equal(d.id, 1);
	assert_string_equal(d.external_id, "1");
	assert_string_equal(d.kind, "linux");
	assert_int_equal(d.enrolled_ms, f->by.now_ms);
	assert_int_equal(d.revision, 1);
	assert_int_equal(version(f, tx, d.id), 1);
	assert_ok(store_device_by_token(tx, span_str("hash-1"), &f->arena, &found, &f->err));
	assert_int_equal(found.id, d.id);
	assert_err(NOT_FOUND,
		   store_device_by_token(tx, span_str("hash-2"), &f->arena, &found, &f->err));
	assert_err(NOT_FOUND, store_device_by_token(tx, span_str(""), &f->arena, &found, &f->err));
	assert_ok(store_device_by_external(tx, CHANNEL_DEVICE, "1", &f->arena, &found, &f->err));
	assert_err(NOT_FOUND,
		   store_device_by_external(tx, CHANNEL_VM, "1", &f->arena, &found, &f->err));
	/* nothing given at all: into the root, called by its id */
	assert_ok(enroll(f, tx, (struct enrollment){ .channel = CHANNEL_DEVICE }, &d));
	assert_string_equal(d.name, "2");
	assert_int_equal(d.fleet_id, f->root_id);
	assert_ok(tx_end(f, 0));
}

static void test_enroll_refused(struct fixture *f)
{
	struct device d;
	struct organization other;
	char text[2000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_organization_create(tx, &f->by, "other", "", &f->arena, &other, &f->err));
	assert_ok(enroll(
		f, tx,
		(struct enrollment){ .org_id = other.id, .channel = CHANNEL_VM, .name = "host" },
		&d));
	const struct {
		struct enrollment e;
		int r;
	} cases[] = {
		{ { .fleet_id = 99 }, ERR_NOT_FOUND },
		{ { .org_id = 99 }, ERR_NOT_FOUND },
		{ { .parent_id = 99 }, ERR_NOT_FOUND },
		{ { .parent_id = d.id }, ERR_NOT_FOUND }, /* another organization's */
		{ { .name = text }, ERR_INVALID },
		{ { .external_id = text }, ERR_INVALID },
		{ { .channel = CHANNEL_VM, .external_id = "1" }, ERR_CONFLICT },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(enroll(f, tx, cases[i].e, &d), cases[i].r);
	assert_ok(tx_end(f, 0));
	assert_int_equal(count(f, reader(f), ""), 0);
}

/* MDMCore's numbers are its own, and never come back. */
static void test_enroll_mdmcore(struct fixture *f)
{
	struct device d, other;
	const struct enrollment e = { .kind = KIND_ANDROID,
				      .channel = CHANNEL_MDMCORE,
				      .model = "Pixel 7" };
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	make_device(f, tx, 0, "something else");
	assert_ok(enroll(f, tx, e, &d));
	assert_string_equal(d.external_id, "device-1");
	assert_string_equal(d.name, "device-1");
	struct enrollment named = e;
	named.external_id = "device-2";
	assert_ok(enroll(f, tx, named, &other));
	assert_ok(enroll(f, tx, e, &other));
	assert_string_equal(other.external_id, "device-3");
	assert_ok(store_device_delete(tx, &f->by, other.id, 0, &f->err));
	assert_ok(enroll(f, tx, e, &d));
	assert_string_equal(d.external_id, "device-4");
	assert_true(d.id > other.id);
	assert_ok(tx_end(f, 0));
}

/* An id somebody took as an external id does not stop the device whose own id it is. */
static void test_enroll_external_taken(struct fixture *f)
{
	struct device d;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	assert_ok(enroll(f, tx,
			 (struct enrollment){ .channel = CHANNEL_DEVICE, .external_id = "2" }, &d));
	assert_ok(enroll(f, tx, (struct enrollment){ .channel = CHANNEL_DEVICE }, &d));
	assert_string_equal(d.external_id, "2-2");
	assert_ok(tx_end(f, 0));
}

static void test_reenroll(struct fixture *f)
{
	struct device d;
	struct command sent, acknowledged, taken, *all;
	struct report r;
	size_t n;
	struct enrollment e = { .kind = KIND_LINUX,
				.channel = CHANNEL_DEVICE,
				.name = "new name",
				.os_version = "13",
				.token_hash = span_str("new") };
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t sales = make_fleet(f, tx, 0, "Sales");
	int64_t id = make_device(f, tx, sales, "pc");
	set(f, tx, SCOPE_DEVICE, id, "camera.disabled", "true");
	assert_int_equal(report(f, tx, id, 2, "{\"camera.disabled\":true}"), VERDICT_COMPLIANT);
	struct command_new new = { .device_id = id, .type = "ping" };
	assert_ok(store_command_create(tx, &f->by, &new, &f->arena, &acknowledged, &f->err));
	assert_ok(store_command_create(tx, &f->by, &new, &f->arena, &sent, &f->err));
	assert_ok(store_command_take(tx, id, 9, 60000, f->by.now_ms, &f->arena, &all, &n));
	assert_int_equal(n, 2);
	assert_ok(store_command_result(tx, id, acknowledged.id, COMMAND_ACKNOWLEDGED, "", NULL,
				       f->by.now_ms, &f->err));
	assert_ok(store_device_unenroll(tx, &f->by, make_device(f, tx, 0, "x"), &f->err));

	assert_ok(store_device_reenroll(tx, &f->by, id, &e, &f->arena, &d, &f->err));
	assert_int_equal(version(f, tx, id), 1);
	assert_string_equal(verdict(f, tx, id), "UNKNOWN");
	assert_string_equal(d.name, "pc"); /* an administrator may have chosen it */
	assert_string_equal(d.serial, "pc");
	assert_string_equal(d.os_version, "13");
	assert_int_equal(d.fleet_id, sales);
	assert_err(NOT_FOUND, store_report_get(tx, id, &f->arena, &r, &f->err));
	assert_ok(store_device_by_token(tx, span_str("new"), &f->arena, &d, &f->err));
	assert_ok(store_command_get(tx, sent.id, &f->arena, &taken, &f->err));
	assert_string_equal(taken.state, "queued");
	assert_ok(store_command_get(tx, acknowledged.id, &f->arena, &taken, &f->err));
	assert_string_equal(taken.state, "cancelled");
	assert_int_equal(report(f, tx, id, 1, "{\"camera.disabled\":true}"), VERDICT_COMPLIANT);

	assert_ok(store_device_unenroll(tx, &f->by, id, &f->err));
	assert_ok(store_device_reenroll(tx, &f->by, id, &e, &f->arena, &d, &f->err));
	assert_int_equal(d.unenrolled_ms, 0);
	assert_err(NOT_FOUND, store_device_reenroll(tx, &f->by, 99, &e, &f->arena, &d, &f->err));
	assert_ok(tx_end(f, 0));
}

/* ---- an administrator's changes ---- */

static void test_rename_and_move(struct fixture *f)
{
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t sales = make_fleet(f, tx, 0, "Sales");
	for (int i = 0; i < 4; i++)
		set(f, tx, SCOPE_FLEET, sales, "camera.disabled", i % 2 ? "true" : "false");
	int64_t id = make_device(f, tx, 0, "pc");
	set(f, tx, SCOPE_DEVICE, id, "wifi.disabled", "true");
	assert_int_equal(version(f, tx, id), 2);
	assert_ok(store_device_rename(tx, &f->by, id, "new", 2, &f->err));
	assert_err(PRECONDITION, store_device_rename(tx, &f->by, id, "x", 2, &f->err));
	assert_err(INVALID, store_device_rename(tx, &f->by, id, "", 0, &f->err));
	assert_err(NOT_FOUND, store_device_rename(tx, &f->by, 99, "x", 0, &f->err));
	assert_ok(store_device_rename(tx, &f->by, id, "new", 0, &f->err)); /* as it is */
	assert_int_equal(device(f, tx, id).revision, 3);
	assert_string_equal(device(f, tx, id).name, "new");
	assert_err(NOT_FOUND, store_device_move(tx, &f->by, id, 99, 0, &f->err));
	assert_err(PRECONDITION, store_device_move(tx, &f->by, id, sales, 9, &f->err));
	assert_err(NOT_FOUND, store_device_move(tx, &f->by, 99, sales, 0, &f->err));
	report(f, tx, id, 2, "{\"wifi.disabled\":true}");
	assert_string_equal(verdict(f, tx, id), "COMPLIANT");
	assert_ok(store_device_move(tx, &f->by, id, sales, 3, &f->err));
	assert_int_equal(version(f, tx, id), 3);
	assert_string_equal(verdict(f, tx, id), "STALE");
	assert_ok(store_device_move(tx, &f->by, id, sales, 0, &f->err)); /* it is there */
	assert_ok(store_device_move(tx, &f->by, id, f->root_id, 0, &f->err));
	assert_int_equal(version(f, tx, id), 4);
	assert_ok(tx_end(f, 0));
}

static void test_unenroll(struct fixture *f)
{
	struct device d;
	struct command c;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	assert_ok(enroll(f, tx,
			 (struct enrollment){ .kind = KIND_LINUX,
					      .channel = CHANNEL_DEVICE,
					      .token_hash = span_str("hash") },
			 &d));
	struct command_new new = { .device_id = d.id, .type = "ping" };
	assert_ok(store_command_create(tx, &f->by, &new, &f->arena, &c, &f->err));
	assert_ok(store_device_facts(tx, d.id, NULL, NULL, NULL, "fcm", &f->err));
	assert_ok(store_device_unenroll(tx, &f->by, d.id, &f->err));
	assert_ok(store_device_unenroll(tx, &f->by, d.id, &f->err)); /* it is */
	assert_err(NOT_FOUND, store_device_unenroll(tx, &f->by, 99, &f->err));
	assert_ok(store_device_by_token(tx, span_str("hash"), &f->arena, &d, &f->err));
	assert_int_equal(d.unenrolled_ms, f->by.now_ms);
	assert_string_equal(d.fcm_token, "");
	assert_ok(store_command_get(tx, c.id, &f->arena, &c, &f->err));
	assert_string_equal(c.state, "cancelled");
	enum verdict v;
	int64_t ver;
	AUTO_JSON observed = json_object();
	assert_err(GONE, store_report(tx, d.id, 1, observed, "", 5, &v, &ver, &f->err));
	assert_err(CONFLICT, store_command_create(tx, &f->by, &new, &f->arena, &c, &f->err));
	assert_ok(tx_end(f, 0));
	assert_int_equal(count(f, reader(f), ""), 0);
	assert_int_equal(count(f, reader(f), "managed=false"), 1);
	assert_int_equal(count(f, reader(f), "managed in (true, false)"), 1);
}

static void test_delete(struct fixture *f)
{
	struct device d, child;
	struct command c;
	struct attribute *attributes;
	struct inventory *sections;
	struct setting *settings;
	struct task t = { .setting = "files.deploy", .item = "1", .state = "pending" }, *tasks;
	struct report r;
	size_t n;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t id = make_device(f, tx, 0, "pc");
	assert_ok(enroll(
		f, tx,
		(struct enrollment){ .channel = CHANNEL_VM, .kind = KIND_VM, .parent_id = id },
		&child));
	struct command_new new = { .device_id = id, .type = "ping" };
	assert_ok(store_command_create(tx, &f->by, &new, &f->arena, &c, &f->err));
	assert_ok(store_attribute_set(tx, id, "asset", "7", 1, &f->err));
	assert_ok(store_inventory_put(tx, id, "os", "{}", 1, &f->err));
	set(f, tx, SCOPE_DEVICE, id, "camera.disabled", "true");
	t.device_id = id;
	assert_ok(store_task_put(tx, &t, &f->err));
	report(f, tx, id, 1, "{}");
	assert_err(PRECONDITION, store_device_delete(tx, &f->by, id, 77, &f->err));
	assert_ok(store_device_delete(tx, &f->by, id, 0, &f->err));
	assert_err(NOT_FOUND, store_device_delete(tx, &f->by, id, 0, &f->err));
	assert_ok(tx_end(f, 0));

	struct store_conn *conn = reader(f);
	assert_err(NOT_FOUND, store_device_get(conn, id, &f->arena, &d, &f->err));
	assert_err(NOT_FOUND, store_command_get(conn, c.id, &f->arena, &c, &f->err));
	assert_err(NOT_FOUND, store_report_get(conn, id, &f->arena, &r, &f->err));
	assert_ok(store_attribute_list(conn, id, &f->arena, &attributes, &n));
	assert_int_equal(n, 0);
	assert_ok(store_inventory_list(conn, id, &f->arena, &sections, &n));
	assert_int_equal(n, 0);
	assert_ok(store_setting_list(conn, SCOPE_DEVICE, id, &f->arena, &settings, &n));
	assert_int_equal(n, 0);
	assert_ok(store_task_list(conn, id, &f->arena, &tasks, &n));
	assert_int_equal(n, 0);
	assert_err(NOT_FOUND, store_device_get(conn, child.id, &f->arena, &d, &f->err));
	AUTO_JSON findings = json_array();
	assert_ok(store_check(f->store, findings));
	assert_int_equal(json_array_size(findings), 0);
	tx = tx_begin(f);
	assert_true(make_device(f, tx, 0, "next") > child.id);
	assert_ok(tx_end(f, 0));
}

/* ---- what the device says of itself ---- */

static void test_facts_and_touch(struct fixture *f)
{
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t id = make_device(f, tx, 0, "pc");
	assert_ok(store_device_facts(tx, id, "M2", NULL, "2.0", "fcm-token", &f->err));
	assert_err(NOT_FOUND, store_device_facts(tx, 99, "M2", NULL, NULL, NULL, &f->err));
	struct device d = device(f, tx, id);
	assert_string_equal(d.model, "M2");
	assert_string_equal(d.os_version, "");
	assert_string_equal(d.agent_version, "2.0");
	assert_string_equal(d.fcm_token, "fcm-token");
	assert_int_equal(d.revision, 1);
	const struct device_seen seen[] = { { id, 2000000 }, { 99, 5 }, { id, 1500000 } };
	assert_ok(store_device_touch(tx, seen, ARRAY_SIZE(seen)));
	assert_int_equal(device(f, tx, id).last_seen_ms, 2000000);
	assert_ok(tx_end(f, 0));
}

static void test_attributes(struct fixture *f)
{
	struct attribute *all;
	size_t n;
	char name[32], huge[5000];
	memset(huge, 'x', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t id = make_device(f, tx, 0, "pc");
	for (int i = 0; i < 256; i++) {
		snprintf(name, sizeof name, "a%03d", i);
		assert_ok(store_attribute_set(tx, id, name, "v", 1, &f->err));
	}
	assert_err(TOO_LARGE, store_attribute_set(tx, id, "one more", "v", 1, &f->err));
	assert_ok(store_attribute_set(tx, id, "a000", "w", 2, &f->err));
	assert_ok(store_attribute_set(tx, id, "a001", "", 2, &f->err));
	assert_ok(store_attribute_set(tx, id, "a001", "", 2, &f->err));
	assert_ok(store_attribute_set(tx, id, "one more", "v", 1, &f->err));
	assert_err(INVALID, store_attribute_set(tx, id, "", "v", 1, &f->err));
	assert_err(TOO_LARGE, store_attribute_set(tx, id, "a000", huge, 1, &f->err));
	assert_err(NOT_FOUND, store_attribute_set(tx, 99, "a", "v", 1, &f->err));
	assert_ok(tx_end(f, 0));
	assert_ok(store_attribute_list(reader(f), id, &f->arena, &all, &n));
	assert_int_equal(n, 256);
	assert_string_equal(all[0].name, "a000"); /* by name */
	assert_string_equal(all[0].value, "w");
	assert_int_equal(all[0].changed_ms, 2);
	assert_string_equal(all[1].name, "a002");
	assert_int_equal(count(f, reader(f), "attribute.a000=w"), 1);
	assert_int_equal(count(f, reader(f), "attribute.a000~W"), 1);
	assert_int_equal(count(f, reader(f), "attribute.a001=v"), 0);
	assert_int_equal(count(f, reader(f), "attribute.a001!=v"), 1);
}

static void test_inventory(struct fixture *f)
{
	struct inventory *all;
	size_t n;
	char name[32];
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t id = make_device(f, tx, 0, "pc");
	assert_ok(store_inventory_put(tx, id, "os", "{\"a\":1}", 1, &f->err));
	assert_ok(store_inventory_put(tx, id, "hardware", "[]", 1, &f->err));
	assert_ok(store_inventory_put(tx, id, "os", "{\"a\":2}", 3, &f->err));
	assert_err(NOT_FOUND, store_inventory_put(tx, 99, "os", "{}", 1, &f->err));
	assert_err(INVALID, store_inventory_put(tx, id, "", "{}", 1, &f->err));
	for (int i = 2; i < 64; i++) {
		snprintf(name, sizeof name, "s%d", i);
		assert_ok(store_inventory_put(tx, id, name, "1", 1, &f->err));
	}
	assert_err(TOO_LARGE, store_inventory_put(tx, id, "one more", "{}", 1, &f->err));
	assert_ok(store_inventory_put(tx, id, "os", "{\"a\":3}", 3, &f->err));
	assert_ok(tx_end(f, 0));
	assert_ok(store_inventory_list(reader(f), id, &f->arena, &all, &n));
	assert_int_equal(n, 64);
	assert_string_equal(all[0].section, "hardware");
	assert_string_equal(all[1].section, "os");
	assert_string_equal(all[1].body_json, "{\"a\":3}");
}

/* ---- lists ---- */

struct ids {
	int64_t ids[64];
	size_t n, stop_after;
};

static int add_id(void *user, const struct device *d, enum verdict v, int64_t ver)
{
	struct ids *x = user;
	x->ids[x->n++] = d->id;
	return x->n == x->stop_after;
}

static struct ids list(struct fixture *f, const char *text, int64_t after, size_t limit)
{
	const struct fleet_tree *tree;
	const struct filter *filter;
	struct ids x = { .n = 0 };
	struct store_conn *c = reader(f);
	assert_ok(store_fleets(c, f->org_id, &tree));
	if (filter_parse(text, tree, f->by.now_ms, &f->arena, &filter, &f->err) != 0)
		fail_msg("%s: %s", text, f->err.message);
	assert_ok(store_device_list(c, f->org_id, filter, after, limit, add_id, &x));
	return x;
}

static void assert_list(struct fixture *f, const char *text, const char *wanted)
{
	char got[200] = "";
	struct ids x = list(f, text, 0, 50);
	for (size_t i = 0, n = 0; i < x.n; i++)
		n += (size_t)snprintf(got + n, sizeof got - n, "%s%d", i ? " " : "", (int)x.ids[i]);
	if (strcmp(got, wanted) != 0)
		fail_msg("%s: %s, not %s", text, got, wanted);
	assert_int_equal(count(f, reader(f), text), x.n);
}

/* 1..8: a = Sales/Berlin, b = Lab. */
static void make_zoo(struct fixture *f, int64_t *ret_berlin)
{
	static const struct {
		enum kind kind;
		enum channel channel;
		const char *name, *serial;
		int fleet; /* 0 root, 1 sales, 2 berlin, 3 lab */
	} zoo[] = {
		{ KIND_LINUX, CHANNEL_DEVICE, "alpha", "S-1", 0 },
		{ KIND_LINUX, CHANNEL_DEVICE, "Beta", "S-2", 1 },
		{ KIND_ANDROID, CHANNEL_FLYVE, "gamma", "S-2", 2 },
		{ KIND_ANDROID, CHANNEL_MDMCORE, "delta", "", 2 },
		{ KIND_BROWSER, CHANNEL_CHROME, "alphabet", "C", 3 },
		{ KIND_VM, CHANNEL_VM, "vm", "", 3 },
		{ KIND_CONTAINER, CHANNEL_VM, "box", "", 3 },
		{ KIND_LINUX, CHANNEL_DEVICE, "gone", "S-9", 1 },
	};
	int64_t fleets[4] = { f->root_id };
	struct device d;
	struct store_conn *tx = tx_begin(f);
	fleets[1] = make_fleet(f, tx, 0, "Sales");
	fleets[2] = make_fleet(f, tx, fleets[1], "Berlin");
	fleets[3] = make_fleet(f, tx, 0, "Lab");
	for (size_t i = 0; i < ARRAY_SIZE(zoo); i++)
		assert_ok(enroll(f, tx,
				 (struct enrollment){ .fleet_id = fleets[zoo[i].fleet],
						      .kind = zoo[i].kind,
						      .channel = zoo[i].channel,
						      .name = zoo[i].name,
						      .serial = zoo[i].serial },
				 &d));
	set(f, tx, SCOPE_FLEET, fleets[1], "camera.disabled", "true");
	report(f, tx, 1, 1, "{}");
	report(f, tx, 2, 2, "{\"camera.disabled\":true}");
	report(f, tx, 3, 2, "{\"camera.disabled\":false}");
	report(f, tx, 4, 1, "{\"camera.disabled\":true}");
	assert_ok(store_device_unenroll(tx, &f->by, 8, &f->err));
	assert_ok(tx_end(f, 0));
	*ret_berlin = fleets[2];
}

static void test_filters(struct fixture *f)
{
	static const struct {
		const char *filter, *ids;
	} cases[] = {
		{ "", "1 2 3 4 5 6 7" },
		{ "id=3", "3" },
		{ "id>=3 and id<5", "3 4" },
		{ "id=8", "" },
		{ "id=8 and managed=false", "8" },
		{ "serial=S-2", "2 3" },
		{ "serial=S-2 and kind=android", "3" },
		{ "serial=S-9", "" },
		{ "serial=S-9 and managed=false", "8" },
		{ "serial!=S-2", "1 4 5 6 7" },
		{ "external_id=device-1", "4" },
		{ "external_id=2", "2" },
		{ "kind=linux", "1 2" },
		{ "kind in (vm, container)", "6 7" },
		{ "channel=vm", "6 7" },
		{ "not channel=vm", "1 2 3 4 5" },
		{ "kind=linux or kind=browser", "1 2 5" },
		{ "kind=linux and fleet=Sales", "2" },
		{ "fleet=Sales", "2" },
		{ "within=Sales", "2 3 4" },
		{ "within!=Sales", "1 5 6 7" },
		{ "not within=Lab", "1 2 3 4" },
		{ "fleet=Berlin or fleet=Lab", "3 4 5 6 7" },
		{ "fleet=Berlin or model=x", "3 4" },
		{ "fleet!=default", "2 3 4 5 6 7" },
		{ "name~ALPHA", "1 5" },
		{ "name=Beta", "2" },
		{ "name=beta", "" },
		{ "name~'' and kind=linux", "1 2" },
		{ "verdict=UNKNOWN", "5 6 7" },
		{ "verdict=STALE", "4" },
		{ "verdict=NON_COMPLIANT", "3" },
		{ "verdict=COMPLIANT", "1 2" },
		{ "verdict!=COMPLIANT", "3 4 5 6 7" },
		{ "not verdict=COMPLIANT", "3 4 5 6 7" },
		{ "verdict in (STALE, NON_COMPLIANT)", "3 4" },
		{ "verdict=COMPLIANT and within=Sales", "2" },
		{ "verdict=COMPLIANT and verdict=STALE", "" },
		{ "verdict=STALE or kind=vm", "4 6" },
		{ "verdict=STALE or model=x", "4" },
		{ "verdict!=COMPLIANT and kind=android", "3 4" },
		{ "version=2", "2 3 4" },
		{ "applied_version>=1", "1 2 3 4" },
		{ "applied_version=0", "5 6 7" },
		{ "last_seen<1d", "1 2 3 4 5 6 7" },
		{ "enrolled>1d", "" },
		{ "managed=false", "8" },
		{ "managed=true", "1 2 3 4 5 6 7" },
		{ "managed!=true and verdict=UNKNOWN", "8" },
		{ "managed in (true,false) and kind=linux", "1 2 8" },
		{ "attribute.color=red", "" },
		{ "attribute.color=''", "1 2 3 4 5 6 7" },
	};
	int64_t berlin;
	fixture_organization(f);
	make_zoo(f, &berlin);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_list(f, cases[i].filter, cases[i].ids);
	/* another organization sees none of it */
	struct organization other;
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_organization_create(tx, &f->by, "other", "", &f->arena, &other, &f->err));
	assert_ok(tx_end(f, 0));
	f->org_id = other.id;
	assert_list(f, "", "");
	assert_list(f, "id=3", "");
	assert_list(f, "kind=linux", "");
	assert_list(f, "verdict=UNKNOWN", "");
	assert_list(f, "external_id=device-1", "");
	assert_list(f, "applied_version>=1", "");
}

static void repeat(struct buf *b, const char *text, int n)
{
	for (int i = 0; i < n; i++)
		buf_add_str(b, text);
}

/* At the bounds of the language: nothing that parses may be too much for a backend. */
static void test_large_filters(struct fixture *f)
{
	static const struct {
		const char *open, *middle, *close;
		int n;
		const char *ids;
	} cases[] = {
		{ "", "id in (1,2,3", ",1)", 1, "1 2 3" },
		{ "id=1 or ", "id=2", "", 127, "1 2" },
		{ "id!=1 and ", "id!=2", "", 127, "3 4 5 6 7" },
		{ "(", "id=2", " or id=1)", 30, "1 2" },
		{ "(", "id=2", " and id<3)", 30, "2" },
		{ "(id=1 or ", "id=2", ")", 30, "1 2" },
		{ "(id<3 and (id=1 or ", "id=2", "))", 15, "1 2" },
		{ "not (id=1 and ", "id=2", ")", 15, "1 2 3 4 5 6 7" },
		{ "not (id=1 or ", "id=2", ")", 15, "3 4 5 6 7" },
		{ "(id=1 or id<7 and (id=2 or ", "name~e", ") and id!=3)", 15, "1 2 4 5" },
		{ "(verdict=STALE or ", "id=2", ") and serial!=x", 15, "2 4" },
	};
	int64_t berlin;
	fixture_organization(f);
	make_zoo(f, &berlin);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_fini) struct buf text;
		buf_init(&text, 4096);
		repeat(&text, cases[i].open, cases[i].n);
		buf_add_str(&text, cases[i].middle);
		repeat(&text, i == 0 ? ",1" : "", 124);
		repeat(&text, cases[i].close, cases[i].n);
		assert_false(text.failed);
		assert_list(f, buf_str(&text), cases[i].ids);
	}
}

static void test_paging(struct fixture *f)
{
	static const char *const filters[] = {
		"",           "within=default", "verdict=UNKNOWN",
		"kind=linux", "name~x",         "managed in (true,false)"
	};
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t a = make_fleet(f, tx, 0, "a");
	for (int i = 0; i < 25; i++)
		make_device(f, tx, i % 3 ? a : 0, "x");
	assert_ok(tx_end(f, 0));
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		int64_t after = 0;
		size_t n_all = 0;
		for (;;) {
			struct ids page = list(f, filters[i], after, 7);
			if (page.n == 0)
				break;
			for (size_t k = 0; k < page.n; k++)
				assert_int_equal(page.ids[k], ++n_all);
			after = page.ids[page.n - 1];
		}
		assert_int_equal(n_all, 25);
	}
	assert_int_equal(list(f, "", 0, 0).n, 0);
	/* stopping early, and failing */
	struct ids x = { .stop_after = 3 };
	assert_ok(store_device_list(reader(f), f->org_id, NULL, 0, 10, add_id, &x));
	assert_int_equal(x.n, 3);
}

static int fail_at_once(void *user, const struct device *d, enum verdict v, int64_t ver)
{
	return -7;
}

static void test_list_failing(struct fixture *f)
{
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	make_device(f, tx, 0, "x");
	assert_ok(tx_end(f, 0));
	assert_int_equal(store_device_list(reader(f), f->org_id, NULL, 0, 10, fail_at_once, NULL),
			 -7);
}

static void test_fcm(struct fixture *f)
{
	int64_t berlin;
	struct ids x = { .n = 0 };
	fixture_organization(f);
	make_zoo(f, &berlin);
	struct store_conn *tx = tx_begin(f);
	for (int64_t id = 2; id < 6; id++)
		assert_ok(store_device_facts(tx, id, NULL, NULL, NULL, "token", &f->err));
	assert_ok(tx_end(f, 0));
	struct store_conn *c = reader(f);
	assert_ok(store_device_fcm(c, f->org_id, f->root_id, 0, 0, 10, add_id, &x));
	assert_int_equal(x.n, 4);
	x.n = 0;
	assert_ok(store_device_fcm(c, f->org_id, berlin, 0, 0, 10, add_id, &x));
	assert_int_equal(x.n, 2);
	x.n = 0;
	assert_ok(store_device_fcm(c, f->org_id, f->root_id, 0, 2, 2, add_id, &x));
	assert_int_equal(x.n, 2);
	assert_int_equal(x.ids[0], 3);
	x.n = 0;
	assert_ok(store_device_fcm(c, f->org_id, 0, 5, 0, 10, add_id, &x));
	assert_int_equal(x.n, 1);
	x.n = 0;
	assert_ok(store_device_fcm(c, f->org_id, 0, 1, 0, 10, add_id, &x));
	assert_int_equal(x.n, 0);
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_enroll),          TEST(test_enroll_refused),
		TEST(test_enroll_mdmcore),  TEST(test_enroll_external_taken),
		TEST(test_reenroll),        TEST(test_rename_and_move),
		TEST(test_unenroll),        TEST(test_delete),
		TEST(test_facts_and_touch), TEST(test_attributes),
		TEST(test_inventory),       TEST(test_filters),
		TEST(test_large_filters),   TEST(test_paging),
		TEST(test_list_failing),    TEST(test_fcm),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
