/* SPDX-License-Identifier: Apache-2.0
 *
 * A provider makes a Linux machine obey some settings of the catalogue: one folder of
 * src/agent/providers/ each, exporting one `const struct provider`, listed in providers/all.c.
 *
 * Contract
 *   - It works below env->root only ("" in life, a scratch folder in tests) and keeps what it must
 *     remember (the original of everything it changed) in env->state, its own durable JSON object.
 *   - observe() changes nothing, ever: `--observe` calls only this.
 *   - enforce() makes the machine like 'desired' (only this provider's settings; one that was
 *     enforced before and is missing now is put back as it was), then observes. It is idempotent: when
 *     everything is as desired it writes nothing. A crash at any point is repaired by the next call:
 *     the original is in env->state durably before the first change.
 *   - restore() puts back everything (unenrollment).
 *   - Each result is reported per setting; one setting's failure does not stop the others.
 *   - Nothing waits forever: programs run through env->run with a time limit.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct provider;

struct provider_env {
	const char *root; /* prefix of every path: "" or "/tmp/x" */
	json_t *state;    /* object; the provider changes it and calls save() */
	int (*save)(struct provider_env *env); /* durably; 0 or -errno */
	/* Runs a program (argv, NULL-ended) without a shell, at most timeout_ms, its output (at most 64 KiB)
	 * in 'out' when given; returns the exit status, 128 + signal, or -errno. With a root it runs
	 * nothing outside the root: tests give their own. */
	int (*run)(struct provider_env *env, const char *const *argv, int64_t timeout_ms,
		   struct buf *out);
	/* Downloads a deployable to 'path' (real path) and verifies its SHA-256; *ret_name etc. from
	 * its description: {"id","name","version","sha256","size","package","package_version"}. */
	int (*fetch)(struct provider_env *env, int64_t file_id, const char *path,
		     json_t **ret_description, struct error *err);
	void *user; /* the agent's */

	/* For the wipe command only; zero and NULL in the environment of a provider. */
	bool allow_wipe;              /* this machine's own configuration says so */
	const char *const *wipe_argv; /* and names a program to run, NULL-ended; or NULL */
	int (*restore_all)(struct provider_env *env); /* every provider's restore; 0 or -errno */
};

struct provider {
	const char *name;            /* as in the catalogue's provider column */
	const char *const *settings; /* NULL-ended: names, or "chrome.*" */
	/* 'wanted' and 'desired': setting -> {"value": any, "level": "mandatory" | "recommended"}, no
	 * level means mandatory. 'ret' gets setting -> {"value":…, "state":…, "message":…}.
	 * observe(): for each of 'wanted' (may be empty: then everything it can see). */
	int (*observe)(struct provider_env *env, const json_t *wanted, json_t *ret);
	int (*enforce)(struct provider_env *env, const json_t *desired, json_t *ret);
	int (*restore)(struct provider_env *env);
};

extern const struct provider *const providers[]; /* NULL-ended; providers/all.c */

/* One observed setting into 'ret'; steals value (NULL: null). */
void provider_result(json_t *ret, const char *setting, json_t *steals_value, const char *state,
		     const char *message_or_null);

/* A command the agent can run; src/agent/commands/ */
struct agent_command {
	const char *type; /* as in model/command.def */
	/* 'ret_result' object or NULL. 0: done; positive: failed, the sentence in err. */
	int (*run)(struct provider_env *env, const json_t *params, json_t **ret_result,
		   struct error *err);
};
extern const struct agent_command *const agent_commands[]; /* NULL-ended; commands/all.c */

/* Inventory section -> JSON value; every section it can see. src/agent/inventory/ */
json_t *inventory_collect(struct provider_env *env);
