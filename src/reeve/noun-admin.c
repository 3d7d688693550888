/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve admin: people who log in at the console.
 */
#include "base/crypto.h"
#include "base/file.h"
#include "reeve/cli.h"
#include "reeve/nouns.h"
#include "reeve/scopes.h"
#include "reeve/terminal.h"
#include <errno.h>

#define PASSWORD_MAX 1024

static const struct column columns[] = {
	{ "ID", "id", NULL, COLUMN_NUMBER },
	{ "NAME", "name", NULL, COLUMN_TEXT },
	{ "ORGANIZATION", "organization", NULL, COLUMN_TEXT },
	{ "SCOPES", "scopes", cell_list, COLUMN_ELASTIC },
	{ "CREATED", "created", cell_age, COLUMN_TEXT },
	{ "LAST LOG-IN", "last_login", cell_seen, COLUMN_TEXT },
	{ "DISABLED", "disabled", cell_yes, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct view view = { "administrators", columns };

static int list(struct cli *c, struct error *err)
{
	struct url u;
	url_init_server(&u, "/administrators");
	int r = cli_list(c, &u, &view, err);
	url_fini(&u);
	return r;
}

/* ---- passwords: from a file or the terminal, never from the command line, where others see it ---- */

static int password_from_file(const char *path, char *ret, struct error *err)
{
	struct buf text;
	buf_init(&text, PASSWORD_MAX - 1);
	int r = file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &text);
	size_t n = strcspn(buf_str(&text), "\r\n");
	if (r == 0)
		snprintf(ret, PASSWORD_MAX, "%.*s", (int)n, buf_str(&text));
	if (text.p)
		secret_erase(text.p, text.n);
	buf_fini(&text);
	if (r < 0)
		return error_set(err, ERR_UNAVAILABLE, "cannot read the password file %s: %s", path,
				 strerror(-r));
	return 0;
}

static int password_from_terminal(char *ret, struct error *err)
{
	char again[PASSWORD_MAX];
	int r = terminal_ask("Password: ", false, ret, PASSWORD_MAX);
	if (r == 0)
		r = terminal_ask("Again: ", false, again, sizeof again);
	if (r == -ENXIO || r == -ENOTTY)
		return error_set(err, ERR_INVALID,
				 "there is no terminal to ask on; give the password with "
				 "--password-file");
	if (r < 0)
		return r == -ECANCELED ? error_set(err, ERR_INVALID, "no password was given") : r;
	bool same = strcmp(ret, again) == 0;
	secret_erase(again, sizeof again);
	return same ? 0 : error_set(err, ERR_INVALID, "the two passwords differ");
}

static int read_password(json_t *body, struct error *err)
{
	char password[PASSWORD_MAX] = "";
	int r = opt.password_file ? password_from_file(opt.password_file, password, err)
				  : password_from_terminal(password, err);
	if (r == 0 && !*password)
		r = error_set(err, ERR_INVALID, "the password is empty");
	if (r == 0 && json_object_set_new(body, "password", json_string(password)) < 0)
		r = error_set(err, ERR_INVALID, "the password is not UTF-8");
	secret_erase(password, sizeof password);
	return r;
}

/* ---- changes ---- */

static int create(struct cli *c, struct error *err)
{
	AUTO_JSON made = NULL;
	AUTO_JSON body = NULL;
	json_t *scopes;
	struct url u;
	int r = scopes_make(&scopes, err);
	if (r != 0)
		return r;
	body = json_pack("{s:s,s:o}", "name", c->args[0], "scopes", scopes);
	if (!body)
		return error_set(err, ERR_INVALID, "the name is not UTF-8");
	body_str(body, "organization", opt.org);
	r = read_password(body, err);
	if (r != 0)
		return r;
	url_init_server(&u, "/administrators");
	r = cli_send(c, "POST", &u, TAKE(body), &made, err);
	url_fini(&u);
	return r ? r : output_done(&c->out, made, "Created the administrator %s.", c->args[0]);
}

/* The address of the one that the first argument names. */
static int find(struct cli *c, struct url *u, struct error *err)
{
	const char *id;
	url_init_server(u, "/administrators");
	int r = cli_find_id(c, u, "administrator", c->args[0], &id, err);
	url_fini(u);
	if (r == 0)
		url_init_server(u, "/administrators/{}", id);
	return r;
}

static int patch(struct cli *c, json_t *body, const char *sentence, struct error *err)
{
	AUTO_JSON owned = body;
	AUTO_JSON changed = NULL;
	struct url u;
	int r = find(c, &u, err);
	if (r != 0)
		return r;
	r = cli_send(c, "PATCH", &u, TAKE(owned), &changed, err);
	url_fini(&u);
	return r ? r : output_done(&c->out, changed, "%s %s.", c->args[0], sentence);
}

static int password(struct cli *c, struct error *err)
{
	AUTO_JSON body = json_object();
	int r = read_password(body, err);
	return r ? r : patch(c, TAKE(body), "has a new password", err);
}

static int scopes(struct cli *c, struct error *err)
{
	json_t *array;
	int r = scopes_make(&array, err);
	return r ? r : patch(c, json_pack("{s:o}", "scopes", array), "has other scopes now", err);
}

static int disable(struct cli *c, struct error *err)
{
	return patch(c, json_pack("{s:b}", "disabled", 1), "can no longer log in", err);
}

static int enable(struct cli *c, struct error *err)
{
	return patch(c, json_pack("{s:b}", "disabled", 0), "can log in", err);
}

static int delete (struct cli *c, struct error *err)
{
	struct url u;
	int r = find(c, &u, err);
	if (r != 0)
		return r;
	r = cli_send(c, "DELETE", &u, NULL, NULL, err);
	url_fini(&u);
	return r ? r : output_done(&c->out, NULL, "Deleted the administrator %s.", c->args[0]);
}

#define ROW_PASSWORD_FILE                                                                          \
	{                                                                                          \
		0, "password-file", OPTION_STR, "FILE",                                            \
			"its first line is the password (default: ask)", &opt.password_file, NULL  \
	}

static const struct option create_options[] = { OPTION_ROW_SCOPE, ROW_PASSWORD_FILE, OPTIONS_END };
static const struct option password_options[] = { ROW_PASSWORD_FILE, OPTIONS_END };
static const struct option scope_options[] = { OPTION_ROW_SCOPE, OPTIONS_END };

static const struct command commands[] = {
	{ "create", "NAME", create_options, "POST /administrators", "administrators:write", create,
	  "Create an administrator", "The password is asked for on the terminal. " SCOPES_HELP },
	{ "list", NULL, (const struct option[]){ OPTION_ROW_LIMIT, OPTIONS_END },
	  "GET /administrators", "administrators:read", list, "List the administrators", NULL },
	{ "password", "NAME", password_options, "PATCH /administrators/{id}",
	  "administrators:write", password,
	  "Give an administrator another password; ends their sessions", NULL },
	{ "scopes", "NAME", scope_options, "PATCH /administrators/{id}", "administrators:write",
	  scopes, "Change what an administrator may do", SCOPES_HELP },
	{ "disable", "NAME", NULL, "PATCH /administrators/{id}", "administrators:write", disable,
	  "Let an administrator log in no more", NULL },
	{ "enable", "NAME", NULL, "PATCH /administrators/{id}", "administrators:write", enable,
	  "Let a disabled administrator log in again", NULL },
	{ "delete", "NAME", NULL, "DELETE /administrators/{id}", "administrators:write", delete,
	  "Delete an administrator", NULL },
	{ .doc = NULL },
};

const struct noun noun_admin = {
	"admin",
	"The people who administer, at the console",
	commands,
	"  reeve admin create ada --scope '*'\n"
	"  reeve admin password ada --password-file /run/secrets/ada\n",
};
