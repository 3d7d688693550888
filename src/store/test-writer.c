/* SPDX-License-Identifier: Apache-2.0
 *
 * Conformance: the writer. Batches, isolation of failing operations, order, refusal when too much is
 * waiting, generations, listeners, and readers beside it (run under TSan too).
 */
#include "store/test-store.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* An operation that sets counter 'name' to 'value', then returns 'r'. */
struct op {
	struct store_write write;
	struct fixture *fixture;
	char name[16];
	int64_t value;
	int r;
	bool early; /* fails before it writes */
	int n_applied;
	/* of done(): */
	_Atomic int result, order;
	bool visible; /* to a reader, at done() */
};

static _Atomic int n_done;

static int op_apply(struct store_conn *tx, struct store_write *w)
{
	struct op *op = CONTAINER_OF(w, struct op, write);
	op->n_applied++;
	int r = op->early ? 0 : store_counter_set(tx, op->name, op->value);
	if (r)
		return r;
	return op->r > 0 ? error_set(&w->err, (enum err)op->r, "refused") : op->r;
}

static void op_done(struct store_write *w, int r)
{
	struct op *op = CONTAINER_OF(w, struct op, write);
	int64_t v = 0;
	if (r == 0 && store_counter_get(store_reader(op->fixture->store), op->name, &v) == 0)
		op->visible = v == op->value;
	op->order = atomic_fetch_add(&n_done, 1);
	op->result = r;
}

static void op_init(struct op *op, struct fixture *f, int i, int r)
{
	*op = (struct op){ .write = { .apply = op_apply, .done = op_done },
			   .fixture = f,
			   .value = i + 1,
			   .r = r,
			   .result = INT32_MIN };
	snprintf(op->name, sizeof op->name, "op%d", i);
}

static int64_t counter(struct fixture *f, const char *name)
{
	int64_t v;
	assert_ok(store_counter_get(reader(f), name, &v));
	return v;
}

static void wait_until_done(int n)
{
	while (atomic_load(&n_done) < n)
		sched_yield();
}

/* While the writer waits for us, everything submitted gathers into one batch. */
static void test_batch_isolation(struct fixture *f)
{
	enum { N = 20 };
	struct op ops[N];
	n_done = 0;
	(void)tx_begin(f);
	for (int i = 0; i < N; i++) {
		op_init(&ops[i], f, i, i % 5 == 3 ? ERR_CONFLICT : i % 5 == 4 ? -EINVAL : 0);
		store_submit(f->store, &ops[i].write);
	}
	assert_int_equal(n_done, 0);
	assert_ok(tx_end(f, 0));
	wait_until_done(N);
	for (int i = 0; i < N; i++) {
		assert_int_equal(ops[i].result, ops[i].r);
		assert_int_equal(ops[i].order, i);
		assert_int_equal(ops[i].visible, ops[i].r == 0); /* durable before done() */
		assert_int_equal(counter(f, ops[i].name), ops[i].r == 0 ? i + 1 : 0);
		if (ops[i].r > 0)
			assert_string_equal(ops[i].write.err.message, "refused");
	}
}

static void run_together(struct fixture *f, struct op *ops, int n)
{
	n_done = 0;
	(void)tx_begin(f);
	for (int i = 0; i < n; i++)
		store_submit(f->store, &ops[i].write);
	assert_ok(tx_end(f, 0));
	wait_until_done(n);
}

/* Only an operation that fails after it wrote makes the batch be applied again. */
static void test_applied_again(struct fixture *f)
{
	enum { N = 6, BAD = 3 };
	static const struct {
		int r;
		bool early;
		int n_before,
			n_after; /* how often those before and after the bad one are applied */
	} cases[] = {
		{ 0, false, 1, 1 },
		{ ERR_CONFLICT, true, 1, 1 },
		{ ERR_CONFLICT, false, 2, 1 },
		{ ERR_CONFLICT, false, 1, 1 }, /* with savepoints from the start, for a while */
	};
	for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
		struct op ops[N];
		for (int i = 0; i < N; i++)
			op_init(&ops[i], f, (int)c * N + i, i == BAD ? cases[c].r : 0);
		ops[BAD].early = cases[c].early;
		run_together(f, ops, N);
		for (int i = 0; i < N; i++) {
			assert_int_equal(ops[i].n_applied,
					 i <= BAD ? cases[c].n_before : cases[c].n_after);
			assert_int_equal(ops[i].result, ops[i].r);
			assert_int_equal(counter(f, ops[i].name), ops[i].r ? 0 : ops[i].value);
		}
	}
}

static void test_batch_max(struct fixture *f)
{
	enum { N = 25 };
	struct op ops[N];
	f->options.batch_max = 4;
	fixture_reopen(f);
	n_done = 0;
	(void)tx_begin(f);
	for (int i = 0; i < N; i++) {
		op_init(&ops[i], f, i, i == 7 ? ERR_CONFLICT : 0);
		store_submit(f->store, &ops[i].write);
	}
	assert_ok(tx_end(f, 0));
	wait_until_done(N);
	for (int i = 0; i < N; i++)
		assert_int_equal(ops[i].order, i);
	assert_int_equal(counter(f, "op24"), 25);
	assert_int_equal(counter(f, "op7"), 0);
}

static void test_queue_max(struct fixture *f)
{
	struct op ops[5];
	f->options.queue_max = 4;
	fixture_reopen(f);
	n_done = 0;
	(void)tx_begin(f);
	for (int i = 0; i < 5; i++) {
		op_init(&ops[i], f, i, 0);
		store_submit(f->store, &ops[i].write);
	}
	assert_int_equal(n_done, 1); /* at once, the one too many */
	assert_int_equal(ops[4].result, ERR_UNAVAILABLE);
	assert_true(strlen(ops[4].write.err.message) > 0);
	assert_ok(tx_end(f, 0));
	wait_until_done(5);
	for (int i = 0; i < 4; i++)
		assert_int_equal(ops[i].result, 0);
	assert_int_equal(counter(f, "op4"), 0);
}

static void *close_store(void *arg)
{
	store_close(arg);
	return NULL;
}

/* What is waiting is applied before the store closes. */
static void test_close_drains(struct fixture *f)
{
	enum { N = 10 };
	struct op ops[N];
	pthread_t thread;
	n_done = 0;
	(void)tx_begin(f);
	for (int i = 0; i < N; i++) {
		op_init(&ops[i], f, i, 0);
		store_submit(f->store, &ops[i].write);
	}
	assert_int_equal(pthread_create(&thread, NULL, close_store, f->store), 0);
	assert_ok(tx_end(f, 0));
	pthread_join(thread, NULL);
	assert_int_equal(n_done, N);
	assert_ok(store_open(&f->options, &f->store, &f->err));
	if (strcmp(f->backend, "memory") != 0)
		assert_int_equal(counter(f, "op9"), 10);
}

static void test_write_wait(struct fixture *f)
{
	struct op op;
	op_init(&op, f, 0, 0);
	assert_ok(store_write_wait(f->store, &op.write));
	op_init(&op, f, 1, ERR_CONFLICT);
	assert_err(CONFLICT, store_write_wait(f->store, &op.write));
	assert_string_equal(op.write.err.message, "refused");
	op_init(&op, f, 2, -EINVAL);
	assert_int_equal(store_write_wait(f->store, &op.write), -EINVAL);
	assert_int_equal(counter(f, "op0"), 1);
	assert_int_equal(counter(f, "op1"), 0);
}

/* ---- generations and listeners ---- */

struct heard {
	_Atomic int64_t last;
	_Atomic int n;
};

static void hear(void *user, int64_t last_event_id)
{
	struct heard *h = user;
	h->last = last_event_id;
	h->n++;
}

static void test_generation(struct fixture *f)
{
	struct store_conn *tx;
	fixture_organization(f);
	tx = tx_begin(f);
	int64_t d = make_device(f, tx, 0, "pc");
	assert_ok(tx_end(f, 0));
	uint64_t g = store_generation(f->store);

	tx = tx_begin(f); /* nothing anybody's desired state depends on */
	report(f, tx, d, 1, "{}");
	assert_ok(store_attribute_set(tx, d, "a", "b", 1, &f->err));
	assert_ok(store_device_facts(tx, d, "m", "o", "a", "f", &f->err));
	assert_ok(store_device_rename(tx, &f->by, d, "n", 0, &f->err));
	assert_ok(store_counter_set(tx, "x", 1));
	assert_ok(tx_end(f, 0));
	assert_int_equal(store_generation(f->store), g);

	struct command c;
	struct command_new n = { .device_id = d, .type = "ping" };
	struct device ret;
	struct enrollment e = { .channel = CHANNEL_DEVICE, .token_hash = span_str("t") };
#define STEP(expr)                                                                                 \
	do {                                                                                       \
		tx = tx_begin(f);                                                                  \
		assert_ok(expr);                                                                   \
		assert_ok(tx_end(f, 0));                                                           \
		assert_true(store_generation(f->store) > g);                                       \
		g = store_generation(f->store);                                                    \
	} while (0)
	STEP(store_command_create(tx, &f->by, &n, &f->arena, &c, &f->err));
	STEP(store_device_reenroll(tx, &f->by, d, &e, &f->arena, &ret, &f->err));
	STEP((set(f, tx, SCOPE_DEVICE, d, "camera.disabled", "true"), 0));
	STEP((make_fleet(f, tx, 0, "x"), 0));
	STEP(store_device_unenroll(tx, &f->by, d, &f->err));
	STEP(store_device_delete(tx, &f->by, d, 0, &f->err));
#undef STEP
}

static void test_listeners(struct fixture *f)
{
	struct heard first = { 0 }, second = { 0 };
	store_on_commit(f->store, hear, &first);
	store_on_commit(f->store, hear, &second);
	fixture_organization(f);
	assert_int_equal(first.n, 1);
	assert_int_equal(first.last, 1);
	struct store_conn *tx = tx_begin(f);
	make_device(f, tx, 0, "a");
	make_device(f, tx, 0, "b");
	assert_ok(tx_end(f, 0));
	assert_int_equal(first.n, 2);
	assert_int_equal(first.last, 3);
	tx = tx_begin(f);
	make_device(f, tx, 0, "c");
	assert_int_equal(tx_end(f, -EINVAL), -EINVAL);
	tx = tx_begin(f);
	assert_ok(store_counter_set(tx, "x", 1));
	assert_ok(tx_end(f, 0));
	assert_int_equal(second.n, 2);
	assert_int_equal(second.last, 3);
	store_off_commit(f->store, &first);
	store_off_commit(f->store, &first); /* was not there: nothing */
	tx = tx_begin(f);
	make_device(f, tx, 0, "d");
	assert_ok(tx_end(f, 0));
	assert_int_equal(first.n, 2);
	assert_int_equal(second.n, 3);
	store_off_commit(f->store, &second);
}

/* ---- many threads ---- */

enum { WRITERS = 3, READERS = 2, ROUNDS = 100 };

struct crowd {
	struct fixture *fixture;
	int64_t device_id;
	_Atomic bool stop;
	_Atomic int n_failed;
};

struct setter {
	struct store_write write;
	struct crowd *crowd;
};

/* Sets the fleet's minimum length to what the version is about to be. */
static int setter_apply(struct store_conn *tx, struct store_write *w)
{
	struct fixture *f = CONTAINER_OF(w, struct setter, write)->crowd->fixture;
	struct device d;
	enum verdict v;
	int64_t now;
	bool changed;
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	int r = store_device_get(tx, CONTAINER_OF(w, struct setter, write)->crowd->device_id, &a,
				 &d, &w->err);
	if (r == 0)
		r = store_device_verdict(tx, &d, &v, &now);
	if (r)
		return r;
	AUTO_JSON value = json_integer(now + 1);
	return store_setting_set(tx, &f->by, SCOPE_FLEET, f->root_id, "password.min_length",
				 "mandatory", value, false, &changed, &w->err);
}

static void *write_much(void *arg)
{
	struct setter s = { .write = { .apply = setter_apply }, .crowd = arg };
	for (int i = 0; i < ROUNDS; i++)
		if (store_write_wait(s.crowd->fixture->store, &s.write) != 0)
			s.crowd->n_failed++;
	return NULL;
}

/* Inside one read the version and what it stands for always agree. */
static bool consistent(struct crowd *x)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(desired_fini) struct desired desired = { 0 };
	struct store_conn *c = store_reader(x->fixture->store);
	struct device d;
	struct error err;
	arena_init(&a);
	int r = store_read_begin(c);
	if (r)
		return false;
	r = store_device_get(c, x->device_id, &a, &d, &err);
	if (r == 0)
		r = store_desired(c, &d, &desired);
	store_read_end(c);
	const struct desired_setting *s = desired_get(&desired, "password.min_length");
	return r == 0 && (s ? json_integer_value(s->value) : 1) == desired.version;
}

static void *read_much(void *arg)
{
	struct crowd *x = arg;
	while (!x->stop)
		if (!consistent(x))
			x->n_failed++;
	return NULL;
}

static void test_crowd(struct fixture *f)
{
	struct crowd x = { .fixture = f };
	pthread_t writers[WRITERS], readers[READERS];
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	x.device_id = make_device(f, tx, 0, "pc");
	assert_ok(tx_end(f, 0));
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_much, &x), 0);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&writers[i], NULL, write_much, &x), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	x.stop = true;
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	assert_int_equal(x.n_failed, 0);
	assert_int_equal(version(f, reader(f), x.device_id), WRITERS * ROUNDS + 1);
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_batch_isolation), TEST(test_applied_again), TEST(test_batch_max),
		TEST(test_queue_max),       TEST(test_close_drains),  TEST(test_write_wait),
		TEST(test_generation),      TEST(test_listeners),     TEST(test_crowd),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
