/* SPDX-License-Identifier: Apache-2.0
 *
 * Administrators, their sessions, and the answers kept for idempotency keys.
 *
 * One administrator who may log in always remains: the last enabled one is neither deleted nor disabled.
 */
#include "store/verbs.h"

#include <errno.h>
#include <inttypes.h>

static int administrator_event(struct store_conn *tx, const struct change *by, enum event_type type,
			       const struct administrator *before,
			       const struct administrator *after)
{
	struct event_new e = { .type = type, .object = (after ? after : before)->name };
	if (before && after)
		return event_add_change(tx, by, &e, TABLE_administrator, before, after);
	e.before = before ? record_json(TABLE_administrator, before) : NULL;
	e.after = after ? record_json(TABLE_administrator, after) : NULL;
	return event_add(tx, by, &e);
}

int store_administrator_create(struct store_conn *tx, const struct change *by,
			       struct administrator *m, struct error *err)
{
	int r = check_name("an administrator", m->name, err);
	if (r)
		return r;
	m->id = 0;
	m->created_ms = by->now_ms;
	m->last_login_ms = 0;
	r = row_insert(tx, TABLE_administrator, m);
	if (r == ROW_EXISTS)
		return error_set(err, ERR_CONFLICT, "there is an administrator \"%s\" already",
				 m->name);
	return r ? r : administrator_event(tx, by, EVENT_ADMINISTRATOR_CREATED, NULL, m);
}

int store_administrator_list(struct store_conn *c, struct arena *a, struct administrator **ret,
			     size_t *ret_n)
{
	struct scan s = { .table = TABLE_administrator, .index = INDEX_PRIMARY };
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}

int store_administrator_get(struct store_conn *c, int64_t id, struct arena *a,
			    struct administrator *ret, struct error *err)
{
	int r = row_get(c, TABLE_administrator, &(struct administrator){ .id = id }, a, ret);
	return found(r, "administrator", id, err);
}

int store_administrator_by_name(struct store_conn *c, const char *name, struct arena *a,
				struct administrator *ret, struct error *err)
{
	int r = row_find(c, TABLE_administrator, INDEX_OF(administrator, by_name),
			 &(struct administrator){ .name = name }, a, ret);
	if (r == ROW_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "there is no administrator \"%.100s\"", name);
	return r;
}

struct others {
	int64_t id;
	bool there; /* somebody else who is enabled */
};

static int find_other(void *user, const void *record)
{
	struct others *o = user;
	const struct administrator *m = record;
	o->there = m->id != o->id && m->disabled_ms == 0;
	return o->there ? ROW_STOP : 0;
}

static int check_not_last(struct store_conn *tx, const struct administrator *m, const char *verb,
			  struct error *err)
{
	struct others others = { .id = m->id };
	struct scan s = { .table = TABLE_administrator, .index = INDEX_PRIMARY };
	if (m->disabled_ms)
		return 0;
	int r = row_scan(tx, &s, find_other, &others);
	if (r || others.there)
		return r;
	return error_set(err, ERR_CONFLICT,
			 "administrator \"%s\" is the last one enabled and cannot be %s", m->name,
			 verb);
}

static int end_sessions(struct store_conn *tx, int64_t administrator_id)
{
	struct scan s = { .table = TABLE_session,
			  .index = INDEX_OF(session, by_administrator),
			  .n_equal = 1,
			  .key = &(struct session){ .administrator_id = administrator_id } };
	int64_t n;
	return row_delete_where(tx, &s, &n);
}

int store_administrator_update(struct store_conn *tx, const struct change *by,
			       const struct administrator *m, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct administrator before, after;
	arena_init(&a);
	int r = store_administrator_get(tx, m->id, &a, &before, err);
	if (r == 0 && m->disabled_ms)
		r = check_not_last(tx, &before, "disabled", err);
	if (r)
		return r;
	after = before;
	after.password = m->password ? m->password : "";
	after.scopes = m->scopes ? m->scopes : "";
	after.org_id = m->org_id;
	after.disabled_ms = m->disabled_ms;
	bool new_password = strcmp(after.password, before.password) != 0;
	if (!new_password && !differs(TABLE_administrator, &before, &after))
		return 0;
	r = row_put(tx, TABLE_administrator, &after);
	if (r == 0 && (new_password || (after.disabled_ms && !before.disabled_ms)))
		r = end_sessions(tx, m->id);
	return r ? r : administrator_event(tx, by, EVENT_ADMINISTRATOR_CHANGED, &before, &after);
}

int store_administrator_delete(struct store_conn *tx, const struct change *by, int64_t id,
			       struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct administrator m;
	arena_init(&a);
	int r = store_administrator_get(tx, id, &a, &m, err);
	if (r == 0)
		r = check_not_last(tx, &m, "deleted", err);
	if (r == 0)
		r = end_sessions(tx, id);
	if (r == 0)
		r = row_delete(tx, TABLE_administrator, &m);
	return r ? r : administrator_event(tx, by, EVENT_ADMINISTRATOR_DELETED, &m, NULL);
}

/* ---- sessions ---- */

int store_session_create(struct store_conn *tx, const struct change *by, const struct session *n,
			 struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct administrator m;
	struct session copy = *n;
	arena_init(&a);
	int r = store_administrator_get(tx, n->administrator_id, &a, &m, err);
	if (r == 0 && (m.disabled_ms || n->token_hash.n == 0))
		return error_set(err, ERR_UNAUTHENTICATED, "administrator \"%s\" may not log in",
				 m.name);
	if (r)
		return r;
	r = row_insert(tx, TABLE_session, &copy);
	if (r == ROW_EXISTS)
		return error_set(err, ERR_CONFLICT, "this session exists already");
	m.last_login_ms = by->now_ms;
	if (r == 0)
		r = row_update(tx, TABLE_administrator, COLUMN_BIT(administrator, last_login_ms),
			       &m);
	if (r)
		return r;
	return event_add(tx, by,
			 &(struct event_new){ .type = EVENT_SESSION_CREATED, .object = m.name });
}

int store_session_get(struct store_conn *c, struct span token_hash, int64_t now_ms, struct arena *a,
		      struct session *ret, struct administrator *ret_who, struct error *err)
{
	int r = row_read_begin(c);
	if (r)
		return r;
	r = row_get(c, TABLE_session, &(struct session){ .token_hash = token_hash }, a, ret);
	if (r == 0 && ret->expires_ms <= now_ms)
		r = ROW_NOT_FOUND;
	if (r == 0)
		r = row_get(c, TABLE_administrator,
			    &(struct administrator){ .id = ret->administrator_id }, a, ret_who);
	if (r == 0 && ret_who->disabled_ms)
		r = ROW_NOT_FOUND;
	row_read_end(c);
	if (r == ROW_NOT_FOUND)
		return error_set(err, ERR_UNAUTHENTICATED, "the session has ended");
	return r;
}

int store_session_delete(struct store_conn *tx, struct span token_hash)
{
	int r = row_delete(tx, TABLE_session, &(struct session){ .token_hash = token_hash });
	return r == ROW_NOT_FOUND ? 0 : r;
}

int store_session_expire(struct store_conn *tx, int64_t now_ms)
{
	struct scan s = { .table = TABLE_session,
			  .index = INDEX_OF(session, by_expiry),
			  .has_after = true,
			  .after = now_ms + 1,
			  .descending = true };
	int64_t n;
	return row_delete_where(tx, &s, &n);
}

/* ---- idempotency ---- */

int store_idempotency_get(struct store_conn *c, const char *actor, const char *key, struct arena *a,
			  struct idempotency *ret, struct error *err)
{
	int r = row_get(c, TABLE_idempotency, &(struct idempotency){ .actor = actor, .key = key },
			a, ret);
	if (r == ROW_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "the idempotency key is new");
	return r;
}

int store_idempotency_put(struct store_conn *tx, const struct idempotency *i)
{
	return row_put(tx, TABLE_idempotency, i);
}

int store_idempotency_expire(struct store_conn *tx, int64_t before_ms)
{
	struct scan s = { .table = TABLE_idempotency,
			  .index = INDEX_OF(idempotency, by_age),
			  .has_after = true,
			  .after = before_ms,
			  .descending = true };
	int64_t n;
	return row_delete_where(tx, &s, &n);
}
