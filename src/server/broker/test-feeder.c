/* SPDX-License-Identifier: Apache-2.0
 *
 * The feeder on a store in memory, its messages applied as the plugin applies them: what is in force afterwards.
 */
#include "server/broker/feeder.h"

#include "broker/link.h"

#include "base/map.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECRET "secret"

struct world {
	struct server server;
	struct feeder *feeder;
	struct buf out;
	struct link_reader reader;
	struct arena arena;
	struct map *accounts; /* device -> text "user root fleets", owned */
	bool in_snapshot;
	int n_snapshots, n_messages;
	struct map *seen; /* in the snapshot under way */
	int64_t org_id, root_id;
	int (*op)(struct world *w, struct store_conn *tx, struct error *err);
	struct store_write write;
	int64_t a, b, c; /* what ops work on */
};

static const struct change by = { "admin:test", 1000 };

/* ---- the store ---- */

static int apply(struct store_conn *tx, struct store_write *write)
{
	struct world *w = CONTAINER_OF(write, struct world, write);
	return w->op(w, tx, &write->err);
}

static void run(struct world *w,
		int (*op)(struct world *w, struct store_conn *tx, struct error *err))
{
	w->op = op;
	w->write = (struct store_write){ .apply = apply };
	assert_int_equal(store_write_wait(w->server.store, &w->write), 0);
}

static int make_org(struct world *w, struct store_conn *tx, struct error *err)
{
	struct organization o;
	const struct fleet_tree *tree = NULL;
	int r = store_organization_create(tx, &by, "acme", "", &w->arena, &o, err);
	if (r == 0)
		r = store_fleets(tx, o.id, &tree);
	w->org_id = o.id;
	w->root_id = r == 0 ? fleet_tree_root(tree)->id : 0;
	return r;
}

/* Fleet c; device a in the root fleet, b in the fleet c. */
static int make_fleet(struct world *w, struct store_conn *tx, struct error *err)
{
	struct fleet f;
	int r = store_fleet_create(tx, &by, w->org_id, w->root_id, "sales", &w->arena, &f, err);
	w->c = f.id;
	return r;
}

static int enroll(struct world *w, struct store_conn *tx, enum channel channel, int64_t fleet_id,
		  const char *name, int64_t *ret, struct error *err)
{
	uint8_t hash[SHA256_SIZE];
	struct device d;
	sha256(span_str(name), hash);
	struct enrollment e = { .org_id = w->org_id,
				.fleet_id = fleet_id,
				.kind = KIND_ANDROID,
				.channel = channel,
				.name = name,
				.serial = name,
				.external_id = name,
				.model = "",
				.os_version = "",
				.agent_version = "",
				.token_hash = { hash, sizeof hash } };
	int r = store_device_enroll(tx, &by, &e, &w->arena, &d, err);
	*ret = d.id;
	return r;
}

static int make_devices(struct world *w, struct store_conn *tx, struct error *err)
{
	int64_t other;
	int r = enroll(w, tx, CHANNEL_FLYVE, w->root_id, "A", &w->a, err);
	if (r == 0)
		r = enroll(w, tx, CHANNEL_FLYVE, w->c, "B", &w->b, err);
	if (r == 0)
		r = enroll(w, tx, CHANNEL_DEVICE, w->c, "not ours", &other, err);
	return r;
}

static int make_many(struct world *w, struct store_conn *tx, struct error *err)
{
	char name[16];
	int64_t id;
	int r = 0;
	for (int i = 0; i < 600 && r == 0; i++) {
		snprintf(name, sizeof name, "M%d", i);
		r = enroll(w, tx, CHANNEL_FLYVE, w->root_id, name, &id, err);
	}
	return r;
}

static int make_hostile(struct world *w, struct store_conn *tx, struct error *err)
{
	static const char *const names[] = { "a/b", "+", "x#", "$server", "${clientid}" };
	int64_t id;
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++)
		r = enroll(w, tx, CHANNEL_FLYVE, w->root_id, names[i], &id, err);
	return r;
}

static int move_a(struct world *w, struct store_conn *tx, struct error *err)
{
	return store_device_move(tx, &by, w->a, w->c, 0, err);
}

static int unenroll_b(struct world *w, struct store_conn *tx, struct error *err)
{
	return store_device_unenroll(tx, &by, w->b, err);
}

static int delete_a(struct world *w, struct store_conn *tx, struct error *err)
{
	return store_device_delete(tx, &by, w->a, 0, err);
}

static int delete_fleet(struct world *w, struct store_conn *tx, struct error *err)
{
	return store_fleet_delete(tx, &by, w->c, 0, err);
}

/* ---- the plugin ---- */

static void forget(struct world *w, uint64_t device)
{
	int64_t id = (int64_t)device;
	free(map_remove(w->accounts, map_key_int(&id)));
}

static void put(struct world *w, const struct link_message *m)
{
	int64_t id = (int64_t)m->number;
	char *text = NULL;
	int n = asprintf(&text, "%.*s %.*s %s", (int)m->user.n, (const char *)m->user.p,
			 (int)m->root.n, (const char *)m->root.p, (const char *)m->fleets.p);
	assert_true(n > 0);
	free(map_put(w->accounts, map_key_int(&id), text));
	if (w->in_snapshot)
		(void)map_put(w->seen, map_key_int(&id), w);
}

struct sweep {
	struct world *w;
	uint64_t ids[1000];
	size_t n;
};

static void sweep_one(void *user, struct span key, void *value)
{
	struct sweep *s = user;
	(void)value;
	if (!map_get(s->w->seen, key))
		memcpy(&s->ids[s->n++], key.p, key.n);
}

static void end_snapshot(struct world *w)
{
	struct sweep s = { .w = w };
	map_each(w->accounts, sweep_one, &s);
	for (size_t i = 0; i < s.n; i++)
		forget(w, s.ids[i]);
	w->in_snapshot = false;
	w->n_snapshots++;
}

static void on_message(void *user, const struct link_message *m)
{
	struct world *w = user;
	w->n_messages++;
	if (m->type == LINK_SERVER) {
		assert_true(span_eq_str(m->user, "$server"));
	} else if (m->type == LINK_BEGIN) {
		map_free(w->seen);
		w->seen = map_new();
		w->in_snapshot = true;
	} else if (m->type == LINK_END) {
		end_snapshot(w);
	} else if (m->type == LINK_ACCOUNT) {
		put(w, m);
	} else {
		assert_int_equal(m->type, LINK_REMOVE);
		forget(w, m->number);
	}
}

/* Until nothing is left to do; returns how many messages came. */
static int settle(struct world *w)
{
	bool more = true;
	int before = w->n_messages, n_turns = 0;
	while (more) {
		assert_true(n_turns++ < 100);
		assert_int_equal(feeder_fill(w->feeder, &w->out, &more), 0);
	}
	assert_int_equal(link_feed(&w->reader, buf_span(&w->out), on_message, w), 0);
	buf_reset(&w->out);
	return w->n_messages - before;
}

static void expect(struct world *w, int64_t device, const char *text)
{
	const char *found = map_get(w->accounts, map_key_int(&device));
	if (text)
		assert_string_equal(found ? found : "(none)", text);
	else
		assert_null(found);
}

/* ---- tests ---- */

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct error err;
	struct store_options o = { .backend = "memory", .path = "" };
	arena_init(&w->arena);
	buf_init(&w->out, 64 << 20);
	link_reader_init(&w->reader);
	w->accounts = map_new();
	w->seen = map_new();
	assert_int_equal(store_open(&o, &w->server.store, &err), 0);
	run(w, make_org);
	run(w, make_fleet);
	run(w, make_devices);
	w->feeder = feeder_new(&w->server, &broker_source_plain);
	feeder_restart(w->feeder, SECRET, &w->out);
	*state = w;
	return 0;
}

static void free_text(void *user, struct span key, void *value)
{
	(void)user, (void)key;
	free(value);
}

static int tear_down(void **state)
{
	struct world *w = *state;
	feeder_free(w->feeder);
	store_close(w->server.store);
	map_each(w->accounts, free_text, NULL);
	map_free(w->accounts);
	map_free(w->seen);
	link_reader_fini(&w->reader);
	buf_fini(&w->out);
	arena_fini(&w->arena);
	free(w);
	return 0;
}

static const char *text(struct world *w, const char *name, int64_t fleet)
{
	long long entity = w->org_id - 1;
	return fleet ? arena_printf(&w->arena, "%s %lld/agent/%s %lld/fleet/%lld", name, entity,
				    name, entity, (long long)fleet)
		     : arena_printf(&w->arena, "%s %lld/agent/%s ", name, entity, name);
}

static void test_everything_first(void **state)
{
	struct world *w = *state;
	run(w, make_many);
	run(w, make_hostile); /* logged, and without an account */
	settle(w);
	assert_int_equal(w->n_snapshots, 1);
	assert_int_equal(map_n(w->accounts), 602);
	expect(w, w->a, text(w, "A", 0)); /* the root fleet is "not managed" */
	expect(w, w->b, text(w, "B", w->c));
	assert_int_equal(settle(w), 0);
}

static void test_changes(void **state)
{
	struct world *w = *state;
	settle(w);
	run(w, move_a);
	settle(w);
	expect(w, w->a, text(w, "A", w->c));
	run(w, unenroll_b);
	settle(w);
	expect(w, w->b, NULL);
	run(w, delete_a);
	settle(w);
	expect(w, w->a, NULL);
	run(w, make_many); /* more events than one turn reads */
	settle(w);
	assert_int_equal(map_n(w->accounts), 600);
	assert_int_equal(w->n_snapshots, 1);
}

static void test_changes_during_the_pages(void **state)
{
	struct world *w = *state;
	bool more;
	assert_int_equal(feeder_fill(w->feeder, &w->out, &more), 0);
	assert_int_equal(feeder_fill(w->feeder, &w->out, &more), 0);
	run(w, move_a); /* its page has been read */
	run(w, unenroll_b);
	settle(w);
	expect(w, w->a, text(w, "A", w->c));
	expect(w, w->b, NULL);
}

static void test_fleet_deleted(void **state)
{
	struct world *w = *state;
	settle(w);
	run(w, delete_fleet);
	settle(w);
	assert_int_equal(w->n_snapshots, 2); /* no event names the devices */
	expect(w, w->b, text(w, "B", 0));
}

static void test_refresh(void **state)
{
	struct world *w = *state;
	settle(w);
	feeder_refresh(w->feeder, w->a);
	feeder_refresh(w->feeder, 999);
	assert_int_equal(settle(w), 2);
	for (int i = 0; i < 5000; i++)
		feeder_refresh(w->feeder, w->b);
	settle(w);
	assert_int_equal(w->n_snapshots, 2); /* too many to remember */
	expect(w, w->b, text(w, "B", w->c));
}

static void test_restart(void **state)
{
	struct world *w = *state;
	settle(w);
	run(w, unenroll_b);
	feeder_restart(w->feeder, SECRET, &w->out); /* another broker, which knows nothing */
	settle(w);
	assert_int_equal(w->n_snapshots, 2);
	expect(w, w->a, text(w, "A", 0));
	expect(w, w->b, NULL);
}

#define FEED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FEED(test_everything_first),
		FEED(test_changes),
		FEED(test_changes_during_the_pages),
		FEED(test_fleet_deleted),
		FEED(test_refresh),
		FEED(test_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
