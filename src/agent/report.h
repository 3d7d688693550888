/* SPDX-License-Identifier: Apache-2.0
 *
 * Running the providers, and making one report of what they say.
 *
 * report_run() is slow and belongs into a worker (job.h); it gives every provider a worker of its own,
 * so that one which crashes or hangs fails its own settings only. report_merge() is pure and belongs
 * to the agent, which knows what was reported before.
 */
#pragma once

#include "agent/client.h"
#include "agent/provider.h"

enum report_mode { REPORT_OBSERVE, REPORT_ENFORCE, REPORT_RESTORE };

struct report_job { /* all borrowed */
	enum report_mode mode;
	const struct provider *const *providers;
	const json_t *settings; /* desired, all of them; NULL: none */
	const char *root, *state_dir;
	struct client *client; /* NULL: not enrolled */
	int64_t limit_ms;      /* for each provider */
};

/* Owned: {"settings": {name: {"value","state","message"}}, "failed": [provider, …]}. The names of
 * providers are those that could not do their work at all. */
json_t *report_run(const struct report_job *job);

struct report_change {
	bool changed; /* the report differs from the one before */
	bool drift;   /* a desired setting's value differs, though nobody enforced anything */
	int failed;   /* desired settings that failed or are pending */
};

/* The settings of the next report (owned): 'after' are fresh results, 'before' the last report's
 * settings or NULL. A setting whose value an observation confirms keeps its entry, so that "applied"
 * stays "applied" and its time says since when. */
json_t *report_merge(const json_t *before, const json_t *after, const json_t *desired,
		     bool enforced, int64_t now_utc_ms, struct report_change *ret);

/* Does the provider answer for the setting? */
bool report_provides(const struct provider *p, const char *setting);
