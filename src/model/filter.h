/* SPDX-License-Identifier: Apache-2.0
 *
 * The one filter language, for devices: console, API, CLI and bulk actions.
 *
 *     expr  = and *( "or" and )            and = unary *( "and" unary )
 *     unary = "not" unary | "(" expr ")" | field op value | field "in" "(" value *( "," value ) ")"
 *     op    = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" (contains, case folded)
 *     value = bare word | 'quoted' | "quoted" (backslash escapes) | number | duration
 *
 * Fields are a table (filter.def): name, type, doc. Time fields compare with a duration as an age
 * ("last_seen<7d": seen less than seven days ago) or with an RFC 3339 time. `fleet=` is the device's
 * own fleet, `within=` that fleet or any below it. attribute.NAME reads an attribute.
 * Empty text means every device. Bounded: 4096 bytes, depth 32, 128 comparisons.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "model/fleet-tree.h"
#include "model/records.h"

enum filter_field {
	FILTER_ID,
	FILTER_NAME,
	FILTER_KIND,
	FILTER_CHANNEL,
	FILTER_FLEET,
	FILTER_WITHIN,
	FILTER_SERIAL,
	FILTER_EXTERNAL_ID,
	FILTER_VERDICT,
	FILTER_VERSION,
	FILTER_APPLIED_VERSION,
	FILTER_LAST_SEEN,
	FILTER_ENROLLED,
	FILTER_MODEL,
	FILTER_OS_VERSION,
	FILTER_AGENT_VERSION,
	FILTER_PARENT,
	FILTER_MANAGED,
	FILTER_ATTRIBUTE,
};
enum filter_op {
	FILTER_EQ,
	FILTER_NE,
	FILTER_LT,
	FILTER_LE,
	FILTER_GT,
	FILTER_GE,
	FILTER_CONTAINS
};

struct filter { /* a tree in the arena given to filter_parse */
	enum { FILTER_AND, FILTER_OR, FILTER_NOT, FILTER_COMPARE, FILTER_TRUE } type;
	const struct filter *left, *right; /* NOT: left only */
	enum filter_field field;
	const char *attribute; /* FILTER_ATTRIBUTE: its name */
	enum filter_op op;
	const char *text; /* text fields: the value */
	int64_t number;   /* numbers; times as UTC ms (ages already subtracted from now, and the
				    comparison turned round); verdicts as enum verdict; fleets as ids */
};

/* 'tree' resolves fleet names. ERR_INVALID with column and what was expected. */
int filter_parse(const char *text, const struct fleet_tree *tree, int64_t now_ms, struct arena *a,
		 const struct filter **ret, struct error *err) WARN_UNUSED;

/* Evaluates on one device; 'attribute' looks one up (NULL: not there), and may itself be NULL: no
 * attributes. One that is not there reads as "". Text is compared byte by byte, "~" folds ASCII. */
typedef const char *filter_attribute_fn(void *user, const char *name);
bool filter_match(const struct filter *f, const struct device *d, const struct fleet_tree *tree,
		  filter_attribute_fn *attribute, void *user);
