/* SPDX-License-Identifier: Apache-2.0
 *
 * check, backup and restore: what they find, what they refuse, and that they disturb nobody.
 */
#include "store/test-store.h"

#include "store/sqlite/sqlite.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void exec_file(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	char *message = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static const char *path_in(struct fixture *f, const char *name)
{
	return arena_printf(&f->arena, "%s/%s", f->folder, name);
}

/* ---- check ---- */

/* Each breaks one thing, behind the store's back; the words that the finding must have. */
static const struct {
	const char *sql, *words;
} damages[] = {
	{ "UPDATE device SET lag = lag + 1 WHERE id = 1", "lag" },
	{ "UPDATE device SET fleet_id = 99 WHERE id = 1", "fleet 99" },
	{ "UPDATE device SET version_base = -9, lag = applied_version + 9 - changes WHERE id = 1",
	  "version" },
	{ "UPDATE device SET kind = 'toaster' WHERE id = 1", "toaster" },
	{ "UPDATE device SET parent_id = 77 WHERE id = 2", "device 77" },
	{ "DELETE FROM report", "report is not there" },
	{ "UPDATE report SET observed_json = '{'", "not JSON" },
	{ "INSERT INTO report VALUES(55, 1, 1, '{}', '')", "device 55" },
	{ "INSERT INTO attribute VALUES(55, 'a', 'b', 1)", "attribute" },
	{ "INSERT INTO inventory VALUES(55, 'a', '{}', 1)", "inventory" },
	{ "INSERT INTO task VALUES(1, 55, 'x', '', 'done', 1, '', 1, 0)", "task" },
	{ "UPDATE command SET finished = 1", "marked" },
	{ "UPDATE command SET state = 'lost'", "lost" },
	{ "UPDATE command SET device_id = 55", "device 55" },
	{ "UPDATE command SET org_id = 7", "organization" },
	{ "INSERT INTO setting VALUES('fleet', 99, 'camera.disabled', 'mandatory', 'true', 1, 'x')",
	  "fleet 99" },
	{ "INSERT INTO setting VALUES('device', 1, 'no.such', 'mandatory', 'true', 1, 'x')",
	  "warning" },
	{ "INSERT INTO setting VALUES('device', 1, 'wifi.disabled', 'mandatory', '{', 1, 'x')",
	  "not JSON" },
	{ "UPDATE fleet SET parent_id = 3 WHERE id = 2", "not a tree" },
	{ "DELETE FROM fleet WHERE id = 1", "not there" },
	{ "DELETE FROM organization", "organization 1" },
	{ "INSERT INTO file VALUES(1, 9, 'file', 'x', 0, 'short', 1, '', '', '', 1, '')",
	  "file 1" },
	{ "INSERT INTO session VALUES(x'01', 9, '', 1, 1)", "administrator 9" },
	{ "INSERT INTO enrollment_token VALUES(1, 1, 99, 'agent', x'01', '', '', 1, 2, 1, 0, 0, '')",
	  "times" },
};

/* organization 1; fleets 1 2 3, 3 below 2; devices 1 2; a report and a command of device 1. */
static void make_world(struct fixture *f)
{
	struct command c;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t sales = make_fleet(f, tx, 0, "Sales");
	make_fleet(f, tx, sales, "Berlin");
	int64_t d = make_device(f, tx, sales, "pc");
	make_device(f, tx, 0, "pc2");
	report(f, tx, d, 1, "{}");
	struct command_new n = { .device_id = d, .type = "ping" };
	assert_ok(store_command_create(tx, &f->by, &n, &f->arena, &c, &f->err));
	assert_ok(tx_end(f, 0));
}

static bool finds(struct fixture *f, const char *words)
{
	AUTO_JSON findings = json_array();
	size_t i;
	json_t *one;
	assert_ok(store_check(f->store, findings));
	json_array_foreach (findings, i, one)
		if (strstr(json_string_value(one), words))
			return true;
	return false;
}

static void test_check(void **state)
{
	struct fixture *f = *state;
	make_world(f);
	const char *sound = path_in(f, "sound");
	assert_ok(store_backup(f->store, sound, &f->err));
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		AUTO_JSON findings = json_array();
		assert_ok(store_restore(f->store, "test", sound, &f->err));
		assert_ok(store_check(f->store, findings));
		assert_int_equal(json_array_size(findings), 0);
		exec_file(f->path, damages[i].sql);
		if (!finds(f, damages[i].words))
			fail_msg("not found: %s", damages[i].sql);
	}
}

static void test_check_damaged_file(void **state)
{
	struct fixture *f = *state;
	make_world(f);
	store_close(f->store);
	struct stat st;
	assert_int_equal(stat(f->path, &st), 0);
	FILE *file = fopen(f->path, "r+");
	for (long at = 5 * 4096; at + 4096 <= st.st_size; at += 4096) { /* a byte in each page */
		fseek(file, at + 4000, SEEK_SET);
		fputc(0xff, file);
		fseek(file, at + 3, SEEK_SET);
		fputc(0x70, file);
	}
	fclose(file);
	if (store_open(&f->options, &f->store, &f->err) != 0) {
		f->store = NULL; /* refusing it is as good */
		return;
	}
	AUTO_JSON findings = json_array();
	int r = store_check(f->store, findings);
	assert_true(r < 0 || json_array_size(findings) > 0);
}

/* ---- backup and restore ---- */

static void test_backup_and_restore(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	make_world(f);
	const char *path = path_in(f, "backup"), *leftover = path_in(f, "backup.tmp");
	fclose(fopen(leftover, "w"));
	assert_ok(store_backup(f->store, path, &f->err));
	assert_ok(store_backup(f->store, path, &f->err)); /* again, over itself */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_not_equal(stat(leftover, &st), 0);

	struct store_conn *c = reader(f);
	struct store_conn *tx = tx_begin(f);
	int64_t later = make_device(f, tx, 0, "later");
	set(f, tx, SCOPE_FLEET, f->root_id, "camera.disabled", "true");
	assert_ok(store_counter_set(tx, "mdmcore.device", 9));
	assert_ok(store_device_delete(tx, &f->by, 1, 0, &f->err));
	assert_ok(tx_end(f, 0));
	assert_int_equal(count(f, c, ""), 2);
	int64_t last_event, v;
	assert_ok(store_event_last(c, &last_event));
	uint64_t g = store_generation(f->store);

	assert_ok(store_restore(f->store, "test", path, &f->err));
	assert_true(store_generation(f->store) > g);
	assert_int_equal(count(f, c, ""), 2); /* the same connection: the old world */
	assert_int_equal(version(f, c, 1), 1);
	struct device d;
	assert_err(NOT_FOUND, store_device_get(c, later, &f->arena, &d, &f->err));
	assert_ok(store_event_last(c, &v));
	assert_int_equal(v, last_event + 1); /* server.restored; numbers do not go back */
	assert_ok(store_counter_get(c, STORE_COUNTER_RESTORED, &v));
	assert_int_equal(v, last_event + 1);
	assert_ok(store_counter_get(c, "mdmcore.device", &v));
	assert_int_equal(v, 9);
	tx = tx_begin(f);
	assert_true(make_device(f, tx, 0, "next") > later);
	assert_ok(tx_end(f, 0));
	fixture_reopen(f);
	assert_int_equal(count(f, reader(f), ""), 3);
	assert_false(finds(f, ""));
	assert_int_not_equal(stat(path_in(f, "store.sqlite.restore"), &st), 0);
}

static void test_restore_old(void **state)
{
	struct fixture *f = *state;
	make_world(f);
	const char *path = path_in(f, "old");
	CLEANUP(buf_fini) struct buf sql;
	buf_init(&sql, 1 << 20);
	FILE *in = fopen(STORE_FIXTURES "/fixture-1.sql", "r");
	char piece[4096];
	for (size_t n; (n = fread(piece, 1, sizeof piece, in)) > 0;)
		buf_add(&sql, piece, n);
	fclose(in);
	exec_file(path, buf_str(&sql));
	exec_file(path, "PRAGMA application_id = 1382376822; PRAGMA user_version = 1");
	assert_ok(store_restore(f->store, "test", path, &f->err));
	assert_int_equal(count(f, reader(f), "verdict=COMPLIANT"), 1);
}

static void test_restore_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *sql;
		int r;
	} cases[] = {
		{ "PRAGMA user_version = 99", ERR_CONFLICT },
		{ "PRAGMA application_id = 5", ERR_INVALID },
		{ "DROP TABLE command", ERR_INVALID },
		{ "CREATE TABLE more(x)", ERR_INVALID },
		{ "CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM device; END",
		  ERR_INVALID },
		{ "CREATE VIEW v AS SELECT * FROM device", ERR_INVALID },
	};
	make_world(f);
	uint64_t g = store_generation(f->store);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *path = path_in(f, "bad");
		assert_ok(store_backup(f->store, path, &f->err));
		exec_file(path, cases[i].sql);
		assert_int_equal(store_restore(f->store, "test", path, &f->err), cases[i].r);
		assert_true(strlen(f->err.message) > 0);
	}
	assert_err(UNAVAILABLE, store_restore(f->store, "test", path_in(f, "nothing"), &f->err));
	FILE *out = fopen(path_in(f, "noise"), "w");
	for (int i = 0; i < 999; i++)
		fputs("noise ", out);
	fclose(out);
	assert_err(INVALID, store_restore(f->store, "test", path_in(f, "noise"), &f->err));
	assert_err(UNAVAILABLE, store_backup(f->store, "/nonexistent/x", &f->err));
	assert_int_equal(store_generation(f->store), g);
	assert_int_equal(count(f, reader(f), ""), 2);
	assert_false(finds(f, ""));
}

/* ---- beside writes and reads ---- */

struct storm {
	struct fixture *fixture;
	_Atomic bool stop;
	_Atomic int n_failed, n_done;
};

/* Two counters that are always equal. */
static int step_both(struct store_conn *tx, struct store_write *w)
{
	int64_t v;
	int r = store_counter_get(tx, "left", &v);
	if (r == 0)
		r = store_counter_set(tx, "left", v + 1);
	return r ? r : store_counter_set(tx, "right", v + 1);
}

static void *keep_writing(void *arg)
{
	struct storm *x = arg;
	struct store_write w = { .apply = step_both };
	while (!x->stop) {
		x->n_failed += store_write_wait(x->fixture->store, &w) != 0;
		x->n_done++;
	}
	return NULL;
}

static void *keep_reading(void *arg)
{
	struct storm *x = arg;
	while (!x->stop) {
		struct store_conn *c = store_reader(x->fixture->store);
		int64_t left = 0, right = 0, n = 0;
		int r = store_read_begin(c);
		if (r == 0) {
			r = store_counter_get(c, "left", &left);
			if (r == 0)
				r = store_counter_get(c, "right", &right);
			if (r == 0)
				r = store_device_count(c, 1, NULL, &n);
			store_read_end(c);
		}
		x->n_failed += r != 0 || left != right || n != 2;
	}
	return NULL;
}

static void test_online(void **state)
{
	struct fixture *f = *state;
	struct storm x = { .fixture = f };
	pthread_t threads[3];
	make_world(f);
	assert_int_equal(pthread_create(&threads[0], NULL, keep_writing, &x), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, keep_reading, &x), 0);
	assert_int_equal(pthread_create(&threads[2], NULL, keep_reading, &x), 0);
	const char *path = path_in(f, "online");
	for (int i = 0; i < 10; i++) {
		int before = x.n_done;
		assert_ok(store_backup(f->store, path, &f->err));
		assert_ok(store_restore(f->store, "test", path, &f->err));
		while (x.n_done < before + 5)
			sched_yield();
	}
	x.stop = true;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(x.n_failed, 0);
	assert_false(finds(f, ""));
}

static int set_up(void **state)
{
	*state = fixture_new("sqlite");
	return 0;
}

static int tear_down(void **state)
{
	fixture_free(*state);
	return 0;
}

#define MAINTAIN_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MAINTAIN_TEST(test_check),
		MAINTAIN_TEST(test_check_damaged_file),
		MAINTAIN_TEST(test_backup_and_restore),
		MAINTAIN_TEST(test_restore_old),
		MAINTAIN_TEST(test_restore_refused),
		MAINTAIN_TEST(test_online),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
