/* SPDX-License-Identifier: Apache-2.0
 *
 * Evaluates a parsed filter on one device. The verdict is the one that the row alone gives
 * (verdict_of): a filter never reads a report.
 */
#include "model/filter.h"
#include "model/verdict.h"
#include "model/version.h"
#include <strings.h>

/* ASCII only, as the backends' databases fold. */
static bool contains(const char *text, const char *part)
{
	size_t n = strlen(part);
	for (; strnlen(text, n) == n; text++)
		if (strncasecmp(text, part, n) == 0)
			return true;
	return false;
}

static bool compare_text(enum filter_op op, const char *value, const char *wanted)
{
	value = value ? value : "";
	if (op == FILTER_CONTAINS)
		return contains(value, wanted);
	return (strcmp(value, wanted) == 0) == (op == FILTER_EQ);
}

static bool compare_number(enum filter_op op, int64_t value, int64_t wanted)
{
	switch (op) {
	case FILTER_EQ:
		return value == wanted;
	case FILTER_NE:
		return value != wanted;
	case FILTER_LT:
		return value < wanted;
	case FILTER_LE:
		return value <= wanted;
	case FILTER_GT:
		return value > wanted;
	case FILTER_GE:
		return value >= wanted;
	case FILTER_CONTAINS:
		break; /* the parser refuses it for numbers */
	}
	return false;
}

static int64_t verdict_now(const struct device *d, const struct fleet_tree *tree)
{
	bool recheck;
	return verdict_of(d, fleet_tree_chain_changes(tree, d->fleet_id), &recheck);
}

static bool match_comparison(const struct filter *f, const struct device *d,
			     const struct fleet_tree *tree, filter_attribute_fn *attribute,
			     void *user)
{
	switch (f->field) {
	case FILTER_ID:
		return compare_number(f->op, d->id, f->number);
	case FILTER_NAME:
		return compare_text(f->op, d->name, f->text);
	case FILTER_KIND:
		return compare_text(f->op, d->kind, f->text);
	case FILTER_CHANNEL:
		return compare_text(f->op, d->channel, f->text);
	case FILTER_FLEET:
		return compare_number(f->op, d->fleet_id, f->number);
	case FILTER_WITHIN:
		return fleet_tree_within(tree, d->fleet_id, f->number) == (f->op == FILTER_EQ);
	case FILTER_SERIAL:
		return compare_text(f->op, d->serial, f->text);
	case FILTER_EXTERNAL_ID:
		return compare_text(f->op, d->external_id, f->text);
	case FILTER_VERDICT:
		return compare_number(f->op, verdict_now(d, tree), f->number);
	case FILTER_VERSION:
		return compare_number(f->op,
				      version_of(d, fleet_tree_chain_changes(tree, d->fleet_id)),
				      f->number);
	case FILTER_APPLIED_VERSION:
		return compare_number(f->op, d->applied_version, f->number);
	case FILTER_LAST_SEEN:
		return compare_number(f->op, d->last_seen_ms, f->number);
	case FILTER_ENROLLED:
		return compare_number(f->op, d->enrolled_ms, f->number);
	case FILTER_MODEL:
		return compare_text(f->op, d->model, f->text);
	case FILTER_OS_VERSION:
		return compare_text(f->op, d->os_version, f->text);
	case FILTER_AGENT_VERSION:
		return compare_text(f->op, d->agent_version, f->text);
	case FILTER_PARENT:
		return compare_number(f->op, d->parent_id, f->number);
	case FILTER_MANAGED:
		return compare_number(f->op, d->unenrolled_ms == 0, f->number);
	case FILTER_ATTRIBUTE:
		return compare_text(f->op, attribute ? attribute(user, f->attribute) : NULL,
				    f->text);
	}
	return false;
}

bool filter_match(const struct filter *f, const struct device *d, const struct fleet_tree *tree,
		  filter_attribute_fn *attribute, void *user)
{
	switch (f->type) {
	case FILTER_AND:
		return filter_match(f->left, d, tree, attribute, user) &&
		       filter_match(f->right, d, tree, attribute, user);
	case FILTER_OR:
		return filter_match(f->left, d, tree, attribute, user) ||
		       filter_match(f->right, d, tree, attribute, user);
	case FILTER_NOT:
		return !filter_match(f->left, d, tree, attribute, user);
	case FILTER_COMPARE:
		return match_comparison(f, d, tree, attribute, user);
	case FILTER_TRUE:
		return true;
	}
	return false;
}
