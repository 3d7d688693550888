/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve fleet: the tree that devices live in.
 */
#include "reeve/cli.h"
#include "reeve/nouns.h"

/* The name, two blanks deeper for each level of its path. */
static void cell_tree(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	const char *path = json_string_value(json_object_get(row, "path"));
	for (const char *s = path ? path : ""; (s = strchr(s, '/')); s++)
		buf_add_str(&ret->text, "  ");
	value_add(&ret->text, v);
}

static const struct column columns[] = {
	{ "NAME", "name", cell_tree, COLUMN_TEXT },
	{ "ID", "id", NULL, COLUMN_NUMBER },
	{ "DEVICES", "devices", NULL, COLUMN_NUMBER },
	{ "CREATED", "created", cell_age, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct column page[] = {
	{ "id", "id", NULL, COLUMN_TEXT },
	{ "name", "name", NULL, COLUMN_TEXT },
	{ "path", "path", NULL, COLUMN_TEXT },
	{ "devices", "devices", NULL, COLUMN_TEXT },
	{ "created", "created", cell_time, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct view view = { "fleets", columns }, page_view = { "fleets", page };

/* ---- list: a tree needs every fleet before the first line, parents before children ---- */

static int collect(struct cli *c, const json_t *items, void *user)
{
	return json_array_extend(user, (json_t *)items) < 0 ? -1 : 0;
}

/* By path, "/" before every other character: a fleet stands right above what is below it. */
static int compare_paths(const void *a, const void *b)
{
	const char *x = json_string_value(json_object_get(*(json_t *const *)a, "path"));
	const char *y = json_string_value(json_object_get(*(json_t *const *)b, "path"));
	x = x ? x : "";
	y = y ? y : "";
	while (*x && *x == *y) {
		x++;
		y++;
	}
	int left = *x == '/' ? 1 : (unsigned char)*x + 1,
	    right = *y == '/' ? 1 : (unsigned char)*y + 1;
	return (*x ? left : 0) - (*y ? right : 0);
}

static json_t *in_tree_order(const json_t *fleets)
{
	size_t n = json_array_size(fleets);
	json_t *sorted = json_array();
	json_t **rows = calloc(n + 1, sizeof *rows);
	if (!rows)
		abort();
	for (size_t i = 0; i < n; i++)
		rows[i] = json_array_get(fleets, i);
	qsort(rows, n, sizeof *rows, compare_paths);
	for (size_t i = 0; i < n; i++)
		json_array_append(sorted, rows[i]);
	free(rows);
	return sorted;
}

static int list(struct cli *c, struct error *err)
{
	AUTO_JSON fleets = json_array();
	struct url u;
	url_init(&u, "/fleets");
	int r = cli_pages(c, &u, opt.limit, collect, fleets, err);
	url_fini(&u);
	if (r != 0)
		return r;
	AUTO_JSON sorted = in_tree_order(fleets);
	return output_list(&c->out, &view, sorted);
}

/* ---- one fleet ---- */

static int show(struct cli *c, struct error *err)
{
	struct url u;
	url_init(&u, "/fleets/{}", c->args[0]);
	int r = cli_show(c, &u, &page_view, err);
	url_fini(&u);
	return r;
}

static const char *path_of(const json_t *fleet)
{
	const char *path = json_string_value(json_object_get(fleet, "path"));
	return path ? path : "";
}

static int create(struct cli *c, struct error *err)
{
	AUTO_JSON made = NULL;
	struct url u;
	json_t *body = json_pack("{s:s}", "name", c->args[0]);
	if (!body)
		return error_set(err, ERR_INVALID, "the name is not UTF-8");
	body_str(body, "parent", opt.parent);
	url_init(&u, "/fleets");
	int r = cli_send(c, "POST", &u, body, &made, err);
	url_fini(&u);
	return r ? r : output_done(&c->out, made, "Created the fleet %s.", path_of(made));
}

static int patch(struct cli *c, const char *key, const char *verb, struct error *err)
{
	AUTO_JSON changed = NULL;
	struct url u;
	json_t *body = json_pack("{s:s}", key, c->args[1]);
	if (!body)
		return error_set(err, ERR_INVALID, "the name is not UTF-8");
	url_init(&u, "/fleets/{}", c->args[0]);
	int r = cli_send(c, "PATCH", &u, body, &changed, err);
	url_fini(&u);
	return r ? r
		 : output_done(&c->out, changed, "%s the fleet: it is now %s.", verb,
			       path_of(changed));
}

static int move(struct cli *c, struct error *err)
{
	return patch(c, "parent", "Moved", err);
}

static int rename_it(struct cli *c, struct error *err)
{
	return patch(c, "name", "Renamed", err);
}

static int delete (struct cli *c, struct error *err)
{
	struct url u;
	url_init(&u, "/fleets/{}", c->args[0]);
	int r = cli_send(c, "DELETE", &u, NULL, NULL, err);
	url_fini(&u);
	return r ? r : output_done(&c->out, NULL, "Deleted the fleet %s.", c->args[0]);
}

static const struct option create_options[] = {
	{ 0, "parent", OPTION_STR, "FLEET", "below this one (default: the root)", &opt.parent,
	  NULL },
	OPTIONS_END,
};

static const struct command commands[] = {
	{ "list", NULL, (const struct option[]){ OPTION_ROW_LIMIT, OPTIONS_END }, "GET /fleets",
	  "fleets:read", list, "List the fleets as a tree", NULL },
	{ "show", "FLEET", NULL, "GET /fleets/{fleet}", "fleets:read", show, "Show a fleet", NULL },
	{ "create", "NAME", create_options, "POST /fleets", "fleets:write", create,
	  "Create a fleet", NULL },
	{ "move", "FLEET PARENT", NULL, "PATCH /fleets/{fleet}", "fleets:write", move,
	  "Move a fleet, with all below it, under another", NULL },
	{ "rename", "FLEET NAME", NULL, "PATCH /fleets/{fleet}", "fleets:write", rename_it,
	  "Give a fleet another name", NULL },
	{ "delete", "FLEET", NULL, "DELETE /fleets/{fleet}", "fleets:write", delete,
	  "Delete a fleet; its devices and fleets go to the one above", NULL },
	{ .doc = NULL },
};

const struct noun noun_fleet = {
	"fleet",
	"The tree of fleets that devices live in",
	commands,
	"  reeve fleet create Sales\n"
	"  reeve fleet create Berlin --parent Sales\n"
	"  reeve fleet move Sales/Berlin default\n",
};
