/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration of reeve-agent; config.h has the precedence.
 *
 * The table is read twice: once to learn --config and --root, then, over the file's values, for good.
 */
#include "agent/config.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/man.h"
#include "base/options.h"
#include "base/yaml.h"
#include <errno.h>
#include <sys/stat.h>

#define FILE_MAX_SIZE   (64 * 1024)
#define TOKEN_FILE_MAX  1024
#define DEFAULT_CONFIG  "/etc/reeve/agent.yaml"
#define DEFAULT_STATE   "/var/lib/reeve-agent"
#define INTERVAL_MIN_MS 100
#define WAIT_MAX_MS     (300 * 1000) /* docs/device-api.md */

#define N_ROWS 22 /* with the end */

static void make_rows(struct agent_config *c, struct option rows[N_ROWS])
{
	const struct option table[N_ROWS] = {
		{ 0, "server", OPTION_STR, "URL", "the server; https://, or http:// to loopback",
		  &c->server, "REEVE_SERVER" },
		{ 0, "enrollment-token", OPTION_STR, "T",
		  "token to enroll with (seen in ps: rather use the file or the variable)",
		  &c->enrollment_token, "REEVE_ENROLLMENT_TOKEN" },
		{ 0, "enrollment-token-file", OPTION_STR, "FILE", "file that holds the token",
		  &c->enrollment_token_file, "REEVE_ENROLLMENT_TOKEN_FILE" },
		{ 0, "state", OPTION_STR, "DIR", "what is remembered (" DEFAULT_STATE ")",
		  &c->state, "REEVE_AGENT_STATE" },
		{ 0, "observe", OPTION_FLAG, NULL, "report only: change nothing on this machine",
		  &c->observe, "REEVE_AGENT_OBSERVE" },
		{ 0, "once", OPTION_FLAG, NULL, "one full sync, then exit: 0, or 1 and why",
		  &c->once, NULL },
		{ 0, "interval", OPTION_DURATION, "TIME",
		  "longest time between two looks at this machine (15m)", &c->interval_ms,
		  "REEVE_AGENT_INTERVAL" },
		{ 0, "repair-delay", OPTION_DURATION, "TIME",
		  "from the report of a tampered setting to its repair (2s)", &c->repair_ms,
		  "REEVE_AGENT_REPAIR_DELAY" },
		{ 0, "wait", OPTION_DURATION, "TIME",
		  "how long the server is asked to hold a request (50s; 0: only poll)", &c->wait_ms,
		  "REEVE_AGENT_WAIT" },
		{ 0, "root", OPTION_STR, "DIR", "work below this folder (tests, chroots)", &c->root,
		  "REEVE_AGENT_ROOT" },
		{ 0, "config", OPTION_STR, "FILE", "YAML file (" DEFAULT_CONFIG ")", &c->config,
		  "REEVE_AGENT_CONFIG" },
		{ 0, "ca", OPTION_STR, "FILE", "trust these certificates instead of the system's",
		  &c->ca, "REEVE_AGENT_CA" },
		{ 0, "pin", OPTION_STR, "sha256//HASH", "the server's public key must be this one",
		  &c->pin, "REEVE_AGENT_PIN" },
		{ 0, "insecure-http", OPTION_FLAG, NULL, "allow http:// beyond loopback",
		  &c->insecure_http, NULL },
		{ 0, "kind", OPTION_STR, "KIND", "linux, vm or container (linux)", &c->kind,
		  "REEVE_AGENT_KIND" },
		{ 0, "channel", OPTION_STR, "CHANNEL",
		  "device (HTTP) or flyve (MQTT), for the life of an enrollment (device)",
		  &c->channel, "REEVE_AGENT_CHANNEL" },
		{ 0, "name", OPTION_STR, "NAME", "the device's name (the host's)", &c->name,
		  "REEVE_AGENT_NAME" },
		{ 0, "log-level", OPTION_STR, "LEVEL", "error, warn, info or debug (info)",
		  &c->log_level, "REEVE_LOG_LEVEL" },
		{ 0, "log-format", OPTION_STR, "FORMAT", "logfmt or json (logfmt)", &c->log_format,
		  "REEVE_LOG_FORMAT" },
		{ 'h', "help", OPTION_FLAG, NULL, "this text", &c->help, NULL },
		{ 'V', "version", OPTION_FLAG, NULL, "name and version", &c->version, NULL },
		{ .name = NULL },
	};
	memcpy(rows, table, sizeof table);
}

void agent_config_help(struct buf *out)
{
	struct agent_config c;
	struct option rows[N_ROWS];
	make_rows(&c, rows);
	buf_add_str(out,
		    "usage: reeve-agent [OPTION…]\n\n"
		    "Makes this machine a managed device: pulls its desired state, enforces it\n"
		    "and reports.\n\n");
	options_help(rows, out);
	buf_add_str(out,
		    "\nEvery option is also a key of the file, e.g. \"enrollment_token_file: "
		    "/etc/reeve/token\".\nOnly in the file: allow_wipe (false): the server may "
		    "have this machine wiped;\nwipe_program ([PROGRAM, ARGUMENT, …]): how.\n"
		    "SIGHUP: sync now. SIGTERM: stop.\n");
}

void agent_config_man(struct buf *out)
{
	struct agent_config c;
	struct option rows[N_ROWS];
	make_rows(&c, rows);
	man_options(out, rows);
}

static void set_defaults(struct agent_config *c)
{
	*c = (struct agent_config){
		.root = "",
		.kind = "linux",
		.channel = "device",
		.log_level = "info",
		.log_format = "logfmt",
		.interval_ms = 15 * 60 * 1000,
		.repair_ms = 2000,
		.wait_ms = 50 * 1000, /* proxies like to give up after 60 s */
	};
}

static int parse(struct agent_config *c, int argc, char **argv, struct error *err)
{
	struct option rows[N_ROWS];
	int n_args;
	make_rows(c, rows);
	int r = options_parse(rows, argc, argv, &n_args, err);
	if (r == 0 && n_args > 0)
		r = error_set(err, ERR_INVALID, "unexpected argument \"%s\"", argv[1]);
	return r;
}

/* ---- the file ---- */

/* allow_wipe and allow-wipe are the same. */
static bool same_key(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !(strchr("-_", *a) && strchr("-_", *b)))
			return false;
	return *a == *b;
}

static bool set_duration(const json_t *value, int64_t *ret)
{
	if (json_is_integer(value) && json_integer_value(value) >= 0 &&
	    json_integer_value(value) < INT32_MAX) {
		*ret = json_integer_value(value) * 1000;
		return true;
	}
	return json_is_string(value) && duration_parse(json_string_value(value), ret);
}

/* Strings stay in the document, which the configuration keeps. */
static int set_row(const struct option *row, const json_t *value, const char *file,
		   struct error *err)
{
	if (row->type == OPTION_FLAG && json_is_boolean(value))
		*(bool *)row->ret = json_is_true(value);
	else if (row->type == OPTION_STR && json_is_string(value))
		*(const char **)row->ret = json_string_value(value);
	else if (row->type == OPTION_DURATION && set_duration(value, row->ret))
		return 0;
	else if (row->type == OPTION_FLAG)
		return error_set(err, ERR_INVALID, "%s: %s must be true or false", file, row->name);
	else if (row->type == OPTION_DURATION)
		return error_set(err, ERR_INVALID, "%s: %s must be a duration such as 90s or 15m",
				 file, row->name);
	else
		return error_set(err, ERR_INVALID, "%s: %s must be a string", file, row->name);
	return 0;
}

/* wipe_program: [program, argument, …] */
static int set_wipe_program(struct agent_config *c, const json_t *value, struct error *err)
{
	size_t n = json_array_size(value), i;
	const json_t *word;
	free(c->wipe_argv);
	c->wipe_argv = calloc(n + 1, sizeof *c->wipe_argv);
	if (!c->wipe_argv)
		abort();
	json_array_foreach (value, i, word)
		c->wipe_argv[i] = json_string_value(word);
	for (i = 0; i < n; i++)
		if (!c->wipe_argv[i])
			n = 0;
	if (n == 0 || c->wipe_argv[0][0] != '/')
		return error_set(err, ERR_INVALID,
				 "%s: wipe_program must be a list: the program's path, arguments",
				 c->config);
	return 0;
}

static int set_key(struct agent_config *c, const struct option *rows, const char *key,
		   const json_t *value, struct error *err)
{
	static const char *const not_in_file[] = { "config", "once", "help", "version" };
	const struct option wipe = { .name = "allow_wipe", .ret = &c->allow_wipe };
	if (same_key(key, wipe.name))
		return set_row(&wipe, value, c->config, err);
	if (same_key(key, "wipe_program"))
		return set_wipe_program(c, value, err);
	for (size_t i = 0; i < ARRAY_SIZE(not_in_file); i++)
		if (same_key(key, not_in_file[i]))
			return error_set(err, ERR_INVALID, "%s: %s is a flag only", c->config, key);
	for (; rows->name; rows++)
		if (same_key(key, rows->name))
			return set_row(rows, value, c->config, err);
	return error_set(err, ERR_INVALID, "%s: unknown key \"%.100s\"", c->config, key);
}

static void warn_if_readable(const char *path)
{
	struct stat st;
	if (stat(path, &st) == 0 && (st.st_mode & 044))
		log_warn("the file holds an enrollment token and others may read it",
			 F_STR("file", path));
}

static int apply_document(struct agent_config *c, json_t *document, struct error *err)
{
	struct option rows[N_ROWS];
	const char *key;
	json_t *value;
	make_rows(c, rows);
	if (json_is_null(document))
		return 0;
	if (!json_is_object(document))
		return error_set(err, ERR_INVALID, "%s: must be a list of \"key: value\"",
				 c->config);
	json_object_foreach (document, key, value) {
		int r = set_key(c, rows, key, value, err);
		if (r)
			return r;
	}
	if (c->enrollment_token)
		warn_if_readable(c->config);
	return 0;
}

static int load_file(struct agent_config *c, bool must_exist, struct error *err)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, FILE_MAX_SIZE);
	int r = file_read(c->config, &text);
	if (r == -ENOENT && !must_exist)
		return 0;
	if (r < 0)
		return error_set(err, ERR_INVALID, "%s: %s", c->config, strerror(-r));
	r = yaml_parse(c->config, buf_span(&text), &c->file, err);
	if (r)
		return r;
	if (json_array_size(c->file) > 1)
		return error_set(err, ERR_INVALID, "%s: more than one document", c->config);
	return json_array_size(c->file) == 1 ? apply_document(c, json_array_get(c->file, 0), err)
					     : 0;
}

/* ---- all of it ---- */

static const char *below_root(struct agent_config *c, int i, const char *path)
{
	if (asprintf(&c->strings[i], "%s%s", c->root, path) < 0)
		abort();
	return c->strings[i];
}

static int check(struct agent_config *c, struct error *err)
{
	static const char *const kinds[] = { "linux", "vm", "container" };
	enum log_level level;
	enum log_format format;
	bool known = false;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		known |= strcmp(c->kind, kinds[i]) == 0;
	if (!known)
		return error_set(err, ERR_INVALID, "kind: \"%.40s\" is not linux, vm or container",
				 c->kind);
	if (strcmp(c->channel, "device") != 0 && strcmp(c->channel, "flyve") != 0)
		return error_set(err, ERR_INVALID, "channel: \"%.40s\" is not device or flyve",
				 c->channel);
	if (!log_level_parse(c->log_level, &level))
		return error_set(err, ERR_INVALID,
				 "log-level: \"%.40s\" is not one of error, warn, "
				 "info, debug",
				 c->log_level);
	if (!log_format_parse(c->log_format, &format))
		return error_set(err, ERR_INVALID, "log-format: \"%.40s\" is not logfmt or json",
				 c->log_format);
	if (c->interval_ms < INTERVAL_MIN_MS)
		return error_set(err, ERR_INVALID, "interval: at least %d ms", INTERVAL_MIN_MS);
	if (c->wait_ms > WAIT_MAX_MS)
		return error_set(err, ERR_INVALID, "wait: at most %d s", WAIT_MAX_MS / 1000);
	if (c->enrollment_token && strlen(c->enrollment_token) >= TOKEN_FILE_MAX)
		return error_set(err, ERR_INVALID, "the enrollment token is too long");
	return 0;
}

int agent_config_load(struct agent_config *c, int argc, char **argv, struct error *err)
{
	struct agent_config first;
	set_defaults(c);
	set_defaults(&first);
	int r = parse(&first, argc, argv, err);
	if (r || first.help || first.version) {
		c->help = first.help;
		c->version = first.version;
		return r;
	}
	c->root = strcmp(first.root, "/") == 0 ? "" : first.root;
	c->config = first.config ? first.config : below_root(c, 0, DEFAULT_CONFIG);
	r = load_file(c, first.config != NULL, err);
	r = r ? r : parse(c, argc, argv, err);
	if (r)
		return r;
	if (strcmp(c->root, "/") == 0)
		c->root = "";
	if (!c->state)
		c->state = below_root(c, 1, DEFAULT_STATE);
	return check(c, err);
}

void agent_config_fini(struct agent_config *c)
{
	json_decref(c->file);
	free(c->wipe_argv);
	for (size_t i = 0; i < ARRAY_SIZE(c->strings); i++)
		free(c->strings[i]);
	*c = (struct agent_config){ 0 };
}

bool agent_config_token(const struct agent_config *c, char *text, size_t size)
{
	CLEANUP(buf_fini) struct buf content;
	text[0] = '\0';
	buf_init(&content, TOKEN_FILE_MAX);
	if (c->enrollment_token)
		buf_add_str(&content, c->enrollment_token);
	else if (!c->enrollment_token_file || file_read(c->enrollment_token_file, &content) < 0)
		return false;
	struct span s = buf_span(&content);
	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]))
		s.n--;
	if (s.n > 0 && s.n < size) {
		memcpy(text, s.p, s.n);
		text[s.n] = '\0';
	}
	secret_erase(content.p, content.cap);
	return text[0] != '\0';
}
