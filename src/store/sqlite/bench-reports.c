/* SPDX-License-Identifier: Apache-2.0
 *
 * How many durable reports a second: store_report() through store_submit() from several threads,
 * beside SQLite's own batched upserts of the same bytes on the same disk, in the same run.
 *
 *     bench-store-reports [FOLDER [DEVICES [REPORTS]]]
 *
 * The plain loop commits as many rows at once as the store did on average. It has no device row to
 * keep, no verdict to find and no queue between threads: it is the bound, not a rival.
 */
#include "base/clock.h"
#include "store/store.h"

#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <unistd.h>

enum { THREADS = 8, IN_FLIGHT = 32 };

#define OBSERVED                                                                                   \
	"{\"camera.disabled\":{\"value\":true,\"state\":\"applied\",\"message\":\"\",\"at\":"      \
	"\"2026-11-25T14:06:06.123Z\"},\"wifi.disabled\":{\"value\":false,\"state\":"              \
	"\"observed\",\"message\":\"\",\"at\":\"2026-11-25T14:06:06.123Z\"},"                      \
	"\"password.min_length\":{\"value\":8,\"state\":\"applied\",\"message\":\"\",\"at\":"      \
	"\"2026-11-25T14:06:06.123Z\"}}"

struct bench {
	struct store *store;
	json_t *observed;
	int64_t n_devices, n_reports;
	sem_t finished;
	_Atomic int64_t n_taken, n_done, max_us;
};

struct one {
	struct store_write write;
	struct bench *bench;
	int64_t device_id, started_ns;
};

/* Processor time of the whole process, which other work on the machine does not disturb. */
static int64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t mono_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int apply(struct store_conn *tx, struct store_write *w)
{
	struct one *x = CONTAINER_OF(w, struct one, write);
	enum verdict v;
	int64_t version;
	return store_report(tx, x->device_id, 3, x->bench->observed, "", clock_utc_ms(), &v,
			    &version, &w->err);
}

static void next(struct one *x)
{
	struct bench *b = x->bench;
	int64_t n = atomic_fetch_add(&b->n_taken, 1);
	if (n >= b->n_reports)
		return;
	x->device_id = (int64_t)((uint64_t)n * 2654435761u % (uint64_t)b->n_devices) + 1;
	x->started_ns = mono_ns();
	store_submit(b->store, &x->write);
}

static void done(struct store_write *w, int r)
{
	struct one *x = CONTAINER_OF(w, struct one, write);
	struct bench *b = x->bench;
	if (r)
		fprintf(stderr, "report: %d %s\n", r, w->err.message);
	int64_t us = (mono_ns() - x->started_ns) / 1000;
	if (us > b->max_us)
		b->max_us = us;
	next(x); /* from here on it is not ours */
	if (atomic_fetch_add(&b->n_done, 1) + 1 == b->n_reports)
		sem_post(&b->finished);
}

static void *run_thread(void *arg)
{
	struct one *all = arg;
	for (int i = 0; i < IN_FLIGHT; i++)
		next(&all[i]);
	return NULL;
}

/* ---- preparing ---- */

struct prepare {
	struct store_write write;
	int64_t n, org_id;
};

static int prepare_apply(struct store_conn *tx, struct store_write *w)
{
	struct prepare *p = CONTAINER_OF(w, struct prepare, write);
	struct change by = { "bench", clock_utc_ms() };
	struct organization o;
	struct device d;
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	int r = 0;
	if (p->org_id == 0) {
		r = store_organization_create(tx, &by, "bench", "", &a, &o, &w->err);
		p->org_id = o.id;
	}
	for (int64_t i = 0; i < p->n && r == 0; i++) {
		CLEANUP(arena_fini) struct arena one;
		arena_init(&one);
		struct enrollment e = { .org_id = p->org_id,
					.kind = KIND_LINUX,
					.channel = CHANNEL_DEVICE,
					.name = "a device with a name",
					.serial = "PF3XYZ12",
					.model = "ThinkPad X1 Carbon",
					.os_version = "Debian GNU/Linux 12" };
		r = store_device_enroll(tx, &by, &e, &one, &d, &w->err);
	}
	return r;
}

static int64_t prepare(struct store *s, int64_t n_devices)
{
	struct prepare p = { .write = { .apply = prepare_apply } };
	for (int64_t left = n_devices; left > 0; left -= p.n) {
		p.n = left < 10000 ? left : 10000;
		if (store_write_wait(s, &p.write) != 0)
			fprintf(stderr, "prepare: %s\n", p.write.err.message);
	}
	return p.org_id;
}

/* ---- the plain loop ---- */

static double plain(const char *path, int64_t n_devices, int64_t n_reports, int64_t batch)
{
	sqlite3 *db;
	sqlite3_stmt *put;
	char observed[] = OBSERVED;
	sqlite3_open(path, &db);
	sqlite3_exec(db,
		     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768;"
		     "CREATE TABLE report(device_id INTEGER PRIMARY KEY NOT NULL,"
		     " received_ms INTEGER NOT NULL, applied_version INTEGER NOT NULL,"
		     " observed_json TEXT NOT NULL, raw_json TEXT NOT NULL) STRICT",
		     NULL, NULL, NULL);
	sqlite3_prepare_v2(db,
			   "INSERT INTO report VALUES(?,?,?,?,'') ON CONFLICT(device_id) DO UPDATE"
			   " SET received_ms=excluded.received_ms,"
			   " applied_version=excluded.applied_version,"
			   " observed_json=excluded.observed_json, raw_json=excluded.raw_json",
			   -1, &put, NULL);
	int64_t start = 0;
	for (int round = 0; round < 2; round++) { /* the first one only fills the table */
		start = mono_ns();
		for (int64_t i = 0; i < n_reports; i++) {
			uint64_t device = (uint64_t)i * 2654435761u % (uint64_t)n_devices;
			if (i % batch == 0)
				sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
			sqlite3_bind_int64(put, 1, (int64_t)device + 1);
			sqlite3_bind_int64(put, 2, clock_utc_ms());
			sqlite3_bind_int64(put, 3, 3);
			sqlite3_bind_text(put, 4, observed, -1, SQLITE_STATIC);
			sqlite3_step(put);
			sqlite3_reset(put);
			if (i % batch == batch - 1 || i == n_reports - 1)
				sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
		}
	}
	double rate = (double)n_reports * 1e9 / (double)(mono_ns() - start);
	sqlite3_finalize(put);
	sqlite3_close(db);
	return rate;
}

static double run_store(struct bench *b)
{
	static struct one all[THREADS][IN_FLIGHT];
	pthread_t threads[THREADS];
	b->n_taken = b->n_done = b->max_us = 0;
	int64_t start = mono_ns();
	for (int t = 0; t < THREADS; t++) {
		for (int i = 0; i < IN_FLIGHT; i++)
			all[t][i] = (struct one){ .write = { .apply = apply, .done = done },
						  .bench = b };
		pthread_create(&threads[t], NULL, run_thread, all[t]);
	}
	for (int t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	sem_wait(&b->finished);
	return (double)b->n_reports * 1e9 / (double)(mono_ns() - start);
}

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : "/tmp";
	struct bench b = { .n_devices = argc > 2 ? strtol(argv[2], NULL, 10) : 10000,
			   .n_reports = argc > 3 ? strtol(argv[3], NULL, 10) : 200000 };
	char path[300], plain_path[310];
	struct error err = { 0 };
	snprintf(path, sizeof path, "%s/bench-%d.sqlite", folder, (int)getpid());
	snprintf(plain_path, sizeof plain_path, "%s.plain", path);
	sem_init(&b.finished, 0, 0);
	b.observed = json_loads(OBSERVED, 0, NULL);
	struct store_options o = { .backend = "sqlite", .path = path };
	if (store_open(&o, &b.store, &err) != 0) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	int64_t start = clock_mono_ms();
	prepare(b.store, b.n_devices);
	printf("enrolled   %8.0f devices/s (in transactions of 10000)\n",
	       (double)b.n_devices * 1000 / (double)(clock_mono_ms() - start + 1));
	run_store(&b);
	int64_t cpu = cpu_ns();
	double ours = run_store(&b);
	printf("store      %8.0f reports/s, slowest %.1f ms, %.1f us of processor each\n", ours,
	       (double)b.max_us / 1000, (double)(cpu_ns() - cpu) / 1000 / (double)b.n_reports);
	store_close(b.store);
	cpu = cpu_ns();
	double theirs = plain(plain_path, b.n_devices, b.n_reports, THREADS * IN_FLIGHT);
	printf("plain loop %8.0f upserts/s, %.1f us of processor each\nratio      %8.2f\n", theirs,
	       (double)(cpu_ns() - cpu) / 2000 / (double)b.n_reports, ours / theirs);
	json_decref(b.observed);
	unlink(path);
	unlink(plain_path);
	return 0;
}
