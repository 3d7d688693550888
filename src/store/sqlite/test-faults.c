/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk fails: full, I/O error while writing, I/O error while syncing. A VFS over the real one
 * fails on demand, so each case is exact. What was acknowledged stays, what was refused is not
 * there, and when the disk is well again everything goes on.
 */
#include "store/test-store.h"

#include "store/conn.h"
#include "store/sqlite/sqlite.h"
#include <stdatomic.h>
#include <string.h>

/* ---- the VFS ---- */

static _Atomic int fail_write, fail_sync; /* sqlite3's code, or SQLITE_OK */
static _Atomic int64_t writes_left;       /* fail_write only when used up */

struct faulty_file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this struct */
};

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct faulty_file *)file)->real;
}

static int f_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int f_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	return real_of(file)->pMethods->xRead(real_of(file), p, n, at);
}

static int f_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	int rc = fail_write;
	if (rc != SQLITE_OK && atomic_fetch_sub(&writes_left, 1) <= 0)
		return rc;
	return real_of(file)->pMethods->xWrite(real_of(file), p, n, at);
}

static int f_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int f_sync(sqlite3_file *file, int flags)
{
	int rc = fail_sync;
	return rc ? rc : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int f_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int f_lock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int f_unlock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int f_check_lock(sqlite3_file *file, int *ret)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret);
}

static int f_control(sqlite3_file *file, int op, void *arg)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int f_sector(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int f_device(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int f_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
	return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, ret);
}

static int f_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void f_shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int f_shm_unmap(sqlite3_file *file, int delete)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), delete);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = f_close,
	.xRead = f_read,
	.xWrite = f_write,
	.xTruncate = f_truncate,
	.xSync = f_sync,
	.xFileSize = f_size,
	.xLock = f_lock,
	.xUnlock = f_unlock,
	.xCheckReservedLock = f_check_lock,
	.xFileControl = f_control,
	.xSectorSize = f_sector,
	.xDeviceCharacteristics = f_device,
	.xShmMap = f_shm_map,
	.xShmLock = f_shm_lock,
	.xShmBarrier = f_shm_barrier,
	.xShmUnmap = f_shm_unmap,
};

static sqlite3_vfs *real_vfs;

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	struct faulty_file *f = (struct faulty_file *)file;
	f->real = (sqlite3_file *)(f + 1);
	int rc = real_vfs->xOpen(real_vfs, name, f->real, flags, ret_flags);
	f->base.pMethods = f->real->pMethods ? &methods : NULL;
	return rc;
}

static void register_vfs(void)
{
	static sqlite3_vfs faulty;
	real_vfs = sqlite3_vfs_find(NULL);
	faulty = *real_vfs;
	faulty.zName = "faulty";
	faulty.szOsFile = (int)sizeof(struct faulty_file) + real_vfs->szOsFile;
	faulty.xOpen = v_open;
	sqlite3_vfs_register(&faulty, 1);
}

static void heal(void)
{
	fail_write = fail_sync = SQLITE_OK;
	writes_left = 0;
}

/* ---- operations ---- */

struct op {
	struct store_write write;
	char name[16];
	size_t size; /* bytes it stores */
	_Atomic int result;
	_Atomic bool done;
};

static int op_apply(struct store_conn *tx, struct store_write *w)
{
	struct op *op = CONTAINER_OF(w, struct op, write);
	CLEANUP(free_charp) char *body = malloc(op->size + 3);
	memset(body, 'x', op->size + 2);
	body[0] = body[op->size + 1] = '"';
	body[op->size + 2] = '\0';
	int r = store_inventory_put(tx, 1, op->name, body, 1, &w->err);
	return r ? r : store_counter_set(tx, op->name, 1);
}

static void op_done(struct store_write *w, int r)
{
	struct op *op = CONTAINER_OF(w, struct op, write);
	op->result = r;
	op->done = true;
}

static void op_init(struct op *op, int i, size_t size)
{
	*op = (struct op){ .write = { .apply = op_apply, .done = op_done }, .size = size };
	snprintf(op->name, sizeof op->name, "op%d", i);
}

static int run(struct fixture *f, int i, size_t size)
{
	struct op op;
	op_init(&op, i, size);
	int r = store_write_wait(f->store, &op.write);
	f->err = op.write.err;
	return r;
}

static bool stored(struct fixture *f, int i)
{
	char name[16];
	int64_t v;
	snprintf(name, sizeof name, "op%d", i);
	assert_ok(store_counter_get(reader(f), name, &v));
	return v == 1;
}

static void assert_sound(struct fixture *f)
{
	AUTO_JSON findings = json_array();
	assert_ok(store_check(f->store, findings));
	if (json_array_size(findings))
		fail_msg("%s", json_string_value(json_array_get(findings, 0)));
}

/* ---- tests ---- */

static void test_one_fault(void **state)
{
	struct fixture *f = *state;
	static const struct {
		int write, sync, r;
	} faults[] = {
		{ SQLITE_FULL, SQLITE_OK, ERR_NO_SPACE },
		{ SQLITE_IOERR_WRITE, SQLITE_OK, ERR_UNCERTAIN },
		{ SQLITE_OK, SQLITE_IOERR_FSYNC, ERR_UNCERTAIN },
	};
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		int before = (int)i * 2, after = (int)i * 2 + 1;
		assert_ok(run(f, before, 10));
		fail_write = faults[i].write;
		fail_sync = faults[i].sync;
		uint64_t g = store_generation(f->store);
		for (int again = 0; again < 3; again++)
			assert_int_equal(run(f, 90 + (int)i, 10), faults[i].r);
		assert_true(strlen(f->err.message) > 0);
		assert_int_equal(store_generation(f->store), g);
		assert_false(stored(f, 90 + (int)i));
		assert_true(stored(f, before)); /* reading goes on */
		heal();
		assert_ok(run(f, after, 10));
		assert_true(stored(f, after));
		assert_sound(f);
	}
	fixture_reopen(f);
	for (int i = 0; i < 6; i++)
		assert_true(stored(f, i));
	assert_sound(f);
}

/* The page cache spills in the middle of an operation, and that write fails. */
static void test_fault_inside_operation(void **state)
{
	struct fixture *f = *state;
	fail_write = SQLITE_FULL;
	assert_int_equal(run(f, 90, 3000000), ERR_NO_SPACE);
	fail_write = SQLITE_IOERR_WRITE;
	int r = run(f, 90, 3000000);
	assert_true(r == ERR_UNAVAILABLE || r == ERR_UNCERTAIN);
	heal();
	assert_false(stored(f, 90));
	assert_ok(run(f, 90, 3000000));
	assert_sound(f);
}

static void limit_size(struct store_conn *tx)
{
	const struct sqlite_conn *c = tx->handle;
	sqlite3_stmt *stmt = NULL;
	char sql[60];
	sqlite3_prepare_v2(c->handle, "PRAGMA page_count", -1, &stmt, NULL);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", sqlite3_column_int(stmt, 0) + 100);
	sqlite3_finalize(stmt);
	assert_int_equal(sqlite3_exec(c->handle, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* One operation of a batch is too large for what is left: it alone is refused. */
static void test_batch_with_a_large_one(void **state)
{
	struct fixture *f = *state;
	enum { N = 8, LARGE = 3 };
	struct op ops[N];
	limit_size(tx_begin(f));
	for (int i = 0; i < N; i++) {
		op_init(&ops[i], i, i == LARGE ? 3000000 : 10);
		store_submit(f->store, &ops[i].write);
	}
	assert_ok(tx_end(f, 0));
	for (int i = 0; i < N; i++)
		while (!ops[i].done)
			sched_yield();
	for (int i = 0; i < N; i++) {
		assert_int_equal(ops[i].result, i == LARGE ? ERR_NO_SPACE : 0);
		assert_int_equal(stored(f, i), i != LARGE);
	}
	assert_sound(f);
}

/* Every point at which the n-th write may fail, in a batch: all or nothing, each. */
static void test_every_write(void **state)
{
	struct fixture *f = *state;
	for (int64_t n = 0; n < 12; n++) {
		enum { N = 4 };
		struct op ops[N];
		(void)tx_begin(f);
		for (int i = 0; i < N; i++) {
			op_init(&ops[i], (int)n * N + i, 6000);
			store_submit(f->store, &ops[i].write);
		}
		writes_left = n;
		fail_write = SQLITE_FULL;
		(void)tx_end(f, 0);
		for (int i = 0; i < N; i++)
			while (!ops[i].done)
				sched_yield();
		heal();
		for (int i = 0; i < N; i++) {
			assert_true(ops[i].result == 0 || ops[i].result == ERR_NO_SPACE);
			assert_int_equal(stored(f, (int)n * N + i), ops[i].result == 0);
		}
		assert_sound(f);
	}
	fixture_reopen(f);
	assert_sound(f);
}

static void test_backup_disk_full(void **state)
{
	struct fixture *f = *state;
	const char *path = arena_printf(&f->arena, "%s/backup", f->folder);
	fail_write = SQLITE_FULL;
	assert_err(NO_SPACE, store_backup(f->store, path, &f->err));
	heal();
	assert_ok(store_backup(f->store, path, &f->err));
	fail_write = SQLITE_FULL;
	assert_err(NO_SPACE, store_restore(f->store, "test", path, &f->err));
	heal();
	assert_ok(store_restore(f->store, "test", path, &f->err));
	assert_sound(f);
}

static int set_up(void **state)
{
	struct fixture *f = fixture_new("sqlite");
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	make_device(f, tx, 0, "pc");
	assert_ok(tx_end(f, 0));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	heal();
	fixture_free(*state);
	return 0;
}

#define FAULT_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAULT_TEST(test_one_fault),
		FAULT_TEST(test_fault_inside_operation),
		FAULT_TEST(test_batch_with_a_large_one),
		FAULT_TEST(test_every_write),
		FAULT_TEST(test_backup_disk_full),
	};
	sqlite3_initialize();
	register_vfs();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
