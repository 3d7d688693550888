/* SPDX-License-Identifier: Apache-2.0
 *
 * Fleets and devices as retained messages, see sync.h. Orders are in sync-orders.c.
 */
#include "channel/flyve/sync.h"

#include "channel/flyve/policy.h"
#include "channel/flyve/sync-scope.h"
#include <inttypes.h>
#include <string.h>

static int find_file(void *user, int64_t file_id, struct file *ret)
{
	struct flyve_scope *s = user;
	struct error ignored;
	int r = store_file_get(s->tx, file_id, s->arena, ret, &ignored);
	return r == 0 && ret->org_id != s->org_id ? ERR_NOT_FOUND : r;
}

/* ---- tasks: what was said before against what is to be said ---- */

static bool is_task_of(const struct flyve_task *t, const struct flyve_said *s)
{
	return !t->left && !t->neutral && strcmp(t->setting, s->setting) == 0 &&
	       strcmp(t->item, s->item) == 0;
}

static bool is_said(const struct flyve_task *t, const struct flyve_said *said, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_task_of(t, &said[i]) && strcmp(t->entry_json, said[i].entry) == 0)
			return true;
	return false;
}

/* Whether anything is said of the same setting (neutral), or of the same thing (left). */
static bool is_overtaken(const struct flyve_task *t, const struct flyve_said *said, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (t->neutral && strcmp(t->setting, said[i].setting) == 0)
			return true;
		if (t->left && (strcmp(t->entry_json, said[i].removal) == 0 ||
				strcmp(t->item, said[i].item) == 0))
			return true;
	}
	return false;
}

static bool is_element_said(const struct flyve_task *t, const struct flyve_said *said, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_task_of(t, &said[i]))
			return true;
	return false;
}

static int add_task(struct flyve_scope *s, struct flyve_task t)
{
	t.org_id = s->org_id;
	t.fleet_id = s->fleet_id;
	t.device_id = s->device_id;
	t.created_ms = s->now_ms;
	return store_flyve_task_add(s->tx, &t);
}

/* What takes the place of a task that is no longer said. */
static int replace_task(struct flyve_scope *s, const struct flyve_task *t)
{
	const struct setting_type *type = catalogue_find(t->setting);
	const char *entry = type ? flyve_default_entry(type, s->arena) : NULL;
	if (*t->removal_json)
		return add_task(s, (struct flyve_task){ .setting = t->setting,
							.item = t->item,
							.entry_json = t->removal_json,
							.removal_json = "",
							.left = true });
	if (entry && !*t->item)
		return add_task(s, (struct flyve_task){ .setting = t->setting,
							.item = "",
							.entry_json = entry,
							.removal_json = "",
							.neutral = true });
	return 0;
}

static int drop_tasks(struct flyve_scope *s, const struct flyve_said *said, size_t n)
{
	struct flyve_task *tasks;
	size_t n_tasks;
	int r = store_flyve_task_list(s->tx, s->fleet_id, s->device_id, s->arena, &tasks, &n_tasks);
	for (size_t i = 0; i < n_tasks && r == 0; i++) {
		const struct flyve_task *t = &tasks[i];
		bool kept = t->left || t->neutral ? !is_overtaken(t, said, n) : is_said(t, said, n);
		if (kept)
			continue;
		r = store_flyve_task_delete(s->tx, t->id);
		if (r == 0 && !t->left && !t->neutral && !is_element_said(t, said, n))
			r = replace_task(s, t);
	}
	return r;
}

static int reconcile_tasks(struct flyve_scope *s, const struct flyve_said *said, size_t n)
{
	struct flyve_task *tasks;
	size_t n_tasks;
	int r = drop_tasks(s, said, n);
	if (r == 0)
		r = store_flyve_task_list(s->tx, s->fleet_id, s->device_id, s->arena, &tasks,
					  &n_tasks);
	for (size_t i = 0; i < n && r == 0; i++) {
		bool there = false;
		for (size_t k = 0; k < n_tasks && !there; k++)
			there = is_task_of(&tasks[k], &said[i]);
		if (!there)
			r = add_task(s, (struct flyve_task){ .setting = said[i].setting,
							     .item = said[i].item,
							     .entry_json = said[i].entry,
							     .removal_json = said[i].removal });
	}
	return r;
}

/* ---- messages ---- */

static struct retained *find_row(struct flyve_scope *s, const char *topic)
{
	for (size_t i = 0; i < s->n_rows; i++)
		if (strcmp(s->rows[i].topic, topic) == 0)
			return &s->rows[i];
	return NULL;
}

int flyve_scope_begin(struct flyve_scope *s)
{
	int r = store_retained_list(s->tx, s->fleet_id, s->device_id, s->arena, &s->rows,
				    &s->n_rows);
	if (r == 0)
		s->wanted = arena_new_n(s->arena, bool, s->n_rows + 1);
	return r;
}

int flyve_scope_want(struct flyve_scope *s, const char *topic, const char *payload, int qos,
		     int64_t command_id)
{
	struct retained row = { .topic = topic,
				.org_id = s->org_id,
				.fleet_id = s->fleet_id,
				.device_id = s->device_id,
				.command_id = command_id,
				.qos = qos,
				.payload = payload };
	struct retained *old = find_row(s, topic);
	bool changed;
	if (old)
		s->wanted[old - s->rows] = true;
	int r = store_retained_want(s->tx, &row, s->now_ms, &changed);
	s->effects->publish |= changed;
	return r;
}

bool flyve_scope_has(const struct flyve_scope *s, const char *topic)
{
	const struct retained *r = find_row((struct flyve_scope *)s, topic);
	return r && *r->payload;
}

int flyve_scope_end(struct flyve_scope *s)
{
	int r = 0;
	for (size_t i = 0; i < s->n_rows && r == 0; i++) {
		bool changed;
		if (s->wanted[i])
			continue;
		r = store_retained_erase(s->tx, s->rows[i].topic, s->now_ms, &changed);
		s->effects->publish |= changed;
	}
	return r;
}

static bool group_is_wanted(struct flyve_scope *s, const char *group, const char *topic,
			    const struct flyve_task *tasks, size_t n)
{
	if (flyve_group_is_base(group) || flyve_scope_has(s, topic))
		return true;
	for (size_t i = 0; i < n; i++)
		if (!tasks[i].neutral && flyve_group_has(group, &tasks[i]))
			return true;
	return false;
}

static int want_groups(struct flyve_scope *s, const char *root, const struct flyve_task *tasks,
		       size_t n)
{
	int r = 0;
	for (size_t i = 0; i < flyve_group_n() && r == 0; i++) {
		const char *group = flyve_group_at(i);
		const char *topic = arena_printf(s->arena, "%s/%s", root, group);
		if (group_is_wanted(s, group, topic, tasks, n))
			r = flyve_scope_want(s, topic,
					     flyve_group_message(group, tasks, n, s->arena), 1, 0);
	}
	return r;
}

static int want_tasks(struct flyve_scope *s, const char *root, const struct flyve_task *tasks,
		      size_t n)
{
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		struct flyve_message m;
		if (flyve_task_message(root, &tasks[i], s->arena, &m))
			r = flyve_scope_want(s, m.topic, m.payload, 1, 0);
	}
	return r;
}

int flyve_scope_policies(struct flyve_scope *s, const struct desired *d, const char *root_d1,
			 const char *root_d2)
{
	struct flyve_said *said;
	struct flyve_task *tasks = NULL;
	size_t n_said, n = 0;
	int r = flyve_say(d, find_file, s, s->arena, &said, &n_said, &s->effects->n_left_out);
	if (r == 0)
		r = reconcile_tasks(s, said, n_said);
	if (r == 0)
		r = store_flyve_task_list(s->tx, s->fleet_id, s->device_id, s->arena, &tasks, &n);
	if (r == 0 && root_d1)
		r = want_groups(s, root_d1, tasks, n);
	if (r == 0 && root_d2)
		r = want_tasks(s, root_d2, tasks, n);
	return r;
}

/* ---- which dialect ---- */

/* What the settings in force say; NONE: nothing, or "auto". */
static enum flyve_dialect chosen(const struct desired *d)
{
	const struct desired_setting *s = desired_get(d, FLYVE_DIALECT_SETTING);
	int choice = s ? catalogue_choice(s->type, s->value) : 0;
	return choice == 1 ? FLYVE_D1 : choice == 2 ? FLYVE_D2 : FLYVE_DIALECT_NONE;
}

int flyve_dialect_of(struct store_conn *c, const struct device *d, enum flyve_dialect said,
		     enum flyve_dialect *ret)
{
	CLEANUP(desired_fini) struct desired desired = { 0 };
	int r = store_desired(c, d, &desired);
	*ret = r == 0 ? chosen(&desired) : FLYVE_DIALECT_NONE;
	if (*ret == FLYVE_DIALECT_NONE)
		*ret = said == FLYVE_DIALECT_NONE ? FLYVE_D1 : said;
	return r;
}

/* A fleet's choice is remembered, so that only one that changed is followed by a look at each member. */
static int note_choice(struct flyve_scope *s, bool *ret_changed)
{
	CLEANUP(desired_fini) struct desired d = { 0 };
	const char *name = arena_printf(s->arena, "flyve.dialect.%" PRId64, s->fleet_id);
	int64_t before = 0;
	*ret_changed = false;
	int r = store_desired_fleet(s->tx, s->org_id, s->fleet_id, &d);
	if (r == 0)
		r = store_counter_get(s->tx, name, &before);
	if (r || before == (int64_t)chosen(&d))
		return r;
	*ret_changed = true;
	return store_counter_set(s->tx, name, (int64_t)chosen(&d));
}

/* ---- fleets ---- */

static int has_member(struct flyve_scope *s, enum flyve_dialect d, bool *ret)
{
	struct flyve_agent *agents;
	size_t n = 0;
	int r = store_flyve_agent_list(s->tx, s->fleet_id, d, 0, 1, s->arena, &agents, &n);
	*ret = n > 0;
	return r;
}

int flyve_says_anything(struct store_conn *c, int64_t org_id, int64_t fleet_id, bool *ret)
{
	CLEANUP(desired_fini) struct desired d = { 0 };
	int r = store_desired_fleet(c, org_id, fleet_id, &d);
	*ret = false;
	for (size_t i = 0; i < d.n && r == 0; i++)
		*ret |= d.items[i].type->flyve != NULL;
	return r;
}

static int sync_members(struct flyve_scope *s)
{
	CLEANUP(desired_fini) struct desired d = { 0 };
	bool d1, d2;
	int r = has_member(s, FLYVE_D1, &d1);
	if (r == 0)
		r = has_member(s, FLYVE_D2, &d2);
	if (r || (!d1 && !d2))
		return r;
	r = store_desired_fleet(s->tx, s->org_id, s->fleet_id, &d);
	if (r)
		return r;
	return flyve_scope_policies(
		s, &d, d1 ? flyve_fleet_root(s->arena, FLYVE_D1, s->org_id, s->fleet_id) : NULL,
		d2 ? flyve_fleet_root(s->arena, FLYVE_D2, s->org_id, s->fleet_id) : NULL);
}

static int forget_fleet(struct flyve_scope *s)
{
	struct flyve_task *tasks;
	size_t n = 0;
	int r = store_flyve_task_list(s->tx, s->fleet_id, 0, s->arena, &tasks, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = store_flyve_task_delete(s->tx, tasks[i].id);
	return r;
}

int flyve_sync_fleet(struct store_conn *tx, int64_t org_id, int64_t fleet_id, int64_t now_ms,
		     struct arena *a, struct flyve_effects *ret)
{
	struct flyve_scope s = { .tx = tx,
				 .arena = a,
				 .effects = ret,
				 .org_id = org_id,
				 .fleet_id = fleet_id,
				 .now_ms = now_ms };
	const struct fleet_tree *tree;
	*ret = (struct flyve_effects){ 0 };
	int r = store_fleets(tx, org_id, &tree);
	if (r == 0)
		r = flyve_scope_begin(&s);
	if (r)
		return r;
	const struct fleet *fleet = fleet_tree_get(tree, fleet_id);
	bool is_root = fleet && fleet == fleet_tree_root(tree);
	r = fleet ? sync_members(&s) : forget_fleet(&s);
	if (r == 0 && fleet)
		r = note_choice(&s, &ret->dialect_changed);
	if (r == 0)
		r = flyve_scope_end(&s);
	if (r == 0 && is_root)
		r = flyve_says_anything(tx, org_id, fleet_id, &ret->root_managed);
	return r;
}

/* ---- devices ---- */

int flyve_agent_of(struct store_conn *c, int64_t device_id, struct arena *a,
		   struct flyve_agent *ret)
{
	struct error ignored;
	int r = store_flyve_agent_get(c, device_id, a, ret, &ignored);
	if (r == ERR_NOT_FOUND)
		*ret = (struct flyve_agent){ .device_id = device_id,
					     .uuid = "",
					     .dialect = FLYVE_D1,
					     .said = FLYVE_D1,
					     .root = FLYVE_D1 };
	return r > 0 ? 0 : r;
}

int flyve_device_differs(struct store_conn *c, const struct device *d, struct arena *a, bool *ret)
{
	struct setting *rows;
	size_t n = 0;
	*ret = false;
	if (d->changes == 0) /* it never had one of its own */
		return 0;
	int r = store_setting_list(c, SCOPE_DEVICE, d->id, a, &rows, &n);
	for (size_t i = 0; i < n && r == 0; i++) {
		const struct setting_type *t = catalogue_find(rows[i].name);
		*ret |= t && t->flyve;
	}
	return r;
}

/* The fleet whose messages the device reads; 0: none; negative: its own. */
static int fleet_to_read(struct flyve_scope *s, const struct device *d, bool differs, int64_t *ret)
{
	const struct fleet_tree *tree;
	bool managed = true;
	*ret = flyve_own(d->org_id);
	if (differs)
		return 0;
	int r = store_fleets(s->tx, d->org_id, &tree);
	if (r)
		return r;
	const struct fleet *root = fleet_tree_root(tree);
	if (root && root->id == d->fleet_id)
		r = flyve_says_anything(s->tx, d->org_id, d->fleet_id, &managed);
	*ret = managed ? d->fleet_id : 0;
	return r;
}

static int want_subscription(struct flyve_scope *s, const char *root,
			     const struct flyve_agent *agent)
{
	const char *topic = arena_printf(s->arena, "%s/" FLYVE_SUBSCRIBE_SUFFIX, root);
	const char *fleet = agent->fleet_id > 0
				    ? flyve_fleet_root(s->arena, (enum flyve_dialect)agent->dialect,
						       s->org_id, agent->fleet_id)
				    : NULL;
	if (!fleet && !flyve_scope_has(s, topic))
		return 0; /* it was never told of any */
	return flyve_scope_want(s, topic, flyve_subscribe_payload(fleet, s->arena), 1, 0);
}

static int want_own(struct flyve_scope *s, const struct device *d, const char *root, bool d1)
{
	CLEANUP(desired_fini) struct desired desired = { 0 };
	int r = store_desired(s->tx, d, &desired);
	if (r)
		return r;
	/* Policy/ is what a device may read below its own root in both dialects */
	const char *groups = arena_printf(s->arena, "%s/Policy", root);
	return flyve_scope_policies(s, &desired, d1 ? groups : NULL, d1 ? NULL : root);
}

static int drop_own(struct flyve_scope *s)
{
	struct flyve_task *tasks;
	size_t n = 0;
	int r = store_flyve_task_list(s->tx, 0, s->device_id, s->arena, &tasks, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = store_flyve_task_delete(s->tx, tasks[i].id);
	return r;
}

static int read_fleet(struct flyve_scope *s, struct flyve_agent *agent, int64_t fleet_id)
{
	int64_t before = agent->fleet_id;
	if (before == fleet_id)
		return 0;
	s->effects->fleets[0] = before > 0 ? before : 0;
	s->effects->fleets[1] = fleet_id > 0 ? fleet_id : 0;
	s->effects->account = true;
	agent->fleet_id = fleet_id;
	return store_flyve_agent_put(s->tx, agent);
}

/* Its own topics keep the spelling that it subscribed to. */
static int speak(struct flyve_scope *s, const struct device *d, struct flyve_agent *agent)
{
	enum flyve_dialect dialect;
	int r = flyve_dialect_of(s->tx, d, (enum flyve_dialect)agent->said, &dialect);
	if (r || agent->dialect == (int64_t)dialect)
		return r;
	s->effects->fleets[0] = agent->fleet_id > 0 ? agent->fleet_id : 0;
	s->effects->account = true;
	agent->dialect = dialect;
	return store_flyve_agent_put(s->tx, agent);
}

static int sync_managed(struct flyve_scope *s, const struct device *d, struct flyve_agent *agent)
{
	const char *root = flyve_agent_root(s->arena, (enum flyve_dialect)agent->root, d->org_id,
					    d->external_id);
	int64_t fleet_id = 0;
	bool differs = false;
	int r = speak(s, d, agent);
	if (r == 0)
		r = flyve_device_differs(s->tx, d, s->arena, &differs);
	if (r == 0)
		r = fleet_to_read(s, d, differs, &fleet_id);
	if (r == 0)
		r = read_fleet(s, agent, fleet_id);
	if (r == 0)
		r = want_subscription(s, root, agent);
	if (r == 0)
		r = differs ? want_own(s, d, root, agent->dialect == FLYVE_D1) : drop_own(s);
	return r ? r : flyve_scope_orders(s, d, root);
}

int flyve_sync_device(struct store_conn *tx, int64_t device_id, int64_t now_ms, struct arena *a,
		      struct flyve_effects *ret)
{
	struct flyve_scope s = {
		.tx = tx, .arena = a, .effects = ret, .device_id = device_id, .now_ms = now_ms
	};
	struct flyve_agent agent;
	struct error ignored;
	struct device d;
	*ret = (struct flyve_effects){ 0 };
	int r = store_device_get(tx, device_id, a, &d, &ignored);
	bool gone = r == ERR_NOT_FOUND;
	bool ours = r == 0 && strcmp(d.channel, channel_name(CHANNEL_FLYVE)) == 0;
	s.org_id = r == 0 ? d.org_id : 0;
	if (r >= 0)
		r = flyve_scope_begin(&s);
	if (r == 0)
		r = flyve_agent_of(tx, device_id, a, &agent);
	if (r)
		return r;
	if (ours && d.unenrolled_ms == 0) {
		r = sync_managed(&s, &d, &agent);
	} else { /* the agent's row stays for a later enrollment, unless the device is gone */
		if (agent.fleet_id)
			r = read_fleet(&s, &agent, 0);
		if (r == 0)
			r = gone ? store_flyve_forget(tx, device_id) : drop_own(&s);
	}
	return r ? r : flyve_scope_end(&s);
}
