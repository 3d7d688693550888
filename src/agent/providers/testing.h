/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of providers, commands and inventory: a scratch root with an environment whose save(),
 * run() and fetch() are watched and can be made to fail, and snapshots of the tree.
 *
 * Failures abort the test by cmocka's asserts. Owner of everything: the struct scratch.
 */
#pragma once

#include "agent/provider.h"

struct deployable { /* what fetch() knows */
	int64_t id;
	const char *name, *content;
	const char *package, *package_version; /* or NULL */
};

struct scratch {
	struct provider_env env; /* first: env->user is the scratch, too */
	char root[64];
	json_t *saved;  /* what save() made durable */
	int n_saves;    /* saves that worked */
	int fail_saves; /* how many of the next saves fail with -EIO */
	json_t *runs;   /* array of the command lines run, as text */
	/* What a program would have done and said; NULL: nothing, and exit status 0. */
	int (*on_run)(struct scratch *s, const char *const *argv, struct buf *out);
	const struct deployable *deployables; /* ends with id 0 */
	int n_fetches;
	int fail_fetches; /* how many of the next fetches fail with ERR_UNAVAILABLE */
	void *user;       /* the test's */
};

void scratch_init(struct scratch *s);
void scratch_fini(struct scratch *s); /* removes the tree */
/* The process dies and comes back: the state is what was saved last. */
void scratch_crash(struct scratch *s);

void scratch_folder(struct scratch *s, const char *path);
void scratch_file(struct scratch *s, const char *path, const char *content); /* with its folders */
void scratch_link(struct scratch *s, const char *path, const char *target);
void scratch_remove(struct scratch *s, const char *path);
/* Text of a file, valid until the next call; NULL when there is none. */
const char *scratch_text(struct scratch *s, const char *path);
void assert_text(struct scratch *s, const char *path, const char *content);

/* path -> what is there (type, mode, content); the agent's own folder is left out. 'exact' adds what
 * tells a rewritten file from an untouched one. */
json_t *scratch_snapshot(struct scratch *s, bool exact);
void assert_same_json(const json_t *a, const json_t *b);
/* Ends a test of "changes nothing": compares with a snapshot and frees it. */
void assert_same_tree(struct scratch *s, json_t *steals_before, bool exact);

/* 'settings': JSON text, {"name": value} or {"name": {"value":…, "level":…}}, with ' for ". */
json_t *wanted_json(const char *settings);
/* The results; freed by the caller. Each asserts that the provider's return value is 0. */
json_t *scratch_observe(struct scratch *s, const struct provider *p, const char *settings);
json_t *scratch_enforce(struct scratch *s, const struct provider *p, const char *settings);
void scratch_restore(struct scratch *s, const struct provider *p);
/* 'value': JSON text with ' for "; 'message': part of the message, or NULL. Looks at 'ret'. */
void assert_result(const json_t *ret, const char *setting, const char *value, const char *state,
		   const char *message);
/* enforce and observe in one line each: the result of one setting. */
void check_enforce(struct scratch *s, const struct provider *p, const char *settings,
		   const char *setting, const char *value, const char *state);
void check_observe(struct scratch *s, const struct provider *p, const char *settings,
		   const char *setting, const char *value, const char *state);
bool scratch_ran(const struct scratch *s, const char *part); /* a command line holds 'part' */
