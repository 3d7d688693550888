/* SPDX-License-Identifier: Apache-2.0
 *
 * The same random verbs on SQLite and on memory: every result is the same, every table holds the same
 * rows in the order of every index, and every random filter gives the same devices.
 *
 *     STORE_SEED=n   another sequence (the seed of a failing run is printed)
 */
#include "store/test-store.h"

#include "base/buf.h"
#include "store/rows.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 2000, CHECK_EVERY = 100, N_ARGS = 6 };

struct rng {
	uint64_t state;
};

static uint32_t next(struct rng *r)
{
	r->state = r->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(r->state >> 33);
}

struct step { /* what both stores are asked to do */
	size_t verb;
	uint32_t args[N_ARGS];
	bool fails; /* rolled back afterwards */
	int64_t now_ms;
};

struct world {
	struct fixture *f;
	struct buf log;                                /* what a step said */
	int64_t last_fleet, last_device, last_command; /* made last, as far as we know */
};

/* ---- arguments ---- */

/* Now and then one that is not there. */
static int64_t some_id(uint32_t n, int64_t last)
{
	return n % 32 == 0 || last == 0 ? last + 1 : n / 32 % last + 1;
}

static int64_t some_fleet(const struct world *w, uint32_t n)
{
	return some_id(n, w->last_fleet);
}

static int64_t some_device(const struct world *w, uint32_t n)
{
	return some_id(n, w->last_device);
}

static const char *some_name(struct fixture *f, uint32_t n)
{
	static const char *const names[] = { "alpha", "Beta",          "gamma", "x",
					     "",      "delta/epsilon", "Ünï",   "z" };
	return n % 3 ? names[n / 3 % ARRAY_SIZE(names)]
		     : arena_printf(&f->arena, "name%u", n / 3 % 30);
}

static const char *some_setting(uint32_t n)
{
	static const char *const names[] = { "camera.disabled", "wifi.disabled",
					     "bluetooth.disabled", "password.min_length" };
	return names[n % ARRAY_SIZE(names)];
}

static json_t *some_value(uint32_t name, uint32_t n)
{
	return name % 4 == 3 ? json_integer(n % 5 + 1) : json_boolean(n % 2);
}

static struct span some_hash(struct fixture *f, uint32_t n)
{
	return span_str(arena_printf(&f->arena, "hash%u", n % 40));
}

/* ---- verbs: each says its result, and what it made, in the log ---- */

static void say(struct world *w, int64_t v)
{
	buf_addf(&w->log, " %" PRId64, v);
}

static int v_fleet_create(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	struct fleet fleet = { 0 };
	int r = store_fleet_create(tx, &w->f->by, 1, some_fleet(w, a[0]), some_name(w->f, a[1]),
				   &w->f->arena, &fleet, &w->f->err);
	say(w, r ? 0 : fleet.id);
	w->last_fleet = r ? w->last_fleet : fleet.id;
	return r;
}

static int v_fleet_rename(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	return store_fleet_rename(tx, &w->f->by, some_fleet(w, a[0]), some_name(w->f, a[1]),
				  a[2] % 4, &w->f->err);
}

static int v_fleet_move(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	return store_fleet_move(tx, &w->f->by, some_fleet(w, a[0]), some_fleet(w, a[1]), 0,
				&w->f->err);
}

static int v_fleet_delete(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	return a[1] % 3 ? 0 : store_fleet_delete(tx, &w->f->by, some_fleet(w, a[0]), 0, &w->f->err);
}

static int v_enroll(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	struct device d = { 0 };
	struct enrollment e = { .org_id = 1,
				.fleet_id = some_fleet(w, a[0]),
				.parent_id = a[1] % 5 ? 0 : some_device(w, a[1]),
				.kind = a[2] % KIND_N,
				.channel = a[2] / KIND_N % CHANNEL_N,
				.name = some_name(w->f, a[3]),
				.serial = some_name(w->f, a[4]),
				.external_id = a[5] % 4 ? "" : some_name(w->f, a[5]),
				.token_hash = some_hash(w->f, a[5]) };
	int r = store_device_enroll(tx, &w->f->by, &e, &w->f->arena, &d, &w->f->err);
	say(w, r ? 0 : d.id);
	w->last_device = r ? w->last_device : d.id;
	buf_add_str(&w->log, r ? "" : d.external_id);
	return r;
}

static int v_reenroll(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	struct device d = { 0 };
	struct enrollment e = { .kind = KIND_LINUX,
				.channel = CHANNEL_DEVICE,
				.token_hash = some_hash(w->f, a[1]) };
	int64_t id = some_device(w, a[0]);
	return store_device_reenroll(tx, &w->f->by, id, &e, &w->f->arena, &d, &w->f->err);
}

static int v_device_move(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	return store_device_move(tx, &w->f->by, some_device(w, a[0]), some_fleet(w, a[1]), 0,
				 &w->f->err);
}

static int v_device_rename(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	return store_device_rename(tx, &w->f->by, some_device(w, a[0]), some_name(w->f, a[1]),
				   a[2] % 3, &w->f->err);
}

static int v_unenroll(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	return a[1] % 3 ? 0
			: store_device_unenroll(tx, &w->f->by, some_device(w, a[0]), &w->f->err);
}

static int v_device_delete(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	return a[1] % 6 ? 0
			: store_device_delete(tx, &w->f->by, some_device(w, a[0]), 0, &w->f->err);
}

static int v_facts(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	return store_device_facts(tx, some_device(w, a[0]), some_name(w->f, a[1]),
				  a[2] % 2 ? "12" : NULL, NULL, a[3] % 3 ? "" : "fcm", &w->f->err);
}

static int v_attribute(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	return store_attribute_set(tx, some_device(w, a[0]), a[1] % 2 ? "color" : "size",
				   some_name(w->f, a[2]), w->f->by.now_ms, &w->f->err);
}

static int v_inventory(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	return store_inventory_put(tx, some_device(w, a[0]), some_name(w->f, a[1]), "{}",
				   w->f->by.now_ms, &w->f->err);
}

static int v_set(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	AUTO_JSON value = some_value(a[2], a[3]);
	bool changed = false;
	enum scope s = a[0] % 2 ? SCOPE_FLEET : SCOPE_DEVICE;
	int r = store_setting_set(tx, &w->f->by, s,
				  s == SCOPE_FLEET ? some_fleet(w, a[1]) : some_device(w, a[1]),
				  some_setting(a[2]), a[4] % 3 ? "mandatory" : "recommended", value,
				  a[5] % 7 == 0, &changed, &w->f->err);
	say(w, changed);
	return r;
}

static int v_unset(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	enum scope s = a[0] % 2 ? SCOPE_FLEET : SCOPE_DEVICE;
	return store_setting_unset(tx, &w->f->by, s,
				   s == SCOPE_FLEET ? some_fleet(w, a[1]) : some_device(w, a[1]),
				   some_setting(a[2]), &w->f->err);
}

/* Mostly what is desired, at the version desired; now and then less of it, or another version. */
static int v_report(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	CLEANUP(desired_fini) struct desired desired = { 0 };
	AUTO_JSON observed = json_object();
	struct device d;
	enum verdict v = 0;
	int64_t now = 0, id = some_device(w, a[0]);
	if (store_device_get(tx, id, &w->f->arena, &d, &w->f->err) == 0)
		assert_ok(store_desired(tx, &d, &desired));
	for (uint32_t i = 0; i < desired.n; i++)
		if (a[1] % 3 || a[2] >> i & 1)
			json_object_set_new(observed, desired.items[i].type->name,
					    json_pack("{s:O,s:s}", "value", desired.items[i].value,
						      "state", a[3] % 9 ? "applied" : "failed"));
	now = desired.version;
	now += a[3] % 6 == 0 ? (int64_t)(a[4] % 5) : a[3] % 6 == 1 ? -1 : 0;
	int r = store_report(tx, id, now, observed, a[5] % 3 ? "" : "{\"raw\":1}", w->f->by.now_ms,
			     &v, &now, &w->f->err);
	say(w, r ? 0 : (int64_t)v);
	say(w, r ? 0 : now);
	return r;
}

static int v_command(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	static const char *const types[] = { "ping", "inventory", "reboot", "lock" };
	struct command c = { 0 };
	struct command_new n = { .device_id = some_device(w, a[0]),
				 .type = types[a[1] % ARRAY_SIZE(types)],
				 .idempotency_key = a[2] % 3 ? "" : some_name(w->f, a[2]),
				 .expires_ms = a[3] % 2 ? 0 : w->f->by.now_ms + a[3] % 1000 };
	int r = store_command_create(tx, &w->f->by, &n, &w->f->arena, &c, &w->f->err);
	say(w, r ? 0 : c.id);
	w->last_command = r ? w->last_command : c.id;
	return r;
}

static int v_take(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	struct command *all = NULL;
	size_t n = 0;
	int r = store_command_take(tx, some_device(w, a[0]), a[1] % 3 + 1, 500, w->f->by.now_ms,
				   &w->f->arena, &all, &n);
	for (size_t i = 0; i < n; i++)
		say(w, all[i].id);
	return r;
}

static int v_result(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	struct command c;
	int64_t device_id = some_device(w, a[1]);
	if (a[2] % 4 && store_command_get(tx, some_id(a[0], w->last_command), &w->f->arena, &c,
					  &w->f->err) == 0)
		device_id = c.device_id;
	return store_command_result(tx, device_id, some_id(a[0], w->last_command), a[3] % 7, "said",
				    NULL, w->f->by.now_ms, &w->f->err);
}

static int v_expire(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	size_t n;
	int r = store_command_expire(tx, w->f->by.now_ms, a[0] % 5, &n);
	say(w, (int64_t)n);
	return r;
}

static int v_task(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	struct task t = { .device_id = some_device(w, a[0]),
			  .setting = some_setting(a[1]),
			  .item = a[2] % 2 ? "" : "1",
			  .state = "running",
			  .progress = a[3] % 100 };
	int r = store_task_put(tx, &t, &w->f->err);
	say(w, r ? 0 : t.id);
	return r;
}

static int v_token(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	struct enrollment_token t = { .org_id = 1,
				      .fleet_id = some_fleet(w, a[0]),
				      .kind = a[1] % 2 ? "agent" : "flyve",
				      .token_hash = some_hash(w->f, a[2]),
				      .uses_max = a[3] % 3 };
	int r = store_enrollment_token_create(tx, &w->f->by, &t, &w->f->err);
	say(w, r ? 0 : t.id);
	return r;
}

static int v_token_use(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	struct enrollment_token t;
	return store_enrollment_token_use(tx, a[0] % 2 ? "agent" : "flyve", some_hash(w->f, a[1]),
					  w->f->by.now_ms, &w->f->arena, &t, &w->f->err);
}

static int v_administrator(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	struct administrator m = { .id = some_id(a[0], 8),
				   .name = some_name(w->f, a[1]),
				   .password = some_name(w->f, a[2]),
				   .scopes = "*",
				   .disabled_ms = a[3] % 3 == 0 };
	struct session s = { .administrator_id = m.id,
			     .token_hash = some_hash(w->f, a[4]),
			     .expires_ms = w->f->by.now_ms + a[5] % 500 };
	switch (a[5] % 5) {
	case 0:
		return store_administrator_create(tx, &w->f->by, &m, &w->f->err);
	case 1:
		return store_administrator_update(tx, &w->f->by, &m, &w->f->err);
	case 2:
		return store_administrator_delete(tx, &w->f->by, m.id, &w->f->err);
	case 3:
		return store_session_create(tx, &w->f->by, &s, &w->f->err);
	default:
		return store_session_expire(tx, w->f->by.now_ms);
	}
}

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int v_file(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	struct file f = { .org_id = 1,
			  .kind = a[0] % 2 ? "file" : "app",
			  .name = some_name(w->f, a[1]),
			  .sha256 = a[2] % 2 ? SHA_A : SHA_B };
	bool last = false;
	int r = a[3] % 4 ? store_file_put(tx, &w->f->by, &f, &w->f->err)
			 : store_file_delete(tx, &w->f->by, some_id(a[4], 10), &last, &w->f->err);
	say(w, r ? 0 : f.id);
	say(w, last);
	return r;
}

static int v_prune(struct world *w, struct store_conn *tx, const uint32_t *a)
{
	size_t n = 0;
	int r = a[0] % 10 ? 0 : store_event_prune(tx, w->f->by.now_ms - 5000, a[1] % 20, &n);
	say(w, (int64_t)n);
	return r;
}

typedef int verb_fn(struct world *w, struct store_conn *tx, const uint32_t *a);
static verb_fn *const verbs[] = {
	v_fleet_create, v_fleet_rename, v_fleet_move,    v_fleet_delete, v_enroll,        v_enroll,
	v_reenroll,     v_device_move,  v_device_rename, v_unenroll,     v_device_delete, v_facts,
	v_attribute,    v_inventory,    v_set,           v_set,          v_unset,         v_report,
	v_report,       v_report,       v_command,       v_command,      v_take,          v_result,
	v_expire,       v_task,         v_token,         v_token_use,    v_administrator, v_file,
	v_prune,
};

static void run_step(struct world *w, const struct step *s)
{
	buf_reset(&w->log);
	w->f->by.now_ms = s->now_ms;
	w->f->err = (struct error){ 0 };
	struct store_conn *tx = tx_begin(w->f);
	int r = verbs[s->verb](w, tx, s->args);
	buf_addf(&w->log, " = %d %s", r, r > 0 ? w->f->err.message : "");
	(void)tx_end(w->f, r ? r : s->fails ? -EINVAL : 0);
}

/* ---- comparing ---- */

static int dump_row(void *user, const void *record)
{
	void **x = user;
	struct buf *out = x[0];
	const struct table *t = x[1];
	buf_add_str(out, "\n");
	for (size_t i = 0; i < t->n_columns; i++) {
		const void *f = (const char *)record + t->columns[i].offset;
		const struct span *blob = f;
		switch (t->columns[i].type) {
		case COLUMN_I64:
			buf_addf(out, "%" PRId64 "|", *(const int64_t *)f);
			break;
		case COLUMN_BOOL:
			buf_addf(out, "%d|", *(const bool *)f);
			break;
		case COLUMN_TEXT:
			buf_addf(out, "%s|", *(const char *const *)f);
			break;
		case COLUMN_BLOB:
			buf_addf(out, "%.*s|", (int)blob->n, (const char *)blob->p);
			break;
		}
	}
	return 0;
}

static void dump(struct world *w, struct buf *out)
{
	for (size_t t = 0; t < TABLE_N; t++)
		for (int i = INDEX_PRIMARY; i < (int)tables[t].n_indexes; i++)
			for (int descending = 0; descending < 2; descending++) {
				struct scan s = { .table = (enum table_id)t,
						  .index = i,
						  .descending = descending };
				void *user[] = { out, (void *)&tables[t] };
				buf_addf(out, "\n%s %d", tables[t].name, i);
				assert_ok(row_scan(reader(w->f), &s, dump_row, user));
			}
	assert_false(out->failed);
}

static void assert_same(const char *what, const struct buf *a, const struct buf *b)
{
	size_t i = 0;
	while (i < a->n && i < b->n && a->p[i] == b->p[i])
		i++;
	if (i == a->n && i == b->n)
		return;
	size_t from = i > 200 ? i - 200 : 0;
	fail_msg("%s differ:\nsqlite: %.300s\nmemory: %.300s", what, buf_str(a) + from,
		 buf_str(b) + from);
}

static void add_filter(struct buf *out, struct rng *r, int depth)
{
	static const char *const leaves[] = {
		"verdict=STALE",
		"verdict!=COMPLIANT",
		"verdict=COMPLIANT",
		"verdict=UNKNOWN",
		"verdict!=NON_COMPLIANT",
		"kind=linux",
		"kind!=vm",
		"channel=device",
		"channel=mdmcore",
		"fleet=1",
		"fleet!=1",
		"within=1",
		"within=2",
		"within!=3",
		"serial=alpha",
		"parent=1",
		"parent=0",
		"parent in (2, 3, 4) and managed=false",
		"serial!=''",
		"external_id=device-1",
		"external_id=3",
		"name~A",
		"name=Beta",
		"id<20",
		"id=7",
		"version>3",
		"applied_version>=2",
		"applied_version=0",
		"managed=true",
		"managed=false",
		"model~a",
		"os_version=12",
		"attribute.color=alpha",
		"attribute.size!=''",
		"last_seen<1h",
		"enrolled>1m",
	};
	uint32_t n = next(r) % 8;
	if (depth == 0 || n > 4) {
		buf_add_str(out, leaves[next(r) % ARRAY_SIZE(leaves)]);
	} else if (n == 0) {
		buf_add_str(out, "not (");
		add_filter(out, r, depth - 1);
		buf_add_str(out, ")");
	} else {
		buf_add_str(out, "(");
		add_filter(out, r, depth - 1);
		buf_add_str(out, n < 3 ? " and " : " or ");
		add_filter(out, r, depth - 1);
		buf_add_str(out, ")");
	}
}

struct answer {
	struct buf text;
	int64_t n_listed;
};

static int list_device(void *user, const struct device *d, enum verdict v, int64_t ver)
{
	struct answer *x = user;
	buf_addf(&x->text, " %d:%s:%d", (int)d->id, verdict_name(v), (int)ver);
	x->n_listed++;
	return 0;
}

/* A count is the length of the whole list. */
static void query(struct world *w, const char *text, int64_t after, size_t limit,
		  struct answer *ret)
{
	CLEANUP(arena_fini) struct arena a;
	const struct fleet_tree *tree;
	const struct filter *filter;
	int64_t n = -1;
	arena_init(&a);
	buf_init(&ret->text, 1 << 20);
	ret->n_listed = 0;
	assert_ok(store_fleets(reader(w->f), 1, &tree));
	int r = filter_parse(text, tree, w->f->by.now_ms, &a, &filter, &w->f->err);
	buf_addf(&ret->text, "%s (after %d) = %d:", text, (int)after, r);
	if (r)
		return;
	assert_ok(store_device_list(reader(w->f), 1, filter, after, limit, list_device, ret));
	assert_ok(store_device_count(reader(w->f), 1, filter, &n));
	buf_addf(&ret->text, "; %d", (int)n);
	if (after == 0 && limit == 1000)
		assert_int_equal(n, ret->n_listed);
}

static void check_query(struct world w[2], struct rng *r)
{
	CLEANUP(buf_fini) struct buf text;
	struct answer answers[2];
	buf_init(&text, 10000);
	add_filter(&text, r, 3);
	int64_t after = next(r) % 3 ? 0 : next(r) % 40;
	size_t limit = next(r) % 2 ? 7 : 1000;
	for (int i = 0; i < 2; i++)
		query(&w[i], buf_str(&text), after, limit, &answers[i]);
	assert_same("answers", &answers[0].text, &answers[1].text);
	buf_fini(&answers[0].text);
	buf_fini(&answers[1].text);
}

static void check_world(struct world w[2], struct rng *r)
{
	struct buf dumps[2];
	for (int i = 0; i < 2; i++) {
		buf_init(&dumps[i], 64 << 20);
		dump(&w[i], &dumps[i]);
	}
	assert_same("tables", &dumps[0], &dumps[1]);
	buf_fini(&dumps[0]);
	buf_fini(&dumps[1]);
	for (int i = 0; i < 40; i++)
		check_query(w, r);
	for (int i = 0; i < 2; i++) {
		AUTO_JSON findings = json_array();
		assert_ok(store_check(w[i].f->store, findings));
		if (json_array_size(findings))
			fail_msg("%s", json_string_value(json_array_get(findings, 0)));
	}
}

static void test_differential(void **state)
{
	const char *env = getenv("STORE_SEED");
	struct rng r = { env ? strtoull(env, NULL, 10) : 20261125 };
	struct world w[2] = { { .f = fixture_new("sqlite") }, { .f = fixture_new("memory") } };
	print_message("STORE_SEED=%" PRIu64 "\n", r.state);
	for (int i = 0; i < 2; i++) {
		buf_init(&w[i].log, 100000);
		fixture_organization(w[i].f);
	}
	for (int n = 0; n < STEPS; n++) {
		struct step s = { .verb = next(&r) % ARRAY_SIZE(verbs),
				  .fails = next(&r) % 12 == 0,
				  .now_ms = 1000000 + n * 10 };
		for (int i = 0; i < N_ARGS; i++)
			s.args[i] = next(&r);
		run_step(&w[0], &s);
		run_step(&w[1], &s);
		assert_same("results", &w[0].log, &w[1].log);
		if (n % CHECK_EVERY == CHECK_EVERY - 1)
			check_world(w, &r);
	}
	for (int i = 0; i < 2; i++) {
		buf_fini(&w[i].log);
		fixture_free(w[i].f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_differential) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
