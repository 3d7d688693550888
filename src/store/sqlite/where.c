/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters as SQL. It must say exactly what model/filter-match.c says; the store's differential test
 * compares the two.
 *
 * What SQL cannot know is given by functions of the connection (functions.c): chain(fleet),
 * within(fleet, ancestor), contains_folded(text, part).
 */
#include "store/sqlite/where.h"

#include <errno.h>

#define WHERE_SQL_MAX (128 * 1024)

#define VERDICT_SQL                                                                                \
	"(CASE WHEN d.reported = 0 THEN 0 WHEN d.lag < chain(d.fleet_id) THEN 1"                   \
	" WHEN d.satisfied = 0 THEN 2 ELSE 3 END)"

static const char *const field_sql[] = {
	[FILTER_ID] = "d.id",
	[FILTER_NAME] = "d.name",
	[FILTER_KIND] = "d.kind",
	[FILTER_CHANNEL] = "d.channel",
	[FILTER_FLEET] = "d.fleet_id",
	[FILTER_WITHIN] = NULL, /* not a value to compare with */
	[FILTER_SERIAL] = "d.serial",
	[FILTER_EXTERNAL_ID] = "d.external_id",
	[FILTER_VERDICT] = VERDICT_SQL,
	[FILTER_VERSION] = "(d.version_base + d.changes + chain(d.fleet_id))",
	[FILTER_APPLIED_VERSION] = "d.applied_version",
	[FILTER_LAST_SEEN] = "d.last_seen_ms",
	[FILTER_ENROLLED] = "d.enrolled_ms",
	[FILTER_MODEL] = "d.model",
	[FILTER_OS_VERSION] = "d.os_version",
	[FILTER_AGENT_VERSION] = "d.agent_version",
	[FILTER_PARENT] = "d.parent_id",
	[FILTER_MANAGED] = "(d.unenrolled_ms = 0)",
	[FILTER_ATTRIBUTE] = NULL, /* a subquery */
};

static const char *const op_sql[] = {
	[FILTER_EQ] = "=", [FILTER_NE] = "<>", [FILTER_LT] = "<",        [FILTER_LE] = "<=",
	[FILTER_GT] = ">", [FILTER_GE] = ">=", [FILTER_CONTAINS] = NULL,
};

void where_init(struct where *w, int first_parameter, bool uncertain_too)
{
	buf_init(&w->sql, WHERE_SQL_MAX);
	w->first = first_parameter;
	w->uncertain_too = uncertain_too;
	w->n = 0;
}

void where_fini(struct where *w)
{
	buf_fini(&w->sql);
}

static void add_bind(struct where *w, const char *text, int64_t number)
{
	buf_addf(&w->sql, "?%d", w->first + (int)w->n);
	if (w->n == WHERE_BINDS_MAX)
		w->sql.failed = true;
	else
		w->binds[w->n++] = (struct where_bind){ text, number };
}

static void add_value(struct where *w, const struct filter *f)
{
	add_bind(w, f->text, f->number);
}

static void add_left(struct where *w, const struct filter *f)
{
	if (f->field != FILTER_ATTRIBUTE) {
		buf_add_str(&w->sql, field_sql[f->field]);
		return;
	}
	buf_add_str(&w->sql, "coalesce((SELECT value FROM attribute WHERE device_id = d.id AND "
			     "name = ");
	add_bind(w, f->attribute, 0);
	buf_add_str(&w->sql, "), '')");
}

static void add_comparison(struct where *w, const struct filter *f, bool negated)
{
	static const enum filter_op opposite[] = {
		[FILTER_EQ] = FILTER_NE, [FILTER_NE] = FILTER_EQ, [FILTER_LT] = FILTER_GE,
		[FILTER_LE] = FILTER_GT, [FILTER_GT] = FILTER_LE, [FILTER_GE] = FILTER_LT,
	};
	if (f->field == FILTER_WITHIN) {
		buf_add_str(&w->sql, "within(d.fleet_id, ");
		add_value(w, f);
		buf_addf(&w->sql, ") = %d", (f->op == FILTER_EQ) != negated);
	} else if (f->op == FILTER_CONTAINS) {
		buf_add_str(&w->sql, "contains_folded(");
		add_left(w, f);
		buf_add_str(&w->sql, ", ");
		add_value(w, f);
		buf_addf(&w->sql, ") = %d", !negated);
	} else {
		add_left(w, f);
		buf_addf(&w->sql, " %s ", op_sql[negated ? opposite[f->op] : f->op]);
		add_value(w, f);
	}
}

/* What an "and" or "or" is once the negation around it has been moved inwards. */
static bool is_and(const struct filter *f, bool negated)
{
	return (f->type == FILTER_AND) != negated;
}

/* How deep the parentheses will be nested: an "or" inside an "and" needs them. */
static unsigned nesting(const struct filter *f, bool negated, bool in_and)
{
	if (f->type == FILTER_NOT)
		return nesting(f->left, !negated, in_and);
	if (f->type != FILTER_AND && f->type != FILTER_OR)
		return 0;
	bool and = is_and(f, negated);
	unsigned left = nesting(f->left, negated, and), right = nesting(f->right, negated, and);
	return (left > right ? left : right) + (in_and && !and);
}

/* SQLite's parser has a stack of 100 symbols. Negations are moved inwards (nothing here is NULL),
 * parentheses set where they are needed only, and the deeper side written first, so that a level
 * costs one symbol: any filter that filter_parse() lets through fits. */
static void add_filter(struct where *w, const struct filter *f, bool negated, bool in_and)
{
	if (f->type == FILTER_NOT) {
		add_filter(w, f->left, !negated, in_and);
	} else if (f->type == FILTER_COMPARE) {
		add_comparison(w, f, negated);
	} else if (f->type == FILTER_TRUE) {
		buf_add_str(&w->sql, negated ? "0" : "1");
	} else {
		bool and = is_and(f, negated), parentheses = in_and && !and;
		bool right_first = nesting(f->right, negated, and) > nesting(f->left, negated, and);
		buf_add_str(&w->sql, parentheses ? "(" : "");
		add_filter(w, right_first ? f->right : f->left, negated, and);
		buf_add_str(&w->sql, and? " AND " : " OR ");
		add_filter(w, right_first ? f->left : f->right, negated, and);
		buf_add_str(&w->sql, parentheses ? ")" : "");
	}
}

int where_add_query(struct where *w, const struct device_query *q)
{
	bool by_verdict = q->filter && (filter_fields(q->filter) & 1u << FILTER_VERDICT);
	buf_add_str(&w->sql, "d.org_id = ");
	add_bind(w, NULL, q->org_id);
	if (q->managed_only)
		buf_add_str(&w->sql, " AND d.unenrolled_ms = 0");
	if (q->uncertain_only)
		buf_add_str(&w->sql, " AND d.applied_version > d.judged_version");
	if (q->fcm_only)
		buf_add_str(&w->sql, " AND d.fcm_token <> ''");
	if (q->filter) {
		buf_add_str(&w->sql, " AND (");
		add_filter(w, q->filter, false, false);
		if (w->uncertain_too && by_verdict)
			buf_add_str(&w->sql, " OR d.applied_version > d.judged_version");
		buf_add_str(&w->sql, ")");
	}
	return w->sql.failed ? -E2BIG : 0;
}

int where_bind(const struct where *w, sqlite3_stmt *stmt)
{
	int rc = SQLITE_OK;
	for (size_t i = 0; i < w->n && rc == SQLITE_OK; i++) {
		const struct where_bind *b = &w->binds[i];
		int at = w->first + (int)i;
		rc = b->text ? sqlite3_bind_text(stmt, at, b->text, -1, SQLITE_STATIC)
			     : sqlite3_bind_int64(stmt, at, b->number);
	}
	return rc;
}
