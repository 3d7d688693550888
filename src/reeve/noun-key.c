/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve key: the keys that policies are signed with.
 */
#include "base/crypto.h"
#include "base/file.h"
#include "reeve/cli.h"
#include "reeve/nouns.h"
#include <errno.h>

#define PEM_MAX (64u << 10)

static const struct column columns[] = {
	{ "ID", "id", NULL, COLUMN_NUMBER },
	{ "ORGANIZATION", "organization", NULL, COLUMN_TEXT },
	{ "PURPOSE", "purpose", NULL, COLUMN_TEXT },
	{ "VERSION", "version", NULL, COLUMN_NUMBER },
	{ "CREATED", "created", cell_age, COLUMN_TEXT },
	{ "RETIRED", "retired", cell_age, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct view view = { "keys", columns };

static int list(struct cli *c, struct error *err)
{
	struct url u;
	url_init(&u, "/keys");
	int r = cli_list(c, &u, &view, err);
	url_fini(&u);
	return r;
}

static int rotate(struct cli *c, struct error *err)
{
	AUTO_JSON key = NULL;
	struct url u;
	url_init(&u, "/keys/rotate");
	int r = cli_send(c, "POST", &u, NULL, &key, err);
	url_fini(&u);
	return r ? r
		 : output_done(&c->out, key,
			       "Policies are signed with version %lld of the key from now on.",
			       (long long)json_integer_value(json_object_get(key, "version")));
}

/* As a table: the PEM alone, to be redirected into a file. */
static int show(struct cli *c, struct error *err)
{
	AUTO_JSON key = NULL;
	const char *pem;
	struct url u;
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, PEM_MAX);
	url_init_server(&u, "/keys/verification");
	url_param(&u, "private", opt.private ? "true" : NULL);
	int r = cli_get(c, &u, &key, err);
	url_fini(&u);
	if (r == 0)
		r = json_read_str(key, opt.private ? "private_pem" : "public_pem", true, &pem, err);
	if (r != 0)
		return r;
	if (c->out.format != FORMAT_TABLE)
		return output_object(&c->out, NULL, key);
	buf_addf(&out, "%s%s", pem, pem[0] && pem[strlen(pem) - 1] == '\n' ? "" : "\n");
	r = output_write(&c->out, &out);
	if (out.p)
		secret_erase(out.p, out.n);
	return r;
}

static int import(struct cli *c, struct error *err)
{
	AUTO_JSON key = NULL;
	struct url u;
	CLEANUP(buf_fini) struct buf pem;
	buf_init(&pem, PEM_MAX);
	int r = file_read(c->args[1], &pem);
	if (r < 0)
		return error_set(err, ERR_UNAVAILABLE, "cannot read %s: %s", c->args[1],
				 strerror(-r));
	json_t *body = json_pack("{s:s#}", "private_pem", buf_str(&pem), (int)pem.n);
	secret_erase(pem.p, pem.n);
	if (!body)
		return error_set(err, ERR_INVALID, "%s holds no PEM", c->args[1]);
	url_init_server(&u, "/keys/verification");
	r = cli_send(c, "PUT", &u, body, &key, err);
	url_fini(&u);
	return r ? r : output_done(&c->out, key, "%s is the verification key now.", c->args[1]);
}

static const struct option show_options[] = {
	{ 0, "private", OPTION_FLAG, NULL, "the private half, for another server to import",
	  &opt.private, NULL },
	OPTIONS_END,
};

static const struct command commands[] = {
	{ "list", NULL, (const struct option[]){ OPTION_ROW_LIMIT, OPTIONS_END }, "GET /keys",
	  "keys:read", list, "List the signing keys, old ones too", NULL },
	{ "rotate", NULL, NULL, "POST /keys/rotate", "keys:write", rotate,
	  "Sign policies with a new key from now on",
	  "Browsers learn the new key from an answer signed with the old one." },
	{ "show", "verification", show_options, "GET /keys/verification", "keys:read", show,
	  "Print the verification key as PEM", NULL },
	{ "import", "verification FILE", NULL, "PUT /keys/verification", "keys:write", import,
	  "Take the verification key from a PEM file", NULL },
	{ .doc = NULL },
};

const struct noun noun_key = {
	"key",
	"The keys that policies are signed with",
	commands,
	"  reeve key show verification > verification.pem\n",
};
