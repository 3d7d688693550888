/* SPDX-License-Identifier: Apache-2.0
 *
 * kill -9 in a storm of writes. See README.md.
 *
 * An operation writes six rows: a device (external id "T-N"), an attribute and a setting of it, their
 * events, and a row of "thread T" that says N. N grows by one in each thread, so what must be there
 * after the kill follows from that row alone: devices T-1 … T-N whole, T-(N+1) not at all, and N is
 * at least the last number acknowledged.
 */
#include "store/test-store.h"

#include "store/conn.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, IN_FLIGHT = 4, ROUNDS = 12, POINT_ROUNDS = 3 };

/* ---- the named points: this program's store_point() replaces the library's ---- */

void store_point(const char *name)
{
	static _Atomic int n_passed;
	const char *wanted = getenv("STORE_POINT"), *colon = wanted ? strchr(wanted, ':') : NULL;
	if (colon == NULL || strlen(name) != (size_t)(colon - wanted) ||
	    strncmp(name, wanted, (size_t)(colon - wanted)) != 0)
		return;
	if (atomic_fetch_add(&n_passed, 1) + 1 == strtol(colon + 1, NULL, 10))
		raise(SIGKILL);
}

/* ---- the process that is killed ---- */

struct storm {
	struct store *store;
	int64_t org_id;
	int acks; /* the pipe */
};

struct op {
	struct store_write write;
	struct storm *storm;
	int thread, *next; /* of the thread's operations; touched by one thread at a time */
	int n;
};

static int op_apply(struct store_conn *tx, struct store_write *w)
{
	struct op *op = CONTAINER_OF(w, struct op, write);
	CLEANUP(arena_fini) struct arena a;
	struct change by = { .actor = "storm", .now_ms = op->n };
	struct device d;
	bool changed;
	AUTO_JSON value = json_true();
	arena_init(&a);
	struct enrollment e = { .org_id = op->storm->org_id,
				.kind = KIND_LINUX,
				.channel = CHANNEL_DEVICE,
				.external_id = arena_printf(&a, "%d-%d", op->thread, op->n) };
	const char *name = arena_printf(&a, "thread %d", op->thread);
	int r = store_idempotency_put(
		tx, &(struct idempotency){ .actor = name, .key = "n", .status = op->n });
	if (r == 0)
		r = store_device_enroll(tx, &by, &e, &a, &d, &w->err);
	if (r == 0)
		r = store_attribute_set(tx, d.id, "n", name, 1, &w->err);
	if (r == 0)
		r = store_setting_set(tx, &by, SCOPE_DEVICE, d.id, "camera.disabled", "mandatory",
				      value, false, &changed, &w->err);
	return r;
}

static void op_done(struct store_write *w, int r)
{
	struct op *op = CONTAINER_OF(w, struct op, write);
	char line[40];
	int n = snprintf(line, sizeof line, "%d %d\n", op->thread, op->n);
	if (r != 0 || write(op->storm->acks, line, (size_t)n) != n)
		_exit(9); /* nothing but the kill may stop this process */
	op->n = ++*op->next;
	store_submit(op->storm->store, &op->write);
}

/* The number of the thread's last operation. */
static int64_t read_n(struct store *s, int thread)
{
	CLEANUP(arena_fini) struct arena a;
	struct idempotency i = { .status = 0 };
	struct error err;
	char name[20];
	arena_init(&a);
	snprintf(name, sizeof name, "thread %d", thread);
	int r = store_idempotency_get(store_reader(s), name, "n", &a, &i, &err);
	return r == 0 ? i.status : r == ERR_NOT_FOUND ? 0 : -1;
}

static void *keep_backing_up(void *arg)
{
	const struct storm *x = arg;
	struct error err;
	const char *path = getenv("STORM_BACKUP");
	while (store_backup(x->store, path, &err) == 0)
		usleep(20000);
	_exit(8);
}

static void hammer(const struct store_options *o, int acks)
{
	static struct op ops[THREADS][IN_FLIGHT];
	static int next[THREADS];
	struct storm x = { .org_id = 1, .acks = acks };
	struct error err = { 0 };
	pthread_t backup;
	if (store_open(o, &x.store, &err) != 0)
		_exit(7);
	for (int t = 0; t < THREADS; t++) {
		next[t] = (int)read_n(x.store, t);
		for (int i = 0; i < IN_FLIGHT; i++) {
			struct op *op = &ops[t][i];
			*op = (struct op){ .write = { .apply = op_apply, .done = op_done },
					   .storm = &x,
					   .thread = t,
					   .next = &next[t],
					   .n = ++next[t] };
		}
	}
	for (int t = 0; t < THREADS; t++)
		for (int i = 0; i < IN_FLIGHT; i++)
			store_submit(x.store, &ops[t][i].write);
	if (pthread_create(&backup, NULL, keep_backing_up, &x) != 0)
		_exit(6);
	pause();
}

/* ---- the judge ---- */

struct judge {
	struct fixture *f;
	uint64_t random;
	int acked[THREADS];
	char backup[120];
};

static uint32_t next_random(struct judge *j)
{
	j->random = j->random * UINT64_C(6364136223846793005) + 1;
	return (uint32_t)(j->random >> 33);
}

static void expect_device(struct fixture *f, int thread, int64_t n, bool wanted)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d;
	struct attribute *attributes;
	struct setting *settings;
	size_t n_attributes, n_settings;
	struct store_conn *c = reader(f);
	arena_init(&a);
	const char *name = arena_printf(&a, "%d-%" PRId64, thread, n);
	int r = store_device_by_external(c, CHANNEL_DEVICE, name, &a, &d, &f->err);
	if (r != (wanted ? 0 : ERR_NOT_FOUND))
		fail_msg("device %s: %d %s", name, r, f->err.message);
	if (!wanted)
		return;
	assert_ok(store_attribute_list(c, d.id, &a, &attributes, &n_attributes));
	assert_ok(store_setting_list(c, SCOPE_DEVICE, d.id, &a, &settings, &n_settings));
	assert_int_equal(n_attributes, 1);
	assert_int_equal(n_settings, 1);
	assert_int_equal(d.changes, 1);
}

static void check_store(struct judge *j, struct fixture *f)
{
	AUTO_JSON findings = json_array();
	int64_t n_all = 0;
	for (int t = 0; t < THREADS; t++) {
		int64_t n = read_n(f->store, t);
		if (n < j->acked[t])
			fail_msg("thread %d: %d was acknowledged, %" PRId64 " is there", t,
				 j->acked[t], n);
		for (int64_t i = 1; i <= n; i++)
			expect_device(f, t, i, true);
		expect_device(f, t, n + 1, false);
		n_all += n;
	}
	assert_int_equal(count(f, reader(f), ""), n_all);
	assert_ok(store_check(f->store, findings));
	if (json_array_size(findings))
		fail_msg("%s", json_string_value(json_array_get(findings, 0)));
}

/* A backup is whole, or not there. */
static void check_backup(struct judge *j)
{
	struct fixture b = *j->f;
	struct judge nothing_acked = { .f = &b };
	if (access(j->backup, F_OK) != 0)
		return;
	b.options.path = j->backup;
	arena_init(&b.arena);
	assert_ok(store_open(&b.options, &b.store, &b.err));
	check_store(&nothing_acked, &b);
	store_close(b.store);
	arena_fini(&b.arena);
	unlink(j->backup);
}

static void reopen_and_check(struct judge *j)
{
	struct error err = { 0 };
	if (store_open(&j->f->options, &j->f->store, &err) != 0)
		fail_msg("does not open: %s", err.message);
	j->f->org_id = 1;
	check_store(j, j->f);
	store_close(j->f->store);
	j->f->store = NULL;
}

static void read_acks(struct judge *j, int fd)
{
	FILE *in = fdopen(fd, "r");
	int thread, n;
	assert_non_null(in);
	while (fscanf(in, "%d %d\n", &thread, &n) == 2)
		j->acked[thread] = n;
	fclose(in);
}

/* Runs the storm until it is killed: after 'ms', or by itself at 'point'. */
static void storm_once(struct judge *j, int ms, const char *point)
{
	int pipe_fds[2], status;
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	fcntl(pipe_fds[1], F_SETPIPE_SZ, 1 << 20); /* acknowledging must not wait for us */
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		setenv("STORM_BACKUP", j->backup, 1);
		if (point)
			setenv("STORE_POINT", point, 1);
		hammer(&j->f->options, pipe_fds[1]);
		_exit(5);
	}
	close(pipe_fds[1]);
	if (point == NULL) {
		usleep((useconds_t)ms * 1000);
		kill(child, SIGKILL);
	}
	read_acks(j, pipe_fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("%s: ended by itself (%d)", point ? point : "storm", status);
}

static struct judge *judge_new(void)
{
	struct judge *j = calloc(1, sizeof *j);
	const char *seed = getenv("STORM_SEED");
	j->random = seed ? strtoull(seed, NULL, 10) : (uint64_t)getpid();
	print_message("STORM_SEED=%" PRIu64 "\n", j->random);
	j->f = fixture_new("sqlite");
	fixture_organization(j->f);
	store_close(j->f->store);
	j->f->store = NULL;
	snprintf(j->backup, sizeof j->backup, "%s/backup", j->f->folder);
	return j;
}

static void judge_free(struct judge *j)
{
	fixture_free(j->f);
	free(j);
}

static int n_acked(const struct judge *j)
{
	int n = 0;
	for (int t = 0; t < THREADS; t++)
		n += j->acked[t];
	return n;
}

static void test_random_kills(void **state)
{
	struct judge *j = judge_new();
	for (int i = 0; i < ROUNDS; i++) {
		storm_once(j, (int)(next_random(j) % 300 + 10), NULL);
		reopen_and_check(j);
		check_backup(j);
	}
	print_message("%d operations acknowledged in %d rounds\n", n_acked(j), ROUNDS);
	assert_true(n_acked(j) > 0);
	judge_free(j);
}

static void test_named_points(void **state)
{
	static const char *const points[] = { "before-commit", "after-commit", "mid-backup" };
	struct judge *j = judge_new();
	for (size_t p = 0; p < ARRAY_SIZE(points); p++)
		for (int i = 0; i < POINT_ROUNDS; i++) {
			char point[40];
			snprintf(point, sizeof point, "%s:%d", points[p],
				 (int)(next_random(j) % 20 + 1));
			storm_once(j, 0, point);
			reopen_and_check(j);
			check_backup(j);
		}
	judge_free(j);
}

/* ---- dying in a restore ---- */

static void restore_until_killed(const struct store_options *o, const char *backup)
{
	struct store *s;
	struct error err = { 0 };
	if (store_open(o, &s, &err) != 0 || store_restore(s, "test", backup, &err) != 0)
		_exit(7);
	_exit(0);
}

/* The state is the one before or the one restored, never a mixture. */
static void check_either(struct judge *j, int64_t before, int64_t restored, bool may_be_restored)
{
	struct error err = { 0 };
	assert_ok(store_open(&j->f->options, &j->f->store, &err));
	struct judge nothing_acked = { .f = j->f };
	check_store(&nothing_acked, j->f);
	int64_t n = count(j->f, reader(j->f), "");
	if (n != before && !(may_be_restored && n == restored))
		fail_msg("%" PRId64 " devices are neither state", n);
	store_close(j->f->store);
	j->f->store = NULL;
}

static int64_t count_once(struct judge *j)
{
	struct error err = { 0 };
	assert_ok(store_open(&j->f->options, &j->f->store, &err));
	int64_t n = count(j->f, reader(j->f), "");
	store_close(j->f->store);
	j->f->store = NULL;
	return n;
}

static void backup_once(struct judge *j, const char *path)
{
	struct error err = { 0 };
	assert_ok(store_open(&j->f->options, &j->f->store, &err));
	assert_ok(store_backup(j->f->store, path, &err));
	store_close(j->f->store);
	j->f->store = NULL;
}

static void test_dying_in_restore(void **state)
{
	static const struct {
		const char *point;
		bool may_be_restored;
	} cases[] = {
		{ "restore-copy:1", false }, { "restore-copy:2", false },
		{ "mid-restore:1", false },  { "mid-restore:2", false },
		{ "none:1", true },
	};
	struct judge *j = judge_new();
	char backup[140];
	snprintf(backup, sizeof backup, "%s/kept", j->f->folder);
	j->f->org_id = 1;
	storm_once(j, 0, "after-commit:60");
	backup_once(j, backup);
	int64_t restored = count_once(j);
	storm_once(j, 0, "after-commit:20");
	int64_t before = count_once(j);
	assert_true(before > restored && restored > 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int status;
		pid_t child = fork();
		if (child == 0) {
			setenv("STORE_POINT", cases[i].point, 1);
			restore_until_killed(&j->f->options, backup);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(WIFSIGNALED(status), !cases[i].may_be_restored);
		check_either(j, before, restored, cases[i].may_be_restored);
	}
	assert_int_equal(count_once(j), restored);
	judge_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_kills),
		cmocka_unit_test(test_named_points),
		cmocka_unit_test(test_dying_in_restore),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
