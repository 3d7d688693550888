/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports, acknowledgements and refusals, see judge.h.
 */
#include "channel/chrome/report/judge.h"

#include "channel/chrome/report/observed.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define ATTRIBUTE_VERSION "policy.refused_version"
#define ATTRIBUTE_WHY     "policy.refused"
#define TIMESTAMPS_MAX    64 /* of a report, that are looked up */

struct state { /* what was known before; fini'd by the caller */
	struct desired desired;
	json_t *observed;
	int64_t refused_version; /* 0: nothing was refused */
	const char *why;
};

static void state_fini(struct state *s)
{
	desired_fini(&s->desired);
	json_decref(s->observed);
}

/* ---- what was known ---- */

static int read_refusal(struct store_conn *c, int64_t device_id, struct arena *a, struct state *s)
{
	struct attribute *all;
	size_t n = 0;
	int r = store_attribute_list(c, device_id, a, &all, &n);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (strcmp(all[i].name, ATTRIBUTE_VERSION) == 0)
			s->refused_version = strtoll(all[i].value, NULL, 10);
		else if (strcmp(all[i].name, ATTRIBUTE_WHY) == 0)
			s->why = all[i].value;
	}
	return r;
}

static int read_observed(struct store_conn *c, int64_t device_id, struct arena *a, json_t **ret)
{
	struct report report;
	struct error err;
	int r = store_report_get(c, device_id, a, &report, &err);
	*ret = NULL;
	if (r == 0)
		r = json_parse(span_str(report.observed_json), ret, &err);
	if (r == ERR_NOT_FOUND) {
		*ret = json_object();
		return 0;
	}
	return r > 0 ? -EBADMSG : r; /* stored by us */
}

static int read_state(struct store_conn *c, const struct device *d, struct arena *a,
		      struct state *ret)
{
	*ret = (struct state){ .why = "" };
	desired_init(&ret->desired, CHANNEL_CHROME);
	int r = store_desired(c, d, &ret->desired);
	if (r == 0)
		r = read_observed(c, d->id, a, &ret->observed);
	return r ? r : read_refusal(c, d->id, a, ret);
}

/* ---- what is known now ---- */

static int write_refusal(struct store_conn *tx, const struct device *d, int64_t version,
			 const char *why, int64_t now_ms, struct error *err)
{
	char text[24] = "";
	if (version)
		snprintf(text, sizeof text, "%" PRId64, version);
	int r = store_attribute_set(tx, d->id, ATTRIBUTE_VERSION, text, now_ms, err);
	return r ? r : store_attribute_set(tx, d->id, ATTRIBUTE_WHY, why, now_ms, err);
}

static int write_report(struct store_conn *tx, const struct device *d, int64_t version,
			const json_t *observed, int64_t now_ms, struct error *err)
{
	enum verdict verdict;
	int64_t desired;
	return store_report(tx, d->id, version, observed, "", now_ms, &verdict, &desired, err);
}

/* Settled by what the client has in force now. */
static int forget_refusal(struct store_conn *tx, const struct device *d, struct state *s,
			  int64_t version, int64_t now_ms, struct error *err)
{
	if (s->refused_version == 0 || s->refused_version > version)
		return 0;
	s->refused_version = 0;
	observed_accept(s->observed);
	return write_refusal(tx, d, 0, "", now_ms, err);
}

/* ---- acknowledgements ---- */

static bool reads_back(const struct device *d)
{
	return strcmp(d->kind, kind_name(KIND_CHROMEOS)) != 0;
}

static int acknowledge(struct store_conn *tx, const struct device *d, struct state *s,
		       int64_t version, int64_t now_ms, struct error *err)
{
	int r = forget_refusal(tx, d, s, version, now_ms, err);
	if (r || s->refused_version > version)
		return r; /* it still has the old policy because it refused the new one */
	if (version >= s->desired.version)
		observed_acknowledge(s->observed, &s->desired, reads_back(d));
	return write_report(tx, d, version, s->observed, now_ms, err);
}

int chrome_observed_applied(struct store_conn *tx, const struct device *d, int64_t applied_version,
			    int64_t now_ms, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(state_fini) struct state s;
	arena_init(&a);
	int r = read_state(tx, d, &a, &s);
	return r ? r : acknowledge(tx, d, &s, applied_version, now_ms, err);
}

/* ---- reports ---- */

/* The newest of our versions that a profile says it has; 0: none. */
static int version_in_force(struct store_conn *c, const struct device *d,
			    const Dm__BrowserReport *m, int64_t *ret)
{
	size_t n_left = TIMESTAMPS_MAX;
	*ret = 0;
	for (size_t i = 0; i < m->n_chrome_user_profile_infos; i++) {
		const Dm__ChromeUserProfileInfo *p = m->chrome_user_profile_infos[i];
		for (size_t k = 0; k < p->n_policy_fetched_timestamps && n_left > 0; k++) {
			int64_t version = 0;
			n_left--;
			int r = chrome_applied_version(
				c, d, p->policy_fetched_timestamps[k]->timestamp, &version);
			if (r)
				return r;
			*ret = version > *ret ? version : *ret;
		}
	}
	return 0;
}

static int take_report(struct store_conn *tx, const struct device *d, struct state *s,
		       int64_t version, int64_t now_ms, struct error *err)
{
	int r = forget_refusal(tx, d, s, version, now_ms, err);
	if (r)
		return r;
	if (s->refused_version > version) {
		observed_refuse(s->observed, &s->desired, s->why, false);
		version = s->refused_version;
	}
	return write_report(tx, d, version, s->observed, now_ms, err);
}

int judge_report(struct store_conn *tx, const struct device *d, const Dm__BrowserReport *m,
		 int64_t now_ms, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(state_fini) struct state s;
	int64_t version = 0;
	arena_init(&a);
	int r = read_state(tx, d, &a, &s);
	if (r == 0)
		r = version_in_force(tx, d, m, &version);
	if (r)
		return r;
	json_decref(s.observed);
	s.observed = observed_of_browser(m, &s.desired, &a);
	return take_report(tx, d, &s, version ? version : d->applied_version, now_ms, err);
}

/* ---- refusals ---- */

int judge_refusal(struct store_conn *tx, const struct device *d, int64_t version, const char *why,
		  int64_t now_ms, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(state_fini) struct state s;
	arena_init(&a);
	if (version < d->applied_version)
		return 0; /* of a policy that is history */
	int r = read_state(tx, d, &a, &s);
	if (r)
		return r;
	observed_refuse(s.observed, &s.desired, why, true);
	r = write_refusal(tx, d, version, why, now_ms, err);
	return r ? r : write_report(tx, d, version, s.observed, now_ms, err);
}

int judge_faults(struct store_conn *tx, const struct device *d, const json_t *faults,
		 int64_t now_ms, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(state_fini) struct state s;
	const char *name;
	json_t *message;
	arena_init(&a);
	int r = read_state(tx, d, &a, &s);
	if (r)
		return r;
	json_object_foreach ((json_t *)faults, name, message)
		observed_fail(s.observed, name, json_string_value(message));
	return write_report(tx, d, d->applied_version, s.observed, now_ms, err);
}
