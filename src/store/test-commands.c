/* SPDX-License-Identifier: Apache-2.0
 *
 * Conformance: the life of commands in the store, and tasks.
 */
#include "store/test-store.h"

#include <string.h>

#define RESEND_MS 60000

static int create(struct fixture *f, struct store_conn *tx, int64_t device_id, const char *type,
		  const char *key, struct command *ret)
{
	struct command_new n = { .device_id = device_id, .type = type, .idempotency_key = key };
	return store_command_create(tx, &f->by, &n, &f->arena, ret, &f->err);
}

static struct command get(struct fixture *f, struct store_conn *c, int64_t id)
{
	struct command command;
	assert_ok(store_command_get(c, id, &f->arena, &command, &f->err));
	return command;
}

static int result(struct fixture *f, struct store_conn *tx, int64_t device_id, int64_t id,
		  enum command_state state)
{
	AUTO_JSON value = json_pack("{s:i}", "answer", 42);
	return store_command_result(tx, device_id, id, state, "words",
				    state == COMMAND_DONE ? value : NULL, f->by.now_ms, &f->err);
}

/* As many as were said to be due, if there is room. */
static size_t take(struct fixture *f, struct store_conn *tx, int64_t device_id, size_t max,
		   int64_t now_ms, struct command **ret)
{
	size_t n;
	int64_t due;
	assert_ok(store_command_due(tx, device_id, RESEND_MS, now_ms, &due));
	assert_ok(store_command_take(tx, device_id, max, RESEND_MS, now_ms, &f->arena, ret, &n));
	assert_int_equal(n, due < (int64_t)max ? due : (int64_t)max);
	return n;
}

static void test_life(struct fixture *f)
{
	struct command c, *taken;
	int64_t waiting;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t d = make_device(f, tx, 0, "pc");
	assert_ok(create(f, tx, d, "ping", NULL, &c));
	assert_string_equal(c.state, "queued");
	assert_string_equal(c.params_json, "{}");
	assert_string_equal(c.actor, "admin:test");
	assert_int_equal(c.expires_ms, f->by.now_ms + command_type_find("ping")->life_ms);
	assert_ok(store_command_waiting(tx, d, &waiting));
	assert_int_equal(waiting, 1);
	assert_int_equal(take(f, tx, d, 10, f->by.now_ms, &taken), 1);
	assert_string_equal(taken[0].state, "sent");
	assert_ok(store_command_waiting(tx, d, &waiting));
	assert_int_equal(waiting, 0);
	assert_ok(result(f, tx, d, c.id, COMMAND_ACKNOWLEDGED));
	assert_ok(result(f, tx, d, c.id, COMMAND_ACKNOWLEDGED));
	assert_ok(result(f, tx, d, c.id, COMMAND_DONE));
	assert_ok(result(f, tx, d, c.id, COMMAND_DONE)); /* the answer was lost */
	assert_err(CONFLICT, result(f, tx, d, c.id, COMMAND_FAILED));
	assert_err(CONFLICT, store_command_cancel(tx, &f->by, c.id, &f->err));
	assert_ok(tx_end(f, 0));
	c = get(f, reader(f), c.id);
	assert_string_equal(c.state, "done");
	assert_true(c.finished);
	assert_string_equal(c.message, "words");
	assert_string_equal(c.result_json, "{\"answer\":42}");
	assert_int_equal(c.finished_ms, f->by.now_ms);
}

static void test_create_refused(struct fixture *f)
{
	struct command c;
	char key[300];
	memset(key, 'k', sizeof key - 1);
	key[sizeof key - 1] = '\0';
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t d = make_device(f, tx, 0, "pc");
	assert_err(NOT_FOUND, create(f, tx, 99, "ping", NULL, &c));
	assert_err(INVALID, create(f, tx, d, "explode", NULL, &c));
	assert_err(CONFLICT, create(f, tx, d, "powerwash", NULL, &c)); /* not for Linux */
	assert_err(INVALID, create(f, tx, d, "ping", key, &c));
	for (int i = 0; i < 1000; i++)
		assert_ok(create(f, tx, d, "ping", NULL, &c));
	assert_err(CONFLICT, create(f, tx, d, "ping", NULL, &c));
	assert_ok(store_command_cancel(tx, &f->by, c.id, &f->err));
	assert_ok(create(f, tx, d, "ping", NULL, &c));
	assert_ok(tx_end(f, 0));
}

static void test_idempotency(struct fixture *f)
{
	struct command first, again;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t d = make_device(f, tx, 0, "pc"), e = make_device(f, tx, 0, "other");
	assert_ok(create(f, tx, d, "ping", "key", &first));
	assert_ok(create(f, tx, d, "ping", "key", &again));
	assert_int_equal(again.id, first.id);
	assert_err(CONFLICT, create(f, tx, d, "reboot", "key", &again));
	assert_ok(create(f, tx, e, "ping", "key", &again)); /* another device's key */
	assert_int_not_equal(again.id, first.id);
	assert_ok(store_command_cancel(tx, &f->by, first.id, &f->err));
	assert_ok(create(f, tx, d, "ping", "key", &again)); /* what became of it */
	assert_int_equal(again.id, first.id);
	assert_string_equal(again.state, "cancelled");
	assert_ok(create(f, tx, d, "ping", "", &first));
	assert_ok(create(f, tx, d, "ping", "", &again));
	assert_int_not_equal(again.id, first.id);
	assert_ok(tx_end(f, 0));
}

static void test_take_order_and_resend(struct fixture *f)
{
	struct command c[4], *taken;
	int64_t now = f->by.now_ms;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t d = make_device(f, tx, 0, "pc");
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		assert_ok(create(f, tx, d, "ping", NULL, &c[i]));
	assert_int_equal(take(f, tx, d, 2, now, &taken), 2);
	assert_int_equal(taken[0].id, c[0].id);
	assert_int_equal(taken[1].id, c[1].id);
	assert_int_equal(take(f, tx, d, 2, now + 1, &taken), 2); /* while those run */
	assert_int_equal(taken[0].id, c[2].id);
	assert_int_equal(take(f, tx, d, 2, now + 2, &taken), 0);
	assert_ok(result(f, tx, d, c[0].id, COMMAND_ACKNOWLEDGED));
	assert_int_equal(take(f, tx, d, 9, now + RESEND_MS, &taken), 1); /* not acknowledged */
	assert_int_equal(taken[0].id, c[1].id);
	assert_int_equal(taken[0].sent_ms, now + RESEND_MS);
	assert_int_equal(take(f, tx, d, 9, now + 2 * RESEND_MS, &taken), 3);
	assert_int_equal(taken[2].id, c[3].id);
	assert_ok(result(f, tx, d, c[3].id, COMMAND_FAILED)); /* without acknowledging */
	assert_ok(tx_end(f, 0));
	assert_string_equal(get(f, reader(f), c[3].id).state, "failed");
}

static void test_result_refused(struct fixture *f)
{
	struct command c, *taken;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t d = make_device(f, tx, 0, "pc"), e = make_device(f, tx, 0, "other");
	assert_ok(create(f, tx, d, "ping", NULL, &c));
	assert_err(CONFLICT, result(f, tx, d, c.id, COMMAND_DONE)); /* was not handed out */
	take(f, tx, d, 1, f->by.now_ms, &taken);
	assert_err(NOT_FOUND, result(f, tx, e, c.id, COMMAND_DONE));
	assert_err(NOT_FOUND, result(f, tx, d, 99, COMMAND_DONE));
	assert_err(INVALID, result(f, tx, d, c.id, COMMAND_CANCELLED));
	assert_err(INVALID, result(f, tx, d, c.id, COMMAND_EXPIRED));
	assert_ok(store_command_cancel(tx, &f->by, c.id, &f->err));
	assert_err(CONFLICT, result(f, tx, d, c.id, COMMAND_DONE));
	assert_err(NOT_FOUND, store_command_cancel(tx, &f->by, 99, &f->err));
	assert_ok(tx_end(f, 0));
}

static void test_expiry(struct fixture *f)
{
	struct command c[3], *taken;
	size_t n;
	bool due;
	int64_t now = f->by.now_ms;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t d = make_device(f, tx, 0, "pc");
	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		struct command_new new = { .device_id = d,
					   .type = "ping",
					   .expires_ms = now + 10 * (int64_t)(i + 1) };
		assert_ok(store_command_create(tx, &f->by, &new, &f->arena, &c[i], &f->err));
	}
	assert_ok(store_command_over(tx, now + 9, &due));
	assert_false(due);
	assert_ok(store_command_expire(tx, now + 9, 10, &n));
	assert_int_equal(n, 0);
	assert_ok(store_command_over(tx, now + 10, &due));
	assert_true(due);
	assert_ok(store_command_expire(tx, now + 20, 1, &n)); /* at most one */
	assert_int_equal(n, 1);
	assert_string_equal(get(f, tx, c[0].id).state, "expired");
	assert_int_equal(take(f, tx, d, 9, now + 20, &taken), 1); /* expires the second itself */
	assert_int_equal(taken[0].id, c[2].id);
	assert_string_equal(get(f, tx, c[1].id).state, "expired");
	assert_ok(store_command_expire(tx, now + 500, 10, &n));
	assert_int_equal(n, 1);
	assert_ok(store_command_expire(tx, now + 500, 10, &n));
	assert_int_equal(n, 0);
	assert_ok(store_command_over(tx, now + 500, &due));
	assert_false(due);
	assert_ok(tx_end(f, 0));
}

static void assert_commands(struct fixture *f, int64_t device_id, const char *state, int64_t before,
			    size_t limit, const char *wanted)
{
	struct command *all;
	size_t n;
	char got[100] = "";
	assert_ok(store_command_list(reader(f), f->org_id, device_id, state, before, limit,
				     &f->arena, &all, &n));
	for (size_t i = 0, at = 0; i < n; i++)
		at += (size_t)snprintf(got + at, sizeof got - at, "%s%d", i ? " " : "",
				       (int)all[i].id);
	assert_string_equal(got, wanted);
}

static void test_list(struct fixture *f)
{
	struct command c;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t d = make_device(f, tx, 0, "a"), e = make_device(f, tx, 0, "b");
	for (int i = 0; i < 8; i++)
		assert_ok(create(f, tx, i % 2 ? d : e, "ping", NULL, &c));
	assert_ok(store_command_cancel(tx, &f->by, 2, &f->err));
	assert_ok(store_command_cancel(tx, &f->by, 5, &f->err));
	assert_ok(store_command_cancel(tx, &f->by, 8, &f->err));
	assert_ok(tx_end(f, 0));
	assert_commands(f, 0, NULL, 0, 10, "8 7 6 5 4 3 2 1");
	assert_commands(f, 0, NULL, 0, 3, "8 7 6");
	assert_commands(f, 0, NULL, 6, 3, "5 4 3");
	assert_commands(f, d, NULL, 0, 10, "8 6 4 2");
	assert_commands(f, d, NULL, 8, 2, "6 4");
	assert_commands(f, 0, "queued", 0, 10, "7 6 4 3 1");
	assert_commands(f, 0, "cancelled", 8, 10, "5 2");
	assert_commands(f, e, "cancelled", 0, 10, "5");
	assert_commands(f, e, "exploded", 0, 10, "");
	assert_commands(f, e, NULL, 0, 0, "");
	f->org_id = 77;
	assert_commands(f, 0, NULL, 0, 10, "");
}

static void test_tasks(struct fixture *f)
{
	struct task t = { .setting = "files.deploy", .item = "1", .state = "pending" };
	struct task plain = { .setting = "camera.disabled", .state = "running", .progress = 10 };
	struct task *all;
	size_t n;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	t.device_id = plain.device_id = make_device(f, tx, 0, "pc");
	assert_ok(store_task_put(tx, &t, &f->err));
	assert_ok(store_task_put(tx, &plain, &f->err));
	assert_int_not_equal(t.id, plain.id);
	int64_t first = t.id;
	t.id = 0;
	assert_ok(task_move(&t, TASK_DONE, 100, "ok", 5, &f->err));
	assert_ok(store_task_put(tx, &t, &f->err));
	assert_int_equal(t.id, first);
	t.device_id = 99;
	assert_err(NOT_FOUND, store_task_put(tx, &t, &f->err));
	assert_ok(tx_end(f, 0));
	assert_ok(store_task_list(reader(f), plain.device_id, &f->arena, &all, &n));
	assert_int_equal(n, 2);
	assert_string_equal(all[0].setting, "camera.disabled"); /* those without an item first */
	assert_string_equal(all[1].state, "done");
	assert_string_equal(all[1].message, "ok");
}

static int64_t make_phone(struct fixture *f, struct store_conn *tx)
{
	const struct enrollment e = { .org_id = f->org_id,
				      .kind = KIND_ANDROID,
				      .channel = CHANNEL_FLYVE,
				      .name = "phone",
				      .external_id = "SER1" };
	struct device d;
	assert_ok(store_device_enroll(tx, &f->by, &e, &f->arena, &d, &f->err));
	return d.id;
}

/* However it ends, the row does not keep the secret; until then the device must have it. */
static void test_secrets(struct fixture *f)
{
	static const char *const ends[] = { "done", "failed", "expired", "cancelled" };
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t d = make_phone(f, tx);
	AUTO_JSON params = json_pack("{s:s}", "password", "hunter2");
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		const struct command_new n = { .device_id = d,
					       .type = "reset_password",
					       .params = params,
					       .idempotency_key = ends[i] };
		struct command c, again, *taken;
		size_t n_expired = 0;
		assert_ok(store_command_create(tx, &f->by, &n, &f->arena, &c, &f->err));
		assert_int_equal(take(f, tx, d, 10, f->by.now_ms, &taken), 1);
		assert_non_null(strstr(taken[0].params_json, "hunter2"));
		assert_non_null(strstr(get(f, tx, c.id).params_json, "hunter2"));
		assert_ok(result(f, tx, d, c.id, COMMAND_ACKNOWLEDGED));
		assert_non_null(strstr(get(f, tx, c.id).params_json, "hunter2"));
		if (i < 2)
			assert_ok(result(f, tx, d, c.id, i == 0 ? COMMAND_DONE : COMMAND_FAILED));
		else if (i == 2)
			assert_ok(store_command_expire(tx, c.expires_ms, 10, &n_expired));
		else
			assert_ok(store_command_cancel(tx, &f->by, c.id, &f->err));
		assert_string_equal(get(f, tx, c.id).state, ends[i]);
		assert_string_equal(get(f, tx, c.id).params_json, "{\"password\":\"********\"}");
		assert_ok(store_command_create(tx, &f->by, &n, &f->arena, &again, &f->err));
		assert_int_equal(again.id, c.id);
	}
	assert_ok(tx_end(f, 0));
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_life),           TEST(test_create_refused),
		TEST(test_idempotency),    TEST(test_take_order_and_resend),
		TEST(test_result_refused), TEST(test_expiry),
		TEST(test_list),           TEST(test_tasks),
		TEST(test_secrets),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
