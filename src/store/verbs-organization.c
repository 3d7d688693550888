/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs of organizations.
 */
#include "store/verbs.h"

#include <errno.h>
#include <inttypes.h>

static int taken(const char *name, struct error *err)
{
	return error_set(err, ERR_CONFLICT, "there is an organization \"%s\" already", name);
}

int store_organization_create(struct store_conn *tx, const struct change *by, const char *name,
			      const char *domain, struct arena *a, struct organization *ret,
			      struct error *err)
{
	int r = check_name("an organization", name, err);
	if (r)
		return r;
	struct organization o = { .name = arena_strdup(a, name),
				  .domain = arena_strdup(a, domain ? domain : ""),
				  .config_json = "{}",
				  .created_ms = by->now_ms,
				  .revision = 1 };
	r = row_insert(tx, TABLE_organization, &o);
	if (r)
		return r == ROW_EXISTS ? taken(name, err) : r;
	struct fleet root = {
		.org_id = o.id, .name = "default", .created_ms = by->now_ms, .revision = 1
	};
	r = row_insert(tx, TABLE_fleet, &root);
	if (r)
		return r;
	*ret = o;
	return event_add(tx, by,
			 &(struct event_new){ .type = EVENT_ORGANIZATION_CREATED,
					      .org_id = o.id,
					      .object = o.name,
					      .after = record_json(TABLE_organization, &o) });
}

int store_organization_get(struct store_conn *c, int64_t id, struct arena *a,
			   struct organization *ret, struct error *err)
{
	int r = row_get(c, TABLE_organization, &(struct organization){ .id = id }, a, ret);
	return found(r, "organization", id, err);
}

static bool parse_id(const char *text, int64_t *ret)
{
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoimax(text, &end, 10);
	return *end == '\0' && errno == 0;
}

static int first_organization(struct store_conn *c, struct arena *a, struct organization *ret,
			      struct error *err)
{
	struct scan s = { .table = TABLE_organization, .index = INDEX_PRIMARY, .limit = 1 };
	void *rows = NULL;
	size_t n = 0;
	int r = list_rows(c, &s, a, &rows, &n);
	if (r == 0 && n == 0)
		return error_set(err, ERR_NOT_FOUND, "there is no organization yet");
	if (r == 0)
		*ret = *(struct organization *)rows;
	return r;
}

int store_organization_find(struct store_conn *c, const char *ref, struct arena *a,
			    struct organization *ret, struct error *err)
{
	int64_t id;
	if (*ref == '\0')
		return first_organization(c, a, ret, err);
	int r = row_find(c, TABLE_organization, INDEX_OF(organization, by_name),
			 &(struct organization){ .name = ref }, a, ret);
	if (r == ROW_NOT_FOUND && parse_id(ref, &id))
		r = row_get(c, TABLE_organization, &(struct organization){ .id = id }, a, ret);
	if (r == ROW_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "there is no organization \"%.100s\"", ref);
	return r;
}

int store_organization_list(struct store_conn *c, struct arena *a, struct organization **ret,
			    size_t *ret_n)
{
	struct scan s = { .table = TABLE_organization, .index = INDEX_PRIMARY };
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}

int store_organization_update(struct store_conn *tx, const struct change *by,
			      const struct organization *o, int64_t if_revision, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct organization before, after;
	arena_init(&a);
	int r = store_organization_get(tx, o->id, &a, &before, err);
	if (r == 0)
		r = check_revision("organization", o->id, before.revision, if_revision, err);
	if (r == 0)
		r = check_name("an organization", o->name, err);
	if (r)
		return r;
	after = before;
	after.name = o->name;
	after.domain = o->domain ? o->domain : "";
	after.config_json = o->config_json && *o->config_json ? o->config_json : "{}";
	if (!differs(TABLE_organization, &before, &after))
		return 0;
	after.revision++;
	r = row_put(tx, TABLE_organization, &after);
	if (r)
		return r == ROW_EXISTS ? taken(o->name, err) : r;
	return event_add_change(tx, by,
				&(struct event_new){ .type = EVENT_ORGANIZATION_CHANGED,
						     .org_id = o->id,
						     .object = after.name },
				TABLE_organization, &before, &after);
}
