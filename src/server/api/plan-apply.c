/* SPDX-License-Identifier: Apache-2.0
 *
 * Carrying a plan out, in the transaction it was made in: one verb of the store a change, in the
 * plan's order. What is new gets its id here, and what comes later finds it in the plan's nodes.
 */
#include "server/api/plan.h"
#include <errno.h>
#include <string.h>

struct carrier {
	struct plan *plan;
	struct store_conn *tx;
	const struct change *by;
	struct error *err;
};

static int add_organization(struct carrier *c, struct plan_org *org)
{
	struct organization row;
	const struct fleet_tree *tree;
	int r = store_organization_create(c->tx, c->by, org->name, "", c->plan->arena, &row,
					  c->err);
	if (r == 0)
		r = store_fleets(c->tx, row.id, &tree);
	if (r != 0)
		return r;
	org->id = row.id;
	org->root->id = fleet_tree_root(tree)->id;
	return 0;
}

static void change_config(json_t *config, struct organization *row,
			  const struct plan_change *change)
{
	if (strcmp(change->name, "domain") == 0)
		row->domain = change->after ? json_string_value(change->after) : "";
	else if (change->after)
		json_object_set(config, change->name, change->after);
	else
		json_object_del(config, change->name);
}

/* Everything that changes of the organization itself, at once: one revision, one event. */
static int change_organization(struct carrier *c, const struct plan_org *org)
{
	struct organization row;
	AUTO_JSON config = json_copy(org->config);
	bool any = false;
	int r = store_organization_get(c->tx, org->id, c->plan->arena, &row, c->err);
	if (r != 0)
		return r;
	for (size_t i = 0; i < c->plan->n; i++) {
		const struct plan_change *change = &c->plan->changes[i];
		if (change->kind != PLAN_CONFIG || change->org != org)
			continue;
		change_config(config, &row, change);
		any = true;
	}
	if (!any)
		return 0;
	CLEANUP(free_charp) char *text = json_text(config);
	row.config_json = text;
	return store_organization_update(c->tx, c->by, &row, 0, c->err);
}

static int add_fleet(struct carrier *c, struct plan_fleet *f)
{
	struct fleet row;
	int r = store_fleet_create(c->tx, c->by, f->org->id, f->parent->id, f->name, c->plan->arena,
				   &row, c->err);
	if (r == 0)
		f->id = row.id;
	return r;
}

static int set(struct carrier *c, const struct plan_change *change)
{
	enum scope scope = change->fleet ? SCOPE_FLEET : SCOPE_DEVICE;
	int64_t id = change->fleet ? change->fleet->id : change->device_id;
	json_t *value;
	const char *level;
	bool changed;
	if (!change->after)
		return store_setting_unset(c->tx, c->by, scope, id, change->name, c->err);
	int r = document_setting_read(change->after, &value, &level, c->err);
	return r ? r
		 : store_setting_set(c->tx, c->by, scope, id, change->name, level, value, false,
				     &changed, c->err);
}

static int carry_out(struct carrier *c, const struct plan_change *change)
{
	switch (change->kind) {
	case PLAN_ORGANIZATION:
		return add_organization(c, change->org);
	case PLAN_CONFIG: /* together, change_organization() */
		return 0;
	case PLAN_FLEET:
		if (change->op == PLAN_DELETE)
			return store_fleet_delete(c->tx, c->by, change->fleet->id, 0, c->err);
		return add_fleet(c, change->fleet);
	case PLAN_SETTING:
		return set(c, change);
	}
	return -EINVAL;
}

/* When everything is in its place: within a plan a thing may go from one list to the other. */
static int check_conflicts(const struct carrier *c, const struct plan_change *change)
{
	if (change->kind != PLAN_SETTING || !change->after)
		return 0;
	return change->fleet ? store_setting_conflict(c->tx, SCOPE_FLEET, change->fleet->id,
						      change->name, c->err)
			     : store_setting_conflict(c->tx, SCOPE_DEVICE, change->device_id,
						      change->name, c->err);
}

int plan_apply(struct plan *p, struct store_conn *tx, const struct change *by, struct error *err)
{
	struct carrier c = { p, tx, by, err };
	int r = 0;
	for (size_t i = 0; r == 0 && i < p->n; i++)
		r = carry_out(&c, &p->changes[i]);
	for (const struct plan_org *o = p->orgs; r == 0 && o; o = o->next)
		r = change_organization(&c, o);
	for (size_t i = 0; r == 0 && i < p->n; i++)
		r = check_conflicts(&c, &p->changes[i]);
	return r;
}
