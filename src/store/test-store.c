/* SPDX-License-Identifier: Apache-2.0
 *
 * See test-store.h.
 */
#include "store/test-store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void open_store(struct fixture *f)
{
	struct error err = { 0 };
	if (store_open(&f->options, &f->store, &err) != 0)
		fail_msg("store_open: %s", err.message);
}

struct fixture *fixture_new(const char *backend)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	f->backend = backend;
	snprintf(f->folder, sizeof f->folder, "/tmp/reeve-store-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof f->path, "%s/store.sqlite", f->folder);
	f->options = (struct store_options){ .backend = backend, .path = f->path };
	f->by = (struct change){ .actor = "admin:test", .now_ms = 1000000 };
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->cond, NULL);
	arena_init(&f->arena);
	open_store(f);
	return f;
}

void fixture_free(struct fixture *f)
{
	if (f->state == TX_LENT)
		(void)tx_end(f, -1); /* a failed assertion left it */
	store_close(f->store);
	arena_fini(&f->arena);
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
	if (system(command) != 0)
		print_error("cannot remove %s\n", f->folder);
	free(f);
}

void fixture_reopen(struct fixture *f)
{
	store_close(f->store);
	open_store(f);
}

/* ---- the writer's connection ---- */

static int lend(struct store_conn *tx, struct store_write *w)
{
	struct fixture *f = CONTAINER_OF(w, struct fixture, write);
	pthread_mutex_lock(&f->lock);
	f->tx = tx;
	f->state = TX_LENT;
	pthread_cond_broadcast(&f->cond);
	while (f->state != TX_RETURNED)
		pthread_cond_wait(&f->cond, &f->lock);
	int r = f->result;
	pthread_mutex_unlock(&f->lock);
	return r;
}

static void finished(struct store_write *w, int r)
{
	struct fixture *f = CONTAINER_OF(w, struct fixture, write);
	pthread_mutex_lock(&f->lock);
	f->result = r;
	f->state = TX_DONE;
	pthread_cond_broadcast(&f->cond);
	pthread_mutex_unlock(&f->lock);
}

static void wait_for(struct fixture *f, int state)
{
	pthread_mutex_lock(&f->lock);
	while ((int)f->state != state)
		pthread_cond_wait(&f->cond, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

struct store_conn *tx_begin(struct fixture *f)
{
	f->write = (struct store_write){ .apply = lend, .done = finished };
	f->state = TX_WAITING;
	store_submit(f->store, &f->write);
	wait_for(f, TX_LENT);
	return f->tx;
}

int tx_end(struct fixture *f, int result)
{
	pthread_mutex_lock(&f->lock);
	f->result = result;
	f->state = TX_RETURNED;
	pthread_cond_broadcast(&f->cond);
	pthread_mutex_unlock(&f->lock);
	wait_for(f, TX_DONE);
	return f->result;
}

struct store_conn *reader(struct fixture *f)
{
	return store_reader(f->store);
}

/* ---- short forms ---- */

void fixture_organization(struct fixture *f)
{
	struct organization o;
	const struct fleet_tree *tree;
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_organization_create(tx, &f->by, "acme", "acme.example", &f->arena, &o,
					    &f->err));
	assert_ok(store_fleets(tx, o.id, &tree));
	f->org_id = o.id;
	f->root_id = fleet_tree_root(tree)->id;
	assert_ok(tx_end(f, 0));
}

int64_t make_fleet(struct fixture *f, struct store_conn *tx, int64_t parent_id, const char *name)
{
	struct fleet fleet;
	if (store_fleet_create(tx, &f->by, f->org_id, parent_id, name, &f->arena, &fleet,
			       &f->err) != 0)
		fail_msg("fleet %s: %s", name, f->err.message);
	return fleet.id;
}

int64_t make_device(struct fixture *f, struct store_conn *tx, int64_t fleet_id, const char *name)
{
	struct device d;
	struct enrollment e = { .org_id = f->org_id,
				.fleet_id = fleet_id,
				.kind = KIND_LINUX,
				.channel = CHANNEL_DEVICE,
				.name = name,
				.serial = name };
	if (store_device_enroll(tx, &f->by, &e, &f->arena, &d, &f->err) != 0)
		fail_msg("device %s: %s", name, f->err.message);
	return d.id;
}

enum verdict report(struct fixture *f, struct store_conn *tx, int64_t device_id, int64_t applied,
		    const char *observed_json)
{
	AUTO_JSON values = json_loads(observed_json, 0, NULL);
	AUTO_JSON observed = json_object();
	const char *name;
	json_t *value;
	enum verdict v;
	int64_t desired;
	assert_non_null(values);
	json_object_foreach (values, name, value)
		json_object_set_new(observed, name,
				    json_pack("{s:O, s:s}", "value", value, "state", "applied"));
	if (store_report(tx, device_id, applied, observed, "", f->by.now_ms, &v, &desired,
			 &f->err) != 0)
		fail_msg("report: %s", f->err.message);
	return v;
}

void set(struct fixture *f, struct store_conn *tx, enum scope s, int64_t id, const char *name,
	 const char *value_json)
{
	AUTO_JSON value = json_loads(value_json, JSON_DECODE_ANY, NULL);
	bool changed = false;
	if (store_setting_set(tx, &f->by, s, id, name, "mandatory", value, false, &changed,
			      &f->err) != 0)
		fail_msg("set: %s", f->err.message);
	assert_true(changed);
}

struct device device(struct fixture *f, struct store_conn *c, int64_t id)
{
	struct device d;
	if (store_device_get(c, id, &f->arena, &d, &f->err) != 0)
		fail_msg("device: %s", f->err.message);
	return d;
}

static enum verdict judge_device(struct fixture *f, struct store_conn *c, int64_t id,
				 int64_t *ret_version)
{
	struct device d = device(f, c, id);
	enum verdict v;
	assert_ok(store_device_verdict(c, &d, &v, ret_version));
	return v;
}

int64_t version(struct fixture *f, struct store_conn *c, int64_t device_id)
{
	int64_t v;
	judge_device(f, c, device_id, &v);
	return v;
}

const char *verdict(struct fixture *f, struct store_conn *c, int64_t device_id)
{
	int64_t v;
	return verdict_name(judge_device(f, c, device_id, &v));
}

int64_t count(struct fixture *f, struct store_conn *c, const char *text)
{
	const struct fleet_tree *tree;
	const struct filter *filter;
	int64_t n;
	assert_ok(store_fleets(c, f->org_id, &tree));
	if (filter_parse(text, tree, f->by.now_ms, &f->arena, &filter, &f->err) != 0)
		fail_msg("filter %s: %s", text, f->err.message);
	assert_ok(store_device_count(c, f->org_id, filter, &n));
	return n;
}

/* ---- running ---- */

static const char *const backend_names[] = { "sqlite", "memory" };

struct instance {
	const char *backend;
	const struct store_test *test;
	char name[96];
};

static int set_up(void **state)
{
	const struct instance *x = *state;
	struct fixture *f = fixture_new(x->backend);
	f->fn = x->test->fn;
	*state = f;
	return 0;
}

static void run(void **state)
{
	struct fixture *f = *state;
	f->fn(f);
}

static int tear_down(void **state)
{
	fixture_free(*state);
	return 0;
}

int run_on_backends(const struct store_test *list, size_t n)
{
	size_t n_all = n * ARRAY_SIZE(backend_names);
	struct instance *instances = calloc(n_all, sizeof *instances);
	struct CMUnitTest *all = calloc(n_all, sizeof *all);
	assert_non_null(instances);
	assert_non_null(all);
	for (size_t i = 0; i < n_all; i++) {
		struct instance *x = &instances[i];
		x->test = &list[i / ARRAY_SIZE(backend_names)];
		x->backend = backend_names[i % ARRAY_SIZE(backend_names)];
		snprintf(x->name, sizeof x->name, "%s: %s", x->backend, x->test->name);
		all[i] = (struct CMUnitTest){ x->name, run, set_up, tear_down, x };
	}
	int failed = _cmocka_run_group_tests("store", all, n_all, NULL, NULL);
	free(all);
	free(instances);
	return failed;
}
