/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing, readers' connections, generations, and the maintenance verbs.
 *
 * A thread's reader is found through a pthread key of the store and closed when the thread ends, or by
 * store_close(), whichever comes first. A reader that cannot be opened is handed out all the
 * same: each of its operations tries again and fails with the reason.
 */
#include "store/store.h"
#include "store/check.h"
#include "store/conn.h"

#include "base/clock.h"
#include <errno.h>

#define BATCH_MAX 1024
#define QUEUE_MAX 65536

static const struct backend *const backends[] = { &sqlite_backend, &memory_backend };

/* ---- connections ---- */

struct store_conn *conn_new(struct store *s, bool writer)
{
	struct store_conn *c = calloc(1, sizeof *c);
	if (c == NULL)
		abort();
	c->store = s;
	c->writer = writer;
	return c;
}

void conn_free(struct store_conn *c)
{
	if (c == NULL)
		return;
	cache_fini(&c->cache);
	if (c->handle)
		c->store->backend->disconnect(c->handle);
	free(c);
}

static void thread_ended(void *arg)
{
	struct store_conn *c = arg;
	struct store *s = c->store;
	pthread_mutex_lock(&s->readers_lock);
	struct store_conn **p = &s->readers;
	while (*p && *p != c)
		p = &(*p)->next;
	if (*p)
		*p = c->next;
	pthread_mutex_unlock(&s->readers_lock);
	conn_free(c);
}

struct store_conn *store_reader(struct store *s)
{
	struct store_conn *c = pthread_getspecific(s->reader_key);
	if (c)
		return c;
	c = conn_new(s, false);
	pthread_mutex_lock(&s->readers_lock);
	c->next = s->readers;
	s->readers = c;
	pthread_mutex_unlock(&s->readers_lock);
	pthread_setspecific(s->reader_key, c);
	return c;
}

int store_read_begin(struct store_conn *c)
{
	return row_read_begin(c);
}

void store_read_end(struct store_conn *c)
{
	row_read_end(c);
}

/* ---- opening and closing ---- */

static const struct backend *find_backend(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
		if (strcmp(backends[i]->name, name) == 0)
			return backends[i];
	return NULL;
}

static void free_store(struct store *s)
{
	if (s->db)
		s->backend->close(s->db);
	pthread_key_delete(s->reader_key);
	pthread_mutex_destroy(&s->readers_lock);
	pthread_mutex_destroy(&s->listeners_lock);
	pthread_mutex_destroy(&s->maintenance);
	free(s);
}

int store_open(const struct store_options *o, struct store **ret, struct error *err)
{
	const struct backend *b = find_backend(o->backend);
	if (b == NULL)
		return error_set(err, ERR_INVALID, "there is no store backend \"%s\"", o->backend);
	struct store *s = calloc(1, sizeof *s);
	if (s == NULL)
		return -ENOMEM;
	s->backend = b;
	s->batch_max = o->batch_max ? o->batch_max : BATCH_MAX;
	s->queue_max = o->queue_max ? o->queue_max : QUEUE_MAX;
	atomic_store(&s->generation, 1);
	atomic_store(&s->tree_generation, 1);
	pthread_mutex_init(&s->readers_lock, NULL);
	pthread_mutex_init(&s->listeners_lock, NULL);
	pthread_mutex_init(&s->maintenance, NULL);
	int r = -pthread_key_create(&s->reader_key, thread_ended);
	if (r) {
		free(s);
		return r;
	}
	r = b->open(o, &s->db, err);
	if (r == 0)
		r = writer_start(s);
	if (r)
		free_store(s);
	else
		*ret = s;
	return r;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	writer_stop(s);
	while (s->readers) {
		struct store_conn *c = s->readers;
		s->readers = c->next;
		conn_free(c);
	}
	free_store(s);
}

uint64_t store_generation(const struct store *s)
{
	return atomic_load(&s->generation);
}

void store_on_commit(struct store *s, store_commit_fn *fn, void *user)
{
	pthread_mutex_lock(&s->listeners_lock);
	if (s->n_listeners == LISTENERS_MAX)
		abort(); /* a number of our own making */
	s->listeners[s->n_listeners++] = (struct listener){ fn, user };
	pthread_mutex_unlock(&s->listeners_lock);
}

void store_off_commit(struct store *s, const void *user)
{
	size_t n = 0;
	pthread_mutex_lock(&s->listeners_lock); /* held while they are called */
	for (size_t i = 0; i < s->n_listeners; i++)
		if (s->listeners[i].user != user)
			s->listeners[n++] = s->listeners[i];
	s->n_listeners = n;
	pthread_mutex_unlock(&s->listeners_lock);
}

/* ---- maintenance ---- */

int store_check(struct store *s, json_t *ret_findings)
{
	struct store_conn *c = store_reader(s);
	int r = row_read_begin(c);
	if (r)
		return r;
	cache_drop(&c->cache); /* what is stored counts, not what is remembered of it */
	r = s->backend->check(c->handle, ret_findings);
	if (r == 0)
		r = check_model(c, ret_findings);
	row_read_end(c);
	return r;
}

int store_backup(struct store *s, const char *path, struct error *err)
{
	pthread_mutex_lock(&s->maintenance);
	int r = s->backend->backup(s->db, path, err);
	pthread_mutex_unlock(&s->maintenance);
	return r;
}

struct restore {
	struct writer_job job;
	struct event event;
	struct error *err;
};

static int run_restore(struct store_conn *c, struct writer_job *job)
{
	struct restore *x = CONTAINER_OF(job, struct restore, job);
	struct store *s = c->store;
	int r = s->backend->restore(c->handle, &x->event, x->err);
	if (r)
		return r;
	cache_drop(&c->cache);
	writer_publish(s, &(struct notes){
				  .generation = true, .tree = true, .last_event_id = x->event.id });
	s->backend->settle(c->handle);
	return 0;
}

int store_restore(struct store *s, const char *actor, const char *path, struct error *err)
{
	struct restore x = { .job = { .run = run_restore },
			     .event = { .at_ms = clock_utc_ms(),
					.type = event_type_name(EVENT_SERVER_RESTORED),
					.actor = actor },
			     .err = err };
	pthread_mutex_lock(&s->maintenance);
	int r = s->backend->restore_prepare(s->db, path, err);
	if (r == 0)
		r = writer_run(s, &x.job);
	pthread_mutex_unlock(&s->maintenance);
	return r;
}
