/* SPDX-License-Identifier: Apache-2.0
 *
 * SQLite as a backend: opening, connections, transactions.
 *
 * The file is made 0600 before SQLite sees it; SQLite gives its -wal and -shm the same mode. Durability:
 * WAL with synchronous=FULL, one fsync a commit. Checkpoints are run by settle(), after the batch
 * was answered, not inside a commit somebody waits for.
 */
#include "store/sqlite/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS   5000
#define CHECKPOINT_FRAMES 8192 /* of 4 KiB: 32 MiB of WAL */

#define PRAGMAS_COMMON                                                                             \
	"PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"             \
	"PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
#define PRAGMAS_WRITER                                                                             \
	"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"     \
	"PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -65536;"
#define PRAGMAS_READER "PRAGMA query_only = ON; PRAGMA cache_size = -8192;"

/* Memory statistics cost a process-wide lock at every allocation, which all readers would share. */
static void configure_once(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int make_file(const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, ERR_UNAVAILABLE, "Cannot open the store %s: %s.", path,
				 strerror(errno));
	close(fd);
	return 0;
}

static int wal_hook(void *user, sqlite3 *db, const char *name, int n_frames)
{
	struct sqlite_conn *c = user;
	c->wal_frames = n_frames;
	return SQLITE_OK;
}

static int set_up(struct sqlite_conn *c)
{
	sqlite3_extended_result_codes(c->handle, 1);
	sqlite3_busy_timeout(c->handle, BUSY_TIMEOUT_MS);
	int rc = sqlite3_exec(c->handle, PRAGMAS_COMMON, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(c->handle, c->writer ? PRAGMAS_WRITER : PRAGMAS_READER, NULL,
				  NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite_add_functions(c->handle, c);
	if (c->writer)
		sqlite3_wal_hook(c->handle, wal_hook, c);
	return sqlite_result(rc);
}

int sqlite_connect_path(struct sqlite_db *db, const char *path, bool writer,
			struct sqlite_conn **ret)
{
	struct sqlite_conn *c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ENOMEM;
	c->db = db;
	c->writer = writer;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	int r = sqlite_result(sqlite3_open_v2(path, &c->handle, flags, NULL));
	if (r == 0)
		r = set_up(c);
	if (r)
		sqlite_disconnect(c);
	else
		*ret = c;
	return r;
}

void sqlite_disconnect(void *conn)
{
	struct sqlite_conn *c = conn;
	statements_free(c);
	sqlite3_close_v2(c->handle);
	free(c);
}

static int connect_db(void *db, bool writer, void **ret)
{
	struct sqlite_db *d = db;
	struct sqlite_conn *c = NULL;
	int r = sqlite_connect_path(d, d->path, writer, &c);
	if (r == 0)
		*ret = c;
	return r;
}

static void close_db(void *db)
{
	struct sqlite_db *d = db;
	free(d->path);
	free(d);
}

static int open_db(const struct store_options *o, void **ret, struct error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, configure_once);
	int r = make_file(o->path, err);
	if (r)
		return r;
	struct sqlite_db *d = calloc(1, sizeof *d);
	if (d == NULL || (d->path = strdup(o->path)) == NULL) {
		free(d);
		return -ENOMEM;
	}
	struct sqlite_conn *c = NULL;
	r = sqlite_connect_path(d, d->path, true, &c);
	if (r == -EUCLEAN)
		r = error_set(err, ERR_INVALID, "%s is not a Reeve store, or it is damaged.",
			      d->path);
	if (r == 0) {
		r = sqlite_migrate(c->handle, err);
		sqlite_disconnect(c);
	}
	if (r)
		close_db(d);
	else
		*ret = d;
	return r;
}

/* ---- transactions ---- */

static int run_fixed(struct sqlite_conn *c, enum fixed_sql f)
{
	AUTO_STATEMENT s = NULL;
	int r = statement_fixed(c, f, &s);
	return r ? r : sqlite_result(sqlite3_step(s->stmt));
}

static int begin(void *conn)
{
	return run_fixed(conn, FIXED_BEGIN);
}

static int savepoint(void *conn)
{
	return run_fixed(conn, FIXED_SAVEPOINT);
}

static int release(void *conn)
{
	return run_fixed(conn, FIXED_RELEASE);
}

static int rollback_to(void *conn)
{
	int r = run_fixed(conn, FIXED_ROLLBACK_TO);
	return r ? r : run_fixed(conn, FIXED_RELEASE);
}

/* While the WAL is being written an I/O error leaves it open whether the commit frame is on the
 * disk; a full disk or a lock do not, for then it was not written. */
static int commit(void *conn)
{
	struct sqlite_conn *c = conn;
	int r = run_fixed(c, FIXED_COMMIT);
	if (r == 0 || r == -ENOSPC || r == -EBUSY || r == -ENOMEM)
		return r;
	return ERR_UNCERTAIN;
}

static bool in_transaction(void *conn)
{
	const struct sqlite_conn *c = conn;
	return sqlite3_get_autocommit(c->handle) == 0;
}

static void rollback(void *conn)
{
	if (in_transaction(conn))
		(void)run_fixed(conn, FIXED_ROLLBACK);
}

static int read_begin(void *conn)
{
	return run_fixed(conn, FIXED_BEGIN_READ);
}

static void read_end(void *conn)
{
	struct sqlite_conn *c = conn;
	if (in_transaction(c))
		(void)run_fixed(c, FIXED_COMMIT);
}

static void settle(void *conn)
{
	struct sqlite_conn *c = conn;
	if (c->wal_frames < CHECKPOINT_FRAMES)
		return;
	/* A reader in the middle of something is no error: the rest is copied next time. */
	(void)sqlite3_wal_checkpoint_v2(c->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	c->wal_frames = 0;
}

const struct backend sqlite_backend = {
	.name = "sqlite",
	.open = open_db,
	.close = close_db,
	.connect = connect_db,
	.disconnect = sqlite_disconnect,
	.get = sqlite_get,
	.find = sqlite_find,
	.insert = sqlite_insert,
	.put = sqlite_put,
	.update = sqlite_update,
	.delete = sqlite_delete,
	.scan = sqlite_scan,
	.delete_where = sqlite_delete_where,
	.query_devices = sqlite_query_devices,
	.count_devices = sqlite_count_devices,
	.read_begin = read_begin,
	.read_end = read_end,
	.begin = begin,
	.savepoint = savepoint,
	.release = release,
	.rollback_to = rollback_to,
	.commit = commit,
	.rollback = rollback,
	.in_transaction = in_transaction,
	.settle = settle,
	.check = sqlite_check,
	.backup = sqlite_backup,
	.restore_prepare = sqlite_restore_prepare,
	.restore = sqlite_restore,
};
