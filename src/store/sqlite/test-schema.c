/* SPDX-License-Identifier: Apache-2.0
 *
 * Migrations and generated statements: the migrated schema is the one of records.def, databases of
 * every released version open, newer and foreign ones are refused, and no scan sorts.
 */
#include "store/test-store.h"

#include "store/sqlite/sqlite.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void exec(sqlite3 *db, const char *sql)
{
	char *message = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
}

static void exec_file(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	exec(db, sql);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	return stmt;
}

/* ---- the schema ---- */

static const char *sql_type(enum column_type t)
{
	return t == COLUMN_TEXT ? "TEXT" : t == COLUMN_BLOB ? "BLOB" : "INTEGER";
}

static void check_columns(sqlite3 *db, const struct table *t)
{
	char sql[200];
	size_t n = 0;
	snprintf(sql, sizeof sql,
		 "SELECT name, type, \"notnull\", pk FROM pragma_table_info('%s') ORDER BY cid",
		 t->name);
	sqlite3_stmt *stmt = prepare(db, sql);
	for (; sqlite3_step(stmt) == SQLITE_ROW; n++) {
		assert_true(n < t->n_columns);
		const struct column *c = &t->columns[n];
		assert_string_equal(sqlite3_column_text(stmt, 0), c->name);
		assert_string_equal(sqlite3_column_text(stmt, 1), sql_type(c->type));
		assert_int_equal(sqlite3_column_int(stmt, 2), 1);
		assert_int_equal(sqlite3_column_int(stmt, 3), n < t->n_key ? n + 1 : 0);
	}
	assert_int_equal(n, t->n_columns);
	sqlite3_finalize(stmt);
}

/* The columns of records.def; an id at the end is in every SQLite index anyway. */
static void check_index(sqlite3 *db, const struct table *t, const struct table_index *x)
{
	char sql[200];
	size_t n = 0, wanted = x->n_columns;
	snprintf(sql, sizeof sql, "SELECT name FROM pragma_index_info('%s_%s') ORDER BY seqno",
		 t->name, x->name);
	sqlite3_stmt *stmt = prepare(db, sql);
	if (t->auto_key && x->columns[wanted - 1] == 0)
		wanted--;
	for (; sqlite3_step(stmt) == SQLITE_ROW; n++)
		assert_string_equal(sqlite3_column_text(stmt, 0), t->columns[x->columns[n]].name);
	assert_int_equal(n, wanted);
	sqlite3_finalize(stmt);
	snprintf(sql, sizeof sql,
		 "SELECT \"unique\" FROM pragma_index_list('%s') WHERE name = '%s_%s'", t->name,
		 t->name, x->name);
	stmt = prepare(db, sql);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(stmt, 0), x->unique);
	sqlite3_finalize(stmt);
}

static void check_table(sqlite3 *db, const struct table *t)
{
	char sql[200];
	snprintf(sql, sizeof sql,
		 "SELECT s.sql LIKE '%%AUTOINCREMENT%%', l.strict FROM sqlite_schema AS s"
		 " JOIN pragma_table_list AS l ON l.name = s.name AND l.schema = 'main'"
		 " WHERE s.name = '%s'",
		 t->name);
	sqlite3_stmt *stmt = prepare(db, sql);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(stmt, 0), t->auto_key);
	assert_int_equal(sqlite3_column_int(stmt, 1), 1);
	sqlite3_finalize(stmt);
	check_columns(db, t);
	for (size_t i = 0; i < t->n_indexes; i++)
		check_index(db, t, &t->indexes[i]);
}

static void test_schema(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	for (size_t i = 0; i < TABLE_N; i++)
		check_table(db, &tables[i]);
	sqlite3_stmt *stmt = prepare(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"
					 " AND name NOT LIKE 'sqlite_%'");
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(stmt, 0), TABLE_N);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

/* ---- versions ---- */

static void load_fixture(const char *path, int version)
{
	CLEANUP(buf_fini) struct buf sql;
	char name[300], pragmas[120];
	buf_init(&sql, 1 << 20);
	snprintf(name, sizeof name, "%s/fixture-%d.sql", STORE_FIXTURES, version);
	FILE *in = fopen(name, "r");
	assert_non_null(in);
	char piece[4096];
	for (size_t n; (n = fread(piece, 1, sizeof piece, in)) > 0;)
		buf_add(&sql, piece, n);
	fclose(in);
	exec_file(path, buf_str(&sql));
	snprintf(pragmas, sizeof pragmas,
		 "PRAGMA application_id = 1382376822; PRAGMA user_version = %d", version);
	exec_file(path, pragmas);
}

static void test_old_versions_open(void **state)
{
	struct fixture *f = *state;
	for (int v = 1; v <= SQLITE_SCHEMA_VERSION; v++) {
		store_close(f->store);
		f->store = NULL;
		unlink(f->path);
		load_fixture(f->path, v);
		if (store_open(&f->options, &f->store, &f->err) != 0)
			fail_msg("version %d: %s", v, f->err.message);
		AUTO_JSON findings = json_array();
		assert_ok(store_check(f->store, findings));
		assert_int_equal(json_array_size(findings), 0);
		f->org_id = 1;
		assert_int_equal(count(f, reader(f), "verdict=COMPLIANT"), 1);
		assert_int_equal(count(f, reader(f), ""), 2);
		test_schema(state);
	}
}

static void refuse(struct fixture *f, int code, const char *words)
{
	struct store *s = NULL;
	assert_int_equal(store_open(&f->options, &s, &f->err), code);
	if (strstr(f->err.message, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", f->err.message, words);
	assert_null(s);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	f->store = NULL;
	exec_file(f->path, "PRAGMA user_version = 99");
	refuse(f, ERR_CONFLICT, "newer");
	unlink(f->path);
	exec_file(f->path, "CREATE TABLE somebody_elses(x)");
	refuse(f, ERR_INVALID, "not a Reeve store");
	exec_file(f->path, "PRAGMA user_version = 1");
	refuse(f, ERR_INVALID, "not a Reeve store");
	unlink(f->path);
	exec_file(f->path, "PRAGMA user_version = -1");
	refuse(f, ERR_INVALID, "not a Reeve store");
	FILE *out = fopen(f->path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is not a database\n", out);
	fclose(out);
	refuse(f, ERR_INVALID, "not a Reeve store");
	unlink(f->path);
	f->options.path = "/nonexistent/store.sqlite";
	refuse(f, ERR_UNAVAILABLE, "/nonexistent/store.sqlite");
	f->options.path = f->path;
	f->options.backend = "abacus";
	refuse(f, ERR_INVALID, "abacus");
}

static void test_modes(void **state)
{
	struct fixture *f = *state;
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	fixture_organization(f);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		char name[120];
		struct stat st;
		snprintf(name, sizeof name, "%s%s", f->path, suffixes[i]);
		assert_int_equal(stat(name, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

/* ---- statements ---- */

static void check_plan(struct sqlite_conn *c, const struct shape *shape)
{
	struct statement *s = NULL;
	char sql[8192];
	assert_int_equal(statement_get(c, shape, &s), 0);
	snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", sqlite3_sql(s->stmt));
	sqlite3_stmt *plan = prepare(c->handle, sql);
	while (sqlite3_step(plan) == SQLITE_ROW) {
		const char *step = (const char *)sqlite3_column_text(plan, 3);
		if (strstr(step, "TEMP B-TREE") ||
		    (strstr(step, "SCAN ") && (shape->n_equal || shape->has_after)))
			fail_msg("%s: %s", sql, step);
	}
	sqlite3_finalize(plan);
	statement_done(s);
}

static bool next_is_integer(const struct table *t, int index, size_t at)
{
	size_t n = index == INDEX_PRIMARY ? t->n_key : t->indexes[index].n_columns;
	if (at >= n)
		return false;
	size_t column = index == INDEX_PRIMARY ? at : t->indexes[index].columns[at];
	return t->columns[column].type == COLUMN_I64;
}

static void check_scans(struct sqlite_conn *c, enum table_id id, int index)
{
	const struct table *t = &tables[id];
	size_t n = index == INDEX_PRIMARY ? t->n_key : t->indexes[index].n_columns;
	for (size_t i = 0; i < n * 4; i++) {
		struct shape s = { .op = OP_SCAN,
				   .table = (uint8_t)id,
				   .index = (int8_t)index,
				   .n_equal = (uint8_t)(i / 4),
				   .has_after = i & 1,
				   .descending = i >> 1 & 1 };
		if (!s.has_after || next_is_integer(t, index, s.n_equal))
			check_plan(c, &s);
	}
}

static void test_scans_do_not_sort(void **state)
{
	struct fixture *f = *state;
	struct sqlite_db db = { f->path };
	struct sqlite_conn *c = NULL;
	assert_int_equal(sqlite_connect_path(&db, f->path, false, &c), 0);
	for (size_t t = 0; t < TABLE_N; t++)
		for (int i = INDEX_PRIMARY; i < (int)tables[t].n_indexes; i++)
			check_scans(c, (enum table_id)t, i);
	for (int i = 0; i < FIXED_N; i++)
		check_plan(c, &(struct shape){ .op = OP_FIXED, .table = (uint8_t)i, .n_equal = 1 });
	sqlite_disconnect(c);
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

#define SCHEMA_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCHEMA_TEST(test_schema),
		SCHEMA_TEST(test_old_versions_open),
		SCHEMA_TEST(test_refused),
		SCHEMA_TEST(test_modes),
		SCHEMA_TEST(test_scans_do_not_sort),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
