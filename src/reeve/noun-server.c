/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve overview, backup, restore, check: the server as a whole.
 */
#include "base/file.h"
#include "reeve/cli.h"
#include "reeve/nouns.h"
#include "reeve/terminal.h"
#include "reeve/text.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- overview ---- */

/* "12: 10 COMPLIANT, 2 STALE" */
static void cell_counts(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	const char *key;
	json_t *n;
	bool first = true;
	json_object_foreach ((json_t *)v, key, n) {
		if (json_integer_value(n) == 0)
			continue;
		buf_addf(&ret->text, "%s%lld %s", first ? "" : ", ",
			 (long long)json_integer_value(n), key);
		first = false;
	}
	buf_add_str(&ret->text, first ? "-" : "");
}

static const struct column overview_page[] = {
	{ "server", "version", NULL, COLUMN_TEXT },
	{ "started", "started", cell_age, COLUMN_TEXT },
	{ "devices", "total", NULL, COLUMN_TEXT },
	{ "by verdict", "by_verdict", cell_counts, COLUMN_TEXT },
	{ "by kind", "by_kind", cell_counts, COLUMN_TEXT },
	{ "by channel", "by_channel", cell_counts, COLUMN_TEXT },
	{ "open commands", "commands_open", NULL, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct view overview_view = { "facts", overview_page };

static int overview(struct cli *c, struct error *err)
{
	AUTO_JSON answer = NULL;
	struct url u;
	url_init(&u, "/overview");
	int r = cli_get(c, &u, &answer, err);
	url_fini(&u);
	if (r != 0 || c->out.format != FORMAT_TABLE)
		return r ? r : output_object(&c->out, NULL, answer);
	AUTO_JSON flat =
		json_copy(answer); /* the page is one table: the devices' counts beside the rest */
	json_object_update(flat, json_object_get(answer, "devices"));
	return output_object(&c->out, &overview_view, flat);
}

/* ---- backup ---- */

static int backup(struct cli *c, struct error *err)
{
	struct stat st;
	struct url u;
	const char *path = c->args[0];
	bool out = strcmp(path, "-") == 0;
	if (out && c->out.tty)
		return error_set(err, ERR_INVALID, "a backup does not go to a terminal");
	url_init_server(&u, "/backup");
	int r = out ? cli_fetch(c, &u, STDOUT_FILENO, err) : cli_download(c, &u, path, err);
	url_fini(&u);
	if (r != 0 || out)
		return r;
	int64_t size = stat(path, &st) == 0 ? st.st_size : 0;
	AUTO_JSON made = json_pack("{s:s,s:I}", "file", path, "size", (json_int_t)size);
	return output_done(&c->out, made,
			   "Wrote %s, %lld bytes. It holds keys and token hashes: keep it safe.",
			   path, (long long)size);
}

/* ---- restore ---- */

static int confirm_restore(const char *path, struct error *err)
{
	char answer[16];
	if (opt.yes)
		return 0;
	CLEANUP(buf_fini) struct buf question;
	buf_init(&question, 1000);
	buf_add_str(&question, "Everything on the server is replaced by what is in ");
	text_add_clean(&question, path);
	buf_add_str(&question, ".\nType \"yes\" to go on: ");
	int r = terminal_ask(buf_str(&question), true, answer, sizeof answer);
	if (r == -ENOTTY || r == -ENXIO)
		return error_set(err, ERR_INVALID, "there is no terminal to ask on; say --yes");
	if (r < 0)
		return r;
	return strcmp(answer, "yes") == 0 ? 0
					  : error_set(err, ERR_UNAVAILABLE, "nothing was changed");
}

static int send_restore(struct cli *c, int fd, int64_t size, json_t **ret, struct error *err)
{
	struct client *client;
	struct url u;
	int r = cli_client(c, &client, err);
	if (r != 0)
		return r;
	url_init_server(&u, "/restore");
	struct request q = REQUEST_INIT("POST", buf_str(&u.text));
	q.body_fd = fd;
	q.body_size = size;
	r = client_send(client, &q, ret, err);
	url_fini(&u);
	return r;
}

static int restore(struct cli *c, struct error *err)
{
	AUTO_JSON answer = NULL;
	struct stat st;
	CLEANUP(close_fdp) int fd = open(c->args[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, ERR_UNAVAILABLE, "cannot read %s: %s", c->args[0],
				 strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_INVALID, "%s is not a file", c->args[0]);
	int r = confirm_restore(c->args[0], err);
	if (r == 0)
		r = send_restore(c, fd, st.st_size, &answer, err);
	return r ? r : output_done(&c->out, answer, "Restored %s.", c->args[0]);
}

/* ---- check ---- */

static int print_findings(struct cli *c, const json_t *findings)
{
	size_t i;
	json_t *finding;
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 16u << 20);
	json_array_foreach ((json_t *)findings, i, finding) {
		CLEANUP(buf_fini) struct buf text;
		buf_init(&text, 64u << 10);
		value_add(&text, finding);
		text_add_clean(&out, buf_str(&text));
		buf_add_char(&out, '\n');
	}
	if (i == 0)
		buf_add_str(&out, "Everything is sound.\n");
	return output_write(&c->out, &out);
}

static int check(struct cli *c, struct error *err)
{
	AUTO_JSON answer = NULL;
	json_t *findings = NULL;
	struct url u;
	url_init_server(&u, "/check");
	int r = cli_get(c, &u, &answer, err);
	url_fini(&u);
	if (r == 0)
		r = json_read_array(answer, "findings", true, &findings, err);
	if (r != 0)
		return r;
	c->exit_code = json_array_size(findings) > 0 ? 1 : 0;
	return c->out.format == FORMAT_TABLE ? print_findings(c, findings)
					     : output_object(&c->out, NULL, answer);
}

static const struct option restore_options[] = {
	{ 'y', "yes", OPTION_FLAG, NULL, "do not ask", &opt.yes, NULL },
	OPTIONS_END,
};

static const struct command overview_commands[] = {
	{ NULL, NULL, NULL, "GET /overview", "devices:read", overview,
	  "Show the server and its devices in numbers", NULL },
	{ .doc = NULL },
};
static const struct command backup_commands[] = {
	{ NULL, "FILE", NULL, "GET /backup", "server:write", backup,
	  "Save the whole server into one file, while it runs",
	  "The file is readable by its owner only, and is there wholly or not at all. \"-\" is standard output." },
	{ .doc = NULL },
};
static const struct command restore_commands[] = {
	{ NULL, "FILE", restore_options, "POST /restore", "server:write", restore,
	  "Replace all that the server holds by a backup",
	  "It asks first; without a terminal --yes is needed. Administrators, API tokens and sessions are "
	  "those of the backup afterwards: on another server than the backup's, admin.token is void until "
	  "reeved --reset-admin-token has made a new one." },
	{ .doc = NULL },
};
static const struct command check_commands[] = {
	{ NULL, NULL, NULL, "GET /check", "server:write", check,
	  "Check that what the server holds is whole; exit code 1 when it is not", NULL },
	{ .doc = NULL },
};

const struct noun noun_overview = { "overview", "The server and its devices in numbers",
				    overview_commands, NULL };
const struct noun noun_backup = { "backup", "Save the whole server into one file", backup_commands,
				  "  reeve backup reeve-$(date +%F).tar\n" };
const struct noun noun_restore = { "restore", "Replace the server's content by a backup",
				   restore_commands, "  reeve restore reeve-2026-11-25.tar\n" };
const struct noun noun_check = { "check", "Check the integrity of the server's data",
				 check_commands, NULL };
