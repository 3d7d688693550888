/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve org: organizations and their configuration.
 */
#include "reeve/cli.h"
#include "reeve/nouns.h"

static const struct column columns[] = {
	{ "ID", "id", NULL, COLUMN_NUMBER },
	{ "NAME", "name", NULL, COLUMN_TEXT },
	{ "DOMAIN", "domain", NULL, COLUMN_TEXT },
	{ "CREATED", "created", cell_age, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct column page[] = {
	{ "id", "id", NULL, COLUMN_TEXT },
	{ "name", "name", NULL, COLUMN_TEXT },
	{ "domain", "domain", NULL, COLUMN_TEXT },
	{ "config", "config", NULL, COLUMN_TEXT },
	{ "created", "created", cell_time, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct view view = { "organizations", columns }, page_view = { "organizations", page };

static int create(struct cli *c, struct error *err)
{
	AUTO_JSON made = NULL;
	struct url u;
	json_t *body = json_pack("{s:s}", "name", c->args[0]);
	if (!body)
		return error_set(err, ERR_INVALID, "the name is not UTF-8");
	body_str(body, "domain", opt.domain);
	url_init_server(&u, "/organizations");
	int r = cli_send(c, "POST", &u, body, &made, err);
	url_fini(&u);
	return r ? r : output_done(&c->out, made, "Created the organization %s.", c->args[0]);
}

static int list(struct cli *c, struct error *err)
{
	struct url u;
	url_init_server(&u, "/organizations");
	int r = cli_list(c, &u, &view, err);
	url_fini(&u);
	return r;
}

/* The organization that is meant: named, or of --org, or the first one. */
static int find(struct cli *c, const char *named, const char **ret, struct error *err)
{
	AUTO_JSON answer = NULL;
	struct url u;
	*ret = named ? named : opt.org;
	if (*ret)
		return 0;
	url_init_server(&u, "/organizations");
	url_param_int(&u, "limit", 1);
	int r = cli_get(c, &u, &answer, err);
	url_fini(&u);
	if (r != 0)
		return r;
	const json_t *id =
		json_object_get(json_array_get(json_object_get(answer, "items"), 0), "id");
	if (!json_is_integer(id))
		return error_set(err, ERR_NOT_FOUND, "there is no organization");
	*ret = arena_printf(&c->arena, "%lld", (long long)json_integer_value(id));
	return 0;
}

static int show(struct cli *c, struct error *err)
{
	const char *org;
	struct url u;
	int r = find(c, c->n_args > 0 ? c->args[0] : NULL, &org, err);
	if (r != 0)
		return r;
	url_init_server(&u, "/organizations/{}", org);
	r = cli_show(c, &u, &page_view, err);
	url_fini(&u);
	return r;
}

/* {"name": …}, {"domain": …} or {"config": {KEY: …}}. */
static int change_of(const char *key, const char *text, json_t **ret, struct error *err)
{
	json_t *value = NULL;
	bool plain = strcmp(key, "name") == 0 || strcmp(key, "domain") == 0;
	int r = plain ? 0 : value_parse(text, &value, err);
	if (r != 0)
		return r;
	*ret = plain ? json_pack("{s:s}", key, text) : json_pack("{s:{s:o}}", "config", key, value);
	return *ret ? 0 : error_set(err, ERR_INVALID, "the key or value is not UTF-8");
}

static int set(struct cli *c, struct error *err)
{
	AUTO_JSON changed = NULL;
	json_t *body;
	struct url u;
	const char *org, *key = c->args[0], *value = c->args[1];
	int r = find(c, NULL, &org, err);
	if (r == 0)
		r = change_of(key, value, &body, err);
	if (r != 0)
		return r;
	url_init_server(&u, "/organizations/{}", org);
	r = cli_send(c, "PATCH", &u, body, &changed, err);
	url_fini(&u);
	return r ? r
		 : output_done(&c->out, changed, "%s of the organization %s is now %s.", key,
			       json_string_value(json_object_get(changed, "name")), value);
}

static const struct option create_options[] = {
	{ 0, "domain", OPTION_STR, "DOMAIN", "its domain, for Chrome browsers", &opt.domain, NULL },
	OPTIONS_END,
};

static const struct command commands[] = {
	{ "list", NULL, (const struct option[]){ OPTION_ROW_LIMIT, OPTIONS_END },
	  "GET /organizations", "organizations:read", list, "List the organizations", NULL },
	{ "show", "[NAME]", NULL, "GET /organizations/{org}", "organizations:read", show,
	  "Show an organization with its configuration", NULL },
	{ "create", "NAME", create_options, "POST /organizations", "organizations:write", create,
	  "Create an organization", NULL },
	{ "set", "KEY VALUE", NULL, "PATCH /organizations/{org}", "organizations:write", set,
	  "Change the organization (of --org, or the first)",
	  "KEY is \"name\", \"domain\", or a key of the configuration that may differ between organizations; "
	  "VALUE is then JSON, a bare word a string, and null takes the server's own value again." },
	{ .doc = NULL },
};

const struct noun noun_org = {
	"org",
	"The organizations on this server",
	commands,
	"  reeve org create Example --domain example.org\n"
	"  reeve org set mdmcore.open_enrollment true\n",
};
