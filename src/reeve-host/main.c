/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-host: the host of virtual machines and containers, and its commands.
 * Exit codes: 0 ok, 1 failure, 2 usage or bad configuration, 3 not found, 5 conflict.
 */
#include "base/buf.h"
#include "base/log.h"
#include "program.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int print_help(void)
{
	CLEANUP(buf_fini) struct buf text;
	char line[80];
	buf_init(&text, 32768);
	buf_add_str(&text, "Usage: reeve-host [OPTION]... COMMAND\n\nCommands:\n");
	for (size_t i = 0; verb_tables[i]; i++)
		for (const struct verb *v = verb_tables[i]; v->noun; v++) {
			snprintf(line, sizeof line, "%s%s%s%s%s", v->noun, v->name[0] ? " " : "",
				 v->name, v->args[0] ? " " : "", v->args);
			buf_addf(&text, "  %-44s %s\n", line, v->help);
		}
	buf_add_str(&text, "\nOptions:\n");
	options_help(option_rows, &text);
	fputs(buf_str(&text), stdout);
	return 0;
}

static int complain(const struct error *err)
{
	fprintf(stderr, "reeve-host: %s\n", err->message);
	return err_exit_code(err->code);
}

static const struct verb *find_verb(const char *noun, const char *name, bool *ret_noun)
{
	*ret_noun = false;
	for (size_t i = 0; verb_tables[i]; i++)
		for (const struct verb *v = verb_tables[i]; v->noun; v++) {
			if (strcmp(v->noun, noun) != 0)
				continue;
			*ret_noun = true;
			if (v->name[0] == '\0' || (name && strcmp(v->name, name) == 0))
				return v;
		}
	return NULL;
}

static int check_count(const struct verb *v, int n, struct error *err)
{
	if (n >= v->n_min && (v->n_max < 0 || n <= v->n_max))
		return 0;
	return error_set(err, ERR_INVALID, "usage: reeve-host %s%s%s %s", v->noun,
			 v->name[0] ? " " : "", v->name, v->args);
}

static int dispatch(char *const words[], int n, struct error *err)
{
	bool is_noun;
	if (n == 0)
		return error_set(err, ERR_INVALID,
				 "what is to be done? “reeve-host --help” lists the commands");
	const struct verb *v = find_verb(words[0], n > 1 ? words[1] : NULL, &is_noun);
	if (!v)
		return error_set(err, ERR_INVALID,
				 "“%.60s%s%.60s” is no command; “reeve-host --help” lists them",
				 words[0], is_noun && n > 1 ? " " : "",
				 is_noun && n > 1 ? words[1] : "");
	int skip = v->name[0] ? 2 : 1;
	int r = check_count(v, n - skip, err);
	return r ? r : v->run(words + skip, n - skip, err);
}

/* ---- defaults ---- */

static char *in_home(const char *variable, const char *below_home, const char *name)
{
	const char *root = getenv(variable), *home = getenv("HOME");
	char *path;
	if (asprintf(&path, "%s%s%s",
		     root && root[0] == '/' ? root
		     : home                 ? home
					    : "/root",
		     root && root[0] == '/' ? "" : below_home, name) < 0)
		abort();
	return path;
}

static void set_defaults(void)
{
	static char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	arguments.launcher = n > 0 ? self : "reeve-host";
	if (!arguments.state)
		arguments.state =
			geteuid() == 0 ? "/var/lib/reeve-host"
				       : in_home("XDG_STATE_HOME", "/.local/state", "/reeve-host");
	arguments.state = absolute_path(arguments.state); /* qemu works in another folder */
	if (!arguments.data_home)
		arguments.data_home = in_home("XDG_DATA_HOME", "/.local/share", "");
}

static int check_words(struct error *err)
{
	enum log_level level;
	if (!log_level_parse(arguments.log_level, &level))
		return error_set(err, ERR_INVALID, "--log-level: “%.40s” is none",
				 arguments.log_level);
	if (strcmp(arguments.output, "table") != 0 && strcmp(arguments.output, "json") != 0)
		return error_set(err, ERR_INVALID, "--output: table or json");
	log_setup(level, LOG_FORMAT_LOGFMT);
	return 0;
}

int main(int argc, char *argv[])
{
	struct error err = { .code = ERR_INTERNAL };
	int n_args, r = options_parse(option_rows, argc, argv, &n_args, &err);
	if (r)
		return complain(&err);
	if (arguments.help)
		return print_help();
	if (arguments.version)
		return printf("reeve-host %s\n", REEVE_VERSION) < 0;
	set_defaults();
	r = check_words(&err);
	if (r == 0)
		r = dispatch(argv + 1, n_args, &err);
	if (r < 0)
		(void)error_set(&err, ERR_INTERNAL, "%s", strerror(-r));
	return r ? complain(&err) : arguments.exit_code;
}
