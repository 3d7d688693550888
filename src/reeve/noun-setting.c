/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve setting: the catalogue, and what is set on fleets and devices.
 */
#include "reeve/cli.h"
#include "reeve/nouns.h"
#include <fnmatch.h>

static const struct column catalogue_columns[] = {
	{ "NAME", "name", NULL, COLUMN_TEXT },
	{ "TYPE", "type", NULL, COLUMN_TEXT },
	{ "DEFAULT", "default", cell_json, COLUMN_ELASTIC },
	{ "CHANNELS", "channels", cell_list, COLUMN_TEXT },
	{ "MEANING", "doc", NULL, COLUMN_ELASTIC },
	{ .title = NULL },
};
static const struct column catalogue_page[] = {
	{ "name", "name", NULL, COLUMN_TEXT },
	{ "meaning", "doc", NULL, COLUMN_TEXT },
	{ "type", "type", NULL, COLUMN_TEXT },
	{ "least", "min", NULL, COLUMN_TEXT },
	{ "most", "max", NULL, COLUMN_TEXT },
	{ "choices", "choices", cell_list, COLUMN_TEXT },
	{ "default", "default", cell_json, COLUMN_TEXT },
	{ "rule", "rule", NULL, COLUMN_TEXT },
	{ "channels", "channels", cell_list, COLUMN_TEXT },
	{ "Linux provider", "provider", NULL, COLUMN_TEXT },
	{ "Chrome", "chrome", NULL, COLUMN_TEXT },
	{ "Flyve", "flyve", NULL, COLUMN_TEXT },
	{ "MDMCore", "mdmcore", NULL, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct column own_columns[] = {
	{ "NAME", "name", NULL, COLUMN_TEXT },   { "VALUE", "value", cell_json, COLUMN_ELASTIC },
	{ "LEVEL", "level", NULL, COLUMN_TEXT }, { "CHANGED", "changed", cell_age, COLUMN_TEXT },
	{ "BY", "actor", NULL, COLUMN_TEXT },    { .title = NULL },
};

static void cell_source(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	const json_t *name = json_object_get(row, "source_name");
	value_add(&ret->text, v);
	if (name && !json_is_null(name) && *json_string_value(name)) {
		buf_add_char(&ret->text, ' ');
		value_add(&ret->text, name);
	}
}

static const struct column effective_columns[] = {
	{ "NAME", "name", NULL, COLUMN_TEXT },
	{ "VALUE", "value", cell_json, COLUMN_ELASTIC },
	{ "LEVEL", "level", NULL, COLUMN_TEXT },
	{ "FROM", "source", cell_source, COLUMN_TEXT },
	{ "APPLIES", "applies", cell_yes, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct view catalogue_view = { "settings", catalogue_columns },
			 catalogue_page_view = { "settings", catalogue_page },
			 own_view = { "settings", own_columns },
			 effective_view = { "settings", effective_columns };

/* ---- the catalogue ---- */

static int print_matching(struct cli *c, const json_t *items, void *pattern)
{
	AUTO_JSON matching = json_array();
	size_t i;
	json_t *item;
	json_array_foreach ((json_t *)items, i, item) {
		const char *name = json_string_value(json_object_get(item, "name"));
		if (name && (!pattern || fnmatch(pattern, name, 0) == 0))
			json_array_append(matching, item);
	}
	return output_list_items(&c->out, matching);
}

static int list_catalogue(struct cli *c, struct error *err)
{
	struct url u;
	url_init_server(&u, "/settings");
	int r = output_list_begin(&c->out, &catalogue_view);
	if (r == 0)
		r = cli_pages(c, &u, 0, print_matching, c->n_args > 0 ? c->args[0] : NULL, err);
	url_fini(&u);
	return r == 0 ? output_list_end(&c->out) : r;
}

/* ---- of a fleet or a device ---- */

/* The address of "settings" or "effective" of what --fleet or --device name, with a setting behind. */
static int target(struct url *u, const char *what, const char *setting, struct error *err)
{
	if (!opt.fleet == !opt.device)
		return error_set(err, ERR_INVALID, "say either --fleet or --device");
	const char *of = opt.fleet ? "fleets" : "devices",
		   *ref = opt.fleet ? opt.fleet : opt.device;
	(opt.fleet ? url_init : url_init_server)(u, setting ? "/{}/{}/{}/{}" : "/{}/{}/{}", of, ref,
						 what, setting ? setting : "");
	return 0;
}

static const char *target_words(struct cli *c)
{
	return arena_printf(&c->arena, opt.fleet ? "fleet %s" : "device %s",
			    opt.fleet ? opt.fleet : opt.device);
}

static int list(struct cli *c, struct error *err)
{
	struct url u;
	if (!opt.fleet && !opt.device)
		return list_catalogue(c, err);
	int r = target(&u, "settings", NULL, err);
	if (r != 0)
		return r;
	r = output_list_begin(&c->out, &own_view);
	if (r == 0)
		r = cli_pages(c, &u, 0, print_matching, c->n_args > 0 ? c->args[0] : NULL, err);
	url_fini(&u);
	return r == 0 ? output_list_end(&c->out) : r;
}

static int show(struct cli *c, struct error *err)
{
	struct url u;
	url_init_server(&u, "/settings/{}", c->args[0]);
	int r = cli_show(c, &u, &catalogue_page_view, err);
	url_fini(&u);
	return r;
}

static int effective(struct cli *c, struct error *err)
{
	struct url u;
	if (c->n_args > 0 && opt.device)
		return error_set(err, ERR_INVALID, "the device is given twice");
	opt.device = c->n_args > 0 ? c->args[0] : opt.device;
	int r = target(&u, "effective", NULL, err);
	if (r != 0)
		return r;
	r = cli_list(c, &u, &effective_view, err);
	url_fini(&u);
	return r;
}

static int set(struct cli *c, struct error *err)
{
	AUTO_JSON answer = NULL;
	json_t *value, *body;
	struct url u;
	int r = value_parse(c->args[1], &value, err);
	if (r != 0)
		return r;
	body = json_pack("{s:o}", "value", value);
	body_str(body, "level", opt.level);
	r = target(&u, "settings", c->args[0], err);
	if (r != 0) {
		json_decref(body);
		return r;
	}
	r = cli_send(c, "PUT", &u, body, &answer, err);
	url_fini(&u);
	if (r != 0)
		return r;
	CLEANUP(free_charp) char *text = json_text(json_object_get(answer, "value"));
	bool same = json_is_false(json_object_get(answer, "changed"));
	return output_done(&c->out, answer, "%s %s %s on %s.", c->args[0],
			   same ? "was already" : "is now", text, target_words(c));
}

static int unset(struct cli *c, struct error *err)
{
	struct url u;
	int r = target(&u, "settings", c->args[0], err);
	if (r != 0)
		return r;
	r = cli_send(c, "DELETE", &u, NULL, NULL, err);
	url_fini(&u);
	return r ? r
		 : output_done(&c->out, NULL, "%s is no longer set on %s.", c->args[0],
			       target_words(c));
}

#define ROW_LEVEL                                                                                  \
	{                                                                                          \
		0, "level", OPTION_STR, "LEVEL",                                                   \
			"mandatory (default), or recommended: the person may change it",           \
			&opt.level, NULL                                                           \
	}

static const struct option target_options[] = {
	OPTION_ROW_FLEET("of this fleet: its id, name or path"),
	OPTION_ROW_DEVICE("of this device"),
	OPTIONS_END,
};
static const struct option set_options[] = {
	OPTION_ROW_FLEET("on this fleet: its id, name or path"),
	OPTION_ROW_DEVICE("on this device"),
	ROW_LEVEL,
	OPTIONS_END,
};

static const struct command commands[] = {
	{ "list", "[PATTERN]", target_options, "GET /settings", "settings:read", list,
	  "List the settings that there are, or those set on a fleet or device",
	  "PATTERN selects by name, as the shell does: 'camera.*'." },
	{ "show", "NAME", NULL, "GET /settings/{name}", "settings:read", show,
	  "Show all about one setting of the catalogue", NULL },
	{ "set", "NAME VALUE", set_options, "PUT /devices/{id}/settings/{name}", "settings:write",
	  set, "Set it on a fleet or a device",
	  "VALUE is JSON; a bare word is a string. The nearest wins: a device's own value over its "
	  "fleet's, a fleet's over its parent's." },
	{ "unset", "NAME", target_options, "DELETE /devices/{id}/settings/{name}", "settings:write",
	  unset, "Set it no longer on a fleet or a device", NULL },
	{ "effective", "[DEVICE]", target_options, "GET /devices/{id}/effective", "settings:read",
	  effective, "Show what is in force on a device or fleet, and where it comes from", NULL },
	{ .doc = NULL },
};

const struct noun noun_setting = {
	"setting",
	"What devices should be like",
	commands,
	"  reeve setting list 'password.*'\n"
	"  reeve setting set --fleet Sales camera.disabled true\n"
	"  reeve setting set --device 12 chrome.HomepageLocation https://example.org --level recommended\n"
	"  reeve setting effective 12\n",
};
