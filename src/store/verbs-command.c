/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands. States change through command_move() only (model/command.h has the diagram);
 * every change is an event.
 */
#include "store/verbs.h"

#include <errno.h>
#include <inttypes.h>

#define WAITING_MAX   1000 /* commands of one device that are not finished */
#define KEY_BYTES_MAX 256

#define STATE_COLUMNS                                                                              \
	(COLUMN_BIT(command, state) | COLUMN_BIT(command, finished) |                              \
	 COLUMN_BIT(command, message) | COLUMN_BIT(command, result_json) |                         \
	 COLUMN_BIT(command, sent_ms) | COLUMN_BIT(command, acknowledged_ms) |                     \
	 COLUMN_BIT(command, finished_ms))

static const enum event_type state_events[] = {
	[COMMAND_QUEUED] = EVENT_COMMAND_QUEUED,
	[COMMAND_SENT] = EVENT_COMMAND_SENT,
	[COMMAND_ACKNOWLEDGED] = EVENT_COMMAND_ACKNOWLEDGED,
	[COMMAND_DONE] = EVENT_COMMAND_DONE,
	[COMMAND_FAILED] = EVENT_COMMAND_FAILED,
	[COMMAND_EXPIRED] = EVENT_COMMAND_EXPIRED,
	[COMMAND_CANCELLED] = EVENT_COMMAND_CANCELLED,
};

static int command_event(struct store_conn *tx, const struct change *by, enum command_state state,
			 const struct command *c, const char *before)
{
	char object[24];
	snprintf(object, sizeof object, "%" PRId64, c->id);
	json_t *was = before ? json_pack("{s:s}", "state", before) : NULL;
	json_t *is = json_pack("{s:I, s:s, s:s, s:s}", "id", (json_int_t)c->id, "type", c->type,
			       "state", c->state, "message", c->message ? c->message : "");
	return event_add(tx, by,
			 &(struct event_new){ .type = state_events[state],
					      .org_id = c->org_id,
					      .device_id = c->device_id,
					      .object = object,
					      .before = was,
					      .after = is });
}

/* The parameters without their secrets, as text; NULL: there is no object. */
static char *shown_text(const char *type, const json_t *params)
{
	AUTO_JSON shown = command_params_shown(type, params);
	return shown ? json_text(shown) : NULL;
}

/* A secret has served its purpose when the command is finished. */
static int write_state(struct store_conn *tx, const struct command *c)
{
	CLEANUP(free_charp) char *shown = NULL;
	AUTO_JSON params = NULL;
	struct command row = *c;
	uint64_t columns = STATE_COLUMNS;
	if (c->finished && command_has_secret(c->type) &&
	    json_parse(span_str(c->params_json), &params, NULL) == 0)
		shown = shown_text(c->type, params);
	if (shown) {
		row.params_json = shown;
		columns |= COLUMN_BIT(command, params_json);
	}
	return row_update(tx, TABLE_command, columns, &row);
}

/* Moves, writes, and tells. 'c' says already what else changed (message, result). */
static int move(struct store_conn *tx, const struct change *by, struct command *c,
		enum command_state next, struct error *err)
{
	const char *before = c->state;
	int r = command_move(c, next, by->now_ms, err);
	if (r == 0)
		r = write_state(tx, c);
	return r ? r : command_event(tx, by, next, c, before);
}

static struct scan unfinished(const struct command *key)
{
	return (struct scan){ .table = TABLE_command,
			      .index = INDEX_OF(command, by_device),
			      .n_equal = 2,
			      .key = key };
}

/* The device's commands that are not finished, oldest first. */
static int list_unfinished(struct store_conn *c, int64_t device_id, struct arena *a,
			   struct command **ret, size_t *ret_n)
{
	struct scan s = unfinished(&(struct command){ .device_id = device_id });
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}

/* ---- creating ---- */

/* Of one that is finished the secrets are not known any more. */
static bool same_command(const struct command *c, const struct command_new *n)
{
	AUTO_JSON stored = NULL;
	AUTO_JSON none = json_object();
	const json_t *params = n->params ? n->params : none;
	AUTO_JSON shown = c->finished ? command_params_shown(n->type, params) : NULL;
	return strcmp(c->type, n->type) == 0 &&
	       json_parse(span_str(c->params_json), &stored, NULL) == 0 &&
	       json_equal(stored, shown ? shown : params);
}

/* The command that this key has made already; *ret_there false: none. */
static int find_by_key(struct store_conn *tx, int64_t org_id, const struct command_new *n,
		       struct arena *a, struct command *ret, bool *ret_there, struct error *err)
{
	struct command key = { .org_id = org_id,
			       .device_id = n->device_id,
			       .idempotency_key = n->idempotency_key };
	*ret_there = false;
	if (n->idempotency_key == NULL || *n->idempotency_key == '\0')
		return 0;
	int r = row_find(tx, TABLE_command, INDEX_OF(command, by_key), &key, a, ret);
	if (r == ROW_NOT_FOUND)
		return 0;
	*ret_there = r == 0;
	if (r == 0 && !same_command(ret, n))
		return error_set(err, ERR_CONFLICT,
				 "the idempotency key was used for another command of this device");
	return r;
}

static int check_new(struct store_conn *tx, const struct command_new *n, const struct device *d,
		     struct error *err)
{
	int64_t n_waiting;
	struct scan s = unfinished(&(struct command){ .device_id = d->id });
	if (n->idempotency_key && strnlen(n->idempotency_key, KEY_BYTES_MAX + 1) > KEY_BYTES_MAX)
		return error_set(err, ERR_INVALID, "an idempotency key has at most %d bytes",
				 KEY_BYTES_MAX);
	int r = command_check(n->type, n->params, d, err);
	if (r == 0)
		r = count_rows(tx, &s, &n_waiting);
	if (r == 0 && n_waiting >= WAITING_MAX)
		return error_set(err, ERR_CONFLICT,
				 "device %" PRId64 " has %d unfinished commands already", d->id,
				 WAITING_MAX);
	return r;
}

static int64_t expiry(const struct command_new *n, int64_t now_ms)
{
	int64_t life_ms = command_type_find(n->type)->life_ms;
	if (n->expires_ms)
		return n->expires_ms;
	return life_ms ? now_ms + life_ms : 0;
}

int store_command_create(struct store_conn *tx, const struct change *by,
			 const struct command_new *n, struct arena *a, struct command *ret,
			 struct error *err)
{
	struct device d;
	bool there;
	int r = store_device_get(tx, n->device_id, a, &d, err);
	if (r)
		return r;
	r = find_by_key(tx, d.org_id, n, a, ret, &there, err);
	if (r || there)
		return r;
	r = check_new(tx, n, &d, err);
	if (r)
		return r;
	CLEANUP(free_charp) char *params = n->params ? json_text(n->params) : NULL;
	*ret = (struct command){
		.org_id = d.org_id,
		.device_id = d.id,
		.type = command_type_find(n->type)->name,
		.params_json = params ? arena_strdup(a, params) : "{}",
		.state = command_state_name(COMMAND_QUEUED),
		.idempotency_key = arena_strdup(a, n->idempotency_key ? n->idempotency_key : ""),
		.actor = arena_strdup(a, by->actor),
		.message = "",
		.result_json = "",
		.created_ms = by->now_ms,
		.expires_ms = expiry(n, by->now_ms),
	};
	r = row_insert(tx, TABLE_command, ret);
	return r ? r : command_event(tx, by, COMMAND_QUEUED, ret, NULL);
}

/* ---- reading ---- */

int store_command_get(struct store_conn *c, int64_t id, struct arena *a, struct command *ret,
		      struct error *err)
{
	int r = row_get(c, TABLE_command, &(struct command){ .id = id }, a, ret);
	return found(r, "command", id, err);
}

struct command_list {
	const char *state; /* NULL: all */
	size_t limit, n;
	struct arena *arena;
	struct command *rows;
};

static int list_command(void *user, const void *record)
{
	struct command_list *l = user;
	const struct command *c = record;
	if (l->state && strcmp(c->state, l->state) != 0)
		return 0;
	record_copy(TABLE_command, c, l->arena, &l->rows[l->n++]);
	return l->n == l->limit ? ROW_STOP : 0;
}

/* Newest first; those that are finished or those that are not. */
static int list_half(struct store_conn *c, const struct command *key, int64_t before_id,
		     struct command_list *l)
{
	struct scan s = { .table = TABLE_command,
			  .index = key->device_id ? INDEX_OF(command, by_device)
						  : INDEX_OF(command, by_org),
			  .n_equal = 2,
			  .key = key,
			  .has_after = before_id != 0,
			  .after = before_id,
			  .descending = true };
	l->rows = arena_new_n(l->arena, struct command, l->limit);
	return row_scan(c, &s, list_command, l);
}

static void merge_halves(const struct command_list *x, const struct command_list *y,
			 struct command_list *ret)
{
	size_t i = 0, j = 0;
	while (ret->n < ret->limit && (i < x->n || j < y->n)) {
		bool first = j == y->n || (i < x->n && x->rows[i].id > y->rows[j].id);
		ret->rows[ret->n++] = first ? x->rows[i++] : y->rows[j++];
	}
}

int store_command_list(struct store_conn *c, int64_t org_id, int64_t device_id, const char *state,
		       int64_t before_id, size_t limit, struct arena *a, struct command **ret,
		       size_t *ret_n)
{
	struct command key = { .org_id = org_id, .device_id = device_id };
	struct command_list halves[2], all = { .limit = limit, .arena = a };
	enum command_state wanted;
	bool one_half = state && command_state_parse(state, &wanted);
	*ret_n = 0;
	if (limit == 0 || (state && !one_half))
		return 0;
	int r = row_read_begin(c);
	if (r)
		return r;
	for (int finished = 0; finished < 2 && r == 0; finished++) {
		halves[finished] = (struct command_list){ state, limit, 0, a, NULL };
		key.finished = finished;
		if (!one_half || command_state_final(wanted) == (finished == 1))
			r = list_half(c, &key, before_id, &halves[finished]);
	}
	row_read_end(c);
	if (r)
		return r;
	all.rows = arena_new_n(a, struct command, limit);
	merge_halves(&halves[0], &halves[1], &all);
	*ret = all.rows;
	*ret_n = all.n;
	return 0;
}

static int count_queued(void *user, const void *record)
{
	const struct command *c = record;
	*(int64_t *)user += strcmp(c->state, command_state_name(COMMAND_QUEUED)) == 0;
	return 0;
}

int store_command_waiting(struct store_conn *c, int64_t device_id, int64_t *ret_n)
{
	struct scan s = unfinished(&(struct command){ .device_id = device_id });
	*ret_n = 0;
	return row_scan(c, &s, count_queued, ret_n);
}

int store_command_open(struct store_conn *c, int64_t org_id, int64_t *ret_n)
{
	struct scan s = { .table = TABLE_command,
			  .index = INDEX_OF(command, by_org),
			  .n_equal = 2,
			  .key = &(struct command){ .org_id = org_id } };
	return count_rows(c, &s, ret_n);
}

/* ---- the device's side ---- */

static bool is(const struct command *c, enum command_state state)
{
	return strcmp(c->state, command_state_name(state)) == 0;
}

static int expire(struct store_conn *tx, const struct change *by, struct command *c)
{
	struct error ignored;
	c->message = "its time ran out";
	return move(tx, by, c, COMMAND_EXPIRED, &ignored);
}

/* Whether it is to be handed out now; lost hand-outs go through queued, as the diagram says. */
static bool is_due(struct command *c, int64_t resend_ms, int64_t now_ms)
{
	struct error ignored;
	if (is(c, COMMAND_SENT) && c->sent_ms + resend_ms <= now_ms)
		return command_move(c, COMMAND_QUEUED, now_ms, &ignored) == 0;
	return is(c, COMMAND_QUEUED);
}

struct due {
	int64_t resend_ms, now_ms, n;
};

static int count_due(void *user, const void *record)
{
	struct due *d = user;
	struct command c = *(const struct command *)record;
	d->n += !command_due_expiry(&c, d->now_ms) && is_due(&c, d->resend_ms, d->now_ms);
	return 0;
}

int store_command_due(struct store_conn *c, int64_t device_id, int64_t resend_ms, int64_t now_ms,
		      int64_t *ret_n)
{
	struct scan s = unfinished(&(struct command){ .device_id = device_id });
	struct due d = { .resend_ms = resend_ms, .now_ms = now_ms };
	int r = row_scan(c, &s, count_due, &d);
	*ret_n = d.n;
	return r;
}

int store_command_take(struct store_conn *tx, int64_t device_id, size_t max, int64_t resend_ms,
		       int64_t now_ms, struct arena *a, struct command **ret, size_t *ret_n)
{
	const struct change by = { .actor = "reeved", .now_ms = now_ms };
	struct command *all = NULL;
	struct error ignored;
	size_t n = 0;
	int r = list_unfinished(tx, device_id, a, &all, &n);
	*ret = all;
	*ret_n = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		struct command *c = &all[i];
		if (command_due_expiry(c, now_ms)) {
			r = expire(tx, &by, c);
		} else if (*ret_n < max && is_due(c, resend_ms, now_ms)) {
			r = move(tx, &by, c, COMMAND_SENT, &ignored);
			all[(*ret_n)++] = *c;
		}
	}
	return r > 0 ? -EINVAL : r;
}

static int check_result(const struct command *c, enum command_state state, struct error *err)
{
	if (state == COMMAND_ACKNOWLEDGED || state == COMMAND_DONE || state == COMMAND_FAILED)
		return 0;
	return error_set(err, ERR_INVALID,
			 "a device may say acknowledged, done or failed of a "
			 "command, not %s",
			 command_state_name(state));
}

int store_command_result(struct store_conn *tx, int64_t device_id, int64_t id,
			 enum command_state state, const char *message, const json_t *result,
			 int64_t now_ms, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(free_charp) char *text = result ? json_text(result) : NULL;
	struct command c;
	arena_init(&a);
	int r = store_command_get(tx, id, &a, &c, err);
	if (r == 0 && c.device_id != device_id)
		return found(ROW_NOT_FOUND, "command", id, err);
	if (r == 0)
		r = check_result(&c, state, err);
	if (r || is(&c, state)) /* said again: its answer was lost */
		return r;
	const char *actor = arena_printf(&a, "device:%" PRId64, device_id);
	c.message = message ? message : "";
	c.result_json = text ? text : "";
	return move(tx, &(struct change){ actor, now_ms }, &c, state, err);
}

/* ---- ending ---- */

int store_command_cancel(struct store_conn *tx, const struct change *by, int64_t id,
			 struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct command c;
	arena_init(&a);
	int r = store_command_get(tx, id, &a, &c, err);
	return r ? r : move(tx, by, &c, COMMAND_CANCELLED, err);
}

static int cancel(struct store_conn *tx, const struct change *by, struct command *c,
		  const char *reason)
{
	struct error ignored;
	c->message = reason;
	int r = move(tx, by, c, COMMAND_CANCELLED, &ignored);
	return r > 0 ? -EINVAL : r;
}

int cancel_commands(struct store_conn *tx, const struct change *by, const struct device *d,
		    const char *reason)
{
	CLEANUP(arena_fini) struct arena a;
	struct command *all;
	size_t n = 0;
	arena_init(&a);
	int r = list_unfinished(tx, d->id, &a, &all, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = cancel(tx, by, &all[i], reason);
	return r;
}

int requeue_commands(struct store_conn *tx, const struct change *by, const struct device *d)
{
	CLEANUP(arena_fini) struct arena a;
	struct command *all;
	struct error ignored;
	size_t n = 0;
	arena_init(&a);
	int r = list_unfinished(tx, d->id, &a, &all, &n);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (is(&all[i], COMMAND_SENT))
			r = move(tx, by, &all[i], COMMAND_QUEUED, &ignored);
		else if (is(&all[i], COMMAND_ACKNOWLEDGED))
			r = cancel(tx, by, &all[i], "the device enrolled again");
	}
	return r > 0 ? -EINVAL : r;
}

struct due_list {
	struct arena *arena;
	int64_t now_ms;
	size_t max, n;
	struct command *rows;
};

static int list_due(void *user, const void *record)
{
	struct due_list *l = user;
	const struct command *c = record;
	if (!command_due_expiry(c, l->now_ms)) /* in the order of expiry: the rest is later */
		return ROW_STOP;
	record_copy(TABLE_command, c, l->arena, &l->rows[l->n++]);
	return l->n == l->max ? ROW_STOP : 0;
}

static int scan_due(struct store_conn *c, struct due_list *l)
{
	struct scan s = { .table = TABLE_command,
			  .index = INDEX_OF(command, by_expiry),
			  .n_equal = 1,
			  .key = &(struct command){ .finished = false },
			  .has_after = true, /* 0 is never */
			  .after = 0,
			  .limit = l->max };
	l->rows = arena_new_n(l->arena, struct command, l->max);
	return l->max ? row_scan(c, &s, list_due, l) : 0;
}

int store_command_over(struct store_conn *c, int64_t now_ms, bool *ret)
{
	CLEANUP(arena_fini) struct arena a;
	struct due_list l = { .arena = &a, .now_ms = now_ms, .max = 1 };
	arena_init(&a);
	int r = scan_due(c, &l);
	*ret = l.n > 0;
	return r > 0 ? -EINVAL : r;
}

int store_command_expire(struct store_conn *tx, int64_t now_ms, size_t max, size_t *ret_n)
{
	CLEANUP(arena_fini) struct arena a;
	const struct change by = { .actor = "reeved", .now_ms = now_ms };
	struct due_list l = { .arena = &a, .now_ms = now_ms, .max = max };
	arena_init(&a);
	*ret_n = 0;
	int r = scan_due(tx, &l);
	for (size_t i = 0; i < l.n && r == 0; i++)
		r = expire(tx, &by, &l.rows[i]);
	*ret_n = l.n;
	return r > 0 ? -EINVAL : r;
}
