/* SPDX-License-Identifier: Apache-2.0
 *
 * Conformance: settings, desired state, reports and verdicts.
 */
#include "store/test-store.h"

#include "store/conn.h"
#include <string.h>

/* ---- settings ---- */

static int set_value(struct fixture *f, struct store_conn *tx, enum scope s, int64_t id,
		     const char *name, const char *level, const char *value_json, bool always,
		     bool *ret_changed)
{
	AUTO_JSON value = json_loads(value_json, JSON_DECODE_ANY, NULL);
	return store_setting_set(tx, &f->by, s, id, name, level, value, always, ret_changed,
				 &f->err);
}

static void test_set(struct fixture *f)
{
	bool changed;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t d = make_device(f, tx, 0, "pc");
	const struct {
		enum scope scope;
		int64_t id;
		const char *level, *value;
		bool always;
		int r;
		bool changed;
		int64_t version; /* of the device afterwards */
	} cases[] = {
		{ SCOPE_FLEET, f->root_id, "mandatory", "true", false, 0, true, 2 },
		{ SCOPE_FLEET, f->root_id, "mandatory", "true", false, 0, false, 2 },
		{ SCOPE_FLEET, f->root_id, "mandatory", "true", true, 0, true, 3 },
		{ SCOPE_FLEET, f->root_id, "recommended", "true", false, 0, true, 4 },
		{ SCOPE_FLEET, f->root_id, "recommended", "false", false, 0, true, 5 },
		{ SCOPE_DEVICE, d, "mandatory", "true", false, 0, true, 6 },
		{ SCOPE_DEVICE, d, "mandatory", "true", false, 0, false, 6 },
		{ SCOPE_DEVICE, d, "sometimes", "true", false, ERR_INVALID, false, 6 },
		{ SCOPE_DEVICE, 99, "mandatory", "true", false, ERR_NOT_FOUND, false, 6 },
		{ SCOPE_FLEET, 99, "mandatory", "true", false, ERR_NOT_FOUND, false, 6 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		changed = false;
		assert_int_equal(set_value(f, tx, cases[i].scope, cases[i].id, "camera.disabled",
					   cases[i].level, cases[i].value, cases[i].always,
					   &changed),
				 cases[i].r);
		assert_int_equal(changed, cases[i].changed);
		assert_int_equal(version(f, tx, d), cases[i].version);
	}
	/* JSON equality, not text: key order and spaces do not matter */
	assert_ok(set_value(f, tx, SCOPE_DEVICE, d, "chrome.ManagedBookmarks", "mandatory",
			    "[{\"a\":1,\"b\":2}]", false, &changed));
	assert_ok(set_value(f, tx, SCOPE_DEVICE, d, "chrome.ManagedBookmarks", "mandatory",
			    "[ {\"b\":2, \"a\":1} ]", false, &changed));
	assert_false(changed);
	assert_ok(tx_end(f, 0));
}

static void test_unset_and_list(struct fixture *f)
{
	struct setting *all;
	size_t n;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t d = make_device(f, tx, 0, "pc");
	set(f, tx, SCOPE_FLEET, f->root_id, "wifi.disabled", "true");
	set(f, tx, SCOPE_FLEET, f->root_id, "camera.disabled", "true");
	set(f, tx, SCOPE_DEVICE, d, "camera.disabled", "false");
	assert_err(NOT_FOUND,
		   store_setting_unset(tx, &f->by, SCOPE_DEVICE, d, "wifi.disabled", &f->err));
	assert_err(NOT_FOUND,
		   store_setting_unset(tx, &f->by, SCOPE_FLEET, 99, "wifi.disabled", &f->err));
	assert_ok(
		store_setting_unset(tx, &f->by, SCOPE_FLEET, f->root_id, "wifi.disabled", &f->err));
	assert_int_equal(version(f, tx, d), 5);
	assert_ok(tx_end(f, 0));
	assert_ok(store_setting_list(reader(f), SCOPE_FLEET, f->root_id, &f->arena, &all, &n));
	assert_int_equal(n, 1);
	assert_string_equal(all[0].name, "camera.disabled");
	assert_string_equal(all[0].value_json, "true");
	assert_string_equal(all[0].actor, "admin:test");
	assert_int_equal(all[0].changed_ms, f->by.now_ms);
	assert_ok(store_setting_list(reader(f), SCOPE_DEVICE, d, &f->arena, &all, &n));
	assert_int_equal(n, 1);
}

/* ---- desired state ---- */

static char *desired_text(struct fixture *f, struct store_conn *c, int64_t device_id,
			  int64_t *ret_version)
{
	CLEANUP(desired_fini) struct desired desired = { 0 };
	struct device d = device(f, c, device_id);
	assert_ok(store_desired(c, &d, &desired));
	AUTO_JSON o = json_object();
	for (size_t i = 0; i < desired.n; i++) {
		char text[64];
		CLEANUP(free_charp) char *value = json_text(desired.items[i].value);
		snprintf(text, sizeof text, "%s %s %d", value, desired.items[i].scope,
			 (int)desired.items[i].scope_id);
		json_object_set_new(o, desired.items[i].type->name, json_string(text));
	}
	*ret_version = desired.version;
	return json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT);
}

static void assert_desired(struct fixture *f, struct store_conn *c, int64_t device_id,
			   int64_t wanted_version, const char *wanted)
{
	int64_t v;
	CLEANUP(free_charp) char *text = desired_text(f, c, device_id, &v);
	assert_string_equal(text, wanted);
	assert_int_equal(v, wanted_version);
}

static void test_desired(struct fixture *f)
{
	CLEANUP(desired_fini) struct desired fleet = { 0 };
	fixture_organization(f);
	struct store_conn *c = reader(f);
	struct store_conn *tx = tx_begin(f);
	int64_t sales = make_fleet(f, tx, 0, "Sales"); /* 2 */
	int64_t d = make_device(f, tx, sales, "pc");
	assert_desired(f, tx, d, 1, "{}");
	set(f, tx, SCOPE_FLEET, f->root_id, "camera.disabled", "true");
	set(f, tx, SCOPE_FLEET, f->root_id, "wifi.disabled", "true");
	set(f, tx, SCOPE_FLEET, sales, "camera.disabled", "false");
	assert_desired(
		f, tx, d, 4,
		"{\"camera.disabled\":\"false fleet 2\",\"wifi.disabled\":\"true fleet 1\"}");
	assert_ok(tx_end(f, 0));
	assert_desired(
		f, c, d, 4,
		"{\"camera.disabled\":\"false fleet 2\",\"wifi.disabled\":\"true fleet 1\"}");
	tx = tx_begin(f);
	set(f, tx, SCOPE_DEVICE, d, "camera.disabled", "true");
	set(f, tx, SCOPE_DEVICE, d, "bluetooth.disabled", "true");
	assert_ok(tx_end(f, 0));
	assert_desired(f, c, d, 6,
		       "{\"bluetooth.disabled\":\"true device 1\",\"camera.disabled\":\"true "
		       "device 1\",\"wifi.disabled\":\"true fleet 1\"}");
	tx = tx_begin(f);
	assert_ok(store_device_move(tx, &f->by, d, f->root_id, 0, &f->err));
	assert_ok(store_setting_unset(tx, &f->by, SCOPE_DEVICE, d, "camera.disabled", &f->err));
	assert_ok(tx_end(f, 0));
	assert_desired(f, c, d, 8,
		       "{\"bluetooth.disabled\":\"true device 1\",\"camera.disabled\":\"true fleet "
		       "1\",\"wifi.disabled\":\"true fleet 1\"}");
	assert_ok(store_desired_fleet(c, f->org_id, sales, &fleet));
	assert_int_equal(fleet.n, 2);
	assert_string_equal(fleet.items[0].type->name, "camera.disabled");
	assert_true(json_is_false(fleet.items[0].value));
}

/* A channel's defaults lie below everything, for that channel only. */
static void test_desired_defaults(struct fixture *f)
{
	struct device d;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	struct enrollment e = { .org_id = f->org_id,
				.kind = KIND_ANDROID,
				.channel = CHANNEL_MDMCORE };
	int64_t linux_id = make_device(f, tx, 0, "pc");
	assert_ok(store_device_enroll(tx, &f->by, &e, &f->arena, &d, &f->err));
	assert_desired(f, tx, d.id, 1, "{\"camera.disabled\":\"true default 0\"}");
	assert_desired(f, tx, linux_id, 1, "{}");
	set(f, tx, SCOPE_FLEET, f->root_id, "camera.disabled", "false");
	assert_desired(f, tx, d.id, 2, "{\"camera.disabled\":\"false fleet 1\"}");
	assert_ok(tx_end(f, 0));
}

/* More fleets than the cache keeps. */
static void test_desired_many_fleets(struct fixture *f)
{
	enum { N = 300 };
	int64_t devices[N];
	char name[32], wanted[64];
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof name, "fleet %d", i);
		int64_t fleet = make_fleet(f, tx, 0, name);
		snprintf(name, sizeof name, "%d", i % 30 + 1);
		set(f, tx, SCOPE_FLEET, fleet, "password.min_length", name);
		devices[i] = make_device(f, tx, fleet, "pc");
	}
	assert_ok(tx_end(f, 0));
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < N; i++) {
			snprintf(wanted, sizeof wanted, "{\"password.min_length\":\"%d fleet %d\"}",
				 i % 30 + 1, i + 2);
			assert_desired(f, reader(f), devices[i], 1, wanted);
		}
}

/* ---- reports ---- */

static void test_report(struct fixture *f)
{
	struct report r;
	enum verdict v;
	int64_t ver;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t d = make_device(f, tx, 0, "pc");
	AUTO_JSON observed = json_object();
	assert_err(NOT_FOUND, store_report_get(tx, d, &f->arena, &r, &f->err));
	assert_err(NOT_FOUND, store_report(tx, 99, 1, observed, "", 5, &v, &ver, &f->err));
	assert_err(INVALID, store_report(tx, d, -1, observed, "", 5, &v, &ver, &f->err));
	assert_err(INVALID, store_report(tx, d, INT64_MAX, observed, "", 5, &v, &ver, &f->err));
	assert_ok(store_report(tx, d, 1, observed, "{\"raw\":1}", 1000005, &v, &ver, &f->err));
	assert_int_equal(v, VERDICT_COMPLIANT);
	assert_int_equal(ver, 1);
	assert_int_equal(device(f, tx, d).last_seen_ms, 1000005);
	assert_ok(tx_end(f, 0));
	assert_ok(store_report_get(reader(f), d, &f->arena, &r, &f->err));
	assert_string_equal(r.raw_json, "{\"raw\":1}");
	assert_string_equal(r.observed_json, "{}");
	assert_int_equal(r.received_ms, 1000005);
	assert_int_equal(r.applied_version, 1);
	assert_int_equal(device(f, reader(f), d).revision, 1);
}

static void test_verdicts(struct fixture *f)
{
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t d = make_device(f, tx, 0, "pc");
	assert_string_equal(verdict(f, tx, d), "UNKNOWN");
	set(f, tx, SCOPE_FLEET, f->root_id, "camera.disabled", "true");
	assert_string_equal(verdict(f, tx, d), "UNKNOWN");
	report(f, tx, d, 1, "{\"camera.disabled\":true}");
	assert_string_equal(verdict(f, tx, d), "STALE"); /* before its content is looked at */
	report(f, tx, d, 2, "{\"camera.disabled\":false}");
	assert_string_equal(verdict(f, tx, d), "NON_COMPLIANT");
	report(f, tx, d, 2, "{\"camera.disabled\":true}");
	assert_string_equal(verdict(f, tx, d), "COMPLIANT");
	set(f, tx, SCOPE_DEVICE, d, "wifi.disabled", "true");
	assert_string_equal(verdict(f, tx, d), "STALE");
	report(f, tx, d, 3, "{\"camera.disabled\":true,\"wifi.disabled\":true}");
	assert_string_equal(verdict(f, tx, d), "COMPLIANT");
	assert_ok(store_setting_unset(tx, &f->by, SCOPE_FLEET, f->root_id, "camera.disabled",
				      &f->err));
	assert_string_equal(verdict(f, tx, d), "STALE");
	assert_ok(tx_end(f, 0));
}

/* A device that claims a version that does not exist yet is judged again when it does. */
static void test_uncertain(struct fixture *f)
{
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t liar = make_device(f, tx, 0, "liar");
	int64_t other = make_device(f, tx, 0, "other");
	report(f, tx, liar, 3, "{\"camera.disabled\":true}");
	report(f, tx, other, 1, "{}");
	assert_string_equal(verdict(f, tx, liar), "COMPLIANT");
	set(f, tx, SCOPE_FLEET, f->root_id, "camera.disabled", "true");
	assert_string_equal(verdict(f, tx, liar), "COMPLIANT");
	assert_int_equal(count(f, tx, "verdict=COMPLIANT"), 1);
	set(f, tx, SCOPE_FLEET, f->root_id, "wifi.disabled", "true");
	assert_string_equal(verdict(f, tx, liar), "NON_COMPLIANT"); /* version 3: judged again */
	assert_ok(tx_end(f, 0));
	struct store_conn *c = reader(f);
	static const struct {
		const char *filter;
		int64_t n;
	} cases[] = {
		{ "verdict=NON_COMPLIANT", 1 },
		{ "verdict=COMPLIANT", 0 },
		{ "verdict!=COMPLIANT", 2 },
		{ "verdict=STALE", 1 },
		{ "verdict=NON_COMPLIANT and name=liar", 1 },
		{ "verdict=COMPLIANT or name=liar", 1 },
		{ "not verdict=NON_COMPLIANT", 1 },
		{ "verdict=NON_COMPLIANT and kind=vm", 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(count(f, c, cases[i].filter), cases[i].n);
	tx = tx_begin(f);
	set(f, tx, SCOPE_FLEET, f->root_id, "bluetooth.disabled", "true");
	assert_ok(tx_end(f, 0));
	assert_string_equal(verdict(f, c, liar), "STALE"); /* caught up with the claim */
}

/* ---- cost ---- */

/* Rows written through the row layer by one change of a fleet. */
static unsigned rows_written(struct fixture *f)
{
	struct store_conn *tx = tx_begin(f);
	set(f, tx, SCOPE_FLEET, f->root_id, "camera.disabled", "true");
	unsigned n = tx->notes.n_writes;
	assert_ok(store_setting_unset(tx, &f->by, SCOPE_FLEET, f->root_id, "camera.disabled",
				      &f->err));
	assert_ok(tx_end(f, 0));
	return n;
}

static void test_change_is_constant(struct fixture *f)
{
	fixture_organization(f);
	unsigned before = rows_written(f);
	struct store_conn *tx = tx_begin(f);
	for (int i = 0; i < 2000; i++)
		make_device(f, tx, 0, "pc");
	assert_ok(tx_end(f, 0));
	assert_int_equal(rows_written(f), before);
	assert_int_equal(before, 3); /* the setting, the counter, the event */
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_set),
		TEST(test_unset_and_list),
		TEST(test_desired),
		TEST(test_desired_defaults),
		TEST(test_desired_many_fleets),
		TEST(test_report),
		TEST(test_verdicts),
		TEST(test_uncertain),
		TEST(test_change_is_constant),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
