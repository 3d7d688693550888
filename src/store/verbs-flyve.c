/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs of the Flyve channel, see flyve.h. None of them appends an event: what they note follows from events
 * (settings, commands, moves) that others have appended.
 */
#include "store/flyve.h"

#include "store/verbs.h"

static int ok_if_gone(int r)
{
	return r == ROW_NOT_FOUND ? 0 : r;
}

/* ---- agents ---- */

int store_flyve_agent_get(struct store_conn *c, int64_t device_id, struct arena *a,
			  struct flyve_agent *ret, struct error *err)
{
	int r = row_get(c, TABLE_flyve_agent, &(struct flyve_agent){ .device_id = device_id }, a,
			ret);
	return found(r, "Flyve agent", device_id, err);
}

int store_flyve_agent_put(struct store_conn *tx, const struct flyve_agent *agent)
{
	return row_put(tx, TABLE_flyve_agent, agent);
}

int store_flyve_agent_list(struct store_conn *c, int64_t fleet_id, int64_t dialect,
			   int64_t after_id, size_t limit, struct arena *a,
			   struct flyve_agent **ret, size_t *ret_n)
{
	struct scan s = { .table = TABLE_flyve_agent,
			  .index = INDEX_OF(flyve_agent, by_fleet),
			  .n_equal = 2,
			  .key = &(struct flyve_agent){ .fleet_id = fleet_id, .dialect = dialect },
			  .has_after = true,
			  .after = after_id,
			  .limit = limit };
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}

int store_flyve_device_list(struct store_conn *c, int64_t org_id, const char *serial,
			    struct arena *a, struct device **ret, size_t *ret_n)
{
	struct scan s = { .table = TABLE_device,
			  .index = INDEX_OF(device, by_serial),
			  .n_equal = 2,
			  .key = &(struct device){ .org_id = org_id, .serial = serial } };
	void *rows = NULL;
	size_t n = 0;
	int r = list_rows(c, &s, a, &rows, &n);
	struct device *all = rows;
	*ret = all;
	*ret_n = 0;
	for (size_t i = 0; i < n && r == 0; i++)
		if (strcmp(all[i].channel, channel_name(CHANNEL_FLYVE)) == 0)
			all[(*ret_n)++] = all[i];
	return r;
}

int store_flyve_credentials(struct store_conn *tx, int64_t device_id, struct span token_hash,
			    struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d;
	arena_init(&a);
	int r = store_device_get(tx, device_id, &a, &d, err);
	if (r)
		return r;
	d.token_hash = token_hash;
	d.revision++;
	return row_update(tx, TABLE_device,
			  COLUMN_BIT(device, token_hash) | COLUMN_BIT(device, revision), &d);
}

int store_flyve_forget(struct store_conn *tx, int64_t device_id)
{
	struct scan tasks = { .table = TABLE_flyve_task,
			      .index = INDEX_OF(flyve_task, by_scope),
			      .n_equal = 2,
			      .key = &(struct flyve_task){ .device_id = device_id } };
	struct scan sessions = { .table = TABLE_flyve_session,
				 .index = INDEX_OF(flyve_session, by_device),
				 .n_equal = 1,
				 .key = &(struct flyve_session){ .device_id = device_id } };
	int64_t n;
	int r = ok_if_gone(
		row_delete(tx, TABLE_flyve_agent, &(struct flyve_agent){ .device_id = device_id }));
	if (r == 0)
		r = row_delete_where(tx, &tasks, &n);
	return r ? r : row_delete_where(tx, &sessions, &n);
}

/* ---- tasks ---- */

int store_flyve_task_list(struct store_conn *c, int64_t fleet_id, int64_t device_id,
			  struct arena *a, struct flyve_task **ret, size_t *ret_n)
{
	struct scan s = { .table = TABLE_flyve_task,
			  .index = INDEX_OF(flyve_task, by_scope),
			  .n_equal = 2,
			  .key = &(struct flyve_task){ .fleet_id = fleet_id,
						       .device_id = device_id } };
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}

int store_flyve_task_get(struct store_conn *c, int64_t id, struct arena *a, struct flyve_task *ret,
			 struct error *err)
{
	int r = row_get(c, TABLE_flyve_task, &(struct flyve_task){ .id = id }, a, ret);
	return found(r, "task", id, err);
}

int store_flyve_task_add(struct store_conn *tx, struct flyve_task *t)
{
	t->id = 0;
	return row_insert(tx, TABLE_flyve_task, t);
}

int store_flyve_task_delete(struct store_conn *tx, int64_t id)
{
	return ok_if_gone(row_delete(tx, TABLE_flyve_task, &(struct flyve_task){ .id = id }));
}

/* ---- retained topics ---- */

static bool same_message(const struct retained *x, const struct retained *y)
{
	return strcmp(x->payload, y->payload) == 0 && x->command_id == y->command_id &&
	       x->qos == y->qos && x->fleet_id == y->fleet_id && x->device_id == y->device_id;
}

int store_retained_want(struct store_conn *tx, const struct retained *r, int64_t now_ms,
			bool *ret_changed)
{
	CLEANUP(arena_fini) struct arena a;
	struct retained old, new = *r;
	arena_init(&a);
	*ret_changed = false;
	int result = row_get(tx, TABLE_retained, r, &a, &old);
	if (result < 0 || (result == 0 && same_message(&old, r)))
		return result;
	new.published = false;
	new.changed_ms = now_ms;
	*ret_changed = true;
	return row_put(tx, TABLE_retained, &new);
}

int store_retained_erase(struct store_conn *tx, const char *topic, int64_t now_ms,
			 bool *ret_changed)
{
	CLEANUP(arena_fini) struct arena a;
	struct retained r;
	arena_init(&a);
	*ret_changed = false;
	int result = row_get(tx, TABLE_retained, &(struct retained){ .topic = topic }, &a, &r);
	if (result)
		return ok_if_gone(result);
	if (*r.payload == '\0')
		return 0;
	r.payload = "";
	r.published = false;
	r.command_id = 0;
	r.changed_ms = now_ms;
	*ret_changed = true;
	return row_put(tx, TABLE_retained, &r);
}

int store_retained_published(struct store_conn *tx, const char *topic, const char *payload)
{
	CLEANUP(arena_fini) struct arena a;
	struct retained r;
	arena_init(&a);
	int result = row_get(tx, TABLE_retained, &(struct retained){ .topic = topic }, &a, &r);
	if (result || r.published || strcmp(r.payload, payload) != 0)
		return ok_if_gone(result);
	if (*payload == '\0')
		return row_delete(tx, TABLE_retained, &r);
	r.published = true;
	return row_update(tx, TABLE_retained, COLUMN_BIT(retained, published), &r);
}

int store_retained_lost(struct store_conn *tx, const char *topic)
{
	CLEANUP(arena_fini) struct arena a;
	struct retained r;
	arena_init(&a);
	int result = row_get(tx, TABLE_retained, &(struct retained){ .topic = topic }, &a, &r);
	if (result || !r.published)
		return ok_if_gone(result);
	r.published = false;
	return row_update(tx, TABLE_retained, COLUMN_BIT(retained, published), &r);
}

int store_retained_get(struct store_conn *c, const char *topic, struct arena *a,
		       struct retained *ret, struct error *err)
{
	int r = row_get(c, TABLE_retained, &(struct retained){ .topic = topic }, a, ret);
	if (r == ROW_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "nothing is retained on this topic");
	return r;
}

int store_retained_list(struct store_conn *c, int64_t fleet_id, int64_t device_id, struct arena *a,
			struct retained **ret, size_t *ret_n)
{
	struct scan s = { .table = TABLE_retained,
			  .index = INDEX_OF(retained, by_scope),
			  .n_equal = 2,
			  .key = &(struct retained){ .fleet_id = fleet_id,
						     .device_id = device_id } };
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}

struct each {
	retained_fn *fn;
	void *user;
};

static int each_row(void *user, const void *record)
{
	const struct each *e = user;
	int r = e->fn(e->user, record);
	return r > 0 ? ROW_STOP : r;
}

int store_retained_each(struct store_conn *c, retained_fn *fn, void *user)
{
	struct each e = { fn, user };
	struct scan s = { .table = TABLE_retained, .index = INDEX_PRIMARY };
	return row_scan(c, &s, each_row, &e);
}

int store_retained_count(struct store_conn *c, int64_t *ret)
{
	struct scan s = { .table = TABLE_retained, .index = INDEX_PRIMARY };
	return count_rows(c, &s, ret);
}

int store_retained_pending(struct store_conn *c, size_t limit, retained_fn *fn, void *user)
{
	struct each e = { fn, user };
	struct scan s = { .table = TABLE_retained,
			  .index = INDEX_OF(retained, by_published),
			  .n_equal = 1,
			  .key = &(struct retained){ .published = false },
			  .limit = limit };
	return row_scan(c, &s, each_row, &e);
}

/* ---- invitations ---- */

int store_flyve_invitation_put(struct store_conn *tx, int64_t enrollment_token_id,
			       struct span user_token_hash)
{
	return row_put(tx, TABLE_flyve_invitation,
		       &(struct flyve_invitation){ enrollment_token_id, user_token_hash });
}

static int no_invitation(struct error *err)
{
	return error_set(err, ERR_NOT_FOUND, "there is no such invitation");
}

static int of_kind(int r, const struct enrollment_token *t, struct error *err)
{
	if (r == ROW_NOT_FOUND || (r == 0 && strcmp(t->kind, "flyve") != 0))
		return no_invitation(err);
	return r;
}

int store_flyve_invitation_by_user(struct store_conn *c, struct span user_token_hash,
				   struct arena *a, struct enrollment_token *ret, struct error *err)
{
	struct flyve_invitation i;
	int r = row_find(c, TABLE_flyve_invitation, INDEX_OF(flyve_invitation, by_user_token),
			 &(struct flyve_invitation){ .user_token_hash = user_token_hash }, a, &i);
	if (r == ROW_NOT_FOUND)
		return no_invitation(err);
	if (r == 0)
		r = row_get(c, TABLE_enrollment_token,
			    &(struct enrollment_token){ .id = i.enrollment_token_id }, a, ret);
	return of_kind(r, ret, err);
}

int store_flyve_invitation_by_token(struct store_conn *c, struct span token_hash, struct arena *a,
				    struct enrollment_token *ret, struct error *err)
{
	int r = row_find(c, TABLE_enrollment_token, INDEX_OF(enrollment_token, by_token),
			 &(struct enrollment_token){ .token_hash = token_hash }, a, ret);
	return of_kind(r, ret, err);
}

/* ---- sessions ---- */

int store_flyve_session_put(struct store_conn *tx, const struct flyve_session *s)
{
	return row_put(tx, TABLE_flyve_session, s);
}

int store_flyve_session_get(struct store_conn *c, struct span token_hash, int64_t now_ms,
			    struct arena *a, struct flyve_session *ret, struct error *err)
{
	int r = row_get(c, TABLE_flyve_session, &(struct flyve_session){ .token_hash = token_hash },
			a, ret);
	if (r == ROW_NOT_FOUND || (r == 0 && ret->expires_ms <= now_ms))
		return error_set(err, ERR_UNAUTHENTICATED, "the session is not known or is over");
	return r;
}

int store_flyve_session_delete(struct store_conn *tx, struct span token_hash)
{
	return ok_if_gone(row_delete(tx, TABLE_flyve_session,
				     &(struct flyve_session){ .token_hash = token_hash }));
}

int store_flyve_session_expire(struct store_conn *tx, int64_t now_ms)
{
	struct scan s = { .table = TABLE_flyve_session,
			  .index = INDEX_OF(flyve_session, by_expiry),
			  .has_after = true,
			  .after = now_ms + 1,
			  .descending = true };
	int64_t n;
	return row_delete_where(tx, &s, &n);
}
