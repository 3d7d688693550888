/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands: one at a time, each in a worker, each at most once. The ledger (ledger.h) is on disk
 * before and after every step; a command begins only when the server has taken its acknowledgement, so
 * that one which was cancelled meanwhile does not run.
 */
#include "agent/agent-private.h"
#include "agent/env.h"
#include "agent/machine.h"
#include "agent/report.h"
#include "agent/text.h"
#include "base/clock.h"
#include "base/log.h"
#include <errno.h>

#define COMMAND_LIMIT_MS (10 * 60 * 1000LL)
#define REBOOT_LIMIT_MS  (10 * 60 * 1000LL) /* from the order to the end of this process */

static const struct agent_command *find(const char *type)
{
	for (const struct agent_command *const *c = agent_commands; *c; c++)
		if (strcmp((*c)->type, type) == 0)
			return *c;
	return NULL;
}

/* What an observing agent may run: nothing that changes the machine. */
static bool only_looks(const char *type)
{
	static const char *const types[] = { "ping", "echo", "locate", "inventory", "unenroll" };
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

/* Puts back what providers changed, so that none may be at work meanwhile. */
static bool needs_quiet(const char *type)
{
	return strcmp(type, "wipe") == 0;
}

/* After it this machine is not the fleet's any more. */
static bool ends_enrollment(const char *type)
{
	return strcmp(type, "unenroll") == 0 || strcmp(type, "wipe") == 0;
}

/* ---- in the worker ---- */

struct order {
	const struct agent *a;
	const struct agent_command *command;
	const json_t *params;
};

static int restore_all(struct provider_env *env)
{
	const struct agent_env *e = env->user;
	const struct report_job job = { .mode = REPORT_RESTORE,
					.providers = providers,
					.root = env->root,
					.state_dir = e->state_dir,
					.limit_ms = COMMAND_LIMIT_MS };
	AUTO_JSON result = report_run(&job);
	return result && json_array_size(json_object_get(result, "failed")) == 0 ? 0 : -EIO;
}

static json_t *run_command(void *user)
{
	const struct order *o = user;
	const struct agent *a = o->a;
	struct error err = { 0 };
	char message[sizeof err.message];
	struct agent_env e;
	json_t *result = NULL;
	struct client *client = agent_worker_client(a);
	int r = agent_env_init(&e, "commands", a->config->root, a->state.dir, client);
	e.env.allow_wipe = a->config->allow_wipe;
	e.env.wipe_argv = a->config->wipe_argv;
	e.env.restore_all = restore_all;
	if (r == 0)
		r = o->command->run(&e.env, o->params, &result, &err);
	agent_env_fini(&e);
	client_free(client);
	if (r < 0)
		snprintf(err.message, sizeof err.message, "%s", strerror(-r));
	text_copy(message, sizeof message, r ? err.message : ""); /* may hold a program's words */
	return json_pack("{s:b, s:s, s:o*}", "done", r == 0, "message", message, "result", result);
}

/* ---- in the agent ---- */

static bool save(struct agent *a)
{
	int r = state_save_ledger(&a->state);
	if (r < 0)
		log_error("the commands cannot be remembered", F_STR("folder", a->state.dir),
			  F_STR("error", strerror(-r)));
	return r == 0;
}

static void finish(struct agent *a, struct ledger_entry *e, bool done, const char *message,
		   json_t *steals_result)
{
	ledger_finish(e, done, message, steals_result);
	if (done)
		log_info("command done", F_INT("command", e->id), F_STR("type", e->type));
	else
		log_warn("command failed", F_INT("command", e->id), F_STR("type", e->type),
			 F_STR("why", e->message));
	(void)save(a);
}

/* Why it cannot run at all; NULL: it can. */
static const char *objection(const struct agent *a, const struct ledger_entry *e)
{
	if (e->expires_ms > 0 && e->expires_ms < clock_utc_ms())
		return "it expired before its turn came";
	if (!find(e->type))
		return "this agent does not know the command";
	if (a->config->observe && !only_looks(e->type))
		return "this agent only observes (--observe): it changes nothing";
	return NULL;
}

static void start(struct agent *a, struct ledger_entry *e)
{
	char boot_id[MACHINE_BOOT_SIZE];
	const struct order order = { a, find(e->type), e->params };
	const char *why = objection(a, e);
	if (!why) {
		ledger_start(e, machine_boot_id(a->config->root, boot_id));
		if (!save(a))
			why = "it cannot be recorded, and might run twice";
	}
	if (!why && job_start(run_command, (void *)&order, clock_mono_ms() + COMMAND_LIMIT_MS,
			      &a->command) < 0)
		why = "no worker could be started for it";
	if (why)
		finish(a, e, false, why, NULL);
	else
		a->command_id = e->id;
}

void agent_commands_changed(struct agent *a)
{
	(void)save(a);
	agent_commands_next(a);
}

void agent_commands_next(struct agent *a)
{
	for (struct ledger_entry *e; !a->command && !a->stopping;) {
		e = ledger_to_run(&a->state.ledger);
		if (!e)
			break;
		bool quiet = needs_quiet(e->type) && !objection(a, e);
		sync_hold(&a->sync, quiet);
		if (quiet && a->work)
			break; /* its end comes back here */
		start(a, e);
	}
	struct ledger_counts n = ledger_count(&a->state.ledger);
	sync_commands(&a->sync, n.open, n.results, n.room);
}

/* What follows for the agent itself from a command that was done. */
static void follow_up(struct agent *a, const struct ledger_entry *e)
{
	int64_t now = clock_mono_ms();
	if (ends_enrollment(e->type))
		sync_unenroll(&a->sync);
	else if (strcmp(e->type, "inventory") == 0)
		sync_inventory(&a->sync, now);
}

void agent_command_ended(struct agent *a)
{
	char why[256] = "";
	AUTO_JSON answer = job_result(a->command, why, sizeof why);
	struct ledger_entry *e = ledger_find(&a->state.ledger, a->command_id);
	const json_t *result = json_object_get(answer, "result");
	const char *message = json_string_value(json_object_get(answer, "message"));
	bool done = json_is_true(json_object_get(answer, "done"));
	job_free(TAKE(a->command));
	sync_hold(&a->sync, false);
	if (!e) /* another enrollment has emptied the ledger */
		return agent_commands_changed(a);
	if (done && ledger_ends_boot(e->type)) {
		log_info("waiting for the reboot", F_INT("command", e->id));
		a->reboot_deadline = clock_mono_ms() + REBOOT_LIMIT_MS;
		return agent_commands_changed(a);
	}
	finish(a, e, done, answer ? (message ? message : "") : why, json_incref((json_t *)result));
	if (done)
		follow_up(a, e);
	agent_commands_changed(a);
}

void agent_commands_stop(struct agent *a)
{
	struct ledger_entry *e = ledger_find(&a->state.ledger, a->command_id);
	if (a->command && e && !ledger_ends_boot(e->type))
		finish(a, e, false, "interrupted: the agent was stopped", NULL);
}

static void fail_reboot(struct agent *a)
{
	struct ledger *l = &a->state.ledger;
	a->reboot_deadline = INT64_MAX;
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].state == LEDGER_STARTED && ledger_ends_boot(l->items[i].type))
			finish(a, &l->items[i], false, "the machine did not reboot in time", NULL);
	agent_commands_changed(a);
}

int64_t agent_commands_tick(struct agent *a, int64_t now)
{
	if (a->reboot_deadline <= now)
		fail_reboot(a);
	return a->reboot_deadline;
}
