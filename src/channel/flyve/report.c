/* SPDX-License-Identifier: Apache-2.0
 *
 * Tasks and reports, see report.h.
 */
#include "channel/flyve/report.h"

#include "channel/flyve/policy.h"
#include <string.h>
#include <strings.h>

/* ---- one status ---- */

static int find_task(struct store_conn *tx, const struct device *d, const struct flyve_agent *agent,
		     int64_t wire_id, struct arena *a, struct flyve_task *ret, bool *ret_known)
{
	struct error ignored;
	int r = store_flyve_task_get(tx, wire_id - FLYVE_TASK_BASE, a, ret, &ignored);
	*ret_known = r == 0 &&
		     (ret->device_id ? ret->device_id == d->id : ret->fleet_id == agent->fleet_id);
	return r > 0 ? 0 : r;
}

static int find_row(struct store_conn *tx, int64_t device_id, const struct flyve_task *t,
		    struct arena *a, struct task *ret)
{
	struct task *rows;
	size_t n = 0;
	int r = store_task_list(tx, device_id, a, &rows, &n);
	*ret = (struct task){ .device_id = device_id, .setting = t->setting, .item = t->item };
	for (size_t i = 0; i < n && r == 0; i++)
		if (strcmp(rows[i].setting, t->setting) == 0 && strcmp(rows[i].item, t->item) == 0)
			*ret = rows[i];
	return r;
}

int flyve_task_heard(struct store_conn *tx, const struct device *d, const struct flyve_agent *agent,
		     const struct flyve_task_status *s, int64_t now_ms, struct arena *a,
		     bool *ret_known)
{
	struct flyve_task t;
	struct task row;
	struct error ignored;
	int r = find_task(tx, d, agent, s->task_id, a, &t, ret_known);
	if (r || !*ret_known)
		return r;
	r = find_row(tx, d->id, &t, a, &row);
	if (r == 0 && row.wire_id != s->task_id) /* another value is another task */
		r = task_move(&row, TASK_PENDING, 0, "", now_ms, &ignored);
	if (r)
		return r;
	row.wire_id = s->task_id;
	r = task_move(&row, s->state, s->progress, *s->message ? s->message : s->text, now_ms,
		      &ignored);
	if (r > 0) /* late: it is over already */
		return 0;
	return r ? r : store_task_put(tx, &row, &ignored);
}

/* ---- the report ---- */

struct reporting {
	struct arena *arena;
	const struct flyve_task *tasks; /* said to this device */
	size_t n_tasks;
	const struct task *rows; /* what it said of tasks */
	size_t n_rows;
	bool settled;
};

struct outcome {
	enum observed_state state;
	const char *message;
	size_t n;
};

static const struct task *row_of(const struct reporting *x, const struct flyve_task *t)
{
	for (size_t i = 0; i < x->n_rows; i++)
		if (x->rows[i].wire_id == FLYVE_TASK_BASE + t->id)
			return &x->rows[i];
	return NULL;
}

/* The worst counts: failed, cannot, on its way, applied. */
static int badness(enum observed_state s)
{
	static const int order[] = { [OBSERVED_OBSERVED] = 0,
				     [OBSERVED_APPLIED] = 1,
				     [OBSERVED_PENDING] = 2,
				     [OBSERVED_UNSUPPORTED] = 3,
				     [OBSERVED_FAILED] = 4 };
	return order[s];
}

static void add_outcome(struct outcome *o, enum observed_state state, const char *message)
{
	if (o->n++ > 0 && badness(state) <= badness(o->state))
		return;
	o->state = state;
	o->message = message;
}

static struct outcome outcome_of(const struct reporting *x, const struct desired_setting *d)
{
	const char *setting = flyve_task_setting(d->type->name);
	struct outcome o = { .state = OBSERVED_APPLIED, .message = "" };
	for (size_t i = 0; i < x->n_tasks; i++) {
		const struct flyve_task *t = &x->tasks[i];
		enum task_state state;
		if (t->left || t->neutral || strcmp(t->setting, setting) != 0)
			continue;
		const struct task *row = row_of(x, t);
		if (!row || !task_state_parse(row->state, &state))
			add_outcome(&o, OBSERVED_PENDING, "the device has not confirmed it");
		else
			add_outcome(&o,
				    flyve_observed(state,
						   strcasecmp(row->message, "incompatible") == 0),
				    state == TASK_DONE ? "" : row->message);
	}
	return o;
}

/* Elements that could not be said have no task: the setting is not done then. */
static bool is_whole(const struct desired_setting *d, const struct outcome *o)
{
	bool list = d->type->kind == SETTING_OBJECTS || d->type->kind == SETTING_LIST;
	if (strcmp(flyve_task_setting(d->type->name), d->type->name) != 0 || !list)
		return o->n > 0;
	return o->n >= json_array_size(d->value);
}

static json_t *observe(const struct reporting *x, const struct desired_setting *d)
{
	struct outcome o = outcome_of(x, d);
	if (!is_whole(d, &o) && badness(o.state) < badness(OBSERVED_FAILED)) {
		bool told = x->settled && o.n > 0;
		o.state = told ? OBSERVED_FAILED : OBSERVED_PENDING;
		o.message =
			told ? "a deployable is not there, has no package name, or is removed by another setting"
			     : "the device has not been told yet";
	}
	if (o.state != OBSERVED_APPLIED)
		return json_pack("{s:s, s:s}", "state", observed_state_name(o.state), "message",
				 o.message);
	json_t *value = d->type->rule == RULE_ALL_DONE ? json_true() : json_incref(d->value);
	return json_pack("{s:o, s:s}", "value", value, "state", observed_state_name(o.state));
}

static int load(struct store_conn *tx, const struct device *d, const struct flyve_agent *agent,
		struct arena *a, struct reporting *ret)
{
	struct flyve_task *tasks = NULL;
	struct task *rows = NULL;
	bool own = agent->fleet_id <= 0;
	*ret = (struct reporting){ .arena = a };
	int r = store_flyve_task_list(tx, own ? 0 : agent->fleet_id, own ? d->id : 0, a, &tasks,
				      &ret->n_tasks);
	if (r == 0)
		r = store_task_list(tx, d->id, a, &rows, &ret->n_rows);
	ret->tasks = tasks;
	ret->rows = rows;
	return r;
}

static int report_desired(struct store_conn *tx, const struct device *d,
			  const struct flyve_agent *agent, const struct desired *desired,
			  bool settled, int64_t now_ms, struct arena *a)
{
	AUTO_JSON observed = json_object();
	struct reporting x;
	struct error ignored;
	enum verdict verdict;
	int64_t version;
	int r = load(tx, d, agent, a, &x);
	x.settled = settled;
	for (size_t i = 0; i < desired->n && r == 0; i++)
		if (desired->items[i].type->flyve)
			json_object_set_new(observed, desired->items[i].type->name,
					    observe(&x, &desired->items[i]));
	if (r == 0)
		r = store_report(tx, d->id, settled ? desired->version : d->applied_version,
				 observed, "", now_ms, &verdict, &version, &ignored);
	return r > 0 ? 0 : r; /* unenrolled meanwhile */
}

int flyve_report(struct store_conn *tx, const struct device *d, const struct flyve_agent *agent,
		 bool settled, int64_t now_ms, struct arena *a)
{
	CLEANUP(desired_fini) struct desired desired = { 0 };
	int r = store_desired(tx, d, &desired);
	return r ? r : report_desired(tx, d, agent, &desired, settled, now_ms, a);
}

int flyve_report_if_behind(struct store_conn *tx, const struct device *d,
			   const struct flyve_agent *agent, bool settled, int64_t now_ms,
			   struct arena *a, bool *ret_behind)
{
	CLEANUP(desired_fini) struct desired desired = { 0 };
	*ret_behind = false;
	int r = store_desired(tx, d, &desired);
	if (r || (d->reported && d->applied_version >= desired.version))
		return r;
	*ret_behind = !settled;
	return settled ? report_desired(tx, d, agent, &desired, true, now_ms, a) : 0;
}
