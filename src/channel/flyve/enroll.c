/* SPDX-License-Identifier: Apache-2.0
 *
 * Enrolling: who it is, and what of an earlier life ends.
 *
 * A device is known again by its serial, within the organization; where both sides say a uuid, that must
 * agree as well. Makers' placeholders ("Unknown") identify nothing by themselves, so two such phones are two
 * devices, and the second one has another name at the broker than its serial.
 */
#include "channel/flyve/rest.h"
#include "channel/flyve/sync.h"

#include <inttypes.h>
#include <string.h>

#define LIMIT_KEY "flyve.device_limit"

/* ---- who ---- */

static bool is_same(const struct flyve_newcomer *n, const struct flyve_agent *agent)
{
	const char *uuid = n->uuid ? n->uuid : "";
	if (*uuid && agent->uuid && *agent->uuid)
		return strcmp(uuid, agent->uuid) == 0;
	return !flyve_serial_is_placeholder(n->e.serial);
}

/* The device whose token it has shown, if that is of the same organization; *ret_id 0: not. */
static int find_shown(struct store_conn *tx, int64_t org_id, const struct flyve_newcomer *n,
		      struct arena *a, int64_t *ret_id)
{
	struct device d;
	struct error ignored;
	int r = n->known_id ? store_device_get(tx, n->known_id, a, &d, &ignored) : ERR_NOT_FOUND;
	*ret_id = r == 0 && d.org_id == org_id ? d.id : 0;
	return r > 0 ? 0 : r;
}

/* *ret_id 0: nobody known. */
static int find_known(struct store_conn *tx, int64_t org_id, const struct flyve_newcomer *n,
		      struct arena *a, int64_t *ret_id)
{
	struct device *list = NULL;
	size_t n_list = 0;
	int r = find_shown(tx, org_id, n, a, ret_id);
	if (r || *ret_id || !n->e.serial || !*n->e.serial)
		return r;
	r = store_flyve_device_list(tx, org_id, n->e.serial, a, &list, &n_list);
	for (size_t i = 0; i < n_list && r == 0 && *ret_id == 0; i++) {
		struct flyve_agent agent;
		r = flyve_agent_of(tx, list[i].id, a, &agent);
		if (r == 0 && is_same(n, &agent))
			*ret_id = list[i].id;
	}
	return r;
}

/* The serial, if it can be the name in topics, does no harm there, and nobody has it; else "": the store gives one. */
static int choose_name(struct store_conn *tx, const char *serial, struct arena *a, const char **ret)
{
	struct device other;
	struct error ignored;
	*ret = "";
	if (!serial || !flyve_name_safe(serial) || flyve_name_misleads(serial))
		return 0;
	int r = store_device_by_external(tx, CHANNEL_FLYVE, serial, a, &other, &ignored);
	if (r == ERR_NOT_FOUND)
		*ret = serial;
	return r > 0 ? 0 : r;
}

/* ---- how many ---- */

static int check_limit(struct store_conn *tx, int64_t org_id, struct server *s, struct arena *a,
		       struct error *err)
{
	struct organization org;
	const struct fleet_tree *tree;
	const struct filter *filter;
	int64_t n = 0;
	int r = store_organization_get(tx, org_id, a, &org, err);
	if (r)
		return r;
	AUTO_JSON limit = config_for_org(s->config, org.config_json, LIMIT_KEY);
	if (json_integer_value(limit) <= 0)
		return 0;
	r = store_fleets(tx, org_id, &tree);
	if (r == 0)
		r = filter_parse("channel=flyve", tree, 0, a, &filter, err);
	if (r == 0)
		r = store_device_count(tx, org_id, filter, &n);
	if (r == 0 && n >= json_integer_value(limit))
		return error_set(err, ERR_CONFLICT, "Too many devices");
	return r;
}

int flyve_check_room(struct store_conn *tx, int64_t org_id, const struct flyve_newcomer *n,
		     struct server *s, struct arena *a, struct error *err)
{
	int64_t known_id;
	int r = find_known(tx, org_id, n, a, &known_id);
	return r || known_id ? r : check_limit(tx, org_id, s, a, err);
}

/* ---- enrolling ---- */

static int come_back(struct store_conn *tx, const struct change *by, int64_t id,
		     const struct enrollment *e, struct arena *a, struct device *ret,
		     struct error *err)
{
	struct device old;
	int r = store_device_get(tx, id, a, &old, err);
	if (r == 0) /* before its commands would start anew: a wipe must not come again */
		r = flyve_end_orders(tx, &old, by->now_ms, a);
	return r ? r : store_device_reenroll(tx, by, id, e, a, ret, err);
}

static int put_agent(struct store_conn *tx, const struct flyve_newcomer *n,
		     const struct enrollment_token *t, const struct device *d)
{
	enum flyve_dialect dialect;
	int r = flyve_dialect_of(tx, d, n->dialect, &dialect);
	if (r)
		return r;
	return store_flyve_agent_put(tx, &(struct flyve_agent){ .device_id = d->id,
								.uuid = n->uuid ? n->uuid : "",
								.dialect = dialect,
								.confirms = n->confirms,
								.invitation_id = t->id,
								.said = n->dialect,
								.root = dialect });
}

int flyve_enroll(struct store_conn *tx, const struct change *by, const struct enrollment_token *t,
		 const struct flyve_newcomer *n, struct server *s, struct arena *a,
		 struct device *ret, struct error *err)
{
	struct enrollment e = n->e;
	int64_t known_id;
	e.org_id = t->org_id;
	e.fleet_id = t->fleet_id;
	e.channel = CHANNEL_FLYVE;
	e.token_hash = (struct span){ NULL, 0 }; /* no log-in before credentials are handed out */
	int r = find_known(tx, t->org_id, n, a, &known_id);
	if (r == 0 && known_id == 0)
		r = check_limit(tx, t->org_id, s, a, err);
	if (r == 0 && known_id)
		r = come_back(tx, by, known_id, &e, a, ret, err);
	else if (r == 0) {
		r = choose_name(tx, e.serial, a, &e.external_id);
		if (r == 0)
			r = store_device_enroll(tx, by, &e, a, ret, err);
	}
	return r ? r : put_agent(tx, n, t, ret);
}
