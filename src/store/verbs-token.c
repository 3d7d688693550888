/* SPDX-License-Identifier: Apache-2.0
 *
 * Enrollment tokens and API tokens. Only hashes come here; what they are made from is shown once to
 * whoever created them and is nowhere afterwards.
 */
#include "store/verbs.h"

#include <inttypes.h>

static const char *const enrollment_kinds[] = { "agent", "chrome", "flyve" };

/* ---- enrollment tokens ---- */

static int token_event(struct store_conn *tx, const struct change *by, enum event_type type,
		       const struct enrollment_token *t)
{
	char object[24];
	snprintf(object, sizeof object, "%" PRId64, t->id);
	json_t *record = record_json(TABLE_enrollment_token, t);
	bool created = type == EVENT_ENROLLMENT_TOKEN_CREATED;
	return event_add(tx, by,
			 &(struct event_new){ .type = type,
					      .org_id = t->org_id,
					      .fleet_id = t->fleet_id,
					      .object = object,
					      .before = created ? NULL : record,
					      .after = created ? record : NULL });
}

static bool known_kind(const char *kind)
{
	for (size_t i = 0; kind && i < ARRAY_SIZE(enrollment_kinds); i++)
		if (strcmp(kind, enrollment_kinds[i]) == 0)
			return true;
	return false;
}

int store_enrollment_token_create(struct store_conn *tx, const struct change *by,
				  struct enrollment_token *t, struct error *err)
{
	const struct fleet_tree *tree;
	if (!known_kind(t->kind))
		return error_set(err, ERR_INVALID,
				 "an enrollment token's kind is agent, chrome or flyve");
	if (t->token_hash.n == 0 || t->uses_max < 0)
		return error_set(err, ERR_INVALID, "the enrollment token is not complete");
	int r = store_fleets(tx, t->org_id, &tree);
	if (r)
		return r;
	const struct fleet *root = fleet_tree_root(tree);
	if (t->fleet_id == 0 && root)
		t->fleet_id = root->id;
	if (fleet_tree_get(tree, t->fleet_id) == NULL)
		return found(ROW_NOT_FOUND, "fleet", t->fleet_id, err);
	t->id = 0;
	t->uses = 0;
	t->created_ms = by->now_ms;
	t->revoked_ms = 0;
	t->actor = by->actor;
	r = row_insert(tx, TABLE_enrollment_token, t);
	if (r == ROW_EXISTS)
		return error_set(err, ERR_CONFLICT, "this enrollment token exists already");
	return r ? r : token_event(tx, by, EVENT_ENROLLMENT_TOKEN_CREATED, t);
}

int store_enrollment_token_list(struct store_conn *c, int64_t org_id, struct arena *a,
				struct enrollment_token **ret, size_t *ret_n)
{
	struct scan s = { .table = TABLE_enrollment_token, .index = INDEX_PRIMARY };
	void *rows = NULL;
	size_t n = 0;
	int r = list_rows(c, &s, a, &rows, &n);
	struct enrollment_token *all = rows;
	*ret = all;
	*ret_n = 0;
	for (size_t i = 0; i < n && r == 0; i++)
		if (all[i].org_id == org_id)
			all[(*ret_n)++] = all[i];
	return r;
}

int store_enrollment_token_get(struct store_conn *c, int64_t id, struct arena *a,
			       struct enrollment_token *ret, struct error *err)
{
	int r = row_get(c, TABLE_enrollment_token, &(struct enrollment_token){ .id = id }, a, ret);
	return found(r, "enrollment token", id, err);
}

int store_enrollment_token_revoke(struct store_conn *tx, const struct change *by, int64_t id,
				  struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct enrollment_token t;
	arena_init(&a);
	int r = store_enrollment_token_get(tx, id, &a, &t, err);
	if (r || t.revoked_ms)
		return r;
	t.revoked_ms = by->now_ms;
	r = row_update(tx, TABLE_enrollment_token, COLUMN_BIT(enrollment_token, revoked_ms), &t);
	return r ? r : token_event(tx, by, EVENT_ENROLLMENT_TOKEN_REVOKED, &t);
}

static bool usable(const struct enrollment_token *t, const char *kind, int64_t now_ms)
{
	return strcmp(t->kind, kind) == 0 && t->revoked_ms == 0 &&
	       (t->expires_ms == 0 || t->expires_ms > now_ms) &&
	       (t->uses_max == 0 || t->uses < t->uses_max);
}

int store_enrollment_token_check(struct store_conn *c, const char *kind, struct span token_hash,
				 int64_t now_ms, struct arena *a, struct enrollment_token *ret,
				 struct error *err)
{
	int r = row_find(c, TABLE_enrollment_token, INDEX_OF(enrollment_token, by_token),
			 &(struct enrollment_token){ .token_hash = token_hash }, a, ret);
	if (r == ROW_NOT_FOUND || (r == 0 && !usable(ret, kind, now_ms)))
		return error_set(err, ERR_UNAUTHENTICATED, "the enrollment token is not valid");
	return r;
}

int store_enrollment_token_use(struct store_conn *tx, const char *kind, struct span token_hash,
			       int64_t now_ms, struct arena *a, struct enrollment_token *ret,
			       struct error *err)
{
	int r = store_enrollment_token_check(tx, kind, token_hash, now_ms, a, ret, err);
	if (r)
		return r;
	ret->uses++;
	return row_update(tx, TABLE_enrollment_token, COLUMN_BIT(enrollment_token, uses), ret);
}

/* ---- API tokens ---- */

static int api_token_event(struct store_conn *tx, const struct change *by, enum event_type type,
			   const struct api_token *t)
{
	json_t *record = record_json(TABLE_api_token, t);
	bool created = type == EVENT_API_TOKEN_CREATED;
	return event_add(tx, by,
			 &(struct event_new){ .type = type,
					      .org_id = t->org_id,
					      .object = t->name,
					      .before = created ? NULL : record,
					      .after = created ? record : NULL });
}

struct name_search {
	const char *name;
	bool there;
};

static int search_name(void *user, const void *record)
{
	struct name_search *s = user;
	const struct api_token *t = record;
	s->there = t->revoked_ms == 0 && strcmp(t->name, s->name) == 0;
	return s->there ? ROW_STOP : 0;
}

int store_api_token_create(struct store_conn *tx, const struct change *by, struct api_token *t,
			   struct error *err)
{
	struct name_search search = { .name = t->name };
	struct scan s = { .table = TABLE_api_token, .index = INDEX_PRIMARY };
	int r = check_name("an API token", t->name, err);
	if (r == 0)
		r = row_scan(tx, &s, search_name, &search);
	if (r == 0 && search.there)
		return error_set(err, ERR_CONFLICT, "there is an API token \"%s\" already",
				 t->name);
	if (r == 0 && t->token_hash.n == 0)
		return error_set(err, ERR_INVALID, "the API token is not complete");
	if (r)
		return r;
	t->id = 0;
	t->created_ms = by->now_ms;
	t->revoked_ms = t->last_used_ms = 0;
	t->actor = by->actor;
	r = row_insert(tx, TABLE_api_token, t);
	if (r == ROW_EXISTS)
		return error_set(err, ERR_CONFLICT, "this API token exists already");
	return r ? r : api_token_event(tx, by, EVENT_API_TOKEN_CREATED, t);
}

int store_api_token_list(struct store_conn *c, struct arena *a, struct api_token **ret,
			 size_t *ret_n)
{
	struct scan s = { .table = TABLE_api_token, .index = INDEX_PRIMARY };
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}

int store_api_token_by_hash(struct store_conn *c, struct span token_hash, struct arena *a,
			    struct api_token *ret, struct error *err)
{
	int r = row_find(c, TABLE_api_token, INDEX_OF(api_token, by_token),
			 &(struct api_token){ .token_hash = token_hash }, a, ret);
	if (r == ROW_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "the API token is not known");
	return r;
}

static int api_token_get(struct store_conn *c, int64_t id, struct arena *a, struct api_token *ret)
{
	return row_get(c, TABLE_api_token, &(struct api_token){ .id = id }, a, ret);
}

int store_api_token_revoke(struct store_conn *tx, const struct change *by, int64_t id,
			   struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct api_token t;
	arena_init(&a);
	int r = found(api_token_get(tx, id, &a, &t), "API token", id, err);
	if (r || t.revoked_ms)
		return r;
	t.revoked_ms = by->now_ms;
	r = row_update(tx, TABLE_api_token, COLUMN_BIT(api_token, revoked_ms), &t);
	return r ? r : api_token_event(tx, by, EVENT_API_TOKEN_REVOKED, &t);
}

int store_api_token_touch(struct store_conn *tx, int64_t id, int64_t now_ms)
{
	struct api_token t = { .id = id, .last_used_ms = now_ms };
	int r = row_update(tx, TABLE_api_token, COLUMN_BIT(api_token, last_used_ms), &t);
	return r == ROW_NOT_FOUND ? 0 : r;
}
