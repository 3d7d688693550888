/* SPDX-License-Identifier: Apache-2.0
 *
 * The run: parse, dispatch, say what went wrong. See cli.h.
 */
#include "reeve/cli.h"
#include "reeve/credentials.h"
#include "reeve/help.h"
#include "reeve/parse.h"
#include "reeve/text.h"
#include <errno.h>
#include <unistd.h>

#define DEFAULT_SERVER "http://127.0.0.1:8081"
#define EXIT_USAGE     2

int cli_client(struct cli *c, struct client **ret, struct error *err)
{
	struct credentials cred;
	if (c->client) {
		*ret = c->client;
		return 0;
	}
	int r = credentials_find(opt.token_file, &cred, err);
	if (r == 0) {
		const struct client_options o = {
			.server = opt.server ? opt.server : DEFAULT_SERVER,
			.ca_file = opt.ca_file,
			.token = cred.token,
			.token_path = cred.path,
			.token_missing = cred.explain,
		};
		r = client_new(&o, &c->client, err);
	}
	credentials_fini(&cred);
	*ret = c->client;
	return r;
}

/* "reeve: sentence" on stderr; the server's words may hold anything. */
static void complain(const char *sentence)
{
	CLEANUP(buf_fini) struct buf clean;
	buf_init(&clean, 4096);
	text_add_clean(&clean, sentence);
	fprintf(stderr, "reeve: %s\n", buf_str(&clean));
}

static int usage_error(const struct parsed *p, const struct error *err)
{
	CLEANUP(buf_fini) struct buf name;
	buf_init(&name, 200);
	if (p->help_noun)
		command_add_name(&name, p->help_noun, p->help_command);
	complain(err->message);
	fprintf(stderr, "See: %s --help\n", name.n ? buf_str(&name) : "reeve");
	return EXIT_USAGE;
}

static int exit_code_of(int r, const struct error *err)
{
	if (r > 0) {
		complain(err->message);
		return err_exit_code((enum err)r);
	}
	complain(r == -ENOMEM ? "out of memory, or an answer far too large" : strerror(-r));
	return 1;
}

/* Devices may be called by their names: an argument, and --device. */
static int find_devices(struct cli *c, struct error *err)
{
	int min, max, r = 0;
	char name[40];
	const char *ref = c->n_args > 0 ? c->args[0] : NULL;
	command_arg_bounds(c->command->args, &min, &max);
	bool first = min > 0 && c->command->args[0] != '[';
	if (ref && (first || c->n_args == max) &&
	    command_arg_name(c->command->args, 0, name, sizeof name) &&
	    strcmp(name, "DEVICE") == 0) {
		r = cli_device(c, &ref, err);
		c->args[0] = arena_strdup(&c->arena, ref);
	}
	return r == 0 && opt.device ? cli_device(c, &opt.device, err) : r;
}

static int run(const struct parsed *p)
{
	struct error err = { .message = "" };
	enum format format = FORMAT_TABLE;
	int r = opt.output ? format_parse(opt.output, &format, &err) : 0;
	if (r == 0 && opt.limit < 0)
		r = error_set(&err, ERR_INVALID, "--limit: less than nothing");
	if (r == 0 && opt.expires_ms != OPT_NONE && opt.expires_ms <= 0)
		r = error_set(&err, ERR_INVALID, "--expires: no time at all");
	if (r != 0)
		return usage_error(p, &err);
	struct cli c = { .command = p->command, .args = p->args, .n_args = p->n_args };
	output_init(&c.out, format, STDOUT_FILENO);
	arena_init(&c.arena);
	r = find_devices(&c, &err);
	if (r == 0)
		r = p->command->run(&c, &err);
	client_free(c.client);
	output_fini(&c.out);
	arena_fini(&c.arena);
	return r == 0 ? c.exit_code : exit_code_of(r, &err);
}

static int print(const struct buf *text, int fd)
{
	struct output out;
	output_init(&out, FORMAT_TABLE, fd);
	int r = output_write(&out, text);
	output_fini(&out);
	return r == 0 ? 0 : exit_code_of(r, NULL);
}

int cli_main(int argc, char **argv)
{
	struct parsed p;
	struct error err;
	CLEANUP(buf_fini) struct buf text;
	text_init();
	buf_init(&text, 1u << 20);
	int r = parse_words(argc, argv, &p, &err);
	if (r != 0)
		return usage_error(&p, &err);
	if (opt.version) {
		buf_add_str(&text, "reeve " REEVE_VERSION "\n");
		return print(&text, STDOUT_FILENO);
	}
	if (opt.help) {
		help_add(&text, p.noun, p.command);
		return print(&text, STDOUT_FILENO);
	}
	if (!p.noun) {
		help_add(&text, NULL, NULL);
		r = print(&text, STDERR_FILENO);
		return r == 0 ? EXIT_USAGE : r;
	}
	return run(&p);
}
