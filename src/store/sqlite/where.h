/* SPDX-License-Identifier: Apache-2.0
 *
 * A device filter as an SQL expression over "device AS d", with bound parameters only.
 */
#pragma once

#include "store/sqlite/sqlite.h"

#define WHERE_BINDS_MAX 512
struct where {
	struct buf sql;
	int first;          /* number of its first parameter */
	bool uncertain_too; /* of a filter by verdict: see rows.h */
	size_t n;
	struct where_bind {
		const char *text; /* borrowed from the filter; NULL: the number */
		int64_t number;
	} binds[WHERE_BINDS_MAX];
};

void where_init(struct where *w, int first_parameter, bool uncertain_too);
void where_fini(struct where *w);
/* The conditions of the query: organization, managed, the filter. -E2BIG: too many parameters. */
int where_add_query(struct where *w, const struct device_query *q) WARN_UNUSED;
int where_bind(const struct where *w, sqlite3_stmt *stmt); /* sqlite3's code */
