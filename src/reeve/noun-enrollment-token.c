/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve enrollment-token: what lets a device in.
 */
#include "reeve/cli.h"
#include "reeve/nouns.h"
#include "reeve/qr.h"
#include <string.h>
#include <unistd.h>

static void cell_uses(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	int64_t max = json_integer_value(json_object_get(row, "uses_max"));
	value_add(&ret->text, v);
	if (max > 0)
		buf_addf(&ret->text, " of %lld", (long long)max);
}

static const struct column columns[] = {
	{ "ID", "id", NULL, COLUMN_NUMBER },
	{ "KIND", "kind", NULL, COLUMN_TEXT },
	{ "FLEET", "fleet", NULL, COLUMN_TEXT },
	{ "TOKEN", "hint", NULL, COLUMN_TEXT },
	{ "USED", "uses", cell_uses, COLUMN_TEXT },
	{ "CREATED", "created", cell_age, COLUMN_TEXT },
	{ "EXPIRES", "expires", cell_seen, COLUMN_TEXT },
	{ "REVOKED", "revoked", cell_age, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct view view = { "enrollment tokens", columns };

static int list(struct cli *c, struct error *err)
{
	struct url u;
	url_init(&u, "/enrollment-tokens");
	int r = cli_list(c, &u, &view, err);
	url_fini(&u);
	return r;
}

static json_t *body_of_options(void)
{
	json_t *body = json_object();
	body_str(body, "fleet", opt.fleet);
	body_str(body, "kind", opt.kind);
	body_str(body, "email", opt.email);
	body_expires(body);
	if (opt.uses != OPT_NONE)
		json_object_set_new(body, "uses", json_integer(opt.uses));
	return body;
}

/* Before anything is made: an invitation whose picture cannot be had would be lost. */
static int check_options(struct error *err)
{
	if (opt.uses != OPT_NONE && opt.uses < 1)
		return error_set(err, ERR_INVALID, "--uses: for one device at least");
	if (opt.qr && (!opt.kind || strcmp(opt.kind, "flyve") != 0))
		return error_set(err, ERR_INVALID, "--qr: only with --kind flyve");
	return 0;
}

/* What there is besides the token: the link, and its picture. */
static int show_invitation(struct cli *c, const json_t *made, struct error *err)
{
	const char *link = json_string_value(json_object_get(made, "deep_link"));
	if (!link)
		return 0;
	if (c->out.format == FORMAT_TABLE)
		fprintf(stderr, "On the phone, open:\n  %s\n", link);
	return opt.qr ? qr_write(opt.qr, link, err) : 0;
}

static void advise(const struct cli *c)
{
	if (c->out.format == FORMAT_TABLE && isatty(STDERR_FILENO))
		fputs("This is the only time that it is shown. On the device:\n"
		      "  reeve-agent --server URL --enrollment-token TOKEN\n",
		      stderr);
}

static int create(struct cli *c, struct error *err)
{
	AUTO_JSON made = NULL;
	const char *token;
	struct url u;
	int r = check_options(err);
	if (r)
		return r;
	url_init(&u, "/enrollment-tokens");
	r = cli_send(c, "POST", &u, body_of_options(), &made, err);
	url_fini(&u);
	if (r == 0)
		r = json_read_str(made, "token", true, &token, err);
	if (r == 0)
		r = output_done(&c->out, made, "%s", token);
	if (r == 0 && !json_object_get(made, "deep_link"))
		advise(c);
	return r ? r : show_invitation(c, made, err);
}

static int revoke_it(struct cli *c, struct error *err)
{
	struct url u;
	url_init_server(&u, "/enrollment-tokens/{}", c->args[0]);
	int r = cli_send(c, "DELETE", &u, NULL, NULL, err);
	url_fini(&u);
	return r ? r
		 : output_done(
			   &c->out, NULL,
			   "Revoked the enrollment token %s; devices that used it stay enrolled.",
			   c->args[0]);
}

static const struct option create_options[] = {
	OPTION_ROW_FLEET("where its devices go (default: the root)"),
	{ 0, "uses", OPTION_INT, "N", "for N devices (default: any number)", &opt.uses, NULL },
	OPTION_ROW_EXPIRES,
	{ 0, "kind", OPTION_STR, "KIND", "agent (default), chrome or flyve", &opt.kind, NULL },
	{ 0, "email", OPTION_STR, "EMAIL", "of the person who is invited", &opt.email, NULL },
	{ 0, "qr", OPTION_STR, "FILE.png",
	  "flyve: the invitation as a QR code, to scan with the phone", &opt.qr, NULL },
	OPTIONS_END,
};

static const struct command commands[] = {
	{ "create", NULL, create_options, "POST /enrollment-tokens", "enrollment_tokens:write",
	  create, "Create a token and print it, once",
	  "Alone on standard output, so that a script can keep it: "
	  "T=$(reeve enrollment-token create --uses 1 --expires 1h)." },
	{ "list", NULL, (const struct option[]){ OPTION_ROW_LIMIT, OPTIONS_END },
	  "GET /enrollment-tokens", "enrollment_tokens:read", list,
	  "List the tokens, without the tokens themselves", NULL },
	{ "revoke", "ID", NULL, "DELETE /enrollment-tokens/{id}", "enrollment_tokens:write",
	  revoke_it, "Let no more devices in with a token", NULL },
	{ .doc = NULL },
};

const struct noun noun_enrollment_token = {
	"enrollment-token",
	"Tokens that let devices enroll",
	commands,
	"  reeve enrollment-token create --fleet Sales --uses 20 --expires 24h\n",
};
