/* SPDX-License-Identifier: Apache-2.0
 *
 * The SQL functions a device query uses. They read the fleet tree that the running query was given
 * (sqlite_conn.tree): deterministic within one statement, never used in an index.
 */
#include "store/sqlite/sqlite.h"

#include <strings.h>

static void chain(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	const struct sqlite_conn *c = sqlite3_user_data(ctx);
	int64_t fleet_id = sqlite3_value_int64(args[0]);
	sqlite3_result_int64(ctx, c->tree ? fleet_tree_chain_changes(c->tree, fleet_id) : 0);
}

static void within(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	const struct sqlite_conn *c = sqlite3_user_data(ctx);
	int64_t fleet_id = sqlite3_value_int64(args[0]), above = sqlite3_value_int64(args[1]);
	sqlite3_result_int(ctx, c->tree && fleet_tree_within(c->tree, fleet_id, above));
}

/* As model/filter-match.c folds: ASCII letters only. */
static void contains_folded(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	const char *text = (const char *)sqlite3_value_text(args[0]);
	const char *part = (const char *)sqlite3_value_text(args[1]);
	size_t n_text = (size_t)sqlite3_value_bytes(args[0]);
	size_t n_part = (size_t)sqlite3_value_bytes(args[1]);
	bool found = false;
	for (size_t i = 0; !found && text && part && i + n_part <= n_text; i++)
		found = strncasecmp(text + i, part, n_part) == 0;
	sqlite3_result_int(ctx, found);
}

static const struct {
	const char *name;
	int n_args;
	void (*fn)(sqlite3_context *ctx, int n, sqlite3_value **args);
} functions[] = {
	{ "chain", 1, chain },
	{ "within", 2, within },
	{ "contains_folded", 2, contains_folded },
};

int sqlite_add_functions(sqlite3 *db, struct sqlite_conn *c)
{
	int rc = SQLITE_OK;
	for (size_t i = 0; i < ARRAY_SIZE(functions) && rc == SQLITE_OK; i++)
		rc = sqlite3_create_function_v2(db, functions[i].name, functions[i].n_args,
						SQLITE_UTF8 | SQLITE_DIRECTONLY, c, functions[i].fn,
						NULL, NULL, NULL);
	return rc;
}
