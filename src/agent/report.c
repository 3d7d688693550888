/* SPDX-License-Identifier: Apache-2.0
 *
 * Running the providers and merging what they say; report.h has the contract.
 */
#include "agent/report.h"
#include "agent/answer.h"
#include "agent/env.h"
#include "agent/job.h"
#include "agent/state.h"
#include "base/clock.h"
#include "base/log.h"

#define REPORT_MAX (ANSWER_BODY_MAX - 64 * 1024) /* leaves room for what is around the settings */
#define VALUE_MAX  (8 * 1024) /* of each value of a report that is too large otherwise */

bool report_provides(const struct provider *p, const char *setting)
{
	for (const char *const *name = p->settings; *name; name++) {
		size_t n = strlen(*name);
		bool family = n > 1 && (*name)[n - 1] == '*';
		if (family ? strncmp(setting, *name, n - 1) == 0 : strcmp(setting, *name) == 0)
			return true;
	}
	return false;
}

/* ---- running ---- */

/* The part of 'settings' that is the provider's; owned. */
static json_t *share_of(const struct provider *p, const json_t *settings)
{
	json_t *share = json_object(), *value;
	const char *name;
	json_object_foreach ((json_t *)settings, name, value)
		if (report_provides(p, name))
			json_object_set(share, name, value);
	return share;
}

struct one { /* what a provider's own worker is given */
	const struct report_job *job;
	const struct provider *p;
	const json_t *share;
};

static int call(const struct one *one, struct provider_env *env, json_t *results)
{
	switch (one->job->mode) {
	case REPORT_OBSERVE:
		return one->p->observe(env, one->share, results);
	case REPORT_ENFORCE:
		return one->p->enforce(env, one->share, results);
	case REPORT_RESTORE:
		return one->p->restore(env);
	}
	return 0;
}

static json_t *run_one(void *user)
{
	const struct one *one = user;
	const struct report_job *job = one->job;
	struct agent_env e;
	json_t *results = json_object();
	int r = agent_env_init(&e, one->p->name, job->root, job->state_dir, job->client);
	if (r == 0)
		r = call(one, &e.env, results);
	agent_env_fini(&e);
	return json_pack("{s:i, s:o}", "code", r, "settings", results);
}

/* Every desired setting of the provider that has no result: it failed, and this is why. */
static void fail_rest(const json_t *share, json_t *results, const char *why)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)share, name, value)
		if (!json_object_get(results, name))
			json_object_set_new(results, name,
					    json_pack("{s:n, s:s, s:s}", "value", "state", "failed",
						      "message", why));
}

/* One provider; false: it could not do its work. Its results are added to 'results'. */
static bool run_provider(const struct report_job *job, const struct provider *p, json_t *results)
{
	AUTO_JSON share = share_of(p, job->settings);
	AUTO_JSON answer = NULL;
	struct one one = { job, p, share };
	struct job *worker;
	char why[256] = "";
	int r = job_start(run_one, &one, clock_mono_ms() + job->limit_ms, &worker);
	if (r == 0) {
		job_wait(worker);
		answer = job_result(worker, why, sizeof why);
		job_free(worker);
		if (answer)
			r = (int)json_integer_value(json_object_get(answer, "code"));
	}
	if (answer)
		json_object_update(results, json_object_get(answer, "settings"));
	if (r != 0)
		snprintf(why, sizeof why, "%s", r < 0 ? strerror(-r) : "the provider failed");
	if (r == 0 && answer)
		return true;
	log_warn("provider failed", F_STR("provider", p->name), F_STR("why", why));
	fail_rest(share, results, why);
	return false;
}

/* What no provider answers for. */
static void add_unsupported(const struct report_job *job, json_t *results)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)job->settings, name, value)
		if (!json_object_get(results, name))
			json_object_set_new(results, name,
					    json_pack("{s:n, s:s, s:s}", "value", "state",
						      "unsupported", "message",
						      "this agent cannot do that"));
}

json_t *report_run(const struct report_job *job)
{
	json_t *results = json_object(), *failed = json_array();
	for (const struct provider *const *p = job->providers; *p && !job_stopping(); p++)
		if (!run_provider(job, *p, results))
			json_array_append_new(failed, json_string((*p)->name));
	if (job_stopping()) { /* what is missing was not looked at: no result is the honest one */
		json_decref(results);
		json_decref(failed);
		return NULL;
	}
	if (job->mode != REPORT_RESTORE)
		add_unsupported(job, results);
	return json_pack("{s:o, s:o}", "settings", results, "failed", failed);
}

/* ---- merging ---- */

static bool same(const json_t *a, const json_t *b, const char *key)
{
	const json_t *x = json_object_get(a, key), *y = json_object_get(b, key);
	return x && y ? json_equal(x, y) : x == y;
}

static bool is_unfinished(const json_t *entry)
{
	const char *state = json_string_value(json_object_get(entry, "state"));
	return state && (strcmp(state, "failed") == 0 || strcmp(state, "pending") == 0);
}

static json_t *stamped(const json_t *entry, int64_t now_utc_ms)
{
	char text[CLOCK_TEXT_SIZE];
	json_t *copy = json_copy((json_t *)entry);
	json_object_set_new(copy, "at", json_string(clock_format(now_utc_ms, text)));
	return copy;
}

static size_t text_size(const json_t *j)
{
	return json_dumpb(j, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* A report must fit into a request; large values are what can be spared. */
static void bound(json_t *settings)
{
	const char *name;
	json_t *entry;
	if (text_size(settings) <= REPORT_MAX)
		return;
	json_object_foreach (settings, name, entry) {
		if (text_size(json_object_get(entry, "value")) <= VALUE_MAX)
			continue;
		json_object_set_new(entry, "value", json_null());
		json_object_set_new(entry, "state", json_string("failed"));
		json_object_set_new(entry, "message",
				    json_string("its value is too large to be reported"));
	}
}

json_t *report_merge(const json_t *before, const json_t *after, const json_t *desired,
		     bool enforced, int64_t now_utc_ms, struct report_change *ret)
{
	json_t *merged = json_object(), *entry;
	const char *name;
	*ret = (struct report_change){ .changed = json_object_size(before) !=
						  json_object_size(after) };
	json_object_foreach ((json_t *)after, name, entry) {
		json_t *old = json_object_get(before, name);
		bool wanted = json_object_get(desired, name) != NULL;
		bool same_value = old && same(old, entry, "value");
		if (same_value &&
		    (!enforced || (same(old, entry, "state") && same(old, entry, "message")))) {
			entry = old;
			json_object_set(merged, name, old);
		} else {
			json_object_set_new(merged, name, stamped(entry, now_utc_ms));
			ret->changed = true;
			ret->drift |= old && !enforced && wanted;
		}
		ret->failed += wanted && is_unfinished(entry);
	}
	bound(merged);
	return merged;
}
