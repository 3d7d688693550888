/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of devices, counts, and the exact verdict.
 *
 * A row tells its verdict unless the device claimed a version newer than the one it was judged for
 * ("uncertain", rows.h). Those few are judged here by their report, and a filter that asks for the
 * verdict is then evaluated on a copy of the row that says what the judge said.
 */
#include "store/verbs.h"

#include "model/version.h"
#include <errno.h>

/* ---- verdict ---- */

static int judge_report(struct store_conn *c, const struct device *d, bool *ret_satisfied)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(desired_fini) struct desired desired = { 0 };
	AUTO_JSON observed = NULL;
	struct report report;
	arena_init(&a);
	int r = row_get(c, TABLE_report, &(struct report){ .device_id = d->id }, &a, &report);
	if (r == ROW_NOT_FOUND) {
		*ret_satisfied = d->satisfied;
		return 0;
	}
	if (r == 0 && json_parse(span_str(report.observed_json), &observed, NULL) != 0)
		r = -EINVAL;
	if (r == 0)
		r = store_desired(c, d, &desired);
	if (r == 0)
		*ret_satisfied = verdict_satisfied(&desired, observed, NULL);
	return r;
}

static int judge_in(struct store_conn *c, const struct device *d, const struct fleet_tree *tree,
		    struct judgement *ret)
{
	int64_t chain = fleet_tree_chain_changes(tree, d->fleet_id);
	bool recheck, satisfied = false;
	ret->verdict = verdict_of(d, chain, &recheck);
	ret->version = version_of(d, chain);
	if (!recheck)
		return 0;
	int r = judge_report(c, d, &satisfied);
	ret->verdict = satisfied ? VERDICT_COMPLIANT : VERDICT_NON_COMPLIANT;
	return r;
}

int judge(struct store_conn *c, const struct device *d, struct judgement *ret)
{
	const struct fleet_tree *tree;
	int r = cache_tree(c, d->org_id, &tree);
	return r ? r : judge_in(c, d, tree, ret);
}

int store_device_verdict(struct store_conn *c, const struct device *d, enum verdict *ret,
			 int64_t *ret_version)
{
	struct judgement j;
	int r = row_read_begin(c);
	if (r)
		return r;
	r = judge(c, d, &j);
	row_read_end(c);
	if (r)
		return r;
	*ret = j.verdict;
	*ret_version = j.version;
	return 0;
}

/* ---- filters ---- */

struct matcher {
	struct store_conn *conn;
	struct arena *arena;
	int64_t device_id;
	int r;
};

static const char *find_attribute(void *user, const char *name)
{
	struct matcher *m = user;
	struct attribute key = { .device_id = m->device_id, .name = name }, found_one;
	int r = row_get(m->conn, TABLE_attribute, &key, m->arena, &found_one);
	if (r < 0)
		m->r = r;
	return r ? NULL : found_one.value;
}

static int match(struct store_conn *c, const struct filter *f, const struct fleet_tree *tree,
		 const struct device *d, bool *ret)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	struct matcher m = { .conn = c, .arena = &a, .device_id = d->id };
	*ret = filter_match(f, d, tree, find_attribute, &m);
	return m.r;
}

static bool is_uncertain(const struct device *d)
{
	return d->applied_version > d->judged_version;
}

/* As the row would be had it been judged now. */
static int match_judged(struct store_conn *c, const struct filter *f, const struct fleet_tree *tree,
			const struct device *d, const struct judgement *j, bool *ret)
{
	struct device judged = *d;
	judged.satisfied = j->verdict == VERDICT_COMPLIANT;
	judged.judged_version = j->version;
	return match(c, f, tree, &judged, ret);
}

/* ---- lists ---- */

struct listing {
	struct store_conn *conn;
	const struct device_query *query;
	bool by_verdict;
	size_t limit, n;
	device_fn *fn;
	void *user;
};

static int list_device(void *user, const void *record)
{
	struct listing *l = user;
	const struct device *d = record;
	const struct device_query *q = l->query;
	struct judgement j;
	bool matches = true;
	int r = judge_in(l->conn, d, q->tree, &j);
	if (r == 0 && l->by_verdict && is_uncertain(d))
		r = match_judged(l->conn, q->filter, q->tree, d, &j, &matches);
	if (r || !matches)
		return r;
	r = l->fn(l->user, d, j.verdict, j.version);
	if (r < 0)
		return r;
	return r > 0 || ++l->n == l->limit ? ROW_STOP : 0;
}

static bool names(const struct filter *f, enum filter_field field)
{
	return (filter_fields(f) & 1u << field) != 0;
}

static int run_listing(struct store_conn *c, struct device_query *q, size_t limit, device_fn *fn,
		       void *user)
{
	struct listing l = { .conn = c,
			     .query = q,
			     .by_verdict = names(q->filter, FILTER_VERDICT),
			     .limit = limit,
			     .fn = fn,
			     .user = user };
	int r = row_read_begin(c);
	if (r)
		return r;
	r = cache_tree(c, q->org_id, &q->tree);
	if (r == 0)
		r = row_query_devices(c, q, list_device, &l);
	row_read_end(c);
	return r;
}

int store_device_list(struct store_conn *c, int64_t org_id, const struct filter *f,
		      int64_t after_id, size_t limit, device_fn *fn, void *user)
{
	struct device_query q = { .org_id = org_id,
				  .filter = f,
				  .after_id = after_id,
				  .managed_only = !names(f, FILTER_MANAGED) };
	return limit ? run_listing(c, &q, limit, fn, user) : 0;
}

int store_device_fcm(struct store_conn *c, int64_t org_id, int64_t fleet_id, int64_t device_id,
		     int64_t after_id, size_t limit, device_fn *fn, void *user)
{
	struct filter f = { .type = FILTER_COMPARE,
			    .field = device_id ? FILTER_ID : FILTER_WITHIN,
			    .op = FILTER_EQ,
			    .number = device_id ? device_id : fleet_id };
	struct device_query q = { .org_id = org_id,
				  .filter = &f,
				  .after_id = after_id,
				  .managed_only = true,
				  .fcm_only = true };
	return limit ? run_listing(c, &q, limit, fn, user) : 0;
}

/* ---- counts ---- */

struct correction {
	struct store_conn *conn;
	const struct device_query *query;
	int64_t n;
};

/* Counted by its row; what it is by its judge? */
static int correct(void *user, const void *record)
{
	struct correction *x = user;
	const struct device *d = record;
	const struct device_query *q = x->query;
	struct judgement j;
	bool by_row = false, by_judge = false;
	int r = judge_in(x->conn, d, q->tree, &j);
	if (r == 0)
		r = match(x->conn, q->filter, q->tree, d, &by_row);
	if (r == 0)
		r = match_judged(x->conn, q->filter, q->tree, d, &j, &by_judge);
	x->n += by_judge - by_row;
	return r;
}

static int count_devices(struct store_conn *c, struct device_query *q, int64_t *ret)
{
	struct correction x = { .conn = c, .query = q };
	int r = cache_tree(c, q->org_id, &q->tree);
	if (r == 0)
		r = row_count_devices(c, q, ret);
	if (r || !names(q->filter, FILTER_VERDICT))
		return r;
	struct device_query uncertain = { .org_id = q->org_id,
					  .tree = q->tree,
					  .managed_only = q->managed_only,
					  .uncertain_only = true };
	r = row_query_devices(c, &uncertain, correct, &x);
	*ret += x.n;
	return r;
}

int store_device_count(struct store_conn *c, int64_t org_id, const struct filter *f, int64_t *ret)
{
	struct device_query q = { .org_id = org_id,
				  .filter = f,
				  .managed_only = !names(f, FILTER_MANAGED) };
	int r = row_read_begin(c);
	if (r)
		return r;
	r = count_devices(c, &q, ret);
	row_read_end(c);
	return r;
}
