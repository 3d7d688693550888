/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve device: what is managed.
 */
#include "reeve/cli.h"
#include "reeve/device-page.h"
#include "reeve/nouns.h"
#include <unistd.h>

static const struct column columns[] = {
	{ "ID", "id", NULL, COLUMN_NUMBER },
	{ "NAME", "name", NULL, COLUMN_TEXT },
	{ "KIND", "kind", NULL, COLUMN_TEXT },
	{ "HOST", "parent", NULL, COLUMN_NUMBER },
	{ "FLEET", "fleet", NULL, COLUMN_TEXT },
	{ "SERIAL", "serial", cell_dim, COLUMN_ELASTIC },
	{ "VERDICT", "verdict", cell_verdict, COLUMN_TEXT },
	{ "VERSION", "version", cell_version, COLUMN_TEXT },
	{ "SEEN", "last_seen", cell_seen, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct view view = { "devices", columns };

static int list(struct cli *c, struct error *err)
{
	struct url u;
	url_init(&u, "/devices");
	url_param(&u, "filter", opt.filter);
	int r = cli_list(c, &u, &view, err);
	url_fini(&u);
	return r;
}

static int count(struct cli *c, struct error *err)
{
	AUTO_JSON answer = NULL;
	int64_t n = 0;
	struct url u;
	url_init(&u, "/devices/count");
	url_param(&u, "filter", opt.filter);
	int r = cli_get(c, &u, &answer, err);
	url_fini(&u);
	if (r == 0)
		r = json_read_int(answer, "count", true, &n, err);
	return r ? r : output_done(&c->out, answer, "%lld", (long long)n);
}

static int show(struct cli *c, struct error *err)
{
	AUTO_JSON device = NULL;
	CLEANUP(buf_fini) struct buf out;
	struct url u;
	buf_init(&out, 16u << 20);
	url_init_server(&u, "/devices/{}", c->args[0]);
	int r = cli_get(c, &u, &device, err);
	url_fini(&u);
	if (r != 0 || c->out.format != FORMAT_TABLE)
		return r ? r : output_object(&c->out, NULL, device);
	device_page_add(&out, device, &c->out);
	return output_write(&c->out, &out);
}

static const char *name_of(const json_t *device)
{
	const char *name = json_string_value(json_object_get(device, "name"));
	return name && *name ? name : "the device";
}

/* PATCH of one key to the second argument. */
static int patch(struct cli *c, const char *key, json_t **ret, struct error *err)
{
	struct url u;
	json_t *body = json_pack("{s:s}", key, c->args[1]);
	if (!body)
		return error_set(err, ERR_INVALID, "the name is not UTF-8");
	url_init_server(&u, "/devices/{}", c->args[0]);
	int r = cli_send(c, "PATCH", &u, body, ret, err);
	url_fini(&u);
	return r;
}

static int move(struct cli *c, struct error *err)
{
	AUTO_JSON device = NULL;
	int r = patch(c, "fleet", &device, err);
	const char *path = json_string_value(json_object_get(device, "fleet_path"));
	return r ? r
		 : output_done(&c->out, device, "Moved %s to %s.", name_of(device),
			       path ? path : c->args[1]);
}

static int rename_it(struct cli *c, struct error *err)
{
	AUTO_JSON device = NULL;
	int r = patch(c, "name", &device, err);
	return r ? r
		 : output_done(&c->out, device, "Renamed device %s to %s.", c->args[0],
			       name_of(device));
}

static int unenroll(struct cli *c, struct error *err)
{
	AUTO_JSON device = NULL;
	struct url u;
	url_init_server(&u, "/devices/{}/unenroll", c->args[0]);
	int r = cli_send(c, "POST", &u, NULL, &device, err);
	url_fini(&u);
	return r ? r : output_done(&c->out, device, "%s is no longer managed.", name_of(device));
}

static int delete (struct cli *c, struct error *err)
{
	struct url u;
	url_init_server(&u, "/devices/{}", c->args[0]);
	int r = cli_send(c, "DELETE", &u, NULL, NULL, err);
	url_fini(&u);
	return r ? r
		 : output_done(&c->out, NULL, "Deleted device %s and all that was known of it.",
			       c->args[0]);
}

/* ---- what it measured and sent ---- */

static const struct column sample_columns[] = {
	{ "AT", "at", cell_time, COLUMN_WHOLE },
	{ "NAME", "name", NULL, COLUMN_TEXT },
	{ "VALUE", "value", NULL, COLUMN_NUMBER },
	{ "UNIT", "unit", cell_dim, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct column raw_columns[] = {
	{ "KIND", "kind", NULL, COLUMN_TEXT },
	{ "SIZE", "size", cell_size, COLUMN_NUMBER },
	{ "RECEIVED", "received", cell_age, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct view sample_view = { "samples", sample_columns },
			 raw_view = { "raw reports", raw_columns };

static int samples(struct cli *c, struct error *err)
{
	struct url u;
	url_init_server(&u, "/devices/{}/samples", c->args[0]);
	url_param(&u, "name", opt.name);
	url_param(&u, "since", opt.last);
	int r = cli_list(c, &u, &sample_view, err);
	url_fini(&u);
	return r;
}

static int raw_reports(struct cli *c, struct error *err)
{
	struct url u;
	if (c->n_args == 1) {
		url_init_server(&u, "/devices/{}/raw-reports", c->args[0]);
		int r = cli_list(c, &u, &raw_view, err);
		url_fini(&u);
		return r;
	}
	if (!opt.save && c->out.tty)
		return error_set(err, ERR_INVALID, "a raw report does not go to a terminal");
	url_init_server(&u, "/devices/{}/raw-reports/{}", c->args[0], c->args[1]);
	int r = opt.save ? cli_download(c, &u, opt.save, err)
			 : cli_fetch(c, &u, STDOUT_FILENO, err);
	url_fini(&u);
	return r;
}

static const struct option sample_options[] = {
	{ 0, "name", OPTION_STR, "NAME", "only this measurement, such as cpu.used_percent",
	  &opt.name, NULL },
	{ 0, "last", OPTION_STR, "TIME", "only those of the last 24h, 7d …", &opt.last, NULL },
	OPTION_ROW_LIMIT,
	OPTIONS_END,
};
static const struct option raw_options[] = {
	{ 0, "save", OPTION_STR, "FILE", "write it to this file instead of standard output",
	  &opt.save, NULL },
	OPTION_ROW_LIMIT,
	OPTIONS_END,
};
static const struct option list_options[] = {
	OPTION_ROW_FILTER("only those that match"),
	OPTION_ROW_LIMIT,
	OPTIONS_END,
};

static const char about_filters[] =
	"A filter compares fields: kind=linux and verdict!=COMPLIANT and last_seen<7d. Fields are id, name, "
	"kind, channel, fleet, within (the fleet or any below it), serial, external_id, verdict, "
	"version, applied_version, last_seen, enrolled, model, os_version, agent_version, managed and "
	"attribute.NAME; ~ means \"contains\"; and, or, not, in (…) and brackets work.";

static const struct command commands[] = {
	{ "list", NULL, list_options, "GET /devices", "devices:read", list, "List the devices",
	  about_filters },
	{ "count", NULL,
	  (const struct option[]){ OPTION_ROW_FILTER("only those that match"), OPTIONS_END },
	  "GET /devices/count", "devices:read", count, "Count the devices", about_filters },
	{ "show", "DEVICE", NULL, "GET /devices/{id}", "devices:read", show,
	  "Show a device: facts, settings, inventory", NULL },
	{ "samples", "DEVICE", sample_options, "GET /devices/{id}/samples", "devices:read", samples,
	  "List what a device measured over time", NULL },
	{ "reports", "DEVICE [KIND]", raw_options, "GET /devices/{id}/raw-reports", "devices:read",
	  raw_reports, "List a device's last reports as they came, or print one", NULL },
	{ "move", "DEVICE FLEET", NULL, "PATCH /devices/{id}", "devices:write", move,
	  "Move a device to another fleet", NULL },
	{ "rename", "DEVICE NAME", NULL, "PATCH /devices/{id}", "devices:write", rename_it,
	  "Give a device another name", NULL },
	{ "unenroll", "DEVICE", NULL, "POST /devices/{id}/unenroll", "devices:write", unenroll,
	  "Manage a device no longer; its record stays", NULL },
	{ "delete", "DEVICE", NULL, "DELETE /devices/{id}", "devices:write", delete,
	  "Delete a device and its record", NULL },
	{ .doc = NULL },
};

const struct noun noun_device = {
	"device",
	"The managed devices",
	commands,
	"  reeve device list --filter 'within=Sales and verdict!=COMPLIANT'\n"
	"  reeve device show 12\n"
	"  reeve device move web-7 Sales/Berlin\n",
};
