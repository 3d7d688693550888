/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve api-token: credentials of programs.
 */
#include "reeve/cli.h"
#include "reeve/nouns.h"
#include "reeve/scopes.h"
#include <unistd.h>

static const struct column columns[] = {
	{ "ID", "id", NULL, COLUMN_NUMBER },
	{ "NAME", "name", NULL, COLUMN_TEXT },
	{ "ORGANIZATION", "organization", NULL, COLUMN_TEXT },
	{ "SCOPES", "scopes", cell_list, COLUMN_ELASTIC },
	{ "CREATED", "created", cell_age, COLUMN_TEXT },
	{ "EXPIRES", "expires", cell_seen, COLUMN_TEXT },
	{ "LAST USED", "last_used", cell_seen, COLUMN_TEXT },
	{ "REVOKED", "revoked", cell_age, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct view view = { "API tokens", columns };

static int list(struct cli *c, struct error *err)
{
	struct url u;
	url_init_server(&u, "/api-tokens");
	int r = cli_list(c, &u, &view, err);
	url_fini(&u);
	return r;
}

static int create(struct cli *c, struct error *err)
{
	AUTO_JSON made = NULL;
	const char *token;
	json_t *scopes;
	struct url u;
	int r = scopes_make(&scopes, err);
	if (r != 0)
		return r;
	json_t *body = json_pack("{s:s,s:o}", "name", c->args[0], "scopes", scopes);
	if (!body)
		return error_set(err, ERR_INVALID, "the name is not UTF-8");
	body_str(body, "organization", opt.org);
	body_expires(body);
	url_init_server(&u, "/api-tokens");
	r = cli_send(c, "POST", &u, body, &made, err);
	url_fini(&u);
	if (r == 0)
		r = json_read_str(made, "token", true, &token, err);
	if (r == 0)
		r = output_done(&c->out, made, "%s", token);
	if (r == 0 && c->out.format == FORMAT_TABLE && isatty(STDERR_FILENO))
		fputs("This is the only time that it is shown.\n", stderr);
	return r;
}

static int revoke_it(struct cli *c, struct error *err)
{
	struct url u;
	const char *id;
	url_init_server(&u, "/api-tokens");
	int r = cli_find_id(c, &u, "API token", c->args[0], &id, err);
	url_fini(&u);
	if (r != 0)
		return r;
	url_init_server(&u, "/api-tokens/{}", id);
	r = cli_send(c, "DELETE", &u, NULL, NULL, err);
	url_fini(&u);
	return r ? r : output_done(&c->out, NULL, "Revoked the API token %s.", c->args[0]);
}

static const struct option create_options[] = {
	OPTION_ROW_SCOPE,
	OPTION_ROW_EXPIRES,
	OPTIONS_END,
};

static const struct command commands[] = {
	{ "create", "NAME", create_options, "POST /api-tokens", "api_tokens:write", create,
	  "Create an API token and print it, once",
	  "With --org it may use only that organization. " SCOPES_HELP },
	{ "list", NULL, (const struct option[]){ OPTION_ROW_LIMIT, OPTIONS_END }, "GET /api-tokens",
	  "api_tokens:read", list, "List the API tokens, without the tokens themselves", NULL },
	{ "revoke", "TOKEN", NULL, "DELETE /api-tokens/{id}", "api_tokens:write", revoke_it,
	  "Make an API token worthless, by its id or name", NULL },
	{ .doc = NULL },
};

const struct noun noun_api_token = {
	"api-token",
	"What programs authenticate with",
	commands,
	"  reeve api-token create monitoring --scope read --expires 90d\n",
};
