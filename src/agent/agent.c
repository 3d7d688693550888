/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent: life, loop, signals. One thread; the loop asks the sync what to do, does it, and waits for
 * the network, a worker, a signal or the time. SIGTERM and SIGINT stop, SIGHUP syncs now.
 *
 * On the way out requests are dropped and workers are asked to end between two steps (job.h);
 * everything worth keeping is on disk already.
 */
#include "agent/agent-private.h"
#include "agent/machine.h"
#include "agent/notify.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

bool agent_token(const struct agent *a, char *text, size_t size)
{
	return agent_config_token(a->config, text, size);
}

static bool has_token(const struct agent *a)
{
	char text[1024];
	bool has = agent_token(a, text, sizeof text);
	secret_erase(text, sizeof text);
	return has;
}

/* ---- what the sync says ---- */

static uint64_t pick_random(void *user, uint64_t bound)
{
	return rand_below(bound);
}

static void on_moved(void *user, const char *machine, const char *from, const char *to,
		     const char *event)
{
	char status[128];
	log_debug("state", F_STR("machine", machine), F_STR("from", from), F_STR("to", to),
		  F_STR("event", event));
	if (strcmp(machine, "link") != 0)
		return;
	snprintf(status, sizeof status, "STATUS=%s (%s)", to, event);
	notify_send(status);
}

/* The token that must not enroll this machine again by itself. */
static void note_token(const struct agent *a, char hex[65])
{
	char text[1024];
	uint8_t hash[SHA256_SIZE];
	hex[0] = '\0';
	if (agent_token(a, text, sizeof text)) {
		sha256(span_str(text), hash);
		hex_encode((struct span){ hash, sizeof hash }, hex);
	}
	secret_erase(text, sizeof text);
}

/* Leaving is remembered step by step, so that a restart goes on with it. */
static void note_leaving(struct agent *a)
{
	const struct sync *s = &a->sync;
	struct release *e = &a->state.release;
	if (s->leave == SYNC_STAYS ||
	    (e->by[0] && e->restored == s->restored && e->told == s->told))
		return;
	if (!e->by[0]) {
		snprintf(e->by, sizeof e->by, "%s",
			 s->leave == SYNC_LEAVES_BY_SERVER ? "server" : "command");
		snprintf(e->server, sizeof e->server, "%s", client_server(a->client));
		e->device_id = a->state.identity.device_id;
		note_token(a, e->token_sha256);
	}
	e->restored = s->restored;
	e->told = s->told;
	if (state_save_release(&a->state) < 0)
		log_error("that this machine leaves cannot be remembered over a restart",
			  F_STR("folder", a->state.dir));
}

static void leave_for_good(struct agent *a)
{
	a->state.release.over = true;
	if (state_save_release(&a->state) < 0 || state_forget(&a->state) < 0)
		log_error("the state of the old enrollment cannot be removed",
			  F_STR("folder", a->state.dir));
	printf("reeve-agent: %s\n", a->sync.reason);
	fflush(stdout);
}

static void act(struct agent *a, const struct sync_action *action)
{
	switch (action->type) {
	case SYNC_DO_NOTHING:
		break;
	case SYNC_DO_ENROLL:
	case SYNC_DO_PULL:
	case SYNC_DO_TAKE:
	case SYNC_DO_DELIVER:
	case SYNC_DO_REPORT:
	case SYNC_DO_SEND:
	case SYNC_DO_LEAVE:
		a->link->exchange(a, action->type);
		break;
	case SYNC_DO_RING:
		a->link->ring(a);
		break;
	case SYNC_DO_HANG_UP:
		a->link->hang_up(a);
		break;
	case SYNC_DO_CHECK:
	case SYNC_DO_ENFORCE:
	case SYNC_DO_COLLECT:
	case SYNC_DO_RESTORE:
		agent_work(a, action->type);
		break;
	case SYNC_DO_EXIT:
		a->stopping = true;
		a->exit_code = action->exit_code;
		if (a->sync.leave != SYNC_STAYS && a->sync.restored && action->exit_code == 0 &&
		    (a->sync.told || a->sync.leave == SYNC_LEAVES_BY_SERVER))
			leave_for_good(a);
		break;
	}
}

/* ---- signals and waiting ---- */

static void on_signals(struct agent *a)
{
	struct signalfd_siginfo i;
	while (read(a->signal_fd, &i, sizeof i) == (ssize_t)sizeof i) {
		if (i.ssi_signo == SIGHUP) {
			log_info("sync asked for");
			sync_token(&a->sync, has_token(a));
			sync_now(&a->sync, clock_mono_ms());
		} else {
			log_info("stopping", F_STR("signal", strsignal((int)i.ssi_signo)));
			sync_stop(&a->sync);
		}
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t next_time(struct agent *a, int64_t now)
{
	int64_t at = a->sync.wake;
	if (a->work)
		at = earlier(at, job_tick(a->work, now));
	if (a->command)
		at = earlier(at, job_tick(a->command, now));
	at = earlier(at, a->link_at);
	return earlier(at, agent_commands_tick(a, now));
}

static int wait_and_serve(struct agent *a, int64_t now)
{
	struct curl_waitfd fds[4] = { { .fd = a->signal_fd, .events = CURL_WAIT_POLLIN } };
	unsigned n = 1;
	int64_t at = next_time(a, now);
	if (a->link->fd(a) >= 0)
		fds[n++] = (struct curl_waitfd){ .fd = a->link->fd(a), .events = CURL_WAIT_POLLIN };
	if (a->work)
		fds[n++] =
			(struct curl_waitfd){ .fd = job_fd(a->work), .events = CURL_WAIT_POLLIN };
	if (a->command)
		fds[n++] = (struct curl_waitfd){ .fd = job_fd(a->command),
						 .events = CURL_WAIT_POLLIN };
	int r = client_poll(a->client, fds, n, at <= now ? 0 : at - now);
	on_signals(a);
	a->link_at = a->link->serve(a, clock_mono_ms());
	if (a->work && job_read(a->work))
		agent_work_ended(a);
	if (a->command && job_read(a->command))
		agent_command_ended(a);
	return r;
}

static int loop(struct agent *a)
{
	while (!a->stopping) {
		struct sync_action action = sync_next(&a->sync, clock_mono_ms());
		note_leaving(a);
		act(a, &action);
		if (action.type != SYNC_DO_NOTHING)
			continue;
		int r = wait_and_serve(a, clock_mono_ms());
		if (r < 0)
			return r;
	}
	return 0;
}

/* Workers end between two steps, or are killed when they do not. */
static void end_workers(struct agent *a)
{
	struct job **const jobs[] = { &a->work, &a->command };
	agent_commands_stop(a);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		if (*jobs[i])
			job_stop(*jobs[i], clock_mono_ms());
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		if (*jobs[i])
			job_wait(*jobs[i]);
		job_free(TAKE(*jobs[i]));
	}
}

/* ---- life ---- */

static int open_signals(struct agent *a, struct error *err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
	    (a->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		return error_set(err, ERR_INTERNAL, "signals: %s", strerror(errno));
	return 0;
}

/* Was it over this link's channel that we enrolled? */
static bool is_of_link(const struct agent *a)
{
	const char *mqtt = a->state.identity.mqtt;
	return a->link->by_broker == (mqtt && *mqtt);
}

/* The server is the one that is given, or else the one that we are enrolled with. */
static int open_client(struct agent *a, struct error *err)
{
	const struct agent_config *c = a->config;
	const struct identity *i = &a->state.identity;
	const struct client_options o = { c->server ? c->server : i->server, c->ca, c->pin,
					  c->insecure_http };
	if (!o.server)
		return error_set(err, ERR_INVALID, "no server: give --server, or \"server\" in %s",
				 c->config);
	int r = client_new(&o, &a->client, err);
	if (r || !i->server)
		return r;
	if (!is_of_link(a) && !has_token(a))
		return error_set(err, ERR_CONFLICT,
				 "%s is enrolled over another channel; to enroll over %s give an "
				 "enrollment token",
				 a->state.dir, a->link->channel);
	if (strcmp(client_server(a->client), i->server) == 0)
		client_set_token(a->client, i->token);
	else if (!has_token(a))
		return error_set(
			err, ERR_CONFLICT,
			"%s is enrolled with %s; to enroll with %s give an enrollment token",
			a->state.dir, i->server, client_server(a->client));
	return 0;
}

static bool is_enrolled(const struct agent *a)
{
	const struct identity *i = &a->state.identity;
	return i->server && strcmp(client_server(a->client), i->server) == 0 && is_of_link(a) &&
	       strcmp(a->state.release.by, "server") != 0;
}

/* Left the fleet, and nobody has given a new token since. */
static bool is_released(const struct agent *a)
{
	const struct release *e = &a->state.release;
	char hex[65];
	if (!e->over)
		return false;
	note_token(a, hex);
	return !hex[0] || strcmp(hex, e->token_sha256) == 0;
}

static void start_sync(struct agent *a)
{
	const struct agent_config *c = a->config;
	const struct release *e = &a->state.release;
	char boot_id[MACHINE_BOOT_SIZE];
	const struct sync_params params = {
		.observe = c->observe,
		.once = c->once,
		.interval_ms = c->interval_ms,
		.repair_ms = c->repair_ms,
		.wait_ms = c->wait_ms,
		.rand_below = pick_random,
		.moved = on_moved,
		.user = a,
	};
	bool enrolled = is_enrolled(a);
	const struct sync_facts facts = {
		.enrolled = enrolled,
		.has_token = has_token(a),
		.has_desired = a->state.settings != NULL,
		.version = enrolled ? a->state.version : 0,
		.spooled = json_integer_value(json_object_get(a->state.report, "applied_version")),
		.leaving = e->by[0] && !e->over,
		.restored = e->restored,
		.told = e->told,
	};
	sync_init(&a->sync, &params, &facts, clock_mono_ms());
	ledger_recover(&a->state.ledger, machine_boot_id(c->root, boot_id));
	agent_commands_changed(a);
}

static int run(struct agent *a, struct error *err)
{
	if (is_released(a)) {
		notify_send("READY=1"); /* nothing to do is no failure */
		printf("reeve-agent: this machine was unenrolled from %s (by %s); to enroll it "
		       "again give a new enrollment token\n",
		       a->state.release.server, a->state.release.by);
		return 0;
	}
	int r = open_client(a, err);
	r = r ? r : open_signals(a, err);
	r = r ? r : a->link->open(a, err);
	if (r)
		return 1;
	log_info("starting", F_STR("version", REEVE_VERSION),
		 F_STR("server", client_server(a->client)), F_STR("state", a->state.dir),
		 F_STR("mode", a->config->observe ? "observe" : "enforce"));
	start_sync(a);
	if (!a->sync.enrolled && !a->sync.has_token)
		log_error("not enrolled: start reeve-agent with --enrollment-token-file",
			  F_STR("server", client_server(a->client)));
	notify_send("READY=1");
	r = loop(a);
	notify_send("STOPPING=1");
	a->link->hang_up(a);
	end_workers(a);
	if (r < 0)
		(void)error_set(err, ERR_INTERNAL, "waiting failed: %s", strerror(-r));
	else if (a->exit_code)
		(void)error_set(err, ERR_UNAVAILABLE, "%s", a->sync.reason);
	return r < 0 ? 1 : a->exit_code;
}

static void agent_fini(struct agent *a)
{
	a->link->close(a);
	client_free(a->client);
	json_decref(a->flight);
	json_decref(a->work_settings);
	json_decref(a->results);
	json_decref(a->inventory);
	close_fdp(&a->signal_fd);
	state_close(&a->state);
}

int agent_run(const struct agent_config *config, const struct agent_link *link, struct error *err)
{
	struct agent *a = calloc(1, sizeof *a); /* the ledger makes it too large for the stack */
	if (!a)
		abort();
	*a = (struct agent){ .config = config,
			     .link = link,
			     .link_at = INT64_MAX,
			     .signal_fd = -1,
			     .reboot_deadline = INT64_MAX };
	int code = 1;
	if (state_open(&a->state, config->state, err) == 0) {
		code = run(a, err);
		agent_fini(a);
	}
	free(a);
	return code;
}
