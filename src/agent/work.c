/* SPDX-License-Identifier: Apache-2.0
 *
 * The jobs on this machine: looking, enforcing, putting back, collecting the inventory. Each runs in a
 * worker (job.h) with an environment and a connection of its own; what it found comes back here, is
 * merged with what was reported before, made durable, and only then is the sync told.
 */
#include "agent/agent-private.h"
#include "agent/env.h"
#include "agent/report.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"

#define PROVIDER_LIMIT_MS (30 * 60 * 1000LL)     /* apps may download and install much */
#define WORK_LIMIT_MS     (2 * 60 * 60 * 1000LL) /* all providers together */
#define SECTION_MAX       (ANSWER_BODY_MAX - 64 * 1024)

struct client *agent_worker_client(const struct agent *a)
{
	const struct agent_config *c = a->config;
	const struct client_options o = { client_server(a->client), c->ca, c->pin,
					  c->insecure_http };
	const struct identity *i = &a->state.identity;
	struct client *client = NULL;
	struct error err;
	if (!i->server || strcmp(i->server, o.server) != 0 || client_new(&o, &client, &err))
		return NULL; /* the token is for the server that gave it */
	client_set_token(client, i->token);
	return client;
}

/* ---- in the worker ---- */

static json_t *run_providers(void *user)
{
	const struct agent *a = user;
	static const enum report_mode modes[] = { [SYNC_DO_CHECK] = REPORT_OBSERVE,
						  [SYNC_DO_ENFORCE] = REPORT_ENFORCE,
						  [SYNC_DO_RESTORE] = REPORT_RESTORE };
	struct client *client = agent_worker_client(a);
	const struct report_job job = {
		.mode = modes[a->work_type],
		.providers = providers,
		.settings = a->work_settings,
		.root = a->config->root,
		.state_dir = a->state.dir,
		.client = client,
		.limit_ms = PROVIDER_LIMIT_MS,
	};
	json_t *result = report_run(&job);
	client_free(client);
	return result;
}

static json_t *run_inventory(void *user)
{
	const struct agent *a = user;
	struct agent_env e;
	json_t *result = NULL;
	if (agent_env_init(&e, "inventory", a->config->root, a->state.dir, NULL) == 0)
		result = inventory_collect(&e.env);
	agent_env_fini(&e);
	return result;
}

/* ---- in the agent ---- */

void agent_work(struct agent *a, enum sync_action_type type)
{
	const struct sync_outcome crashed = { .crashed = true };
	a->work_type = type;
	a->work_version = a->state.version;
	json_decref(a->work_settings);
	a->work_settings = json_incref(a->state.settings);
	int r = job_start(type == SYNC_DO_COLLECT ? run_inventory : run_providers, a,
			  clock_mono_ms() + WORK_LIMIT_MS, &a->work);
	if (r == 0)
		return;
	log_error("no worker can be started", F_STR("error", strerror(-r)));
	sync_worked(&a->sync, clock_mono_ms(), &crashed);
}

static void log_differences(const json_t *before, const json_t *merged)
{
	const char *name;
	json_t *entry;
	json_object_foreach ((json_t *)merged, name, entry) {
		const char *state = json_string_value(json_object_get(entry, "state"));
		if (json_object_get(before, name) == entry || !state)
			continue;
		if (strcmp(state, "failed") == 0)
			log_warn(
				"setting failed", F_STR("setting", name),
				F_STR("why", json_string_value(json_object_get(entry, "message"))));
		else
			log_debug("setting", F_STR("setting", name), F_STR("state", state));
	}
}

static void log_drift(const struct agent *a, const json_t *merged)
{
	const char *name;
	json_t *entry;
	json_object_foreach ((json_t *)merged, name, entry)
		if (json_object_get(a->results, name) &&
		    json_object_get(a->results, name) != entry &&
		    json_object_get(a->work_settings, name))
			log_warn(a->config->observe ? "setting has drifted"
						    : "setting has drifted: it will be repaired",
				 F_STR("setting", name));
}

static void spool(struct agent *a)
{
	json_t *report = json_pack("{s:I, s:O}", "applied_version", (json_int_t)a->results_version,
				   "settings", a->results);
	int r = state_spool(&a->state, report);
	if (r < 0)
		log_error("the report cannot be remembered over a restart",
			  F_STR("folder", a->state.dir), F_STR("error", strerror(-r)));
}

void agent_report_again(struct agent *a)
{
	spool(a);
	sync_report(&a->sync);
}

static struct sync_outcome take_results(struct agent *a, const json_t *answer)
{
	struct report_change change;
	bool enforced = a->work_type == SYNC_DO_ENFORCE;
	json_t *merged = report_merge(a->results, json_object_get(answer, "settings"),
				      a->work_settings, enforced, clock_utc_ms(), &change);
	log_differences(a->results, merged);
	if (change.drift)
		log_drift(a, merged);
	json_decref(a->results);
	a->results = merged;
	if (change.changed || a->work_version != a->sync.reported_version) {
		a->results_version = a->work_version;
		spool(a);
	}
	return (struct sync_outcome){ .changed = change.changed,
				      .drift = change.drift,
				      .failed = change.failed };
}

/* Sections that the server would refuse would take the others with them. */
static void drop_unfit_sections(json_t *inventory)
{
	const char *name;
	json_t *section;
	void *next;
	json_object_foreach_safe (inventory, next, name, section) {
		bool shape = json_is_object(section) || json_is_array(section);
		if (shape && json_dumpb(section, NULL, 0, JSON_COMPACT) <= SECTION_MAX)
			continue;
		log_warn("section of the inventory left out", F_STR("section", name),
			 F_STR("why", shape ? "too large" : "neither an object nor a list"));
		json_object_del(inventory, name);
	}
}

static struct sync_outcome take_inventory(struct agent *a, json_t *inventory)
{
	uint8_t hash[SHA256_SIZE];
	CLEANUP(free_charp) char *text = NULL;
	drop_unfit_sections(inventory);
	text = json_text(inventory);
	sha256(span_str(text), hash);
	bool same = memcmp(hash, a->inventory_hash, sizeof hash) == 0;
	memcpy(a->inventory_hash, hash, sizeof hash);
	json_decref(a->inventory);
	a->inventory = json_incref(inventory);
	return (struct sync_outcome){ .changed = !same && json_object_size(inventory) > 0 };
}

void agent_work_ended(struct agent *a)
{
	char why[256] = "";
	AUTO_JSON answer = job_result(a->work, why, sizeof why);
	struct sync_outcome o = { .crashed = true };
	job_free(TAKE(a->work));
	if (!json_is_object(answer))
		log_error("a worker came to no result", F_STR("why", why));
	else if (a->work_type == SYNC_DO_COLLECT)
		o = take_inventory(a, answer);
	else if (a->work_type == SYNC_DO_RESTORE)
		o = (struct sync_outcome){ .failed = (int)json_array_size(
						   json_object_get(answer, "failed")) };
	else
		o = take_results(a, answer);
	sync_worked(&a->sync, clock_mono_ms(), &o);
	agent_commands_next(a); /* one may have waited for this */
}
