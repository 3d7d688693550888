/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading the configuration: defaults, then the file, the environment and the flags, each over the
 * one before; then what must fit together. Where a value came from is kept until then, so that a
 * complaint names the place where it can be mended.
 */
#include "base/buf.h"
#include "base/log.h"
#include "base/man.h"
#include "base/options.h"
#include "base/yaml.h"
#include "model/text.h"
#include "server/broker-mode.h"
#include "server/config-row.h"

#include <arpa/inet.h>
#include <assert.h>

struct origin { /* of a value; zeroed: the default */
	const char *name;
	size_t line; /* 0: a flag or variable, whose name says all */
};

struct load {
	struct config *c;
	struct origin origins[CONFIG_ROWS_N];
	const char *flags[CONFIG_ROWS_N]; /* what the command line gives; NULL: nothing */
	const char *file;
};

enum { /* options beside the rows */
       OPTION_CONFIG_FILE = CONFIG_ROWS_N,
       OPTION_CHECK,
       OPTION_DUMP,
       OPTION_RESET,
       OPTION_HELP,
       OPTION_VERSION,
       OPTIONS_END,
       OPTIONS_N
};

/* 'l' NULL: for the help only. */
static void make_options(struct load *l, struct option rows[OPTIONS_N])
{
	struct config *c = l ? l->c : NULL;
	for (size_t i = 0; i < CONFIG_ROWS_N; i++)
		rows[i] = (struct option){ .name = config_rows[i].flag,
					   .type = OPTION_STR,
					   .value = "VALUE",
					   .help = config_rows[i].doc,
					   .ret = l ? &l->flags[i] : NULL };
	rows[OPTION_CONFIG_FILE] = (struct option){ .name = "config",
						    .type = OPTION_STR,
						    .value = "FILE",
						    .help = "YAML file with any of these settings",
						    .ret = l ? &l->file : NULL,
						    .env = "REEVE_CONFIG" };
	const struct {
		int at;
		char letter;
		const char *name, *help;
		bool *ret;
	} flags[] = {
		{ OPTION_CHECK, 0, "check", "Check the configuration and end",
		  c ? &c->check : NULL },
		{ OPTION_DUMP, 0, "dump-config", "Print the configuration in force and end",
		  c ? &c->dump : NULL },
		{ OPTION_RESET, 0, "reset-admin-token",
		  "Revoke the first API token, write a new admin.token and end",
		  c ? &c->reset_admin_token : NULL },
		{ OPTION_HELP, 'h', "help", "Print this help and end", c ? &c->help : NULL },
		{ OPTION_VERSION, 0, "version", "Print the version and end",
		  c ? &c->version : NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		rows[flags[i].at] = (struct option){ .letter = flags[i].letter,
						     .name = flags[i].name,
						     .type = OPTION_FLAG,
						     .help = flags[i].help,
						     .ret = flags[i].ret };
	rows[OPTIONS_END] = (struct option){ 0 };
}

void config_help(struct buf *out)
{
	struct option rows[OPTIONS_N];
	make_options(NULL, rows);
	options_help(rows, out);
}

void config_man(struct buf *out)
{
	struct option rows[OPTIONS_N];
	make_options(NULL, rows);
	man_options(out, rows);
}

static bool is_word_of_bool(const char *s)
{
	return s && (strcmp(s, "true") == 0 || strcmp(s, "false") == 0);
}

/* "--tls-insecure" alone means true, so that switches read like switches. */
static char *complete_switch(struct arena *a, char *word, const char *after)
{
	for (size_t i = 0; i < CONFIG_ROWS_N; i++) {
		const struct config_row *row = &config_rows[i];
		if (row->type == CONFIG_TYPE_BOOL && strncmp(word, "--", 2) == 0 &&
		    strcmp(word + 2, row->flag) == 0 && !is_word_of_bool(after))
			return arena_printf(a, "%s=true", word);
	}
	return word;
}

static int read_flags(struct load *l, int argc, char *const *argv, struct error *err)
{
	char **copy = arena_new_n(l->c->owned, char *, argc + 1);
	bool ended = false;
	for (int i = 0; i < argc; i++) {
		ended |= strcmp(argv[i], "--") == 0;
		copy[i] = ended ? argv[i]
				: complete_switch(l->c->owned, argv[i],
						  i + 1 < argc ? argv[i + 1] : NULL);
	}
	struct option rows[OPTIONS_N];
	make_options(l, rows);
	int n_args = 0, r = options_parse(rows, argc, copy, &n_args, err);
	if (r == 0 && n_args > 0)
		r = error_set(err, ERR_INVALID, "unexpected argument \"%.100s\"", copy[1]);
	return r;
}

/* Wraps the reason in err with the place: "FILE:LINE: key: reason", "--flag: reason". */
static int at_origin(const struct config_row *row, const struct origin *o, struct error *err)
{
	struct error why = *err;
	if (o->line > 0)
		return error_set(err, ERR_INVALID, "%s:%zu: %s: %s", o->name, o->line, row->key,
				 why.message);
	return error_set(err, ERR_INVALID, "%s: %s", o->name ? o->name : row->key, why.message);
}

static int set(struct load *l, const struct config_row *row, const char *text, struct origin from,
	       struct error *err)
{
	union config_value v;
	l->origins[row - config_rows] = from;
	if (config_value_parse(row, text, &v, err) != 0)
		return at_origin(row, &from, err);
	config_value_put(l->c, row, v);
	return 0;
}

static int set_from_file(void *user, const struct config_row *row, const char *text, size_t line,
			 struct error *err)
{
	struct load *l = user;
	return set(l, row, text, (struct origin){ l->file, line }, err);
}

static int set_all(struct load *l, struct error *err)
{
	int r = 0;
	for (size_t i = 0; i < CONFIG_ROWS_N && r == 0; i++)
		r = set(l, &config_rows[i], config_rows[i].dflt, (struct origin){ 0 }, err);
	if (r == 0 && l->file && *l->file)
		r = config_file_read(l->file, set_from_file, l, err);
	for (size_t i = 0; i < CONFIG_ROWS_N && r == 0; i++) {
		const struct config_row *row = &config_rows[i];
		const char *env = getenv(row->env);
		if (env && *env)
			r = set(l, row, env, (struct origin){ row->env, 0 }, err);
		if (r == 0 && l->flags[i])
			r = set(l, row, l->flags[i],
				(struct origin){ arena_printf(l->c->owned, "--%s", row->flag), 0 },
				err);
	}
	return r;
}

/* ---- what must fit together ---- */

static int refuse(const struct load *l, int position, struct error *err, const char *fmt, ...)
	FORMAT_PRINTF(4, 5);

static int refuse(const struct load *l, int position, struct error *err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof err->message, fmt, ap);
	va_end(ap);
	return at_origin(&config_rows[position], &l->origins[position], err);
}

/* "127.0.0.1:8081", "[::1]:0" */
static bool listen_split(const char *listen, char host[INET6_ADDRSTRLEN + 1], const char **ret_port)
{
	const char *colon = strrchr(listen, ':');
	if (!colon || colon == listen)
		return false;
	size_t n = (size_t)(colon - listen);
	bool bracketed = listen[0] == '[' && listen[n - 1] == ']';
	if (bracketed) {
		listen++;
		n -= 2;
	}
	if (n > INET6_ADDRSTRLEN)
		return false;
	memcpy(host, listen, n);
	host[n] = '\0';
	*ret_port = colon + 1;
	return true;
}

/* false: not a numeric address. */
static bool address_parse(const char *host, bool *ret_loopback)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, host, &v4) == 1)
		*ret_loopback = (ntohl(v4.s_addr) >> 24) == 127;
	else if (inet_pton(AF_INET6, host, &v6) == 1)
		*ret_loopback = IN6_IS_ADDR_LOOPBACK(&v6);
	else
		return false;
	return true;
}

static int check_listen(const struct load *l, bool *ret_loopback, struct error *err)
{
	char host[INET6_ADDRSTRLEN + 1];
	const char *port = NULL;
	char *end = NULL;
	bool ok = listen_split(l->c->listen, host, &port);
	unsigned long number = ok && *port >= '0' && *port <= '9' ? strtoul(port, &end, 10) : 65536;
	if (!ok || number > 65535 || *end)
		return refuse(l, CONFIG_ROW_listen, err,
			      "\"%.60s\" is not ADDRESS:PORT, such as 127.0.0.1:8081 or [::1]:8081",
			      l->c->listen);
	if (!address_parse(host, ret_loopback))
		return refuse(l, CONFIG_ROW_listen, err, "\"%s\" is not a numeric address", host);
	return 0;
}

static int check_tls(const struct load *l, bool loopback, struct error *err)
{
	const struct config *c = l->c;
	if (*c->tls_cert && !*c->tls_key)
		return refuse(l, CONFIG_ROW_tls_cert, err, "tls.key is missing beside it");
	if (*c->tls_key && !*c->tls_cert)
		return refuse(l, CONFIG_ROW_tls_key, err, "tls.cert is missing beside it");
	if (loopback || *c->tls_cert || c->tls_insecure)
		return 0;
	return refuse(
		l, CONFIG_ROW_listen, err,
		"%s is not a loopback address, so tls.cert and tls.key are needed (or tls.insecure, "
		"when a proxy that speaks TLS stands before it)",
		c->listen);
}

static bool starts_with(const char *s, const char *head)
{
	return strncmp(s, head, strlen(head)) == 0;
}

/* What this version can do; the words of later ones get an honest answer. */
static int check_backends(const struct load *l, struct error *err)
{
	const char *store = l->c->store;
	if (starts_with(store, "postgres://") || starts_with(store, "postgresql://"))
		return refuse(l, CONFIG_ROW_store, err,
			      "this version cannot use PostgreSQL yet; sqlite is what it has");
	if (strcmp(store, "sqlite") != 0)
		return refuse(l, CONFIG_ROW_store, err, "\"%.60s\" is not sqlite", store);
	return 0;
}

/* One of mqtt's addresses, as of broker-mode.h. */
static int check_broker(const struct load *l, int position, const char *text,
			struct broker_mode *ret, struct error *err)
{
	struct error why;
	int r = broker_mode_parse(text, ret, &why);
	return r ? refuse(l, position, err, "%s", why.message) : 0;
}

/* What the embedded broker listens on, by the rules for HTTP. */
static int check_mqtt_address(const struct load *l, struct error *err)
{
	const struct config *c = l->c;
	bool loopback = false;
	if (!address_parse(c->mqtt_address, &loopback))
		return refuse(l, CONFIG_ROW_mqtt_address, err, "\"%.60s\" is not a numeric address",
			      c->mqtt_address);
	if (loopback || *c->tls_cert || c->tls_insecure)
		return 0;
	return refuse(l, CONFIG_ROW_mqtt_address, err,
		      "%s is not a loopback address, so tls.cert and tls.key are needed (or "
		      "tls.insecure)",
		      c->mqtt_address);
}

static int check_mqtt(const struct load *l, struct error *err)
{
	const struct config *c = l->c;
	struct broker_mode mode, public;
	int r = check_broker(l, CONFIG_ROW_mqtt_mode, c->mqtt_mode, &mode, err);
	if (r == 0 && mode.type == BROKER_EMBEDDED)
		r = check_mqtt_address(l, err);
	if (r == 0 && *c->mqtt_public)
		r = check_broker(l, CONFIG_ROW_mqtt_public, c->mqtt_public, &public, err);
	if (r == 0 && *c->mqtt_public && (public.type != BROKER_EXTERNAL || *public.user))
		return refuse(l, CONFIG_ROW_mqtt_public, err,
			      "\"%.60s\" is not mqtt[s]://host[:port]", c->mqtt_public);
	if (r == 0 && strcmp(c->mqtt_passwords, "token") != 0 &&
	    strcmp(c->mqtt_passwords, "jwt") != 0)
		return refuse(l, CONFIG_ROW_mqtt_passwords, err, "\"%.60s\" is not token or jwt",
			      c->mqtt_passwords);
	return r;
}

static int check_rest(const struct load *l, struct error *err)
{
	enum log_level level;
	enum log_format format;
	const struct config *c = l->c;
	if (!log_level_parse(c->log_level, &level))
		return refuse(l, CONFIG_ROW_log_level, err,
			      "\"%.60s\" is not error, warn, info or debug", c->log_level);
	if (!log_format_parse(c->log_format, &format))
		return refuse(l, CONFIG_ROW_log_format, err, "\"%.60s\" is not logfmt or json",
			      c->log_format);
	if (!*c->data)
		return refuse(l, CONFIG_ROW_data, err, "a folder is needed");
	if (!starts_with(c->fcm_endpoint, "https://") && !starts_with(c->fcm_endpoint, "http://"))
		return refuse(l, CONFIG_ROW_fcm_endpoint, err,
			      "\"%.60s\" is not an https:// address", c->fcm_endpoint);
	return 0;
}

static int validate(const struct load *l, struct error *err)
{
	bool loopback = false;
	int r = check_listen(l, &loopback, err);
	if (r == 0)
		r = check_tls(l, loopback, err);
	if (r == 0)
		r = check_backends(l, err);
	if (r == 0)
		r = check_mqtt(l, err);
	return r == 0 ? check_rest(l, err) : r;
}

int config_load(int argc, char *const *argv, struct config **ret, struct error *err)
{
	struct config *c = calloc(1, sizeof *c);
	if (!c || !(c->owned = calloc(1, sizeof *c->owned)))
		abort();
	arena_init(c->owned);
	struct load l = { .c = c };
	int r = read_flags(&l, argc, argv, err);
	if (r == 0 && !c->help && !c->version)
		r = set_all(&l, err);
	if (r == 0 && !c->help && !c->version)
		r = validate(&l, err);
	if (r) {
		config_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	arena_fini(c->owned);
	free(c->owned);
	free(c);
}

static bool same(const struct config_row *row, union config_value a, union config_value b)
{
	if (row->type == CONFIG_TYPE_STR)
		return strcmp(a.str, b.str) == 0;
	return row->type == CONFIG_TYPE_BOOL ? a.boolean == b.boolean : a.number == b.number;
}

const char *config_keep_fixed(struct config *fresh, const struct config *old)
{
	const char *first = NULL;
	for (size_t i = 0; i < CONFIG_ROWS_N; i++) {
		const struct config_row *row = &config_rows[i];
		union config_value v = config_value_get(old, row);
		if (row->reload || same(row, v, config_value_get(fresh, row)))
			continue;
		first = first ? first : row->key;
		config_value_put(fresh, row, v);
	}
	return first;
}

/* ---- --dump-config ---- */

/* "scheme://user:secret@host" without the secret. */
static json_t *dump_text(const char *text)
{
	const char *at = strrchr(text, '@'), *start = strstr(text, "://");
	const char *colon = start && at ? memchr(start + 3, ':', (size_t)(at - start - 3)) : NULL;
	if (!at || !start || at < start || !colon)
		return json_string(text);
	return json_sprintf("%.*s:***%s", (int)(colon - text), text, at);
}

void config_dump(const struct config *c, struct buf *out)
{
	AUTO_JSON all = json_object();
	for (size_t i = 0; i < CONFIG_ROWS_N; i++) {
		const struct config_row *row = &config_rows[i];
		union config_value v = config_value_get(c, row);
		char text[32];
		json_t *j = row->type == CONFIG_TYPE_BOOL ? json_boolean(v.boolean)
			    : row->type == CONFIG_TYPE_INT || row->type == CONFIG_TYPE_SIZE
				    ? json_integer(v.number)
				    : dump_text(config_value_text(row, v, text));
		json_object_set_new(all, row->key, j);
	}
	yaml_add(out, all);
}
