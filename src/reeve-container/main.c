/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-container: the container's side of a host of virtual machines and containers. Called as xdg-open or reeve-open it opens
 * its arguments on the host.
 * Exit codes: 0 ok, 1 failure, or nothing was chosen, 2 usage, 4 not allowed, 5 the host does not take it now.
 */
#include "base/buf.h"
#include "base/log.h"
#include "program.h"
#include <stdio.h>
#include <string.h>

static int print_help(void)
{
	CLEANUP(buf_fini) struct buf text;
	char line[80];
	buf_init(&text, 32768);
	buf_add_str(&text, "Usage: reeve-container [OPTION]... COMMAND\n\nCommands:\n");
	for (size_t i = 0; verb_tables[i]; i++)
		for (const struct verb *v = verb_tables[i]; v->name; v++) {
			snprintf(line, sizeof line, "%s %s", v->name, v->args);
			buf_addf(&text, "  %-52s %s\n", line, v->help);
		}
	buf_add_str(&text, "\nOptions:\n");
	options_help(option_rows, &text);
	fputs(buf_str(&text), stdout);
	return 0;
}

static int complain(const struct error *err)
{
	fprintf(stderr, "reeve-container: %s\n", err->message);
	return err_exit_code(err->code);
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; verb_tables[i]; i++)
		for (const struct verb *v = verb_tables[i]; v->name; v++)
			if (strcmp(v->name, name) == 0)
				return v;
	return NULL;
}

static int run(const struct verb *v, char *const args[], int n, struct error *err)
{
	if (n < v->n_min || (v->n_max >= 0 && n > v->n_max))
		return error_set(err, ERR_INVALID, "usage: reeve-container %s %s", v->name,
				 v->args);
	return v->run(args, n, err);
}

static int dispatch(char *const words[], int n, struct error *err)
{
	if (n == 0)
		return error_set(err, ERR_INVALID,
				 "what is to be done? “reeve-container --help” lists the commands");
	const struct verb *v = find_verb(words[0]);
	if (!v)
		return error_set(err, ERR_INVALID,
				 "“%.60s” is no command; “reeve-container --help” lists them",
				 words[0]);
	return run(v, words + 1, n - 1, err);
}

static bool is_opener(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash ? slash + 1 : program;
	return strcmp(name, "xdg-open") == 0 || strcmp(name, "reeve-open") == 0;
}

int main(int argc, char *argv[])
{
	struct error err = { .code = ERR_INTERNAL };
	enum log_level level;
	bool opener = argc > 0 && is_opener(argv[0]);
	int n_args, r = options_parse(option_rows, argc, argv, &n_args, &err);
	if (r)
		return complain(&err);
	if (help)
		return print_help();
	if (version)
		return printf("reeve-container %s\n", REEVE_VERSION) < 0;
	if (!log_level_parse(arguments.log_level, &level)) {
		(void)error_set(&err, ERR_INVALID, "--log-level: “%.40s” is none",
				arguments.log_level);
		return complain(&err);
	}
	log_setup(level, LOG_FORMAT_LOGFMT);
	r = opener ? run(find_verb("open-url"), argv + 1, n_args, &err)
		   : dispatch(argv + 1, n_args, &err);
	if (r == NOTHING_CHOSEN)
		return 1;
	if (r < 0)
		(void)error_set(&err, ERR_INTERNAL, "%s", strerror(-r));
	return r ? complain(&err) : 0;
}
