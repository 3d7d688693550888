/* SPDX-License-Identifier: Apache-2.0
 *
 * Integrity check, online backup, restore.
 *
 * A backup is copied under one read transaction, so writes go on beside it and it is one consistent
 * state; it becomes one file (no WAL) of mode 0600 that appears at its path complete and
 * verified, or not at all.
 *
 * A restore first makes a copy beside the store (PATH.restore), checks and migrates that, and
 * compares its schema with the one our migrations make, so that nothing but data comes from the
 * file. Then the writer's thread copies it over the live database in one transaction of the WAL:
 * readers see the old state or the new one, and so does a server that dies in the middle.
 */
#include "store/conn.h"
#include "store/sqlite/sqlite.h"

#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <unistd.h>

#define STEP_PAGES 64

/* ---- check ---- */

static int run_check(sqlite3 *db, const char *pragma, json_t *findings)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, pragma, -1, &stmt, NULL);
	while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);
		if (text && strcmp(text, "ok") != 0)
			json_array_append_new(findings, json_sprintf("database file: %s", text));
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_finalize(stmt);
	return sqlite_result(rc);
}

int sqlite_check(void *conn, json_t *findings)
{
	struct sqlite_conn *c = conn;
	return run_check(c->handle, "PRAGMA integrity_check(20)", findings);
}

/* ---- copying ---- */

static void remove_database(const char *path)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		CLEANUP(free_charp) char *name = NULL;
		if (asprintf(&name, "%s%s", path, suffixes[i]) > 0)
			(void)unlink(name);
	}
}

static int make_empty(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int copy_pages(sqlite3 *to, sqlite3 *from, const char *point)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	if (b == NULL)
		return sqlite_result(sqlite3_errcode(to));
	int rc = SQLITE_OK;
	while (rc == SQLITE_OK) {
		rc = sqlite3_backup_step(b, STEP_PAGES);
		store_point(point);
	}
	int finished = sqlite3_backup_finish(b);
	return sqlite_result(rc == SQLITE_DONE ? finished : rc);
}

static void close_sqlite(sqlite3 **db)
{
	sqlite3_close_v2(*db);
}

static int open_plain(const char *path, int flags, sqlite3 **ret)
{
	int rc = sqlite3_open_v2(path, ret, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (*ret)
		sqlite3_extended_result_codes(*ret, 1);
	return sqlite_result(rc);
}

static int explain(int r, const char *what, const char *path, struct error *err)
{
	switch (r) {
	case -ENOSPC:
		return error_set(err, ERR_NO_SPACE, "%s %s: the disk is full", what, path);
	case -EUCLEAN:
		return error_set(err, ERR_INVALID, "%s is not a Reeve store, or it is damaged",
				 path);
	case -ENOENT:
	case -EACCES:
	case -EEXIST:
	case -EIO:
		return error_set(err, ERR_UNAVAILABLE, "%s %s: %s", what, path, strerror(-r));
	default:
		return r;
	}
}

/* ---- backup ---- */

static int copy_and_verify(struct sqlite_db *d, const char *path)
{
	CLEANUP(close_sqlite) sqlite3 *to = NULL, *from = NULL;
	AUTO_JSON findings = json_array();
	int r = open_plain(d->path, SQLITE_OPEN_READWRITE, &from);
	if (r == 0)
		r = open_plain(path, SQLITE_OPEN_READWRITE, &to);
	if (r == 0) /* the state to copy is fixed by the first read */
		r = sqlite_result(
			sqlite3_exec(from, "BEGIN; SELECT 1 FROM sqlite_schema", NULL, NULL, NULL));
	if (r == 0)
		r = copy_pages(to, from, "mid-backup");
	if (r == 0)
		r = sqlite_result(
			sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL));
	if (r == 0)
		r = run_check(to, "PRAGMA quick_check(20)", findings);
	return r == 0 && json_array_size(findings) > 0 ? -EUCLEAN : r;
}

static int sync_folder_of(const char *path)
{
	CLEANUP(free_charp) char *copy = strdup(path);
	return copy ? dir_sync(dirname(copy)) : -ENOMEM;
}

int sqlite_backup(void *db, const char *path, struct error *err)
{
	CLEANUP(free_charp) char *temporary = NULL;
	if (asprintf(&temporary, "%s.tmp", path) < 0)
		return -ENOMEM;
	remove_database(temporary);
	int r = make_empty(temporary);
	if (r == 0)
		r = copy_and_verify(db, temporary);
	if (r == 0 && rename(temporary, path) != 0)
		r = -errno;
	if (r == 0)
		r = sync_folder_of(path);
	else
		remove_database(temporary);
	return explain(r, "cannot write the backup", path, err);
}

/* ---- restore ---- */

static char *staging_path(const struct sqlite_db *d)
{
	char *path = NULL;
	return asprintf(&path, "%s.restore", d->path) < 0 ? NULL : path;
}

#define SCHEMA_SQL                                                                                 \
	"SELECT group_concat(type || ' ' || name || ' ' || coalesce(sql, ''), char(10)) FROM"      \
	" (SELECT * FROM sqlite_schema ORDER BY type, name)"

static int read_schema(sqlite3 *db, char **ret)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, SCHEMA_SQL, -1, &stmt, NULL);
	if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);
		*ret = strdup(text ? text : "");
	}
	sqlite3_finalize(stmt);
	return sqlite_result(rc);
}

/* Only data may come from a backup: no triggers, views or other tables. */
static int check_schema(sqlite3 *db, struct error *err)
{
	CLEANUP(close_sqlite) sqlite3 *fresh = NULL;
	CLEANUP(free_charp) char *found = NULL, *wanted = NULL;
	int r = open_plain(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &fresh);
	if (r == 0)
		r = sqlite_migrate(fresh, err);
	if (r == 0)
		r = read_schema(fresh, &wanted);
	if (r == 0)
		r = read_schema(db, &found);
	if (r)
		return r;
	if (found == NULL || wanted == NULL)
		return -ENOMEM;
	if (strcmp(found, wanted) != 0)
		return error_set(err, ERR_INVALID,
				 "the backup's tables are not those of a Reeve store");
	return 0;
}

static int check_staged(sqlite3 *db, const char *path, struct error *err)
{
	AUTO_JSON findings = json_array();
	int r = run_check(db, "PRAGMA integrity_check(20)", findings);
	if (r == 0 && json_array_size(findings) > 0)
		return error_set(err, ERR_INVALID, "%s is damaged: %.200s", path,
				 json_string_value(json_array_get(findings, 0)));
	if (r == 0)
		r = sqlite_migrate(db, err);
	return r ? r : check_schema(db, err);
}

int sqlite_restore_prepare(void *db, const char *path, struct error *err)
{
	struct sqlite_db *d = db;
	CLEANUP(free_charp) char *staged = staging_path(d);
	CLEANUP(close_sqlite) sqlite3 *to = NULL, *from = NULL;
	if (staged == NULL)
		return -ENOMEM;
	remove_database(staged);
	int r = make_empty(staged);
	if (r == 0)
		r = access(path, R_OK) == 0 ? 0 : -errno;
	if (r == 0)
		r = open_plain(path, SQLITE_OPEN_READONLY, &from);
	if (r == 0)
		r = open_plain(staged, SQLITE_OPEN_READWRITE, &to);
	if (r == 0)
		r = copy_pages(to, from, "restore-copy");
	if (r == 0)
		r = check_staged(to, path, err);
	if (r)
		remove_database(staged);
	return r > 0 ? r : explain(r, "cannot restore from", path, err);
}

/* What must not go back: ids given out, and the counters (device numbers, followers' positions). */
static int carry_forward(sqlite3 *staged, const char *live_path)
{
	static const char *const scripts[] = {
		"INSERT INTO sqlite_sequence(name, seq) SELECT name, 0 FROM live.sqlite_sequence"
		" WHERE name NOT IN (SELECT name FROM main.sqlite_sequence)",
		"UPDATE sqlite_sequence SET seq = max(seq, coalesce((SELECT l.seq FROM"
		" live.sqlite_sequence AS l WHERE l.name = sqlite_sequence.name), 0))",
		"INSERT INTO counter(name, value) SELECT name, value FROM live.counter WHERE true"
		" ON CONFLICT(name) DO UPDATE SET value = max(value, excluded.value)",
	};
	sqlite3_stmt *attach = NULL;
	int rc = sqlite3_prepare_v2(staged, "ATTACH ? AS live", -1, &attach, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(attach, 1, live_path, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(attach) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(staged);
	sqlite3_finalize(attach);
	for (size_t i = 0; i < ARRAY_SIZE(scripts) && rc == SQLITE_OK; i++)
		rc = sqlite3_exec(staged, scripts[i], NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(staged, "DETACH live", NULL, NULL, NULL);
	return sqlite_result(rc);
}

int sqlite_restore(void *conn, struct event *e, struct error *err)
{
	struct sqlite_conn *c = conn, *staged = NULL;
	CLEANUP(free_charp) char *path = staging_path(c->db);
	if (path == NULL)
		return -ENOMEM;
	int r = sqlite_connect_path(c->db, path, true, &staged);
	if (r == 0)
		r = carry_forward(staged->handle, c->db->path);
	if (r == 0)
		r = sqlite_insert(staged, TABLE_event, e);
	if (r == 0)
		r = sqlite_put(staged, TABLE_counter,
			       &(struct counter){ .name = STORE_COUNTER_RESTORED, .value = e->id });
	if (r == 0)
		r = copy_pages(c->handle, staged->handle, "mid-restore");
	if (staged)
		sqlite_disconnect(staged);
	remove_database(path);
	return explain(r, "cannot restore into", c->db->path, err);
}
