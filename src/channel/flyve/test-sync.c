/* SPDX-License-Identifier: Apache-2.0
 *
 * sync, receive, report: from the store to what is retained and back, on every backend, without a broker.
 * What is to be published is acknowledged by the test.
 */
#include "store/test-store.h"

#include "base/buf.h"
#include "channel/flyve/policy.h"
#include "channel/flyve/receive.h"
#include "channel/flyve/sync.h"
#include <inttypes.h>
#include <string.h>

struct scene {
	struct fixture *f;
	struct store_conn *tx;
	int64_t fleet_id, device_id;
	struct flyve_effects effects;
};

static void begin(struct scene *s, struct fixture *f, enum flyve_dialect dialect)
{
	struct fleet fleet;
	struct device d;
	struct enrollment e = { .kind = KIND_ANDROID,
				.channel = CHANNEL_FLYVE,
				.serial = "SER1",
				.external_id = "SER1" };
	*s = (struct scene){ .f = f };
	fixture_organization(f);
	s->tx = tx_begin(f);
	e.org_id = f->org_id;
	assert_ok(store_fleet_create(s->tx, &f->by, f->org_id, f->root_id, "phones", &f->arena,
				     &fleet, &f->err));
	e.fleet_id = s->fleet_id = fleet.id;
	assert_ok(store_device_enroll(s->tx, &f->by, &e, &f->arena, &d, &f->err));
	s->device_id = d.id;
	assert_ok(store_flyve_agent_put(s->tx, &(struct flyve_agent){ .device_id = d.id,
								      .dialect = dialect,
								      .said = dialect,
								      .root = dialect }));
}

static void sync_device(struct scene *s)
{
	assert_ok(flyve_sync_device(s->tx, s->device_id, 1100000, &s->f->arena, &s->effects));
}

static void sync_fleet(struct scene *s, int64_t fleet_id)
{
	assert_ok(flyve_sync_fleet(s->tx, s->f->org_id, fleet_id, 1100000, &s->f->arena,
				   &s->effects));
}

static int add_topic(void *user, const struct retained *r)
{
	buf_addf(user, "%s%s\n", r->topic, *r->payload ? "" : " -");
	return 0;
}

struct pending {
	const char *topics[64], *payloads[64];
	size_t n;
	struct arena *arena;
};

static int take_pending(void *user, const struct retained *r)
{
	struct pending *p = user;
	p->topics[p->n] = arena_strdup(p->arena, r->topic);
	p->payloads[p->n++] = arena_strdup(p->arena, r->payload);
	return 0;
}

/* What is to be published, one topic a line ("-": erased); then the broker has it. */
static void assert_published(struct scene *s, const char *wanted)
{
	CLEANUP(buf_fini) struct buf got;
	struct pending p = { .arena = &s->f->arena };
	buf_init(&got, 10000);
	assert_ok(store_retained_pending(s->tx, 64, add_topic, &got));
	assert_string_equal(buf_str(&got), wanted);
	assert_ok(store_retained_pending(s->tx, 64, take_pending, &p));
	for (size_t i = 0; i < p.n; i++)
		assert_ok(store_retained_published(s->tx, p.topics[i], p.payloads[i]));
}

static void assert_payload(struct scene *s, const char *topic, const char *wanted)
{
	struct retained r;
	assert_ok(store_retained_get(s->tx, topic, &s->f->arena, &r, &s->f->err));
	assert_string_equal(r.payload, wanted);
}

static void set_setting(struct scene *s, enum scope scope, int64_t id, const char *name,
			const char *json)
{
	AUTO_JSON value = NULL;
	bool changed;
	assert_ok(json_parse(span_str(json), &value, &s->f->err));
	assert_ok(store_setting_set(s->tx, &s->f->by, scope, id, name, "mandatory", value, false,
				    &changed, &s->f->err));
}

static struct flyve_heard say(struct scene *s, const char *suffix, const char *payload,
			      bool settled)
{
	struct flyve_topic t;
	struct flyve_news n;
	struct flyve_heard heard = { 0 };
	const char *topic = arena_printf(&s->f->arena, "0/agent/SER1/%s", suffix);
	assert_true(flyve_topic_parse(span_str(topic), &t));
	assert_ok(flyve_news_read(&t, span_str(payload), &n, &s->f->err));
	n.device_id = s->device_id;
	n.at_ms = 1200000;
	n.settled = settled;
	n.proves = true;
	assert_ok(flyve_news_apply(s->tx, &n, &heard));
	flyve_news_fini(&n);
	return heard;
}

static int64_t task_of(struct scene *s, int64_t fleet_id, int64_t device_id, const char *setting)
{
	struct flyve_task *tasks;
	size_t n;
	int64_t id = 0;
	assert_ok(store_flyve_task_list(s->tx, fleet_id, device_id, &s->f->arena, &tasks, &n));
	for (size_t i = 0; i < n; i++)
		if (strcmp(tasks[i].setting, setting) == 0)
			id = FLYVE_TASK_BASE + tasks[i].id;
	return id;
}

static void assert_verdict(struct scene *s, enum verdict wanted)
{
	struct device d;
	enum verdict v;
	int64_t version;
	assert_ok(store_device_get(s->tx, s->device_id, &s->f->arena, &d, &s->f->err));
	assert_ok(store_device_verdict(s->tx, &d, &v, &version));
	assert_string_equal(verdict_name(v), verdict_name(wanted));
}

static void assert_command(struct scene *s, int64_t id, const char *state)
{
	struct command c;
	assert_ok(store_command_get(s->tx, id, &s->f->arena, &c, &s->f->err));
	assert_string_equal(c.state, state);
}

static int64_t order(struct scene *s, const char *type)
{
	struct command c;
	struct command_new n = { .device_id = s->device_id, .type = type };
	assert_ok(store_command_create(s->tx, &s->f->by, &n, &s->f->arena, &c, &s->f->err));
	return c.id;
}

static const char *id_payload(struct scene *s, int64_t id, const char *status)
{
	return arena_printf(&s->f->arena,
			    "{\"updateStatus\":[{\"taskId\":\"%" PRId64 "\",\"status\":\"%s\"}]}",
			    id, status);
}

/* ---- D1 ---- */

#define D1_FLEET                                                                                   \
	"/0/fleet/2/camera\n/0/fleet/2/connectivity\n/0/fleet/2/encryption\n/0/fleet/2/policies\n"

static void test_d1_fleet(struct fixture *f)
{
	struct scene s;
	begin(&s, f, FLYVE_D1);
	assert_int_equal(s.fleet_id, 2);
	sync_device(&s);
	assert_int_equal(s.effects.fleets[1], 2);
	assert_true(s.effects.account);
	sync_fleet(&s, s.fleet_id);
	assert_published(&s, "/0/agent/SER1/Command/Subscribe\n" D1_FLEET);
	assert_payload(&s, "/0/agent/SER1/Command/Subscribe",
		       "{\"subscribe\":[{\"topic\":\"/0/fleet/2\"}]}");
	assert_payload(&s, "/0/fleet/2/camera", "{\"camera\":[{\"disableCamera\":\"false\"}]}");
	sync_device(&s);
	sync_fleet(&s, s.fleet_id);
	assert_published(&s, "");
	set_setting(&s, SCOPE_FLEET, f->root_id, "camera.disabled", "true"); /* inherited */
	set_setting(&s, SCOPE_FLEET, s.fleet_id, "status_bar.disabled", "true");
	sync_fleet(&s, s.fleet_id);
	assert_published(&s, "/0/fleet/2/camera\n/0/fleet/2/ui\n");
	assert_ok(store_setting_unset(s.tx, &f->by, SCOPE_FLEET, s.fleet_id, "status_bar.disabled",
				      &f->err));
	sync_fleet(&s, s.fleet_id);
	assert_published(&s, "/0/fleet/2/ui\n"); /* with defaults: it was there before */
	int64_t id = task_of(&s, s.fleet_id, 0, "camera.disabled");
	assert_payload(&s, "/0/fleet/2/camera",
		       arena_printf(&f->arena,
				    "{\"camera\":[{\"disableCamera\":\"true\",\"taskId\":\"%" PRId64
				    "\"}]}",
				    id));
	say(&s, "Status/Task", id_payload(&s, id, "done"), true);
	assert_verdict(&s, VERDICT_COMPLIANT);
	assert_ok(tx_end(f, 0));
}

/* An agent that confirms nothing: what it was told is known, what became of it is not. */
static void test_d1_silent(struct fixture *f)
{
	struct scene s;
	begin(&s, f, FLYVE_D1);
	set_setting(&s, SCOPE_FLEET, s.fleet_id, "camera.disabled", "true");
	sync_device(&s);
	sync_fleet(&s, s.fleet_id);
	assert_verdict(&s, VERDICT_UNKNOWN);
	say(&s, "Status/Online", "{\"online\":\"true\"}", true); /* before it subscribes */
	assert_verdict(&s, VERDICT_UNKNOWN);
	assert_true(say(&s, "Status/Ping", "!", false).behind); /* to be asked again */
	assert_verdict(&s, VERDICT_UNKNOWN);
	say(&s, "Status/Ping", "!", true);
	assert_verdict(&s, VERDICT_NON_COMPLIANT);
	assert_ok(store_setting_unset(s.tx, &f->by, SCOPE_FLEET, s.fleet_id, "camera.disabled",
				      &f->err));
	assert_verdict(&s, VERDICT_STALE);
	sync_fleet(&s, s.fleet_id);
	say(&s, "Status/Ping", "!", true);
	assert_verdict(&s, VERDICT_COMPLIANT);
	assert_ok(tx_end(f, 0));
}

static void test_unmanaged(struct fixture *f)
{
	struct scene s;
	begin(&s, f, FLYVE_D1);
	assert_ok(store_device_move(s.tx, &f->by, s.device_id, f->root_id, 0, &f->err));
	sync_device(&s);
	assert_published(&s, "");
	sync_fleet(&s, f->root_id);
	assert_false(s.effects.root_managed);
	assert_published(&s, "");
	set_setting(&s, SCOPE_FLEET, f->root_id, "camera.disabled", "true");
	sync_fleet(&s, f->root_id);
	assert_true(s.effects.root_managed);
	sync_device(&s);
	sync_fleet(&s, f->root_id);
	assert_published(&s, "/0/agent/SER1/Command/Subscribe\n"
			     "/0/fleet/1/camera\n/0/fleet/1/connectivity\n/0/fleet/1/encryption\n"
			     "/0/fleet/1/policies\n");
	assert_ok(tx_end(f, 0));
}

static void test_moves(struct fixture *f)
{
	struct scene s;
	struct fleet other;
	begin(&s, f, FLYVE_D1);
	assert_ok(store_fleet_create(s.tx, &f->by, f->org_id, f->root_id, "other", &f->arena,
				     &other, &f->err));
	sync_device(&s);
	sync_fleet(&s, s.fleet_id);
	assert_published(&s, "/0/agent/SER1/Command/Subscribe\n" D1_FLEET);
	assert_ok(store_device_move(s.tx, &f->by, s.device_id, other.id, 0, &f->err));
	sync_device(&s);
	assert_int_equal(s.effects.fleets[0], s.fleet_id);
	assert_int_equal(s.effects.fleets[1], other.id);
	sync_fleet(&s, s.fleet_id); /* nobody is left: nothing stays retained */
	assert_published(&s, "/0/agent/SER1/Command/Subscribe\n/0/fleet/2/camera -\n"
			     "/0/fleet/2/connectivity -\n/0/fleet/2/encryption -\n"
			     "/0/fleet/2/policies -\n");
	assert_ok(store_device_unenroll(s.tx, &f->by, s.device_id, &f->err));
	sync_device(&s);
	assert_published(&s, "/0/agent/SER1/Command/Subscribe -\n");
	assert_ok(store_device_delete(s.tx, &f->by, s.device_id, 0, &f->err));
	sync_device(&s);
	assert_published(&s, "");
	assert_ok(tx_end(f, 0));
}

static void test_differs(struct fixture *f)
{
	struct scene s;
	begin(&s, f, FLYVE_D1);
	set_setting(&s, SCOPE_FLEET, s.fleet_id, "wifi.disabled", "true");
	set_setting(&s, SCOPE_DEVICE, s.device_id, "camera.disabled", "true");
	sync_device(&s);
	assert_published(&s, "/0/agent/SER1/Policy/camera\n/0/agent/SER1/Policy/connectivity\n"
			     "/0/agent/SER1/Policy/encryption\n/0/agent/SER1/Policy/policies\n");
	int64_t id = task_of(&s, 0, s.device_id, "wifi.disabled");
	assert_true(id > 0); /* everything by itself */
	say(&s, "Status/Task", id_payload(&s, id, "done"), true);
	assert_verdict(&s, VERDICT_NON_COMPLIANT);
	say(&s, "Status/Task",
	    id_payload(&s, task_of(&s, 0, s.device_id, "camera.disabled"), "done"), true);
	assert_verdict(&s, VERDICT_COMPLIANT);
	assert_ok(store_setting_unset(s.tx, &f->by, SCOPE_DEVICE, s.device_id, "camera.disabled",
				      &f->err));
	sync_device(&s);
	assert_published(&s, "/0/agent/SER1/Command/Subscribe\n/0/agent/SER1/Policy/camera -\n"
			     "/0/agent/SER1/Policy/connectivity -\n"
			     "/0/agent/SER1/Policy/encryption -\n"
			     "/0/agent/SER1/Policy/policies -\n");
	assert_ok(tx_end(f, 0));
}

/* ---- D2 ---- */

static const char *d2_topic(struct scene *s, const char *symbol, int64_t id)
{
	return arena_printf(&s->f->arena, "0/fleet/2/Policy/%s/Task/%" PRId64, symbol, id);
}

static void test_d2(struct fixture *f)
{
	struct scene s;
	begin(&s, f, FLYVE_D2);
	sync_device(&s);
	sync_fleet(&s, s.fleet_id);
	assert_published(&s, "0/agent/SER1/Command/Subscribe\n");
	set_setting(&s, SCOPE_FLEET, s.fleet_id, "camera.disabled", "true");
	sync_fleet(&s, s.fleet_id);
	int64_t first = task_of(&s, s.fleet_id, 0, "camera.disabled");
	assert_published(&s, arena_printf(&f->arena, "%s\n", d2_topic(&s, "disableCamera", first)));
	const char *suffix = arena_printf(&f->arena, "Status/Task/%" PRId64, first);
	say(&s, suffix, "{\"status\":\"received\"}", true);
	assert_verdict(&s, VERDICT_NON_COMPLIANT);
	say(&s, suffix, "{\"status\":\"done\"}", true);
	assert_verdict(&s, VERDICT_COMPLIANT);
	set_setting(&s, SCOPE_FLEET, s.fleet_id, "camera.disabled", "false");
	sync_fleet(&s, s.fleet_id);
	int64_t second = task_of(&s, s.fleet_id, 0, "camera.disabled");
	assert_true(second > first);
	assert_published(&s,
			 arena_printf(&f->arena, "%s -\n%s\n", d2_topic(&s, "disableCamera", first),
				      d2_topic(&s, "disableCamera", second)));
	say(&s, suffix, "{\"status\":\"done\"}", true); /* of the value before: no task any more */
	assert_verdict(&s, VERDICT_NON_COMPLIANT);
	suffix = arena_printf(&f->arena, "Status/Task/%" PRId64, second);
	say(&s, suffix, "{\"status\":\"incompatible\"}", true);
	assert_verdict(&s, VERDICT_NON_COMPLIANT);
	/* unset: said once more with its default, because these agents keep what they have */
	assert_ok(store_setting_unset(s.tx, &f->by, SCOPE_FLEET, s.fleet_id, "camera.disabled",
				      &f->err));
	sync_fleet(&s, s.fleet_id);
	int64_t third = task_of(&s, s.fleet_id, 0, "camera.disabled");
	assert_published(&s, arena_printf(&f->arena, "%s -\n%s\n",
					  d2_topic(&s, "disableCamera", second),
					  d2_topic(&s, "disableCamera", third)));
	sync_fleet(&s, s.fleet_id);
	assert_published(&s, "");
	assert_ok(tx_end(f, 0));
}

/* The administrator says how a phone is to be spoken to: for it alone, and for a fleet. Its own topics keep their
 * spelling, because that is what it has subscribed to. */
static void test_dialect(struct fixture *f)
{
	struct scene s;
	struct flyve_agent agent;
	begin(&s, f, FLYVE_D2);
	set_setting(&s, SCOPE_FLEET, s.fleet_id, "camera.disabled", "true");
	sync_device(&s);
	sync_fleet(&s, s.fleet_id);
	assert_false(s.effects.dialect_changed);
	assert_published(&s, "0/agent/SER1/Command/Subscribe\n"
			     "0/fleet/2/Policy/disableCamera/Task/1000000001\n");
	set_setting(&s, SCOPE_DEVICE, s.device_id, "flyve.dialect", "\"d1\"");
	sync_device(&s);
	assert_true(s.effects.account);
	assert_int_equal(s.effects.fleets[0], s.fleet_id);
	assert_payload(&s, "0/agent/SER1/Command/Subscribe",
		       "{\"subscribe\":[{\"topic\":\"/0/fleet/2\"}]}");
	sync_fleet(&s, s.fleet_id);
	assert_false(s.effects.dialect_changed); /* one device's is not the fleet's */
	assert_published(&s, "/0/fleet/2/camera\n/0/fleet/2/connectivity\n"
			     "/0/fleet/2/encryption\n/0/fleet/2/policies\n"
			     "0/agent/SER1/Command/Subscribe\n"
			     "0/fleet/2/Policy/disableCamera/Task/1000000001 -\n");
	sync_device(&s); /* again: nothing */
	assert_false(s.effects.account || s.effects.fleets[0] || s.effects.publish);
	assert_ok(store_setting_unset(s.tx, &f->by, SCOPE_DEVICE, s.device_id, "flyve.dialect",
				      &f->err));
	sync_device(&s);
	assert_payload(&s, "0/agent/SER1/Command/Subscribe",
		       "{\"subscribe\":[{\"topic\":\"0/fleet/2\"}]}");
	/* for everything below a fleet, and back */
	set_setting(&s, SCOPE_FLEET, f->root_id, "flyve.dialect", "\"d1\"");
	sync_fleet(&s, s.fleet_id);
	assert_true(s.effects.dialect_changed);
	sync_fleet(&s, s.fleet_id);
	assert_false(s.effects.dialect_changed);
	sync_device(&s);
	assert_ok(store_flyve_agent_get(s.tx, s.device_id, &f->arena, &agent, &f->err));
	assert_int_equal(agent.dialect, FLYVE_D1);
	assert_int_equal(agent.said, FLYVE_D2);
	set_setting(&s, SCOPE_FLEET, f->root_id, "flyve.dialect", "\"auto\"");
	sync_fleet(&s, s.fleet_id);
	assert_true(s.effects.dialect_changed);
	sync_device(&s);
	assert_ok(store_flyve_agent_get(s.tx, s.device_id, &f->arena, &agent, &f->err));
	assert_int_equal(agent.dialect, FLYVE_D2);
	assert_ok(tx_end(f, 0));
}

static void test_removal(struct fixture *f)
{
	struct scene s;
	struct file app = { .kind = "app", .name = "app", .package = "org.x", .size = 1 };
	begin(&s, f, FLYVE_D1);
	app.org_id = f->org_id;
	app.sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	assert_ok(store_file_put(s.tx, &f->by, &app, &f->err));
	sync_device(&s);
	set_setting(&s, SCOPE_FLEET, s.fleet_id, "apps.deploy",
		    arena_printf(&f->arena,
				 "[{\"app\":%" PRId64 ",\"remove_on_delete\":true},{\"app\":99}]",
				 app.id));
	sync_fleet(&s, s.fleet_id);
	assert_int_equal(s.effects.n_left_out, 1);
	int64_t id = task_of(&s, s.fleet_id, 0, "apps.deploy");
	say(&s, "Status/Task", id_payload(&s, id, "done"), true);
	assert_verdict(&s, VERDICT_NON_COMPLIANT); /* the other one is not there */
	set_setting(&s, SCOPE_FLEET, s.fleet_id, "apps.deploy", "[]");
	sync_fleet(&s, s.fleet_id);
	assert_payload(
		&s, "/0/fleet/2/application",
		arena_printf(&f->arena,
			     "{\"application\":[{\"removeApp\":\"org.x\",\"taskId\":\"%" PRId64
			     "\"}]}",
			     id + 1));
	set_setting(&s, SCOPE_FLEET, s.fleet_id, "apps.deploy",
		    arena_printf(&f->arena, "[{\"app\":%" PRId64 "}]", app.id));
	sync_fleet(&s, s.fleet_id);
	set_setting(&s, SCOPE_FLEET, s.fleet_id, "apps.deploy", "[]");
	sync_fleet(&s, s.fleet_id);
	assert_payload(&s, "/0/fleet/2/application", "{\"application\":[]}");
	assert_ok(tx_end(f, 0));
}

/* ---- orders ---- */

/* A query that nobody heard is said again to a device that comes back, but not when its time has run out. */
static void test_queries_again(struct fixture *f)
{
	struct scene s;
	struct device d;
	struct flyve_effects e;
	struct command c;
	begin(&s, f, FLYVE_D2);
	struct command_new n = { .device_id = s.device_id, .type = "ping", .expires_ms = 1200000 };
	assert_ok(store_command_create(s.tx, &f->by, &n, &f->arena, &c, &f->err));
	sync_device(&s);
	assert_command(&s, c.id, "sent");
	assert_ok(store_device_get(s.tx, s.device_id, &f->arena, &d, &f->err));
	assert_ok(flyve_queries_again(s.tx, &d, n.expires_ms - 1, &f->arena, &e));
	assert_int_equal(e.n_queries, 1);
	assert_ok(flyve_queries_again(s.tx, &d, n.expires_ms, &f->arena, &e));
	assert_int_equal(e.n_queries, 0);
	assert_ok(tx_end(f, 0));
}

static void test_orders(struct fixture *f)
{
	struct scene s;
	begin(&s, f, FLYVE_D1);
	sync_device(&s);
	assert_published(&s, "/0/agent/SER1/Command/Subscribe\n");
	int64_t ping = order(&s, "ping"), lock = order(&s, "lock");
	sync_device(&s);
	assert_int_equal(s.effects.n_queries, 1);
	assert_string_equal(s.effects.queries[0].topic, "/0/agent/SER1/Command/Ping");
	assert_command(&s, lock, "sent");
	sync_device(&s);
	assert_int_equal(s.effects.n_queries, 0);
	/* seen, but the broker has not taken the order yet: it proves nothing of that */
	assert_true(say(&s, "Status/Ping", "!", false).evidence);
	assert_command(&s, ping, "done");
	assert_command(&s, lock, "sent");
	assert_published(&s, "/0/agent/SER1/Command/Lock\n");
	assert_false(say(&s, "Status/Online", "{\"online\":\"true\"}", true).evidence);
	assert_command(&s, lock, "sent");
	assert_true(say(&s, "Status/Ping", "!", true).sync);
	assert_command(&s, lock, "done");
	assert_published(&s, "/0/agent/SER1/Command/Lock -\n");
	/* a newer one on the same topic */
	lock = order(&s, "lock");
	int64_t unlock = order(&s, "unlock");
	sync_device(&s);
	assert_command(&s, lock, "failed");
	assert_command(&s, unlock, "sent");
	assert_published(&s, "/0/agent/SER1/Command/Lock\n");
	/* cancelled and confirmed ones go */
	assert_ok(store_command_cancel(s.tx, &f->by, unlock, &f->err));
	sync_device(&s);
	assert_published(&s, "/0/agent/SER1/Command/Lock -\n");
	lock = order(&s, "lock");
	sync_device(&s);
	say(&s, "Status/Task", id_payload(&s, lock, "failed"), true);
	assert_command(&s, lock, "failed");
	assert_published(&s, "/0/agent/SER1/Command/Lock -\n");
	assert_ok(tx_end(f, 0));
}

static void test_wipe(struct fixture *f)
{
	struct scene s;
	struct device d;
	begin(&s, f, FLYVE_D1);
	int64_t wipe = order(&s, "wipe"), locate = order(&s, "locate");
	sync_device(&s);
	assert_published(&s, "/0/agent/SER1/Command/Subscribe\n/0/agent/SER1/Command/Wipe\n");
	int64_t lock = order(&s, "lock"); /* not handed out yet */
	say(&s, "Status/Ping", "!", true);
	assert_command(&s, wipe, "sent"); /* it is there, so it was not wiped */
	assert_ok(store_device_get(s.tx, s.device_id, &f->arena, &d, &f->err));
	assert_ok(flyve_end_orders(s.tx, &d, 1300000, &f->arena));
	assert_command(&s, wipe, "done");
	assert_command(&s, lock, "cancelled");
	assert_command(&s, locate, "cancelled");
	assert_published(&s, "/0/agent/SER1/Command/Subscribe -\n/0/agent/SER1/Command/Wipe -\n");
	assert_ok(tx_end(f, 0));
}

static void test_leaving(struct fixture *f)
{
	struct scene s;
	struct device d;
	begin(&s, f, FLYVE_D2);
	int64_t id = order(&s, "unenroll");
	sync_device(&s);
	assert_published(&s, "0/agent/SER1/Command/Subscribe\n0/agent/SER1/Command/Unenroll\n");
	say(&s, arena_printf(&f->arena, "Status/Task/%" PRId64, id), "{\"status\":\"received\"}",
	    true);
	assert_command(&s, id, "acknowledged");
	assert_true(say(&s, "Status/Unenroll", "{\"unenroll\":\"unenrolled\"}", true).left);
	assert_command(&s, id, "done");
	assert_ok(store_device_get(s.tx, s.device_id, &f->arena, &d, &f->err));
	assert_true(d.unenrolled_ms != 0);
	sync_device(&s);
	assert_published(&s, "0/agent/SER1/Command/Subscribe -\n0/agent/SER1/Command/Unenroll -\n");
	assert_false(say(&s, "Status/Ping", "!", true).evidence); /* nothing it says counts */
	assert_ok(tx_end(f, 0));
}

static void test_content(struct fixture *f)
{
	struct scene s;
	struct attribute *attributes;
	struct inventory *sections;
	size_t n;
	begin(&s, f, FLYVE_D1);
	int64_t first = order(&s, "locate"), second = order(&s, "inventory");
	sync_device(&s);
	say(&s, "Status/Geolocation", "?", true);
	assert_command(&s, first, "sent");
	say(&s, "Status/Geolocation", "{\"latitude\":\"48.5\",\"longitude\":-2,\"datetime\":60}",
	    true);
	assert_command(&s, first, "done");
	assert_ok(store_attribute_list(s.tx, s.device_id, &f->arena, &attributes, &n));
	assert_int_equal(n, 3);
	assert_string_equal(attributes[0].value, "48.5");
	say(&s, "Status/Inventory",
	    "<REQUEST><CONTENT><BIOS><SMODEL>Pixel</SMODEL></BIOS></CONTENT></REQUEST>", true);
	assert_command(&s, second, "done");
	assert_ok(store_inventory_list(s.tx, s.device_id, &f->arena, &sections, &n));
	assert_int_equal(n, 1);
	first = order(&s, "locate");
	sync_device(&s);
	say(&s, "Status/Geolocation", "{\"gps\":\"off\"}", true);
	assert_command(&s, first, "failed");
	assert_ok(tx_end(f, 0));
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_d1_fleet), TEST(test_d1_silent), TEST(test_unmanaged),
		TEST(test_moves),    TEST(test_differs),   TEST(test_d2),
		TEST(test_removal),  TEST(test_orders),    TEST(test_queries_again),
		TEST(test_wipe),     TEST(test_leaving),   TEST(test_content),
		TEST(test_dialect),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
