/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve file, reeve app: what settings.deploy can put on devices. The same verbs, another kind.
 */
#include "reeve/cli.h"
#include "reeve/nouns.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static const struct column file_columns[] = {
	{ "ID", "id", NULL, COLUMN_NUMBER },
	{ "NAME", "name", NULL, COLUMN_TEXT },
	{ "VERSION", "version", NULL, COLUMN_NUMBER },
	{ "SIZE", "size", cell_size, COLUMN_NUMBER },
	{ "TYPE", "content_type", NULL, COLUMN_ELASTIC },
	{ "CREATED", "created", cell_age, COLUMN_TEXT },
	{ "BY", "actor", NULL, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct column app_columns[] = {
	{ "ID", "id", NULL, COLUMN_NUMBER },
	{ "NAME", "name", NULL, COLUMN_TEXT },
	{ "PACKAGE", "package", NULL, COLUMN_TEXT },
	{ "VERSION", "package_version", NULL, COLUMN_TEXT },
	{ "SIZE", "size", cell_size, COLUMN_NUMBER },
	{ "CREATED", "created", cell_age, COLUMN_TEXT },
	{ "BY", "actor", NULL, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct view file_view = { "files", file_columns }, app_view = { "apps", app_columns };

static void list_url(struct url *u, const char *kind)
{
	url_init(u, "/files");
	url_param(u, "kind", kind);
}

static int list(struct cli *c, const char *kind, const struct view *view, struct error *err)
{
	struct url u;
	list_url(&u, kind);
	int r = cli_list(c, &u, view, err);
	url_fini(&u);
	return r;
}

/* A regular file, open for reading; the server is told its size in advance. */
static int open_upload(const char *path, int *ret_fd, int64_t *ret_size, struct error *err)
{
	struct stat st;
	CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, ERR_UNAVAILABLE, "cannot read %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_INVALID, "%s is not a file", path);
	*ret_size = st.st_size;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int upload(struct cli *c, const char *kind, struct error *err)
{
	AUTO_JSON made = NULL;
	CLEANUP(close_fdp) int fd = -1;
	struct client *client;
	int64_t size;
	struct url u;
	const char *name = opt.name ? opt.name : base_name(c->args[0]);
	int r = open_upload(c->args[0], &fd, &size, err);
	if (r == 0)
		r = cli_client(c, &client, err);
	if (r != 0)
		return r;
	list_url(&u, kind);
	url_param(&u, "name", name);
	url_param(&u, "content_type", opt.content_type);
	struct request q = REQUEST_INIT("POST", buf_str(&u.text));
	q.body_fd = fd;
	q.body_size = size;
	r = client_send(client, &q, &made, err);
	url_fini(&u);
	return r ? r
		 : output_done(&c->out, made, "Uploaded %s; its id is %lld.", name,
			       (long long)json_integer_value(json_object_get(made, "id")));
}

static int delete (struct cli *c, const char *kind, struct error *err)
{
	struct url u;
	const char *id;
	list_url(&u, kind);
	int r = cli_find_id(c, &u, kind, c->args[0], &id, err);
	url_fini(&u);
	if (r != 0)
		return r;
	url_init_server(&u, "/files/{}", id);
	r = cli_send(c, "DELETE", &u, NULL, NULL, err);
	url_fini(&u);
	return r ? r : output_done(&c->out, NULL, "Deleted the %s %s.", kind, c->args[0]);
}

static int list_files(struct cli *c, struct error *err)
{
	return list(c, "file", &file_view, err);
}

static int list_apps(struct cli *c, struct error *err)
{
	return list(c, "app", &app_view, err);
}

static int upload_file(struct cli *c, struct error *err)
{
	return upload(c, "file", err);
}

static int upload_app(struct cli *c, struct error *err)
{
	return upload(c, "app", err);
}

static int delete_file(struct cli *c, struct error *err)
{
	return delete (c, "file", err);
}

static int delete_app(struct cli *c, struct error *err)
{
	return delete (c, "app", err);
}

static const struct option upload_options[] = {
	{ 0, "name", OPTION_STR, "NAME", "what it is called (default: the file's own name)",
	  &opt.name, NULL },
	{ 0, "content-type", OPTION_STR, "TYPE", "its media type", &opt.content_type, NULL },
	OPTIONS_END,
};
static const struct option list_options[] = { OPTION_ROW_LIMIT, OPTIONS_END };

static const struct command file_commands[] = {
	{ "upload", "PATH", upload_options, "POST /files", "files:write", upload_file,
	  "Upload a file for files.deploy", NULL },
	{ "list", NULL, list_options, "GET /files", "files:read", list_files, "List the files",
	  NULL },
	{ "delete", "FILE", NULL, "DELETE /files/{id}", "files:write", delete_file,
	  "Delete a file, by its id or name", NULL },
	{ .doc = NULL },
};
static const struct command app_commands[] = {
	{ "upload", "PATH", upload_options, "POST /files", "files:write", upload_app,
	  "Upload a package for apps.deploy", NULL },
	{ "list", NULL, list_options, "GET /files", "files:read", list_apps, "List the packages",
	  NULL },
	{ "delete", "APP", NULL, "DELETE /files/{id}", "files:write", delete_app,
	  "Delete a package, by its id or name", NULL },
	{ .doc = NULL },
};

const struct noun noun_file = {
	"file",
	"Files that can be put on devices",
	file_commands,
	"  reeve file upload motd --name motd.txt\n",
};
const struct noun noun_app = {
	"app",
	"Packages that can be installed on devices",
	app_commands,
	"  reeve app upload hello_2.10-3_amd64.deb\n",
};
