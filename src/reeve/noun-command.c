/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve command: things for a device to do once.
 */
#include "base/clock.h"
#include "reeve/cli.h"
#include "reeve/nouns.h"
#include "reeve/terminal.h"
#include "reeve/text.h"
#include <errno.h>
#include <poll.h>
#include <unistd.h>

static const struct column columns[] = {
	{ "ID", "id", NULL, COLUMN_NUMBER },
	{ "DEVICE", "device_name", NULL, COLUMN_TEXT },
	{ "TYPE", "type", NULL, COLUMN_TEXT },
	{ "STATE", "state", cell_state, COLUMN_TEXT },
	{ "CREATED", "created", cell_age, COLUMN_TEXT },
	{ "EXPIRES", "expires", cell_age, COLUMN_TEXT },
	{ "BY", "actor", NULL, COLUMN_TEXT },
	{ "MESSAGE", "message", NULL, COLUMN_ELASTIC },
	{ .title = NULL },
};
static const struct column page[] = {
	{ "id", "id", NULL, COLUMN_TEXT },
	{ "device", "device_name", NULL, COLUMN_TEXT },
	{ "type", "type", NULL, COLUMN_TEXT },
	{ "params", "params", cell_json, COLUMN_TEXT },
	{ "state", "state", cell_state, COLUMN_TEXT },
	{ "message", "message", NULL, COLUMN_TEXT },
	{ "delivery", "delivery", NULL, COLUMN_TEXT },
	{ "result", "result", cell_json, COLUMN_TEXT },
	{ "by", "actor", NULL, COLUMN_TEXT },
	{ "created", "created", cell_time, COLUMN_TEXT },
	{ "expires", "expires", cell_time, COLUMN_TEXT },
	{ "sent", "sent", cell_time, COLUMN_TEXT },
	{ "acknowledged", "acknowledged", cell_time, COLUMN_TEXT },
	{ "finished", "finished", cell_time, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct column refused_columns[] = {
	{ "DEVICE", "device", NULL, COLUMN_NUMBER },
	{ "REFUSED BECAUSE", "detail", NULL, COLUMN_ELASTIC },
	{ .title = NULL },
};
static const struct column type_columns[] = {
	{ "TYPE", "name", NULL, COLUMN_TEXT },
	{ "KINDS", "kinds", cell_list, COLUMN_TEXT },
	{ "PARAMETERS", "params", cell_params, COLUMN_TEXT },
	{ "DOES", "doc", NULL, COLUMN_ELASTIC },
	{ .title = NULL },
};
static const struct view view = { "commands", columns }, page_view = { "commands", page },
			 refused_view = { "refusals", refused_columns },
			 type_view = { "types of commands", type_columns };

static int list(struct cli *c, struct error *err)
{
	struct url u;
	url_init(&u, "/commands");
	url_param(&u, "device", c->n_args > 0 ? c->args[0] : NULL);
	url_param(&u, "state", opt.state);
	int r = cli_list(c, &u, &view, err);
	url_fini(&u);
	return r;
}

static int list_types(struct cli *c, struct error *err)
{
	struct url u;
	url_init(&u, "/command-types");
	int r = cli_list(c, &u, &type_view, err);
	url_fini(&u);
	return r;
}

/* The picture that a device took. */
static int save(struct cli *c, struct error *err)
{
	struct url u;
	url_init_server(&u, "/commands/{}/picture", c->args[0]);
	int r = cli_download(c, &u, opt.save, err);
	url_fini(&u);
	AUTO_JSON saved = json_pack("{s:s}", "file", opt.save);
	return r ? r : output_done(&c->out, saved, "Wrote %s.", opt.save);
}

static int show(struct cli *c, struct error *err)
{
	struct url u;
	if (opt.save)
		return save(c, err);
	url_init_server(&u, "/commands/{}", c->args[0]);
	int r = cli_show(c, &u, &page_view, err);
	url_fini(&u);
	return r;
}

static int cancel(struct cli *c, struct error *err)
{
	AUTO_JSON command = NULL;
	struct url u;
	url_init_server(&u, "/commands/{}/cancel", c->args[0]);
	int r = cli_send(c, "POST", &u, NULL, &command, err);
	url_fini(&u);
	return r ? r : output_done(&c->out, command, "Cancelled command %s.", c->args[0]);
}

/* ---- send ---- */

/* --payload is the whole of the parameters, --param adds to it. */
static int make_params(json_t **ret, struct error *err)
{
	AUTO_JSON params = NULL;
	AUTO_JSON more = NULL;
	struct error problem;
	int r = opt.payload ? json_parse(span_str(opt.payload), &params, &problem) : 0;
	if (r > 0)
		return error_set(err, ERR_INVALID, "--payload is %s", problem.message);
	if (r == 0 && params && !json_is_object(params))
		return error_set(err, ERR_INVALID, "--payload must be a JSON object");
	if (r == 0)
		r = values_parse(&opt.params, &more, err);
	if (r != 0)
		return r;
	if (!params)
		params = json_object();
	json_object_update(params, more);
	*ret = TAKE(params);
	return 0;
}

/* One device, or --filter for many. */
static int make_target(struct cli *c, json_t *body, const char **ret_type, struct error *err)
{
	if (opt.filter) {
		if (c->n_args != 1)
			return error_set(err, ERR_INVALID, "with --filter, give the type alone");
		json_object_set_new(body, "filter", json_string(opt.filter));
		*ret_type = c->args[0];
		return 0;
	}
	if (c->n_args != 2)
		return error_set(err, ERR_INVALID, "TYPE is missing");
	errno = 0;
	long long id = strtoll(c->args[0], NULL, 10); /* a number by now: cli_device() */
	if (id <= 0 || errno != 0)
		return error_set(err, ERR_INVALID, "\"%.60s\" is no id of a device", c->args[0]);
	json_object_set_new(body, "device", json_integer(id));
	*ret_type = c->args[1];
	return 0;
}

static bool is_final(const json_t *command)
{
	static const char *const final[] = { "done", "failed", "expired", "cancelled" };
	const char *state = json_string_value(json_object_get(command, "state"));
	for (size_t i = 0; state && i < ARRAY_SIZE(final); i++)
		if (strcmp(state, final[i]) == 0)
			return true;
	return !state;
}

/* Asks until the command has ended: often at first, every two seconds later. */
static int wait_for_end(struct cli *c, json_t **command, struct error *err)
{
	const char *id = arena_printf(
		&c->arena, "%lld", (long long)json_integer_value(json_object_get(*command, "id")));
	for (int pause_ms = 100; !is_final(*command);
	     pause_ms += pause_ms < 2000 ? pause_ms / 4 : 0) {
		struct url u;
		json_t *now = NULL;
		(void)poll(NULL, 0, pause_ms);
		url_init_server(&u, "/commands/{}", id);
		int r = cli_get(c, &u, &now, err);
		url_fini(&u);
		if (r != 0)
			return r;
		json_decref(*command);
		*command = now;
	}
	const char *state = json_string_value(json_object_get(*command, "state"));
	c->exit_code = state && strcmp(state, "done") == 0 ? 0 : 1;
	return 0;
}

/* Of --filter: what was sent, and on stderr who was left out. */
static int print_many(struct cli *c, const json_t *answer, struct error *err)
{
	json_t *items = NULL, *refused = NULL;
	int r = json_read_array(answer, "items", true, &items, err);
	if (r == 0)
		r = json_read_array(answer, "refused", false, &refused, err);
	if (r != 0 || c->out.format != FORMAT_TABLE)
		return r ? r : output_object(&c->out, NULL, answer);
	if (json_array_size(refused) > 0)
		r = output_list(&c->out, &refused_view, refused);
	return r ? r
		 : output_done(&c->out, NULL, "Sent to %zu, refused for %zu.",
			       json_array_size(items), json_array_size(refused));
}

static int print_one(struct cli *c, const json_t *command)
{
	if (c->out.format != FORMAT_TABLE || opt.wait)
		return output_object(&c->out, &page_view, command);
	return output_done(&c->out, command, "Command %lld is %s.",
			   (long long)json_integer_value(json_object_get(command, "id")),
			   json_string_value(json_object_get(command, "state")));
}

/* A filter that was mistyped finds many: whoever sits at a terminal is told how many, and asked. */
static int confirm_many(struct cli *c, const char *type, struct error *err)
{
	AUTO_JSON answer = NULL;
	CLEANUP(buf_fini) struct buf question;
	char word[16];
	int64_t n = 0;
	struct url u;
	buf_init(&question, 1000);
	if (!opt.filter || opt.yes || !isatty(STDIN_FILENO))
		return 0;
	url_init(&u, "/devices/count");
	url_param(&u, "filter", opt.filter);
	int r = cli_get(c, &u, &answer, err);
	url_fini(&u);
	if (r == 0)
		r = json_read_int(answer, "count", true, &n, err);
	if (r != 0)
		return r;
	buf_add_str(&question, "Send ");
	text_add_clean(&question, type);
	buf_addf(&question, " to %lld devices?\nType \"yes\" to go on: ", (long long)n);
	r = terminal_ask(buf_str(&question), true, word, sizeof word);
	if (r < 0)
		return r;
	return strcmp(word, "yes") == 0 ? 0 : error_set(err, ERR_UNAVAILABLE, "nothing was sent");
}

static int send_it(struct cli *c, struct error *err)
{
	AUTO_JSON body = json_object();
	AUTO_JSON answer = NULL;
	json_t *params = NULL;
	const char *type;
	struct url u;
	int r = make_target(c, body, &type, err);
	if (r == 0)
		r = make_params(&params, err);
	json_object_set_new(body, "params", params);
	if (r == 0)
		r = confirm_many(c, type, err);
	if (r != 0)
		return r;
	body_str(body, "type", type);
	body_expires(body);
	url_init(&u, "/commands");
	r = cli_send(c, "POST", &u, json_incref(body), &answer, err);
	url_fini(&u);
	if (r == 0 && opt.filter)
		return print_many(c, answer, err);
	if (r == 0 && opt.wait)
		r = wait_for_end(c, &answer, err);
	return r ? r : print_one(c, answer);
}

static const struct option send_options[] = {
	{ 'p', "param", OPTION_LIST, "NAME=VALUE", "a parameter; the value is JSON or a word",
	  &opt.params, NULL },
	{ 0, "payload", OPTION_STR, "JSON", "all parameters as one object", &opt.payload, NULL },
	OPTION_ROW_EXPIRES,
	OPTION_ROW_FILTER("to every device that matches, instead of DEVICE"),
	{ 0, "yes", OPTION_FLAG, NULL, "do not ask before sending to many", &opt.yes, NULL },
	{ 0, "wait", OPTION_FLAG, NULL, "until it is done; exit code 1 when it failed", &opt.wait,
	  NULL },
	{ 0, "idempotency-key", OPTION_STR, "KEY",
	  "the same key sends once, however often it is tried", &opt.idempotency_key, NULL },
	OPTIONS_END,
};
static const struct option list_options[] = {
	{ 0, "state", OPTION_STR, "STATE", "only those that are queued, sent, done …", &opt.state,
	  NULL },
	OPTION_ROW_LIMIT,
	OPTIONS_END,
};

static const struct option show_options[] = {
	{ 0, "save", OPTION_STR, "FILE", "write the picture that the device took to this file",
	  &opt.save, NULL },
	OPTIONS_END,
};

static const struct command commands[] = {
	{ "send", "[DEVICE] TYPE", send_options, "POST /commands", "commands:write", send_it,
	  "Send a command to a device",
	  "Types are ping, reboot, lock, locate, inventory, wipe, unenroll and more: \"reeve command types\" lists them, "
	  "with their parameters. Which of them a device understands depends on its kind and channel. wipe and unenroll need the scope "
	  "commands:destructive. A browser asks for its commands when it starts, and after each result." },
	{ "types", NULL, NULL, "GET /command-types", "commands:read", list_types,
	  "List what can be sent to which kinds of devices",
	  "Parameters in brackets may be left out." },
	{ "list", "[DEVICE]", list_options, "GET /commands", "commands:read", list,
	  "List the commands, of all devices or one", NULL },
	{ "show", "N", show_options, "GET /commands/{id}", "commands:read", show,
	  "Show a command and its result",
	  "A screenshot's picture is there once the device has uploaded it: --save writes it to a file." },
	{ "cancel", "N", NULL, "POST /commands/{id}/cancel", "commands:write", cancel,
	  "Cancel a command that is not finished", NULL },
	{ .doc = NULL },
};

const struct noun noun_command = {
	"command",
	"Commands to devices: reboot, lock, locate and more",
	commands,
	"  reeve command send 12 ping --wait\n"
	"  reeve command send 12 reboot --expires 1h\n"
	"  reeve command send --filter 'within=Sales' inventory\n",
};
