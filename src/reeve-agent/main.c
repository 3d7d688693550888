/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-agent: makes this machine a managed device. Reads the configuration and runs the agent.
 * Exit codes: 0 ok, 1 failure, 2 usage or bad configuration.
 */
#include "agent/agent.h"
#include "agent/flyve/link.h"
#include "base/log.h"
#include <curl/curl.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_CONFIGURATION = 2 };

static int complain(const struct error *err, int code)
{
	fprintf(stderr, "reeve-agent: %s\n", err->message);
	return code;
}

static void print_help(void)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 1 << 16);
	agent_config_help(&text);
	fputs(buf_str(&text), stdout);
}

static const struct agent_link *link_of(const struct agent_config *c)
{
	return strcmp(c->channel, agent_link_flyve.channel) == 0 ? &agent_link_flyve
								 : &agent_link_device;
}

static int run(const struct agent_config *c)
{
	struct error err = { 0 };
	enum log_level level = LOG_LEVEL_INFO;
	enum log_format format = LOG_FORMAT_LOGFMT;
	(void)log_level_parse(c->log_level, &level); /* checked with the configuration */
	(void)log_format_parse(c->log_format, &format);
	log_setup(level, format);
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return EXIT_FAILED;
	int code = agent_run(c, link_of(c), &err);
	if (code)
		complain(&err, code);
	curl_global_cleanup();
	return code && err.code == ERR_INVALID ? EXIT_CONFIGURATION : code;
}

int main(int argc, char **argv)
{
	struct agent_config c;
	struct error err;
	int code = EXIT_OK;
	if (agent_config_load(&c, argc, argv, &err))
		code = complain(&err, EXIT_CONFIGURATION);
	else if (c.help)
		print_help();
	else if (c.version)
		puts("reeve-agent " REEVE_VERSION);
	else
		code = run(&c);
	agent_config_fini(&c);
	return code;
}
