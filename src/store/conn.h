/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's two structs, for the store's own folder only.
 *
 * struct store is the process's; its writer part is guarded by writer.lock, its list of readers by
 * readers_lock. struct store_conn belongs to one thread. A connection carries a cache of fleet trees
 * and merged settings (cache.h), valid for one tree generation, and, on the writer, notes of what
 * the running operation did, which become generation steps and callbacks after the commit.
 */
#pragma once

#include "store/backend.h"
#include "store/cache.h"
#include <pthread.h>
#include <stdatomic.h>

struct notes {
	bool generation; /* desired state, membership or a token may have changed */
	bool tree;       /* fleets or settings of fleets changed: cached trees are old */
	unsigned n_writes;
	int64_t last_event_id; /* 0: none appended */
};

struct store_conn {
	struct store *store;
	void *handle; /* the backend's connection; NULL: could not be opened (yet) */
	bool writer;
	unsigned n_reads; /* open row_read_begin() */
	unsigned n_scans; /* callbacks running: no writes */
	struct cache cache;
	struct notes notes;      /* of the running operation */
	struct store_conn *next; /* store.readers */
};

struct writer_job { /* something that must run on the writer's thread, between transactions */
	int (*run)(struct store_conn *c, struct writer_job *job);
	int r;
	bool finished;
};

struct writer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;     /* something is waiting, or stopping */
	pthread_cond_t job_done; /* job->finished */
	struct store_write *first, **last;
	size_t n_waiting;
	struct writer_job *job;
	unsigned n_guarded; /* batches to apply with savepoints yet */
	bool stopping;
	struct store_conn *conn;
};

#define LISTENERS_MAX 16
struct listener {
	store_commit_fn *fn;
	void *user;
};

struct store {
	const struct backend *backend;
	void *db;
	size_t batch_max, queue_max;
	_Atomic uint64_t generation;      /* store_generation() */
	_Atomic uint64_t tree_generation; /* of fleets and fleet settings; for caches */
	pthread_key_t reader_key;
	pthread_mutex_t readers_lock;
	struct store_conn *readers;
	pthread_mutex_t listeners_lock;
	struct listener listeners[LISTENERS_MAX];
	size_t n_listeners;
	pthread_mutex_t maintenance; /* one backup or restore at a time */
	struct writer writer;
};

struct store_conn *conn_new(struct store *s, bool writer);
void conn_free(struct store_conn *c);

int writer_start(struct store *s) WARN_UNUSED;
void writer_stop(struct store *s); /* applies what is waiting first */
int writer_run(struct store *s, struct writer_job *job) WARN_UNUSED;
/* What a commit does for others: steps the generations, calls the listeners. Writer's thread. */
void writer_publish(struct store *s, const struct notes *n);

/* Named points of the write path and of maintenance. Does nothing; the storm test links another
 * one that kills the process there. */
void store_point(const char *name);
