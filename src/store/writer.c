/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer: one thread, one writing connection, group commit.
 *
 * It takes everything that is waiting (up to batch_max), applies it in one transaction, commits
 * once, and only then calls done(). While it commits, more operations gather: the batch grows with
 * the load by itself.
 *
 * An operation that fails takes back only what it did. Nearly all that fail do so before they write
 * anything, so a batch is first applied without savepoints; if one fails after it wrote, the
 * transaction is rolled back and applied again with a savepoint around each operation, and so are
 * the next GUARDED_BATCHES (whoever provokes this must not be able to double the work).
 *
 * When the transaction itself is lost (disk full, I/O error) its operations are tried once more,
 * each in a transaction of its own, so that one that is too large for the disk costs nobody else.
 *
 * After the commit, in this order: generations grow, listeners are called, done() is called in the
 * order of submission, and the backend may settle (checkpoint).
 */
#include "store/conn.h"

#include <assert.h>
#include <errno.h>

#define GUARDED_BATCHES 100
#define AGAIN           (-EAGAIN) /* the batch must be applied again, with savepoints */

/* What failed for all of a transaction's operations, as the caller of each shall see it. */
static int fail(struct store_write *w, int r)
{
	switch (r) {
	case ERR_UNCERTAIN:
		return error_set(
			&w->err, ERR_UNCERTAIN,
			"It is unknown whether the change was stored: the disk failed while "
			"it was being written.");
	case -ENOSPC:
		return error_set(&w->err, ERR_NO_SPACE, "The server's disk is full.");
	case -EBUSY:
	case -EIO:
		return error_set(&w->err, ERR_UNAVAILABLE, "The store cannot be written now (%s).",
				 strerror(-r));
	default:
		return r;
	}
}

static void fail_all(struct store_write *w, int r)
{
	for (; w; w = w->next)
		if (w->r == 0)
			w->r = fail(w, r);
}

static void add_notes(struct notes *total, const struct notes *n)
{
	total->generation |= n->generation;
	total->tree |= n->tree;
	total->n_writes += n->n_writes;
	if (n->last_event_id)
		total->last_event_id = n->last_event_id;
}

/* The operation itself; its result is in w->r. Negative: the transaction is lost. */
static int apply(struct store *s, struct store_write *w)
{
	struct store_conn *c = s->writer.conn;
	c->notes = (struct notes){ 0 };
	w->err = (struct error){ 0 };
	int r = w->apply(c, w);
	assert(c->n_reads == 0 && c->n_scans == 0);
	if (r >= ROW_NOT_FOUND)
		r = -EPROTO; /* a verb did not expect what its rows said */
	w->r = r < 0 ? fail(w, r) : r;
	if (s->backend->in_transaction(c->handle))
		return 0;
	return r < 0 ? r : -EIO;
}

static int apply_guarded(struct store *s, struct store_write *w)
{
	struct store_conn *c = s->writer.conn;
	int r = s->backend->savepoint(c->handle);
	if (r == 0)
		r = apply(s, w);
	if (r)
		return r;
	if (w->r == 0)
		return s->backend->release(c->handle);
	if (c->notes.tree)
		cache_drop(&c->cache);
	return s->backend->rollback_to(c->handle);
}

/* 0, AGAIN, or negative: the transaction is lost. */
static int apply_all(struct store *s, struct store_write *list, bool guard, struct notes *total)
{
	const struct notes *notes = &s->writer.conn->notes;
	*total = (struct notes){ 0 };
	for (struct store_write *w = list; w; w = w->next) {
		int r = guard ? apply_guarded(s, w) : apply(s, w);
		if (r)
			return r;
		if (w->r && !guard && notes->n_writes > 0)
			return AGAIN;
		if (w->r == 0)
			add_notes(total, notes);
	}
	return 0;
}

static void roll_back(struct store *s)
{
	s->backend->rollback(s->writer.conn->handle);
	cache_drop(&s->writer.conn->cache);
}

/* Begins and applies; then a commit or roll_back() is due. */
static int apply_batch(struct store *s, struct store_write *list, struct notes *total)
{
	struct writer *w = &s->writer;
	bool guard = w->n_guarded > 0 && list->next;
	for (;;) {
		int r = s->backend->begin(w->conn->handle);
		if (r == 0)
			r = apply_all(s, list, guard, total);
		if (r != AGAIN || list->next == NULL) /* one alone is simply rolled back */
			return r;
		roll_back(s);
		guard = true;
		w->n_guarded = GUARDED_BATCHES;
	}
}

/* 0: committed. AGAIN: the one operation failed. Else nothing of it is there (ERR_UNCERTAIN: who
 * knows), for this reason. */
static int transact(struct store *s, struct store_write *list, struct notes *total)
{
	struct writer *w = &s->writer;
	for (struct store_write *one = list; one; one = one->next)
		one->r = 0;
	w->n_guarded -= w->n_guarded > 0;
	int r = apply_batch(s, list, total);
	store_point("before-commit");
	if (r == 0)
		r = s->backend->commit(w->conn->handle);
	if (r == 0)
		return 0;
	roll_back(s);
	*total = (struct notes){ 0 };
	return r;
}

void writer_publish(struct store *s, const struct notes *n)
{
	/* The tree first: who sees the new generation must not be given an old tree. */
	if (n->tree)
		atomic_fetch_add(&s->tree_generation, 1);
	if (n->generation)
		atomic_fetch_add(&s->generation, 1);
	if (n->last_event_id == 0)
		return;
	pthread_mutex_lock(&s->listeners_lock);
	for (size_t i = 0; i < s->n_listeners; i++)
		s->listeners[i].fn(s->listeners[i].user, n->last_event_id);
	pthread_mutex_unlock(&s->listeners_lock);
}

static void answer(struct store_write *list)
{
	while (list) {
		struct store_write *w = list;
		list = w->next;
		w->done(w, w->r);
	}
}

static void run_batch(struct store *s, struct store_write *list)
{
	struct notes total = { 0 };
	int r = transact(s, list, &total);
	if (r < 0 && r != -EBUSY && list->next) {
		while (list) { /* once more, each for itself */
			struct store_write *w = list;
			list = w->next;
			w->next = NULL;
			run_batch(s, w);
		}
		return;
	}
	if (r && r != AGAIN)
		fail_all(list, r);
	else
		store_point("after-commit");
	writer_publish(s, &total);
	answer(list);
	s->backend->settle(s->writer.conn->handle);
}

static struct store_write *take_batch(struct store *s)
{
	struct writer *w = &s->writer;
	struct store_write *list = w->first, **end = &w->first;
	size_t n = 0;
	for (; *end && n < s->batch_max; n++)
		end = &(*end)->next;
	w->first = *end;
	*end = NULL;
	w->n_waiting -= n;
	if (w->first == NULL)
		w->last = &w->first;
	return n > 0 ? list : NULL;
}

static void run_job(struct store *s, struct writer_job *job)
{
	struct writer *w = &s->writer;
	int r = job->run(w->conn, job);
	pthread_mutex_lock(&w->lock);
	job->r = r;
	job->finished = true;
	w->job = NULL;
	pthread_cond_broadcast(&w->job_done);
	pthread_mutex_unlock(&w->lock);
}

static void *writer_main(void *arg)
{
	struct store *s = arg;
	struct writer *w = &s->writer;
	for (;;) {
		pthread_mutex_lock(&w->lock);
		while (w->first == NULL && w->job == NULL && !w->stopping)
			pthread_cond_wait(&w->work, &w->lock);
		struct writer_job *job = w->job;
		struct store_write *list = take_batch(s);
		bool stop = w->stopping && job == NULL && list == NULL;
		pthread_mutex_unlock(&w->lock);
		if (stop)
			return NULL;
		if (list)
			run_batch(s, list);
		if (job)
			run_job(s, job);
	}
}

void store_submit(struct store *s, struct store_write *write)
{
	struct writer *w = &s->writer;
	write->next = NULL;
	pthread_mutex_lock(&w->lock);
	bool refuse = w->stopping || w->n_waiting >= s->queue_max;
	if (!refuse) {
		bool idle = w->first == NULL;
		*w->last = write;
		w->last = &write->next;
		w->n_waiting++;
		if (idle)
			pthread_cond_signal(&w->work);
	}
	pthread_mutex_unlock(&w->lock);
	if (!refuse)
		return;
	write->r = error_set(&write->err, ERR_UNAVAILABLE,
			     "The server has too many changes waiting to be stored.");
	write->done(write, write->r);
}

/* ---- waiting ---- */

struct waiter { /* carries a caller's operation through the queue; on the caller's stack */
	struct store_write carrier, *write;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool finished;
};

static int waiter_apply(struct store_conn *tx, struct store_write *carrier)
{
	struct waiter *x = CONTAINER_OF(carrier, struct waiter, carrier);
	x->write->err = (struct error){ 0 };
	int r = x->write->apply(tx, x->write);
	carrier->err = x->write->err;
	return r;
}

static void waiter_done(struct store_write *carrier, int r)
{
	struct waiter *x = CONTAINER_OF(carrier, struct waiter, carrier);
	pthread_mutex_lock(&x->lock);
	x->write->r = r;
	x->write->err = carrier->err;
	x->finished = true;
	pthread_cond_signal(&x->cond);
	pthread_mutex_unlock(&x->lock);
}

int store_write_wait(struct store *s, struct store_write *write)
{
	assert(!pthread_equal(pthread_self(), s->writer.thread));
	struct waiter x = { .carrier = { .apply = waiter_apply, .done = waiter_done },
			    .write = write,
			    .lock = PTHREAD_MUTEX_INITIALIZER,
			    .cond = PTHREAD_COND_INITIALIZER };
	store_submit(s, &x.carrier);
	pthread_mutex_lock(&x.lock);
	while (!x.finished)
		pthread_cond_wait(&x.cond, &x.lock);
	pthread_mutex_unlock(&x.lock);
	pthread_cond_destroy(&x.cond);
	pthread_mutex_destroy(&x.lock);
	return write->r;
}

int writer_run(struct store *s, struct writer_job *job)
{
	struct writer *w = &s->writer;
	pthread_mutex_lock(&w->lock);
	while (w->job)
		pthread_cond_wait(&w->job_done, &w->lock);
	if (w->stopping) {
		pthread_mutex_unlock(&w->lock);
		return -ESHUTDOWN;
	}
	job->finished = false;
	w->job = job;
	pthread_cond_signal(&w->work);
	while (!job->finished)
		pthread_cond_wait(&w->job_done, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return job->r;
}

int writer_start(struct store *s)
{
	struct writer *w = &s->writer;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	pthread_cond_init(&w->job_done, NULL);
	w->last = &w->first;
	w->conn = conn_new(s, true);
	int r = s->backend->connect(s->db, true, &w->conn->handle);
	if (r == 0)
		r = -pthread_create(&w->thread, NULL, writer_main, s);
	if (r)
		conn_free(TAKE(w->conn));
	return r;
}

void writer_stop(struct store *s)
{
	struct writer *w = &s->writer;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	conn_free(TAKE(w->conn));
	pthread_cond_destroy(&w->job_done);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
}
