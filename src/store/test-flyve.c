/* SPDX-License-Identifier: Apache-2.0
 *
 * The Flyve channel's verbs, on every backend: what is retained is owned, invitations and sessions.
 */
#include "store/test-store.h"

#include "base/buf.h"
#include "store/flyve.h"

static struct span hash_of(const char *text)
{
	return span_str(text); /* any bytes do */
}

static int collect_topics(void *user, const struct retained *r)
{
	buf_addf(user, "%s%c ", r->topic, *r->payload ? '+' : '-');
	return 0;
}

static void assert_pending(struct store_conn *c, const char *wanted)
{
	CLEANUP(buf_fini) struct buf got;
	buf_init(&got, 1000);
	assert_ok(store_retained_pending(c, 100, collect_topics, &got));
	assert_string_equal(buf_str(&got), wanted);
}

static bool want(struct fixture *f, struct store_conn *tx, const char *topic, const char *payload)
{
	bool changed;
	assert_ok(store_retained_want(tx,
				      &(struct retained){ .topic = topic,
							  .org_id = f->org_id,
							  .device_id = 7,
							  .command_id = 3,
							  .qos = 1,
							  .payload = payload },
				      5, &changed));
	return changed;
}

static void test_retained(struct fixture *f)
{
	struct retained r, *rows;
	bool changed;
	size_t n;
	int64_t count;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_retained_count(tx, &count));
	assert_int_equal(count, 0);
	assert_true(want(f, tx, "a", "1"));
	assert_false(want(f, tx, "a", "1")); /* on its way already */
	assert_pending(tx, "a+ ");
	assert_ok(store_retained_published(tx, "a", "0")); /* of what it said before */
	assert_pending(tx, "a+ ");
	assert_ok(store_retained_published(tx, "a", "1"));
	assert_pending(tx, "");
	assert_false(want(f, tx, "a", "1"));
	assert_true(want(f, tx, "a", "2"));
	assert_true(want(f, tx, "b", "1"));
	assert_pending(tx, "a+ b+ ");
	assert_ok(store_retained_erase(tx, "a", 6, &changed));
	assert_true(changed);
	assert_ok(store_retained_erase(tx, "a", 6, &changed));
	assert_false(changed);
	assert_ok(store_retained_erase(tx, "never", 6, &changed));
	assert_false(changed);
	assert_pending(tx, "a- b+ ");
	assert_ok(store_retained_list(tx, 0, 7, &f->arena, &rows, &n));
	assert_int_equal(n, 2);
	assert_ok(store_retained_count(tx, &count));
	assert_int_equal(count, 2);
	assert_ok(store_retained_published(tx, "a", ""));
	assert_ok(store_retained_count(tx, &count));
	assert_int_equal(count, 1);
	assert_err(NOT_FOUND, store_retained_get(tx, "a", &f->arena, &r, &f->err));
	assert_ok(store_retained_published(tx, "a", "")); /* said again */
	assert_ok(store_retained_published(tx, "b", "1"));
	assert_ok(store_retained_lost(tx, "b"));
	assert_ok(store_retained_lost(tx, "a"));
	assert_pending(tx, "b+ ");
	assert_ok(store_retained_get(tx, "b", &f->arena, &r, &f->err));
	assert_int_equal(r.command_id, 3);
	assert_ok(tx_end(f, 0));
}

static void test_invitation(struct fixture *f)
{
	struct enrollment_token t = { .kind = "flyve", .token_hash = hash_of("token") }, got;
	struct enrollment_token other = { .kind = "agent", .token_hash = hash_of("agent") };
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	t.org_id = other.org_id = f->org_id;
	assert_ok(store_enrollment_token_create(tx, &f->by, &t, &f->err));
	assert_ok(store_enrollment_token_create(tx, &f->by, &other, &f->err));
	assert_ok(store_flyve_invitation_put(tx, t.id, hash_of("user")));
	assert_ok(store_flyve_invitation_put(tx, other.id, hash_of("wrong")));
	assert_ok(store_flyve_invitation_by_user(tx, hash_of("user"), &f->arena, &got, &f->err));
	assert_int_equal(got.id, t.id);
	assert_ok(store_flyve_invitation_by_token(tx, hash_of("token"), &f->arena, &got, &f->err));
	assert_int_equal(got.uses, 0);
	assert_err(NOT_FOUND,
		   store_flyve_invitation_by_token(tx, hash_of("agent"), &f->arena, &got, &f->err));
	assert_err(NOT_FOUND,
		   store_flyve_invitation_by_user(tx, hash_of("wrong"), &f->arena, &got, &f->err));
	assert_err(NOT_FOUND,
		   store_flyve_invitation_by_user(tx, hash_of("x"), &f->arena, &got, &f->err));
	assert_ok(tx_end(f, 0));
}

static int session(struct fixture *f, struct store_conn *c, const char *token, int64_t now_ms)
{
	struct flyve_session s;
	return store_flyve_session_get(c, hash_of(token), now_ms, &f->arena, &s, &f->err);
}

static void test_sessions(struct fixture *f)
{
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	static const char *const names[] = { "a", "b", "c", "d" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_ok(store_flyve_session_put(
			tx, &(struct flyve_session){ hash_of(names[i]), 0, 9,
						     10 * (int64_t)(i + 1) / 2 }));
	assert_ok(session(f, tx, "a", 4));
	assert_err(UNAUTHENTICATED, session(f, tx, "a", 5));
	assert_err(UNAUTHENTICATED, session(f, tx, "x", 0));
	assert_ok(store_flyve_session_expire(tx, 10));
	assert_err(UNAUTHENTICATED, session(f, tx, "b", 0));
	assert_ok(session(f, tx, "c", 0));
	assert_ok(store_flyve_session_delete(tx, hash_of("c")));
	assert_ok(store_flyve_session_delete(tx, hash_of("c")));
	assert_err(UNAUTHENTICATED, session(f, tx, "c", 0));
	assert_ok(store_flyve_forget(tx, 9));
	assert_err(UNAUTHENTICATED, session(f, tx, "d", 0));
	assert_ok(tx_end(f, 0));
}

static void test_agents_and_tasks(struct fixture *f)
{
	struct device d, *devices;
	struct flyve_agent *agents, agent;
	struct flyve_task t = { .fleet_id = 2, .setting = "camera.disabled" }, *tasks;
	struct enrollment e = { .kind = KIND_ANDROID, .serial = "S", .channel = CHANNEL_FLYVE };
	size_t n;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	e.org_id = f->org_id;
	assert_ok(store_device_enroll(tx, &f->by, &e, &f->arena, &d, &f->err));
	e.channel = CHANNEL_DEVICE;
	assert_ok(store_device_enroll(tx, &f->by, &e, &f->arena, &d, &f->err));
	assert_ok(store_flyve_device_list(tx, f->org_id, "S", &f->arena, &devices, &n));
	assert_int_equal(n, 1);
	assert_ok(store_flyve_credentials(tx, devices[0].id, hash_of("t"), &f->err));
	assert_ok(store_device_by_token(tx, hash_of("t"), &f->arena, &d, &f->err));
	for (int64_t id = 1; id <= 4; id++)
		assert_ok(store_flyve_agent_put(
			tx, &(struct flyve_agent){ .device_id = id, .fleet_id = id % 2 }));
	assert_ok(store_flyve_agent_list(tx, 1, 0, 1, 10, &f->arena, &agents, &n));
	assert_int_equal(n, 1);
	assert_int_equal(agents[0].device_id, 3);
	assert_ok(store_flyve_task_add(tx, &t));
	assert_ok(store_flyve_task_list(tx, 2, 0, &f->arena, &tasks, &n));
	assert_int_equal(n, 1);
	t = (struct flyve_task){ .device_id = 3, .setting = "camera.disabled" };
	assert_ok(store_flyve_task_add(tx, &t));
	assert_ok(store_flyve_task_get(tx, t.id, &f->arena, &t, &f->err));
	assert_ok(store_flyve_forget(tx, 3));
	assert_err(NOT_FOUND, store_flyve_task_get(tx, t.id, &f->arena, &t, &f->err));
	assert_err(NOT_FOUND, store_flyve_agent_get(tx, 3, &f->arena, &agent, &f->err));
	assert_ok(store_flyve_task_list(tx, 2, 0, &f->arena, &tasks, &n));
	assert_int_equal(n, 1); /* the fleet's */
	assert_ok(tx_end(f, 0));
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_retained),
		TEST(test_invitation),
		TEST(test_sessions),
		TEST(test_agents_and_tasks),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
