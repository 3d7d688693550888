/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and pruning the event log, and the counters of its followers. Appending is in verbs.c.
 */
#include "store/verbs.h"

struct event_list {
	const struct event_query *query;
	size_t n;
	event_fn *fn;
	void *user;
};

static int list_event(void *user, const void *record)
{
	struct event_list *l = user;
	const struct event *e = record;
	if (l->query->org_id && e->org_id != l->query->org_id)
		return 0; /* of a device's log when its organization was asked for too */
	int r = l->fn(l->user, e);
	if (r < 0)
		return r;
	return r > 0 || ++l->n == l->query->limit ? ROW_STOP : 0;
}

int store_event_list(struct store_conn *c, const struct event_query *q, event_fn *fn, void *user)
{
	struct event_list l = { .query = q, .fn = fn, .user = user };
	struct scan s = { .table = TABLE_event,
			  .index = q->device_id ? INDEX_OF(event, by_device)
				   : q->org_id  ? INDEX_OF(event, by_org)
						: INDEX_PRIMARY,
			  .n_equal = q->device_id || q->org_id ? 1 : 0,
			  .key = &(struct event){ .device_id = q->device_id, .org_id = q->org_id },
			  .has_after = q->after_id != 0 || !q->newest,
			  .after = q->after_id,
			  .descending = q->newest };
	return q->limit ? row_scan(c, &s, list_event, &l) : 0;
}

static int take_id(void *user, const void *record)
{
	*(int64_t *)user = ((const struct event *)record)->id;
	return ROW_STOP;
}

int store_event_last(struct store_conn *c, int64_t *ret_id)
{
	struct scan s = {
		.table = TABLE_event, .index = INDEX_PRIMARY, .descending = true, .limit = 1
	};
	*ret_id = 0;
	return row_scan(c, &s, take_id, ret_id);
}

struct prune {
	int64_t before_ms, last_id;
	size_t n;
};

static int find_old(void *user, const void *record)
{
	struct prune *p = user;
	const struct event *e = record;
	if (e->at_ms >= p->before_ms) /* in the order of time, as far as it matters here */
		return ROW_STOP;
	p->last_id = e->id;
	p->n++;
	return 0;
}

int store_event_prune(struct store_conn *tx, int64_t before_ms, size_t max, size_t *ret_n)
{
	struct prune p = { .before_ms = before_ms };
	struct scan oldest = { .table = TABLE_event, .index = INDEX_PRIMARY, .limit = max };
	int64_t n = 0;
	*ret_n = 0;
	int r = max ? row_scan(tx, &oldest, find_old, &p) : 0;
	if (r || p.n == 0)
		return r;
	struct scan old = { .table = TABLE_event,
			    .index = INDEX_PRIMARY,
			    .has_after = true,
			    .after = p.last_id + 1,
			    .descending = true };
	r = row_delete_where(tx, &old, &n);
	*ret_n = (size_t)n;
	return r;
}

int store_counter_get(struct store_conn *c, const char *name, int64_t *ret)
{
	CLEANUP(arena_fini) struct arena a;
	struct counter counter = { .name = name };
	arena_init(&a);
	int r = row_get(c, TABLE_counter, &(struct counter){ .name = name }, &a, &counter);
	*ret = r == 0 ? counter.value : 0;
	return r == ROW_NOT_FOUND ? 0 : r;
}

int store_counter_set(struct store_conn *tx, const char *name, int64_t value)
{
	return row_put(tx, TABLE_counter, &(struct counter){ name, value });
}
