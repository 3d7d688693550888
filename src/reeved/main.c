/* SPDX-License-Identifier: Apache-2.0
 *
 * reeved: puts the route tables together, starts the server and waits for signals.
 *
 * SIGTERM, SIGINT: drain and exit 0; a second one ends at once. SIGHUP: read the configuration
 * again. Signals are blocked in every thread and taken here with sigwaitinfo(), so no handler runs.
 * Exit codes: 0 ok, 1 failure, 2 usage or bad configuration.
 */
#include "channel/chrome/chrome.h"
#include "channel/device/device.h"
#include "channel/flyve/flyve.h"
#include "channel/mdmcore/mdmcore.h"
#include "reeved/notify.h"
#include "server/api/api.h"
#include "server/broker/broker.h"
#include "server/console/console.h"
#include "server/ops.h"
#include "server/run.h"

#include "base/buf.h"
#include "base/log.h"
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define BROKER_PATIENCE_MS 10000

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_CONFIGURATION = 2 };

static const struct http_route *const tables[] = {
	ops_routes,    api_routes,           device_routes,        console_routes, mdmcore_routes,
	chrome_routes, chrome_policy_routes, chrome_upload_routes, broker_routes,  flyve_routes,
	NULL
};

static int complain(const struct error *err, int code)
{
	fprintf(stderr, "reeved: %s\n", err->message);
	return code;
}

static void print(void (*fill)(const struct config *c, struct buf *out), const struct config *c)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 1 << 20);
	fill(c, &text);
	fputs(buf_str(&text), stdout);
}

static void fill_help(const struct config *c, struct buf *out)
{
	(void)c;
	buf_add_str(out,
		    "usage: reeved [OPTION]…\n\nThe server of Reeve. Every option is also a key of "
		    "the YAML file and an environment variable.\n\n");
	config_help(out);
}

/* Everything that ends without serving. false: serve. */
static bool answer_and_end(const struct config *c)
{
	if (c->help)
		print(fill_help, c);
	else if (c->version)
		puts("reeved " REEVE_VERSION);
	else if (c->dump)
		print(config_dump, c);
	else if (c->check)
		puts("reeved: the configuration is good");
	else
		return false;
	return true;
}

static void prepare_process(sigset_t *signals)
{
	struct rlimit files;
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, signals, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* every connection is a descriptor */
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

static void say_ready(const struct server *s)
{
	const struct config *c = s->config;
	int n_host = (int)(strrchr(c->listen, ':') - c->listen);
	const char *mqtt = broker_url(s->broker);
	printf("reeved: ready %s://%.*s:%u%s%s\n", http_server_tls(s->http) ? "https" : "http",
	       n_host, c->listen, http_server_port(s->http), mqtt ? " " : "", mqtt ? mqtt : "");
	fflush(stdout);
	notify_systemd("READY=1");
}

static void reload(struct server *s, int argc, char **argv)
{
	struct config *fresh = NULL;
	struct error err;
	if (config_load(argc, argv, &fresh, &err) != 0)
		log_error("the old configuration stays in use", F_STR("why", err.message));
	else {
		server_reload(s, fresh);
		broker_reload(s->broker);
	}
}

static void wait_for_the_end(struct server *s, int argc, char **argv, const sigset_t *signals)
{
	for (;;) {
		int number = sigwaitinfo(signals, NULL);
		if (number == SIGHUP)
			reload(s, argc, argv);
		else if (number > 0)
			break;
	}
	sigset_t last; /* a second one ends the process at once */
	sigemptyset(&last);
	sigaddset(&last, SIGTERM);
	sigaddset(&last, SIGINT);
	pthread_sigmask(SIG_UNBLOCK, &last, NULL);
	notify_systemd("STOPPING=1");
	log_info("stopping");
}

/* Ready means that devices may come; that a broker is slow to be so must not keep people out, though. */
static void wait_for_broker(struct broker *b)
{
	if (!broker_wait_admits(b, BROKER_PATIENCE_MS))
		log_warn("the MQTT broker lets no device in yet: what it retains is not compared");
}

/* The admin API and channels have threads of their own around HTTP's life. */
static int serve(struct server *s, int argc, char **argv, const sigset_t *signals)
{
	struct error err;
	if (api_start(s, tables, &err) != 0)
		return complain(&err, EXIT_FAILED);
	chrome_start(s);
	int r = broker_start(s, &flyve_broker_source, &err);
	if (r == 0)
		r = flyve_start(s, &err);
	if (r == 0)
		r = server_serve(s, tables, &err);
	if (r == 0) {
		wait_for_broker(s->broker);
		say_ready(s);
		wait_for_the_end(s, argc, argv, signals);
	}
	server_drain(s);
	flyve_stop(s->flyve);
	broker_stop(s->broker);
	chrome_stop(s);
	api_stop(s);
	if (r == 0)
		return EXIT_OK;
	/* certificates and credentials are files that the configuration names */
	return complain(&err, r == ERR_INVALID ? EXIT_CONFIGURATION : EXIT_FAILED);
}

int main(int argc, char **argv)
{
	struct config *c = NULL;
	struct server *s = NULL;
	struct error err;
	sigset_t signals;
	if (config_load(argc, argv, &c, &err) != 0)
		return complain(&err, EXIT_CONFIGURATION);
	if (answer_and_end(c)) {
		config_free(c);
		return EXIT_OK;
	}
	prepare_process(&signals);
	bool reset = c->reset_admin_token;
	if (server_open(c, &s, &err) != 0)
		return complain(&err, EXIT_FAILED);
	int code = reset ? EXIT_OK : serve(s, argc, argv, &signals);
	if (reset)
		puts("reeved: admin.token is new; the old one is revoked");
	struct broker *broker = s->broker; /* the last commits still call them */
	struct flyve *flyve = s->flyve;
	server_close(s);
	flyve_free(flyve);
	broker_free(broker);
	return code;
}
