/* SPDX-License-Identifier: Apache-2.0
 *
 * Conformance: the event log. Every verb that writes appends its event, with what was before and
 * after, and without secrets.
 */
#include "store/test-store.h"

#include <string.h>

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct log {
	char text[4000];
	size_t n, n_text;
	int64_t ids[300];
};

static int add(void *user, const struct event *e)
{
	struct log *l = user;
	l->ids[l->n++] = e->id;
	int n = snprintf(l->text + l->n_text, sizeof l->text - l->n_text, "%s%s",
			 l->n > 1 ? " " : "", e->type);
	l->n_text += (size_t)n;
	return 0;
}

static struct log read_log(struct fixture *f, struct event_query q)
{
	struct log l = { .n = 0 };
	if (q.limit == 0)
		q.limit = 250;
	assert_ok(store_event_list(reader(f), &q, add, &l));
	return l;
}

static int copy_event(void *user, const struct event *e)
{
	struct fixture *f = ((void **)user)[0];
	struct event *ret = ((void **)user)[1];
	*ret = *e;
	ret->type = arena_strdup(&f->arena, e->type);
	ret->actor = arena_strdup(&f->arena, e->actor);
	ret->object = arena_strdup(&f->arena, e->object);
	ret->before_json = arena_strdup(&f->arena, e->before_json);
	ret->after_json = arena_strdup(&f->arena, e->after_json);
	return 1;
}

static struct event newest(struct fixture *f)
{
	struct event e = { 0 };
	void *user[] = { f, &e };
	struct event_query q = { .newest = true, .limit = 1 };
	assert_ok(store_event_list(reader(f), &q, copy_event, user));
	return e;
}

static void test_before_and_after(struct fixture *f)
{
	struct event e;
	fixture_organization(f);
	e = newest(f);
	assert_string_equal(e.type, "organization.created");
	assert_string_equal(e.object, "acme");
	assert_string_equal(e.actor, "admin:test");
	assert_int_equal(e.at_ms, f->by.now_ms);
	assert_int_equal(e.org_id, f->org_id);
	assert_string_equal(e.before_json, "");
	assert_non_null(strstr(e.after_json, "\"domain\":\"acme.example\""));
	assert_non_null(strstr(e.after_json, "\"config\":{}"));

	struct store_conn *tx = tx_begin(f);
	int64_t d = make_device(f, tx, 0, "pc");
	set(f, tx, SCOPE_DEVICE, d, "camera.disabled", "true");
	assert_ok(tx_end(f, 0));
	e = newest(f);
	assert_string_equal(e.type, "setting.set");
	assert_string_equal(e.object, "camera.disabled");
	assert_int_equal(e.device_id, d);
	assert_int_equal(e.fleet_id, f->root_id);
	assert_string_equal(e.before_json, "");
	assert_string_equal(e.after_json, "{\"value\":true,\"level\":\"mandatory\"}");

	tx = tx_begin(f);
	assert_ok(store_device_rename(tx, &f->by, d, "new", 0, &f->err));
	assert_ok(tx_end(f, 0));
	e = newest(f);
	assert_string_equal(e.type, "device.changed");
	assert_string_equal(e.before_json, "{\"name\":\"pc\"}");
	assert_string_equal(e.after_json, "{\"name\":\"new\"}");

	tx = tx_begin(f);
	report(f, tx, d, 2, "{\"camera.disabled\":true}");
	assert_ok(tx_end(f, 0));
	e = newest(f);
	assert_string_equal(e.type, "device.verdict");
	assert_string_equal(e.actor, "device:1");
	assert_string_equal(e.before_json, "{\"verdict\":\"UNKNOWN\"}");
	assert_string_equal(e.after_json,
			    "{\"verdict\":\"COMPLIANT\",\"version\":2,\"applied_version\":2}");
	tx = tx_begin(f);
	report(f, tx, d, 2, "{\"camera.disabled\":true}"); /* the same again: no event */
	assert_ok(tx_end(f, 0));
	assert_int_equal(newest(f).id, e.id);
}

/* One of everything, in order. */
static void test_every_verb_tells(struct fixture *f)
{
	struct organization o;
	struct device d;
	struct command c, *taken;
	size_t n;
	bool last;
	struct enrollment_token et = { .kind = "agent", .token_hash = span_str("s3cret") };
	struct api_token at = { .name = "ci", .token_hash = span_str("s3cret") };
	struct administrator a = { .name = "ann", .password = "s3cret" };
	struct administrator b = { .name = "bob", .password = "s3cret" };
	struct session s = { .token_hash = span_str("s3cret"), .csrf_token = "s3cret" };
	struct signing_key k = { .purpose = "policy" };
	struct file file = { .kind = "file", .name = "x", .sha256 = HASH };
	fixture_organization(f);
	et.org_id = file.org_id = k.org_id = f->org_id;
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_organization_get(tx, f->org_id, &f->arena, &o, &f->err));
	o.domain = "x";
	assert_ok(store_organization_update(tx, &f->by, &o, 0, &f->err));
	int64_t x = make_fleet(f, tx, 0, "x"), y = make_fleet(f, tx, 0, "y");
	assert_ok(store_fleet_rename(tx, &f->by, x, "z", 0, &f->err));
	assert_ok(store_fleet_move(tx, &f->by, x, y, 0, &f->err));
	assert_ok(store_fleet_delete(tx, &f->by, x, 0, &f->err));
	struct enrollment e = { .org_id = f->org_id,
				.kind = KIND_LINUX,
				.channel = CHANNEL_DEVICE,
				.token_hash = span_str("s3cret") };
	assert_ok(store_device_enroll(tx, &f->by, &e, &f->arena, &d, &f->err));
	assert_ok(store_device_facts(tx, d.id, NULL, NULL, NULL, "s3cret", &f->err));
	assert_ok(store_device_move(tx, &f->by, d.id, y, 0, &f->err));
	assert_ok(store_device_reenroll(tx, &f->by, d.id, &e, &f->arena, &d, &f->err));
	set(f, tx, SCOPE_FLEET, y, "camera.disabled", "true");
	assert_ok(store_setting_unset(tx, &f->by, SCOPE_FLEET, y, "camera.disabled", &f->err));
	AUTO_JSON params = json_pack("{}");
	struct command_new new = {
		.device_id = d.id, .type = "ping", .params = params, .idempotency_key = "s3cret"
	};
	assert_ok(store_command_create(tx, &f->by, &new, &f->arena, &c, &f->err));
	assert_ok(store_command_take(tx, d.id, 1, 1, f->by.now_ms, &f->arena, &taken, &n));
	assert_ok(store_command_result(tx, d.id, c.id, COMMAND_ACKNOWLEDGED, "", NULL, 1, &f->err));
	assert_ok(store_command_result(tx, d.id, c.id, COMMAND_FAILED, "", NULL, 1, &f->err));
	assert_ok(store_device_unenroll(tx, &f->by, d.id, &f->err));
	assert_ok(store_device_delete(tx, &f->by, d.id, 0, &f->err));
	assert_ok(store_enrollment_token_create(tx, &f->by, &et, &f->err));
	assert_ok(store_enrollment_token_revoke(tx, &f->by, et.id, &f->err));
	assert_ok(store_api_token_create(tx, &f->by, &at, &f->err));
	assert_ok(store_api_token_revoke(tx, &f->by, at.id, &f->err));
	assert_ok(store_administrator_create(tx, &f->by, &a, &f->err));
	assert_ok(store_administrator_create(tx, &f->by, &b, &f->err));
	a.password = "s3cret2";
	assert_ok(store_administrator_update(tx, &f->by, &a, &f->err));
	s.administrator_id = a.id;
	assert_ok(store_session_create(tx, &f->by, &s, &f->err));
	assert_ok(store_administrator_delete(tx, &f->by, a.id, &f->err));
	assert_ok(store_signing_key_add(tx, &f->by, &k, &f->err));
	assert_ok(store_file_put(tx, &f->by, &file, &f->err));
	assert_ok(store_file_delete(tx, &f->by, file.id, &last, &f->err));
	assert_ok(tx_end(f, 0));
	assert_string_equal(
		read_log(f, (struct event_query){ 0 }).text,
		"organization.created organization.changed fleet.created fleet.created "
		"fleet.changed fleet.moved fleet.deleted device.enrolled device.moved "
		"device.enrolled setting.set setting.unset command.queued command.sent "
		"command.acknowledged command.failed device.unenrolled device.deleted "
		"enrollment_token.created enrollment_token.revoked api_token.created "
		"api_token.revoked administrator.created administrator.created "
		"administrator.changed session.created administrator.deleted key.rotated "
		"file.created file.deleted");
}

static int find_secret(void *user, const struct event *e)
{
	if (strstr(e->before_json, "s3cret") || strstr(e->after_json, "s3cret") ||
	    strstr(e->object, "s3cret"))
		fail_msg("%s tells a secret: %s %s", e->type, e->before_json, e->after_json);
	return 0;
}

static void test_no_secrets(struct fixture *f)
{
	struct event_query q = { .limit = 1000 };
	test_every_verb_tells(f);
	assert_ok(store_event_list(reader(f), &q, find_secret, NULL));
}

static void test_queries(struct fixture *f)
{
	int64_t last;
	assert_ok(store_event_last(reader(f), &last));
	assert_int_equal(last, 0);
	fixture_organization(f); /* 1 */
	struct store_conn *tx = tx_begin(f);
	int64_t a = make_device(f, tx, 0, "a"), b = make_device(f, tx, 0, "b"); /* 2 3 */
	for (int i = 0; i < 4; i++)                                             /* 4 … 7 */
		set(f, tx, SCOPE_DEVICE, i % 2 ? a : b, "camera.disabled",
		    i < 2 ? "true" : "false");
	struct event e = { .type = "server.started", .actor = "reeved", .at_ms = 5 };
	assert_ok(store_event_append(tx, &e)); /* 8: of no organization */
	assert_int_equal(e.id, 8);
	e.type = "nonsense";
	assert_int_not_equal(store_event_append(tx, &e), 0);
	assert_ok(tx_end(f, 0));
	const struct {
		struct event_query q;
		size_t n;
		int64_t first;
	} cases[] = {
		{ { .limit = 100 }, 8, 1 },
		{ { .after_id = 3, .limit = 100 }, 5, 4 },
		{ { .after_id = 3, .limit = 2 }, 2, 4 },
		{ { .after_id = 8, .limit = 2 }, 0, 0 },
		{ { .newest = true, .limit = 3 }, 3, 8 },
		{ { .newest = true, .after_id = 4, .limit = 100 }, 3, 3 },
		{ { .org_id = f->org_id, .limit = 100 }, 7, 1 },
		{ { .org_id = f->org_id, .newest = true, .limit = 100 }, 7, 7 },
		{ { .org_id = 77, .limit = 100 }, 0, 0 },
		{ { .device_id = a, .limit = 100 }, 3, 2 },
		{ { .device_id = b, .newest = true, .limit = 1 }, 1, 6 },
		{ { .device_id = b, .org_id = f->org_id, .after_id = 4, .limit = 9 }, 1, 6 },
		{ { .device_id = b, .org_id = 77, .limit = 9 }, 0, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct log l = read_log(f, cases[i].q);
		assert_int_equal(l.n, cases[i].n);
		if (l.n)
			assert_int_equal(l.ids[0], cases[i].first);
	}
	assert_ok(store_event_last(reader(f), &last));
	assert_int_equal(last, 8);
}

static void test_prune(struct fixture *f)
{
	size_t n;
	int64_t last;
	struct store_conn *tx = tx_begin(f);
	for (int i = 1; i <= 10; i++) {
		struct event e = { .type = "server.started", .actor = "reeved", .at_ms = i * 10 };
		assert_ok(store_event_append(tx, &e));
	}
	assert_ok(store_event_prune(tx, 10, 100, &n));
	assert_int_equal(n, 0);
	assert_ok(store_event_prune(tx, 61, 4, &n));
	assert_int_equal(n, 4);
	assert_ok(store_event_prune(tx, 61, 4, &n));
	assert_int_equal(n, 2);
	assert_ok(store_event_prune(tx, 1000, 100, &n));
	assert_int_equal(n, 4);
	struct event e = { .type = "server.started", .actor = "reeved", .at_ms = 1 };
	assert_ok(store_event_append(tx, &e));
	assert_int_equal(e.id, 11); /* numbers do not come back */
	assert_ok(tx_end(f, 0));
	assert_ok(store_event_last(reader(f), &last));
	assert_int_equal(last, 11);
}

static void test_counters(struct fixture *f)
{
	int64_t v;
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_counter_get(tx, "x", &v));
	assert_int_equal(v, 0);
	assert_ok(store_counter_set(tx, "x", 7));
	assert_ok(store_counter_set(tx, "x", 8));
	assert_ok(tx_end(f, 0));
	assert_ok(store_counter_get(reader(f), "x", &v));
	assert_int_equal(v, 8);
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_before_and_after),
		TEST(test_every_verb_tells),
		TEST(test_no_secrets),
		TEST(test_queries),
		TEST(test_prune),
		TEST(test_counters),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
