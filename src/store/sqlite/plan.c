/* SPDX-License-Identifier: Apache-2.0
 *
 * Making the plan: which part of the filter gives the runs, and the runs.
 *
 * Every comparison has a rank: how well it can be found. Of an "and" the better side is used, of an "or"
 * both, if both have runs. What the runs do not say is checked row by row afterwards.
 */
#include "store/sqlite/plan.h"

#include "model/verdict.h"
#include "store/sqlite/where.h"
#include <errno.h>

enum rank { /* the better the lower */
	    RANK_ID,
	    RANK_SERIAL,
	    RANK_PARENT,
	    RANK_EXTERNAL_ID,
	    RANK_FLEET,
	    RANK_VERDICT,
	    RANK_WITHIN,
	    RANK_CLASS, /* kind or channel */
	    RANK_NONE,
};

#define ALL_VERDICTS 0xfu

struct maker {
	struct sqlite_conn *conn;
	const struct device_query *query;
	struct plan *plan;
};

/* ---- verdicts ---- */

static bool eval_verdict(const struct filter *f, enum verdict v)
{
	switch (f->type) {
	case FILTER_AND:
		return eval_verdict(f->left, v) && eval_verdict(f->right, v);
	case FILTER_OR:
		return eval_verdict(f->left, v) || eval_verdict(f->right, v);
	case FILTER_NOT:
		return !eval_verdict(f->left, v);
	case FILTER_COMPARE:
		return (f->number == (int64_t)v) == (f->op == FILTER_EQ);
	case FILTER_TRUE:
		break;
	}
	return true;
}

bool plan_verdicts(const struct filter *f, unsigned *ret_mask)
{
	if (filter_fields(f) != 1u << FILTER_VERDICT)
		return false;
	*ret_mask = 0;
	for (unsigned v = 0; v <= VERDICT_COMPLIANT; v++)
		if (eval_verdict(f, (enum verdict)v))
			*ret_mask |= 1u << v;
	return true;
}

int plan_lag_ranges(const struct fleet_tree *tree, unsigned mask, struct arena *a, lag_range_fn *fn,
		    void *user)
{
	const struct fleet *root = fleet_tree_root(tree);
	int64_t *fleets = NULL;
	size_t n = root ? fleet_tree_subtree(tree, root->id, a, &fleets) : 0;
	for (size_t i = 0; i < n * 2; i++) {
		int64_t fleet_id = fleets[i / 2];
		int64_t chain = fleet_tree_chain_changes(tree, fleet_id);
		bool satisfied = i % 2;
		bool below = mask & 1u << VERDICT_STALE;
		bool above = mask & 1u << (satisfied ? VERDICT_COMPLIANT : VERDICT_NON_COMPLIANT);
		if (!below && !above)
			continue;
		int r = fn(user, fleet_id, satisfied, below ? INT64_MIN : chain,
			   above ? INT64_MAX : chain - 1);
		if (r)
			return r;
	}
	return 0;
}

/* ---- runs ---- */

static int add_run(struct maker *m, struct run run)
{
	struct plan *p = m->plan;
	if (p->n == RUNS_MAX)
		return -E2BIG;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 16;
		struct run *runs = arena_new_n(p->arena, struct run, cap);
		if (p->n)
			memcpy(runs, p->runs, p->n * sizeof *runs);
		p->runs = runs;
		p->cap = cap;
	}
	p->runs[p->n++] = run;
	return 0;
}

static int next_lag(struct sqlite_conn *c, int64_t fleet_id, bool satisfied, int64_t above,
		    int64_t *ret)
{
	AUTO_STATEMENT s = NULL;
	int r = statement_fixed(c, FIXED_NEXT_LAG, &s);
	if (r)
		return r;
	sqlite3_bind_int64(s->stmt, 1, fleet_id);
	sqlite3_bind_int64(s->stmt, 2, satisfied);
	sqlite3_bind_int64(s->stmt, 3, above);
	int rc = sqlite3_step(s->stmt);
	if (rc == SQLITE_DONE)
		return ROW_NOT_FOUND;
	*ret = sqlite3_column_int64(s->stmt, 0);
	return sqlite_result(rc);
}

/* One run a distinct lag in the range. */
static int add_lag_runs(void *user, int64_t fleet_id, bool satisfied, int64_t low, int64_t high)
{
	struct maker *m = user;
	int64_t lag = low == INT64_MIN ? low : low - 1;
	for (;;) {
		int r = next_lag(m->conn, fleet_id, satisfied, lag, &lag);
		if (r == ROW_NOT_FOUND || (r == 0 && lag > high))
			return 0;
		if (r == 0)
			r = add_run(m, (struct run){ .sql = FIXED_RUN_VERDICT,
						     .values = { { NULL, fleet_id },
								 { NULL, satisfied },
								 { NULL, lag } } });
		if (r)
			return r;
	}
}

static int add_verdicts(struct maker *m, unsigned mask)
{
	int64_t org_id = m->query->org_id;
	int r = 0;
	if (mask & 1u << VERDICT_UNKNOWN)
		r = add_run(m, (struct run){ .sql = FIXED_RUN_UNKNOWN,
					     .values = { { NULL, org_id } } });
	if (r == 0)
		r = add_run(m, (struct run){ .sql = FIXED_RUN_UNCERTAIN,
					     .values = { { NULL, org_id } } });
	return r ? r : plan_lag_ranges(m->query->tree, mask, m->plan->arena, add_lag_runs, m);
}

static int add_external_id(struct maker *m, const char *external_id)
{
	int r = 0;
	for (unsigned ch = 0; ch < CHANNEL_N && r == 0; ch++)
		r = add_run(m, (struct run){ .sql = FIXED_RUN_EXTERNAL_ID,
					     .values = { { channel_name((enum channel)ch), 0 },
							 { external_id, 0 } } });
	return r;
}

static int add_classes(struct maker *m, const struct filter *f)
{
	bool kind = f->field == FILTER_KIND;
	int r = 0;
	for (unsigned i = 0; i < (unsigned)(kind ? CHANNEL_N : KIND_N) && r == 0; i++) {
		const char *other = kind ? channel_name((enum channel)i) : kind_name((enum kind)i);
		r = add_run(m, (struct run){ .sql = FIXED_RUN_CLASS,
					     .values = { { NULL, m->query->org_id },
							 { kind ? f->text : other, 0 },
							 { kind ? other : f->text, 0 } } });
	}
	return r;
}

static int add_fleets(struct maker *m, int64_t above)
{
	int64_t *fleets = NULL;
	size_t n = fleet_tree_subtree(m->query->tree, above, m->plan->arena, &fleets);
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_run(m, (struct run){ .sql = FIXED_RUN_FLEET,
					     .values = { { NULL, fleets[i] } } });
	return r;
}

/* ---- choosing ---- */

static enum rank rank_comparison(const struct maker *m, const struct filter *f)
{
	bool managed = m->query->managed_only; /* the other indexes hold managed devices only */
	if (f->op != FILTER_EQ)
		return RANK_NONE;
	if (f->field == FILTER_ID)
		return RANK_ID;
	if (f->field == FILTER_SERIAL)
		return RANK_SERIAL;
	if (f->field == FILTER_PARENT && f->number != 0)
		return RANK_PARENT;
	if (f->field == FILTER_EXTERNAL_ID && *f->text)
		return RANK_EXTERNAL_ID;
	if (f->field == FILTER_FLEET && managed)
		return RANK_FLEET;
	if (f->field == FILTER_WITHIN && managed)
		return RANK_WITHIN;
	if ((f->field == FILTER_KIND || f->field == FILTER_CHANNEL) && managed)
		return RANK_CLASS;
	return RANK_NONE;
}

static enum rank rank_of(const struct maker *m, const struct filter *f)
{
	unsigned mask;
	if (m->query->managed_only && plan_verdicts(f, &mask))
		return RANK_VERDICT;
	if (f->type == FILTER_COMPARE)
		return rank_comparison(m, f);
	if (f->type != FILTER_AND && f->type != FILTER_OR)
		return RANK_NONE;
	enum rank left = rank_of(m, f->left), right = rank_of(m, f->right);
	return (left < right) == (f->type == FILTER_AND) ? left : right;
}

static int add_comparison(struct maker *m, const struct filter *f)
{
	switch (rank_comparison(m, f)) {
	case RANK_ID:
		return add_run(
			m, (struct run){ .sql = FIXED_RUN_ID, .values = { { NULL, f->number } } });
	case RANK_SERIAL:
		return add_run(m, (struct run){ .sql = FIXED_RUN_SERIAL,
						.values = { { NULL, m->query->org_id },
							    { f->text, 0 } } });
	case RANK_PARENT:
		return add_run(m, (struct run){ .sql = FIXED_RUN_PARENT,
						.values = { { NULL, f->number } } });
	case RANK_EXTERNAL_ID:
		return add_external_id(m, f->text);
	case RANK_FLEET:
		return add_run(m, (struct run){ .sql = FIXED_RUN_FLEET,
						.values = { { NULL, f->number } } });
	case RANK_WITHIN:
		return add_fleets(m, f->number);
	case RANK_CLASS:
		return add_classes(m, f);
	case RANK_VERDICT:
	case RANK_NONE:
		break;
	}
	return -EINVAL;
}

static int add_filter(struct maker *m, const struct filter *f)
{
	unsigned mask;
	if (plan_verdicts(f, &mask))
		return add_verdicts(m, mask);
	if (f->type == FILTER_COMPARE)
		return add_comparison(m, f);
	if (f->type == FILTER_AND) {
		bool left = rank_of(m, f->left) <= rank_of(m, f->right);
		return add_filter(m, left ? f->left : f->right);
	}
	int r = add_filter(m, f->left);
	return r ? r : add_filter(m, f->right);
}

int query_plan_make(struct sqlite_conn *c, const struct device_query *q, struct arena *a,
		    struct plan *ret)
{
	struct maker m = { c, q, ret };
	struct run run = { .values = { { NULL, q->org_id } } };
	*ret = (struct plan){ .arena = a };
	int r = 0;
	enum rank rank = q->filter ? rank_of(&m, q->filter) : RANK_NONE;
	if (q->uncertain_only || (q->fcm_only && rank != RANK_ID)) {
		run.sql = q->fcm_only ? FIXED_RUN_FCM : FIXED_RUN_UNCERTAIN;
		r = add_run(&m, run);
	} else if (rank != RANK_NONE) {
		r = add_filter(&m, q->filter);
	} else {
		ret->everything = true;
	}
	if (r == -E2BIG) { /* too many runs to be worth it */
		ret->everything = true;
		return 0;
	}
	return r;
}
