/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands as orders and queries. A topic holds one order: a newer one on the same topic takes the place
 * of the one before (lock, unlock), which then has failed, with the reason. An order's row goes when its
 * command is finished or acknowledged.
 */
#include "channel/flyve/sync-scope.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define TAKE_MAX 1000

static bool is(const struct command *c, enum command_state state)
{
	return strcmp(c->state, command_state_name(state)) == 0;
}

/* The device's commands that were handed out and are not acknowledged, newest first. */
static int list_sent(struct store_conn *c, const struct device *d, struct arena *a,
		     struct command **ret, size_t *ret_n)
{
	return store_command_list(c, d->org_id, d->id, command_state_name(COMMAND_SENT), 0,
				  TAKE_MAX, a, ret, ret_n);
}

static void add_query(struct flyve_scope *s, const struct flyve_order *o, const struct command *c,
		      const char *root)
{
	struct flyve_effects *e = s->effects;
	const char *payload = flyve_order_payload(o, c, s->arena);
	if (!e->queries)
		e->queries = arena_new_n(s->arena, struct flyve_query, TAKE_MAX);
	if (payload && e->n_queries < TAKE_MAX)
		e->queries[e->n_queries++] = (struct flyve_query){
			c->id, arena_printf(s->arena, "%s/%s", root, o->suffix), payload, o->qos
		};
}

static int fail(struct flyve_scope *s, const struct command *c, const char *why)
{
	struct error ignored;
	int r = store_command_result(s->tx, s->device_id, c->id, COMMAND_FAILED, why, NULL,
				     s->now_ms, &ignored);
	return r > 0 ? 0 : r; /* finished already */
}

/* Whether a newer one of the list (newest first) is an order on the same topic; its id. */
static int64_t overtaken_by(const struct command *list, size_t i, const char *suffix)
{
	while (i-- > 0) {
		const struct flyve_order *o = flyve_order_find(list[i].type);
		if (o && o->retained && strcmp(o->suffix, suffix) == 0)
			return list[i].id;
	}
	return 0;
}

static int want_order(struct flyve_scope *s, const struct flyve_order *o,
		      const struct command *list, size_t i, const char *root)
{
	const char *payload = flyve_order_payload(o, &list[i], s->arena);
	int64_t newer = overtaken_by(list, i, o->suffix);
	if (!payload)
		return fail(s, &list[i], "its parameters cannot be said in this protocol");
	if (newer)
		return fail(s, &list[i],
			    arena_printf(s->arena, "command %" PRId64 " took its place", newer));
	return flyve_scope_want(s, arena_printf(s->arena, "%s/%s", root, o->suffix), payload,
				o->qos, list[i].id);
}

static bool was_taken(const struct command *taken, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (taken[i].id == id)
			return true;
	return false;
}

int flyve_scope_orders(struct flyve_scope *s, const struct device *d, const char *root)
{
	struct command *taken = NULL, *sent = NULL;
	size_t n_taken = 0, n = 0;
	int r = store_command_take(s->tx, d->id, TAKE_MAX, INT64_MAX / 4, s->now_ms, s->arena,
				   &taken, &n_taken);
	if (r == 0)
		r = list_sent(s->tx, d, s->arena, &sent, &n);
	for (size_t i = 0; i < n && r == 0; i++) {
		const struct flyve_order *o = flyve_order_find(sent[i].type);
		if (!o)
			r = fail(s, &sent[i], "this protocol has no word for it");
		else if (o->retained)
			r = want_order(s, o, sent, i, root);
		else if (was_taken(taken, n_taken, sent[i].id))
			add_query(s, o, &sent[i], root);
	}
	return r;
}

/* Its end is written now and then; it does nothing meanwhile. */
static bool is_over(const struct command *c, int64_t now_ms)
{
	return c->expires_ms != 0 && c->expires_ms <= now_ms;
}

int flyve_queries_again(struct store_conn *c, const struct device *d, int64_t now_ms,
			struct arena *a, struct flyve_effects *ret)
{
	struct flyve_scope s = { .tx = c, .arena = a, .effects = ret, .device_id = d->id };
	struct command *sent = NULL;
	struct flyve_agent agent;
	size_t n = 0;
	*ret = (struct flyve_effects){ 0 };
	int r = list_sent(c, d, a, &sent, &n);
	if (r == 0)
		r = flyve_agent_of(c, d->id, a, &agent);
	if (r)
		return r;
	const char *root =
		flyve_agent_root(a, (enum flyve_dialect)agent.root, d->org_id, d->external_id);
	for (size_t i = n; i-- > 0;) {
		const struct flyve_order *o = flyve_order_find(sent[i].type);
		if (o && !o->retained && !is_over(&sent[i], now_ms))
			add_query(&s, o, &sent[i], root);
	}
	return 0;
}

int flyve_order_over(struct store_conn *tx, const struct device *d, int64_t command_id,
		     int64_t now_ms, struct arena *a)
{
	struct retained *rows;
	size_t n = 0;
	int r = store_retained_list(tx, 0, d->id, a, &rows, &n);
	for (size_t i = 0; i < n && r == 0; i++) {
		bool changed;
		if (rows[i].command_id == command_id)
			r = store_retained_erase(tx, rows[i].topic, now_ms, &changed);
	}
	return r;
}

/* A wipe that was handed out has happened: here the device is again. */
static int end_order(struct store_conn *tx, const struct command *c, const struct flyve_order *o,
		     int64_t now_ms)
{
	const struct change by = { .actor = "reeved", .now_ms = now_ms };
	struct error ignored;
	bool done = o && o->done == FLYVE_DONE_BY_RETURN && !is(c, COMMAND_QUEUED);
	int r = done ? store_command_result(tx, c->device_id, c->id, COMMAND_DONE,
					    "the device enrolled again", NULL, now_ms, &ignored)
		     : store_command_cancel(tx, &by, c->id, &ignored);
	return r > 0 ? 0 : r;
}

int flyve_end_orders(struct store_conn *tx, const struct device *d, int64_t now_ms, struct arena *a)
{
	static const enum command_state open[] = { COMMAND_QUEUED, COMMAND_SENT,
						   COMMAND_ACKNOWLEDGED };
	struct retained *rows;
	size_t n_rows = 0;
	int r = 0;
	for (size_t k = 0; k < ARRAY_SIZE(open) && r == 0; k++) {
		struct command *list = NULL;
		size_t n = 0;
		r = store_command_list(tx, d->org_id, d->id, command_state_name(open[k]), 0,
				       TAKE_MAX, a, &list, &n);
		for (size_t i = 0; i < n && r == 0; i++)
			r = end_order(tx, &list[i], flyve_order_find(list[i].type), now_ms);
	}
	if (r == 0)
		r = store_retained_list(tx, 0, d->id, a, &rows, &n_rows);
	for (size_t i = 0; i < n_rows && r == 0; i++) {
		bool changed;
		r = store_retained_erase(tx, rows[i].topic, now_ms, &changed);
	}
	return r;
}
